"""What one training step of a plain network costs a PyTorch user, on one thread.

    torch_dense.py one LAYERS WIDTH BATCH SECONDS          one network: nn.Linear and autograd
    torch_dense.py stacked N LAYERS WIDTH BATCH SECONDS    N networks at once: weights stacked on a leading axis (baddbmm), and the gradient
                                                           written by hand
    torch_dense.py check                                   the stacked gradients against autograd's

64 inputs (an 8x8 image), LAYERS hidden layers of WIDTH with ReLU, 10 outputs; cross-entropy, Adam, float32. The MLP 64-32-10 is 1 32:
2,410 parameters. FLOPs are the multiply-adds of the matrix products, forward and backward.
"""
import sys

# Before torch: it sets the number of threads, which libraries read when they load.
from torch_common import agree, autograd_step, count, difference, measure, stack, stacked_step, unstacked

import torch
from torch import nn

INPUTS, OUTPUTS = 64, 10


def flops(layers, width):
    """Of a training step, per sample; the first layer needs no gradient by its inputs."""
    products = INPUTS * width + (layers - 1) * width * width + width * OUTPUTS
    return 2 * (3 * products - INPUTS * width)


def network(layers, width):
    modules = []
    for i in range(layers):
        modules += [nn.Linear(width if i else INPUTS, width), nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(width, OUTPUTS))


def loss_and_gradients(p, x, y):
    """x [network, batch, 64], y [network, batch] classes -> losses [network] and the gradient of each."""
    places = sorted({int(name.split(".")[0]) for name in p})
    g, activations = {}, [x]
    for place in places[:-1]:
        activations.append(torch.baddbmm(p[f"{place}.bias"], activations[-1], p[f"{place}.weight"]).relu_())
    logs = torch.log_softmax(torch.baddbmm(p[f"{places[-1]}.bias"], activations[-1], p[f"{places[-1]}.weight"]), 2)
    losses = -logs.gather(2, y.unsqueeze(2)).mean((1, 2))
    d = logs.exp_()
    d.scatter_add_(2, y.unsqueeze(2), d.new_full((*y.shape, 1), -1.0))
    d /= y.shape[1]
    for i, place in reversed(list(enumerate(places))):
        g[f"{place}.weight"], g[f"{place}.bias"] = torch.bmm(activations[i].transpose(1, 2), d), d.sum(1, keepdim=True)
        if i:
            d = torch.bmm(d, p[f"{place}.weight"].transpose(1, 2))
            d *= activations[i] > 0
    return losses, g


def run_one(layers, width, batch, seconds):
    one = network(layers, width)
    x, y = torch.rand(batch, INPUTS), torch.randint(OUTPUTS, (batch,))
    step = autograd_step(one, lambda one: nn.functional.cross_entropy(one(x), y))
    measure("one", 1, count(one), flops(layers, width) * batch, seconds, step)


def run_stacked(n, layers, width, batch, seconds):
    networks = [network(layers, width) for _ in range(n)]
    x, y = torch.rand(n, batch, INPUTS), torch.randint(OUTPUTS, (n, batch))
    step = stacked_step(stack(networks), lambda p: loss_and_gradients(p, x, y)[1])
    measure("stacked", n, count(networks[0]), flops(layers, width) * batch, seconds, step)


def check():
    assert count(network(1, 32)) == 2410 and flops(1, 32) == 10112
    for shape in ((1, 32), (3, 17)):
        networks = [network(*shape) for _ in range(5)]
        x, y = torch.rand(5, 64, INPUTS), torch.randint(OUTPUTS, (5, 64))
        losses, g = loss_and_gradients(stack(networks), x, y)
        differences = []
        for i, one in enumerate(networks):
            loss = nn.functional.cross_entropy(one(x[i]), y[i])
            loss.backward()
            differences.append(difference(losses[i], loss.detach()))
            differences += [difference(unstacked(g[name], i), parameter.grad) for name, parameter in one.named_parameters()]
        agree("%d dense layers, width %d" % shape, differences)


if __name__ == "__main__":
    torch.manual_seed(0)
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["one"] and len(arguments) == 4:
        run_one(*map(int, arguments[:-1]), float(arguments[-1]))
    elif sys.argv[1:2] == ["stacked"] and len(arguments) == 5:
        run_stacked(*map(int, arguments[:-1]), float(arguments[-1]))
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)
