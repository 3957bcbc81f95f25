"""What one training step of a GRU network costs a PyTorch user, on one thread.

    torch_gru.py one LAYERS DENSE WIDTH BATCH SEQUENCE SECONDS          one network: nn.GRU, nn.Linear and autograd
    torch_gru.py stacked N LAYERS DENSE WIDTH BATCH SEQUENCE SECONDS    N networks at once: weights stacked on a leading axis, batched
                                                                       matrix products, and the gradient written by hand, the
                                                                       fastest way we know
    torch_gru.py check                                                 the stacked gradients against autograd's

LAYERS GRU layers and DENSE hidden layers with ReLU, all WIDTH wide, 9 inputs, 8 outputs; mean squared error, Adam, float32. The MLDS
network is 4 4 12: 4,364 parameters. FLOPs are the multiply-adds of the matrix products, forward and backward.
"""
import sys

# Before torch: it sets the number of threads, which libraries read when they load.
from torch_common import agree, autograd_step, count, difference, measure, stack, stacked_step, unstacked

import torch
from torch import nn

INPUTS, OUTPUTS = 9, 8


def flops(layers, dense, width):
    """Of a training step, per sample and place; the first layer needs no gradient by its inputs."""
    products = 3 * width * (INPUTS + width) + (layers - 1) * 3 * width * 2 * width + dense * width * width + width * OUTPUTS
    return 2 * (3 * products - INPUTS * 3 * width)


class Gru(nn.Module):
    def __init__(self, layers, dense, width):
        super().__init__()
        self.gru = nn.GRU(INPUTS, width, layers)
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(dense))
        self.out = nn.Linear(width, OUTPUTS)

    def forward(self, x):
        x = self.gru(x)[0]
        for linear in self.linears:
            x = linear(x).relu()
        return self.out(x)


def gru_layer_forward(p, layer, x):
    """x [place, network, batch, in] -> states [place + 1, network, batch, width] and what the backward pass needs."""
    wi, wh, bi, bh = (p[f"gru.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    places, n, batch, _ = x.shape
    width = wh.shape[1]
    by_network = x.permute(1, 0, 2, 3).reshape(n, places * batch, -1)
    from_input = torch.baddbmm(bi, by_network, wi).view(n, places, batch, -1).permute(1, 0, 2, 3).contiguous()
    states = x.new_zeros(places + 1, n, batch, width)
    gates = x.new_empty(places, n, batch, 2 * width)
    new, hidden_new = x.new_empty(places, n, batch, width), x.new_empty(places, n, batch, width)
    for t in range(places):
        from_state = torch.baddbmm(bh, states[t], wh)
        torch.sigmoid(from_input[t, ..., : 2 * width] + from_state[..., : 2 * width], out=gates[t])
        hidden_new[t] = from_state[..., 2 * width :]
        torch.tanh(torch.addcmul(from_input[t, ..., 2 * width :], gates[t, ..., :width], hidden_new[t]), out=new[t])
        torch.lerp(new[t], states[t], gates[t, ..., width:], out=states[t + 1])
    return states, (by_network, gates, new, hidden_new)


def gru_layer_backward(p, g, layer, states, saved, above):
    """above [place, network, batch, width] -> the gradient by the layer's inputs; parameter gradients go to g."""
    by_network, gates, new, hidden_new = saved
    places, n, batch, _ = above.shape
    width = above.shape[-1]
    r, z = gates[..., :width], gates[..., width:]
    to_new = (1 - z) * (1 - new * new)
    to_z = (states[:-1] - new) * z * (1 - z)
    to_r = hidden_new * r * (1 - r)
    wh = p[f"gru.weight_hh_l{layer}"].transpose(1, 2).contiguous()
    hidden, d_new = above.new_empty(places, n, batch, 3 * width), above.new_empty(places, n, batch, width)
    carry = above.new_zeros(n, batch, width)
    for t in reversed(range(places)):
        carry += above[t]
        torch.mul(carry, to_new[t], out=d_new[t])
        hidden[t, ..., :width] = d_new[t] * to_r[t]
        hidden[t, ..., width : 2 * width] = carry * to_z[t]
        hidden[t, ..., 2 * width :] = d_new[t] * r[t]
        carry = torch.baddbmm(carry * z[t], hidden[t], wh)
    flat = lambda a: a.permute(1, 0, 2, 3).reshape(n, places * batch, -1)
    dh = flat(hidden)
    di = dh.clone()
    di[..., 2 * width :] = flat(d_new)
    g[f"gru.weight_ih_l{layer}"] = torch.bmm(by_network.transpose(1, 2), di)
    g[f"gru.weight_hh_l{layer}"] = torch.bmm(flat(states[:-1]).transpose(1, 2), dh)
    g[f"gru.bias_ih_l{layer}"], g[f"gru.bias_hh_l{layer}"] = di.sum(1, keepdim=True), dh.sum(1, keepdim=True)
    if layer == 0:
        return None
    below = torch.bmm(di, p[f"gru.weight_ih_l{layer}"].transpose(1, 2))
    return below.view(n, places, batch, -1).permute(1, 0, 2, 3).contiguous()


def loss_and_gradients(p, x, y):
    """x [place, network, batch, 9], y [network, place * batch, 8] -> losses [network] and the gradient of each."""
    places, n, batch, _ = x.shape
    layers, dense = sum(".weight_hh_" in name for name in p), sum(name.startswith("linears.") for name in p) // 2
    g, tape = {}, []
    for layer in range(layers):
        states, saved = gru_layer_forward(p, layer, x)
        tape.append((states, saved))
        x = states[1:]
    activations = [x.permute(1, 0, 2, 3).reshape(n, places * batch, -1)]
    for i in range(dense):
        activations.append(torch.baddbmm(p[f"linears.{i}.bias"], activations[-1], p[f"linears.{i}.weight"]).relu_())
    error = torch.baddbmm(p["out.bias"], activations[-1], p["out.weight"]) - y
    losses = error.square().mean((1, 2))
    d = error.mul_(2 / error[0].numel())
    g["out.weight"], g["out.bias"] = torch.bmm(activations[-1].transpose(1, 2), d), d.sum(1, keepdim=True)
    d = torch.bmm(d, p["out.weight"].transpose(1, 2))
    for i in reversed(range(dense)):
        d *= activations[i + 1] > 0
        g[f"linears.{i}.weight"], g[f"linears.{i}.bias"] = torch.bmm(activations[i].transpose(1, 2), d), d.sum(1, keepdim=True)
        d = torch.bmm(d, p[f"linears.{i}.weight"].transpose(1, 2))
    d = d.view(n, places, batch, -1).permute(1, 0, 2, 3).contiguous()
    for layer in reversed(range(layers)):
        d = gru_layer_backward(p, g, layer, *tape[layer], d)
    return losses, g


def run_one(layers, dense, width, batch, places, seconds):
    network = Gru(layers, dense, width)
    x, y = torch.randn(places, batch, INPUTS), torch.randn(places, batch, OUTPUTS)
    step = autograd_step(network, lambda network: nn.functional.mse_loss(network(x), y))
    measure("one", 1, count(network), flops(layers, dense, width) * places * batch, seconds, step)


def run_stacked(n, layers, dense, width, batch, places, seconds):
    networks = [Gru(layers, dense, width) for _ in range(n)]
    x, y = torch.randn(places, n, batch, INPUTS), torch.randn(n, places * batch, OUTPUTS)
    step = stacked_step(stack(networks), lambda p: loss_and_gradients(p, x, y)[1])
    measure("stacked", n, count(networks[0]), flops(layers, dense, width) * places * batch, seconds, step)


def check():
    places, batch = 7, 32
    assert count(Gru(4, 4, 12)) == 4364
    for shape in ((4, 4, 12), (1, 0, 5), (2, 1, 16)):
        networks = [Gru(*shape) for _ in range(3)]
        x, y = torch.randn(places, 3, batch, INPUTS), torch.randn(3, places * batch, OUTPUTS)
        losses, g = loss_and_gradients(stack(networks), x, y)
        differences = []
        for i, network in enumerate(networks):
            loss = nn.functional.mse_loss(network(x[:, i]), y[i].view(places, batch, OUTPUTS))
            loss.backward()
            differences.append(difference(losses[i], loss.detach()))
            differences += [difference(unstacked(g[name], i), parameter.grad) for name, parameter in network.named_parameters()]
        agree("%d GRU layers, %d dense, width %d" % shape, differences)


if __name__ == "__main__":
    torch.manual_seed(0)
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["one"] and len(arguments) == 6:
        run_one(*map(int, arguments[:-1]), float(arguments[-1]))
    elif sys.argv[1:2] == ["stacked"] and len(arguments) == 7:
        run_stacked(*map(int, arguments[:-1]), float(arguments[-1]))
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)
