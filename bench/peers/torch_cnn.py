"""What one training step of zoo-cnn-s, the small CNN of the model zoos (arXiv 2209.14764), costs a PyTorch user, on one thread.

    torch_cnn.py one BATCH SECONDS           one network: nn.Conv2d, nn.Linear and autograd
    torch_cnn.py grouped N BATCH SECONDS     N networks at once: each convolution one grouped convolution of N groups, dense layers stacked
                                             (baddbmm), autograd
    torch_cnn.py vmap N BATCH SECONDS        N networks at once: functorch's vmap over grad
    torch_cnn.py check                       the gradients of both stacks against autograd's of each network alone

Input 1x28x28; convolutions of 8, 6 and 4 channels with kernels 5, 5 and 2, max pooling behind the first two, dense layers of 20 and 10, tanh;
2,464 parameters; cross-entropy, Adam, float32. FLOPs are the multiply-adds of the products, forward and backward.
"""
import sys

# Before torch: it sets the number of threads, which libraries read when they load.
from torch_common import agree, autograd_step, count, difference, measure, stack, unstacked

import torch
import torch.nn.functional as F
from torch import nn

# Per sample: convolutions, then dense layers; the first convolution needs no gradient by the image.
FIRST = 24 * 24 * 8 * 25
PRODUCTS = FIRST + 8 * 8 * 6 * 200 + 3 * 3 * 4 * 24 + 36 * 20 + 20 * 10
FLOPS = 2 * (3 * PRODUCTS - FIRST)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 8, 5), nn.Conv2d(8, 6, 5), nn.Conv2d(6, 4, 2)
        self.dense1, self.dense2 = nn.Linear(36, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 2).tanh()
        x = F.max_pool2d(self.conv2(x), 2).tanh()
        x = self.conv3(x).tanh().flatten(1)
        return self.dense2(self.dense1(x).tanh())


def grouped_logits(p, x):
    """x [batch, network, 28, 28], a channel for each network -> [network, batch, 10]; parameters {name: [network, ...]}."""
    n = x.shape[1]

    def conv(name, x):
        return F.conv2d(x, p[f"{name}.weight"].flatten(0, 1), p[f"{name}.bias"].flatten(), groups=n)

    x = F.max_pool2d(conv("conv1", x), 2).tanh()
    x = F.max_pool2d(conv("conv2", x), 2).tanh()
    x = conv("conv3", x).tanh()
    x = x.view(x.shape[0], n, -1).transpose(0, 1)
    x = torch.baddbmm(p["dense1.bias"], x, p["dense1.weight"]).tanh()
    return torch.baddbmm(p["dense2.bias"], x, p["dense2.weight"])


def grouped_loss(p, x, y):
    """The sum over networks of each one's mean over its batch, so that every network gets its own gradient; y [network, batch]."""
    return F.cross_entropy(grouped_logits(p, x).flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]


def vmap_gradients(networks):
    """The function (parameters, x [network, batch, 1, 28, 28], y [network, batch]) -> gradients, and the stacked parameters, as tuples."""
    import functorch

    functional, _ = functorch.make_functional(networks[0])
    parameters = tuple(torch.stack([p.detach() for p in same]) for same in zip(*(network.parameters() for network in networks)))
    one = functorch.grad(lambda p, x, y: F.cross_entropy(functional(p, x), y))
    return functorch.vmap(one), parameters


def run_one(batch, seconds):
    network = Cnn()
    x, y = torch.rand(batch, 1, 28, 28), torch.randint(10, (batch,))
    step = autograd_step(network, lambda network: F.cross_entropy(network(x), y))
    measure("one", 1, count(network), FLOPS * batch, seconds, step)


def run_grouped(n, batch, seconds):
    networks = [Cnn() for _ in range(n)]
    p = {name: value.requires_grad_() for name, value in stack(networks).items()}
    x, y = torch.rand(batch, n, 28, 28), torch.randint(10, (n, batch))
    adam = torch.optim.Adam(p.values(), 1e-3)

    def step():
        adam.zero_grad(set_to_none=True)
        grouped_loss(p, x, y).backward()
        adam.step()

    measure("grouped", n, count(networks[0]), FLOPS * batch, seconds, step)


def run_vmap(n, batch, seconds):
    networks = [Cnn() for _ in range(n)]
    gradients, parameters = vmap_gradients(networks)
    x, y = torch.rand(n, batch, 1, 28, 28), torch.randint(10, (n, batch))
    adam = torch.optim.Adam([parameter.requires_grad_() for parameter in parameters], 1e-3)

    def step():
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients(parameters, x, y)):
                parameter.grad = gradient
        adam.step()

    measure("vmap", n, count(networks[0]), FLOPS * batch, seconds, step)


def check():
    assert count(Cnn()) == 2464 and FLOPS == 932304
    networks = [Cnn() for _ in range(3)]
    x, y = torch.rand(3, 10, 1, 28, 28), torch.randint(10, (3, 10))
    p = {name: value.requires_grad_() for name, value in stack(networks).items()}
    loss = grouped_loss(p, x[:, :, 0].transpose(0, 1), y)
    loss.backward()
    gradients, parameters = vmap_gradients(networks)
    mapped = gradients(parameters, x, y)
    grouped_differences, vmap_differences, total = [], [], 0.0
    for i, network in enumerate(networks):
        one = F.cross_entropy(network(x[i]), y[i])
        one.backward()
        total += one.detach()
        for (name, parameter), by_vmap in zip(network.named_parameters(), mapped):
            grouped = unstacked(p[name].grad, i).view(parameter.shape)
            grouped_differences.append(difference(grouped, parameter.grad))
            vmap_differences.append(difference(by_vmap[i], parameter.grad))
    agree("zoo-cnn-s, grouped convolutions", [*grouped_differences, difference(loss.detach(), total)])
    agree("zoo-cnn-s, vmap", vmap_differences)


if __name__ == "__main__":
    torch.manual_seed(0)
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["one"] and len(arguments) == 2:
        run_one(int(arguments[0]), float(arguments[1]))
    elif sys.argv[1:2] == ["grouped"] and len(arguments) == 3:
        run_grouped(int(arguments[0]), int(arguments[1]), float(arguments[2]))
    elif sys.argv[1:2] == ["vmap"] and len(arguments) == 3:
        run_vmap(int(arguments[0]), int(arguments[1]), float(arguments[2]))
    elif sys.argv[1:] == ["check"]:
        check()
    else:
        sys.exit(__doc__)
