"""What the PyTorch peers share: one thread, a stopwatch, and stacks of networks. To be imported before torch."""
import os
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
import torch

torch.set_num_threads(1)


def stack(networks):
    """The parameters of several networks as {name: [network, ...]}; matrices transposed to [network, in, out], vectors [network, 1, out]."""
    packed = {}
    for name, _ in networks[0].named_parameters():
        values = torch.stack([dict(network.named_parameters())[name].detach() for network in networks])
        packed[name] = (values.transpose(1, 2) if values.dim() == 3 else values.unsqueeze(1) if values.dim() == 2 else values).contiguous()
    return packed


def unstacked(value, network):
    """One network's part of a stacked parameter or gradient, in the shape that torch.nn gives it."""
    return value[network] if value.dim() > 3 else value[network].T if value.shape[1] > 1 else value[network, 0]


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def autograd_step(network, loss):
    """A step as most people write it: loss(network) with autograd, then Adam."""
    adam = torch.optim.Adam(network.parameters(), 1e-3)

    def step():
        adam.zero_grad(set_to_none=True)
        loss(network).backward()
        adam.step()

    return step


def stacked_step(parameters, gradients):
    """A step on stacked parameters {name: tensor}, whose gradients come from gradients(parameters), also by name."""
    adam = torch.optim.Adam([parameter.requires_grad_() for parameter in parameters.values()], 1e-3)

    def step():
        with torch.no_grad():
            by_name = gradients(parameters)
        for name, parameter in parameters.items():
            parameter.grad = by_name[name]
        adam.step()

    return step


def measure(name, networks, parameters, flops, seconds, step):
    """Prints the median time of step, which trains that many networks at once; flops are those of one network's step."""
    step()
    step()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    median = sorted(times)[len(times) // 2]
    print(f"{name} models={networks} threads=1 parameters={parameters} ms/step={median * 1e3:.4f} models*steps/s={networks / median:.1f} "
          f"GFLOP/s={networks * flops / median / 1e9:.3f} n={len(times)}", flush=True)


def difference(found, expected):
    """The largest difference between two gradients, as a share of the largest value expected."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


def agree(name, differences, limit=1e-4):
    """Ends with an error where a stacked gradient differs from autograd's by more than rounding does."""
    worst = max(differences)
    print(f"{name}: largest relative difference from autograd {worst:.1e}, {limit:.0e} allowed")
    if not worst < limit:
        raise SystemExit(f"{name}: the stacked networks do not compute what single ones do")
