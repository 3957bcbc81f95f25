"""What one training step of the MLDS network costs a PyTorch user, on one thread.

    torch_mlds.py gru SEQUENCE SECONDS            one network: nn.GRU, nn.Linear and autograd
    torch_mlds.py stacked SEQUENCE SECONDS [N]    N networks at once (default 32): weights stacked on a leading axis, batched
                                                  matrix products, and the gradient written by hand, the fastest way we know
    torch_mlds.py check                           the stacked gradients against autograd's

Four GRU layers (9 -> 12 -> 12 -> 12 -> 12), four ReLU layers (12 -> 12) and an output layer (12 -> 8), 4,364 parameters;
mean squared error, Adam, batch 32, float32. FLOPs are the multiply-adds of the matrix products, forward and backward.
"""
import os
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
import torch
from torch import nn

torch.set_num_threads(1)
BATCH, WIDTH, INPUTS, OUTPUTS, DEPTH = 32, 12, 9, 8, 4
PRODUCTS = (INPUTS + WIDTH) * 3 * WIDTH + 3 * (2 * WIDTH) * 3 * WIDTH + DEPTH * WIDTH * WIDTH + WIDTH * OUTPUTS
FLOPS = 2 * (3 * PRODUCTS - INPUTS * 3 * WIDTH)  # per sample and place; the first layer needs no gradient by its inputs


class Mlds(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(INPUTS, WIDTH, DEPTH)
        self.linears = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        self.out = nn.Linear(WIDTH, OUTPUTS)

    def forward(self, x):
        x = self.gru(x)[0]
        for linear in self.linears:
            x = linear(x).relu()
        return self.out(x)


def stack(networks):
    """The parameters of several networks, each [network, ...]; matrices transposed to [network, in, out], biases [network, 1, out]."""
    packed = {}
    for name, _ in networks[0].named_parameters():
        values = torch.stack([dict(network.named_parameters())[name].detach() for network in networks])
        packed[name] = (values.transpose(1, 2) if values.dim() == 3 else values.unsqueeze(1)).contiguous()
    return packed


def gru_layer_forward(p, layer, x):
    """x [place, network, batch, in] -> states [place + 1, network, batch, width] and what the backward pass needs."""
    wi, wh, bi, bh = (p[f"gru.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    places, n, batch, _ = x.shape
    by_network = x.permute(1, 0, 2, 3).reshape(n, places * batch, -1)
    from_input = torch.baddbmm(bi, by_network, wi).view(n, places, batch, -1).permute(1, 0, 2, 3).contiguous()
    states = x.new_zeros(places + 1, n, batch, WIDTH)
    gates, new, hidden_new = x.new_empty(places, n, batch, 2 * WIDTH), x.new_empty(places, n, batch, WIDTH), x.new_empty(places, n, batch, WIDTH)
    for t in range(places):
        from_state = torch.baddbmm(bh, states[t], wh)
        torch.sigmoid(from_input[t, ..., : 2 * WIDTH] + from_state[..., : 2 * WIDTH], out=gates[t])
        hidden_new[t] = from_state[..., 2 * WIDTH :]
        torch.tanh(torch.addcmul(from_input[t, ..., 2 * WIDTH :], gates[t, ..., :WIDTH], hidden_new[t]), out=new[t])
        torch.lerp(new[t], states[t], gates[t, ..., WIDTH:], out=states[t + 1])
    return states, (by_network, gates, new, hidden_new)


def gru_layer_backward(p, g, layer, states, saved, above):
    """above [place, network, batch, width] -> the gradient by the layer's inputs; parameter gradients go to g."""
    by_network, gates, new, hidden_new = saved
    places, n, batch, _ = above.shape
    r, z = gates[..., :WIDTH], gates[..., WIDTH:]
    to_new = (1 - z) * (1 - new * new)
    to_z = (states[:-1] - new) * z * (1 - z)
    to_r = hidden_new * r * (1 - r)
    wh = p[f"gru.weight_hh_l{layer}"].transpose(1, 2).contiguous()
    hidden, d_new = above.new_empty(places, n, batch, 3 * WIDTH), above.new_empty(places, n, batch, WIDTH)
    carry = above.new_zeros(n, batch, WIDTH)
    for t in reversed(range(places)):
        carry += above[t]
        torch.mul(carry, to_new[t], out=d_new[t])
        hidden[t, ..., :WIDTH] = d_new[t] * to_r[t]
        hidden[t, ..., WIDTH : 2 * WIDTH] = carry * to_z[t]
        hidden[t, ..., 2 * WIDTH :] = d_new[t] * r[t]
        carry = torch.baddbmm(carry * z[t], hidden[t], wh)
    flat = lambda a: a.permute(1, 0, 2, 3).reshape(n, places * batch, -1)
    dh = flat(hidden)
    di = dh.clone()
    di[..., 2 * WIDTH :] = flat(d_new)
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
    g, tape = {}, []
    for layer in range(DEPTH):
        states, saved = gru_layer_forward(p, layer, x)
        tape.append((states, saved))
        x = states[1:]
    activations = [x.permute(1, 0, 2, 3).reshape(n, places * batch, WIDTH)]
    for i in range(DEPTH):
        activations.append(torch.baddbmm(p[f"linears.{i}.bias"], activations[-1], p[f"linears.{i}.weight"]).relu_())
    error = torch.baddbmm(p["out.bias"], activations[-1], p["out.weight"]) - y
    losses = error.square().mean((1, 2))
    d = error.mul_(2 / error[0].numel())
    g["out.weight"], g["out.bias"] = torch.bmm(activations[-1].transpose(1, 2), d), d.sum(1, keepdim=True)
    d = torch.bmm(d, p["out.weight"].transpose(1, 2))
    for i in reversed(range(DEPTH)):
        d *= activations[i + 1] > 0
        g[f"linears.{i}.weight"], g[f"linears.{i}.bias"] = torch.bmm(activations[i].transpose(1, 2), d), d.sum(1, keepdim=True)
        d = torch.bmm(d, p[f"linears.{i}.weight"].transpose(1, 2))
    d = d.view(n, places, batch, WIDTH).permute(1, 0, 2, 3).contiguous()
    for layer in reversed(range(DEPTH)):
        d = gru_layer_backward(p, g, layer, *tape[layer], d)
    return losses, g


def measure(name, networks, places, seconds, step):
    step()
    step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    median = sorted(times)[len(times) // 2]
    print(f"{name} models={networks} threads=1 ms/step={median * 1e3:.4f} models*steps/s={networks / median:.1f} "
          f"GFLOP/s={networks * FLOPS * places * BATCH / median / 1e9:.2f} n={len(times)}", flush=True)


def run_gru(places, seconds):
    network = Mlds()
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    x, y = torch.randn(places, BATCH, INPUTS), torch.randn(places, BATCH, OUTPUTS)

    def step():
        adam.zero_grad(set_to_none=True)
        nn.functional.mse_loss(network(x), y).backward()
        adam.step()

    measure("nn.GRU", 1, places, seconds, step)


def run_stacked(places, seconds, n):
    p = {name: value.requires_grad_() for name, value in stack([Mlds() for _ in range(n)]).items()}
    adam = torch.optim.Adam(p.values(), 1e-3)
    x, y = torch.randn(places, n, BATCH, INPUTS), torch.randn(n, places * BATCH, OUTPUTS)

    def step():
        with torch.no_grad():
            _, g = loss_and_gradients(p, x, y)
        for name, value in p.items():
            value.grad = g[name]
        adam.step()

    measure("stacked", n, places, seconds, step)


def check():
    torch.manual_seed(0)
    places = 7
    networks = [Mlds() for _ in range(3)]
    x, y = torch.randn(places, 3, BATCH, INPUTS), torch.randn(3, places * BATCH, OUTPUTS)
    losses, g = loss_and_gradients(stack(networks), x, y)
    worst = 0.0
    for i, network in enumerate(networks):
        assert sum(parameter.numel() for parameter in network.parameters()) == 4364
        loss = nn.functional.mse_loss(network(x[:, i]), y[i].view(places, BATCH, OUTPUTS))
        loss.backward()
        worst = max(worst, abs(loss.item() - losses[i].item()))
        for name, parameter in network.named_parameters():
            ours = g[name][i].T if parameter.dim() == 2 else g[name][i, 0]
            worst = max(worst, (ours - parameter.grad).abs().max().item())
    print(f"largest difference from autograd {worst:.1e}")
    assert worst < 1e-5


if __name__ == "__main__":
    torch.manual_seed(0)
    if sys.argv[1:2] == ["gru"]:
        run_gru(int(sys.argv[2]), float(sys.argv[3]))
    elif sys.argv[1:2] == ["stacked"]:
        run_stacked(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 32)
    elif sys.argv[1:2] == ["check"]:
        check()
    else:
        sys.exit(__doc__)
