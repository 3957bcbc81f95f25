"""What a PyTorch user's script takes to go on to the next checkpoint of a run: the same exact measures, checkpoint by checkpoint.

    torch_track.py data FOLDER CHECKPOINTS TENSORS WEIGHTS     writes 0.bin, 1.bin, ...: float32, a path with a drift
    torch_track.py run FOLDER CHECKPOINTS TENSORS WEIGHTS      seconds of each checkpoint, peak memory, the numbers of the last

The script keeps the two checkpoints before and the first in memory, so it reads each file once; sums are in float64, as float32 loses the digits of small steps. Threads are those of OMP_NUM_THREADS.
"""
import math
import pathlib
import resource
import sys
import time

import numpy as np
import torch


def write(folder, checkpoints, weights):
    random = np.random.default_rng(0)
    w = 0.02 * random.standard_normal(weights, dtype=np.float32)
    drift = 1e-4 * random.standard_normal(weights, dtype=np.float32)
    for k in range(checkpoints):
        w.tofile(folder / f"{k}.bin")
        w += drift
        w += 2e-4 * random.standard_normal(weights, dtype=np.float32)


def dot(a, b, bounds):
    """The inner product of each tensor, in float64."""
    return [torch.dot(a[first:last].double(), b[first:last].double()).item() for first, last in bounds]


def kurtosis(w, bounds):
    """Two passes over tensors, so that no copy of the whole is made in float64."""
    mean = sum(w[first:last].double().sum().item() for first, last in bounds) / w.numel()
    second = fourth = 0.0
    for first, last in bounds:
        square = (w[first:last].double() - mean) ** 2
        second += square.sum().item()
        fourth += torch.dot(square, square).item()
    return w.numel() * fourth / second ** 2


def main():
    mode, folder, checkpoints, tensors, weights = sys.argv[1], pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:6])
    if mode == "data":
        return write(folder, checkpoints, weights)
    bounds = [(weights * t // tensors, weights * (t + 1) // tensors) for t in range(tensors)]
    first = previous = update = None
    for k in range(checkpoints):
        begin = time.perf_counter()
        w = torch.from_numpy(np.fromfile(folder / f"{k}.bin", dtype=np.float32))
        norm, moment = math.sqrt(sum(dot(w, w, bounds))), kurtosis(w, bounds)
        if first is None:
            first = w
        else:
            new = w - previous
            by_tensor = dot(new, new, bounds)
            step = math.sqrt(sum(by_tensor))
            from_start = w - first
            start = math.sqrt(sum(dot(from_start, from_start, bounds)))
            del from_start
            if update is not None:
                cosine = sum(dot(new, update, bounds)) / (step * math.sqrt(sum(dot(update, update, bounds))))
                angle = math.degrees(math.acos(max(-1, min(1, cosine))))
            update = new
        previous = w
        print(f"checkpoint {k:<17} {time.perf_counter() - begin:8.2f} s")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(f"step={step:.7g} angle={angle:.7g} start={start:.7g} norm={norm:.7g} kurtosis={moment:.6g}")


main()
