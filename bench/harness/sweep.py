"""How cost grows, ours against PyTorch's best: bench/sweep."""
import concurrent.futures
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from common import CORES, PROGRAM, Peaks, factor, fail, interleaved, machine, options, ours, ratios, run, spread, torch, write

GROWING = (8, 16, 32, 64, 128, 256)
# (layers, hidden dense layers, width): from some 500 parameters to some 400,000
GRU_SIZES = ((1, 0, 8), (2, 1, 16), (4, 4, 12), (4, 4, 32), (4, 4, 64), (4, 4, 128))
# (layers, width): from some 600 to a million
DENSE_SIZES = ((1, 8), (1, 32), (2, 64), (2, 256), (4, 512))


def stacked_gru(width, batch, sequence):
    """Networks to a stack: 32 as in bench/run, fewer where their activations would leave the caches further behind still; at least 4."""
    return max(4, min(32, 2 * 32 * 12 * 32 * 64 // (width * batch * sequence)))


def stacked_dense(width, batch):
    """256 as in bench/run, fewer by the same rule."""
    return max(4, min(256, 2 * 256 * 32 * 64 // (width * batch)))


def point(kind, n, shape):
    """The contenders for one network: ours, PyTorch's alone, and a stack of n."""
    script = f"torch_{kind}.py"
    return {"ours": ours(kind, *shape), "one": torch(script, "one", *shape), "stacked": torch(script, "stacked", n, *shape)}


def gru_point(seconds, layers=4, dense=4, width=12, batch=32, sequence=64):
    n, shape = stacked_gru(width, batch, sequence), (layers, dense, width, batch, sequence, seconds)
    return n, point("gru", n, shape)


def dense_point(seconds, layers=1, width=32, batch=64):
    n, shape = stacked_dense(width, batch), (layers, width, batch, seconds)
    return n, point("dense", n, shape)


SWEEPS = {
    "gru": ("A GRU network", "The MLDS network (4 GRU layers, 4 dense, width 12, batch 32, sequence 64) with one of its numbers changed.", (
        ("batch", lambda s: [(batch, gru_point(s, batch=batch)) for batch in GROWING]),
        ("width", lambda s: [(width, gru_point(s, width=width)) for width in GROWING]),
        ("sequence", lambda s: [(sequence, gru_point(s, sequence=sequence)) for sequence in GROWING]),
        ("size (GRU layers, dense layers, width)", lambda s: [(", ".join(map(str, size)), gru_point(s, *size)) for size in GRU_SIZES]),
    )),
    "dense": ("A dense network", "The MLP 64-32-10 (one hidden layer, batch 64) with one of its numbers changed.", (
        ("batch", lambda s: [(batch, dense_point(s, batch=batch)) for batch in GROWING]),
        ("width", lambda s: [(width, dense_point(s, width=width)) for width in GROWING]),
        ("size (hidden layers, width)", lambda s: [(", ".join(map(str, size)), dense_point(s, *size)) for size in DENSE_SIZES]),
    )),
}


def sweep(part, chosen, head):
    title, what, axes = SWEEPS[part]
    lines = [f"# {title}: cost against size, one core", "", what,
             f"Medians of {chosen.rounds} interleaved rounds of {chosen.seconds:g} s each; in brackets the least and the most.", head,
             "PyTorch's best is, in each round, the faster of one network with autograd and a stack of networks; the number is how many were stacked. "
             "A ratio above 1 says that weightspace is faster."]
    overtaken = []
    for axis, points in axes:
        peaks, rows = Peaks(), []
        for value, (stacked, contenders) in points(chosen.seconds):
            results = interleaved(f"{part}, {axis} {value}", contenders, chosen.rounds, peaks)
            speeds = {name: [measured.speed for measured in of_name] for name, of_name in results.items()}
            mine = results["ours"]
            ratio = ratios(speeds["ours"], [max(pair) for pair in zip(speeds["one"], speeds["stacked"], strict=True)])
            rows.append((value, mine[0].parameters, speeds, mine, stacked, ratio))
            if statistics.median(ratio) < 1:
                overtaken.append(f"{axis} {value} ({statistics.median(ratio):.2f})")
        lines += ["", f"## By {axis}", "", str(peaks), "",
                  f"| {axis} | parameters | ours, steps/s | GFLOP/s | of the FMA peak (of its best moment) | PyTorch, one | PyTorch, stacked | ours over PyTorch's best |",
                  "|---|---|---|---|---|---|---|---|"]
        lines += [f"| {value} | {parameters:,} | {statistics.median(speeds['ours']):.1f} | {statistics.median(m.gflops for m in mine):.2f} | {peaks.share(mine)} "
                  f"| {statistics.median(speeds['one']):.1f} | {statistics.median(speeds['stacked']):.1f} ({stacked}) | {factor(ratio)} |"
                  for value, parameters, speeds, mine, stacked, ratio in rows]
    lines += ["", "## Where PyTorch overtakes", "",
              "At " + "; ".join(overtaken) + "." if overtaken else "Nowhere in these tables."]
    write(chosen.out, f"sweep-{part}.md", lines)


def experiment(networks, steps):
    """Networks of the MLDS architecture that differ in their initial weights."""
    return f"""experiment: bench
tasks:
  - machine: ParityMachine
    sequence: 32
architecture: mlds
training:
  optimizer: {{name: adam, learning_rate: 0.001}}
  batch: 32
  stop: {{steps: {steps}}}
  evaluation: {{sequences: 32}}
seeds:
  init: 1..{networks}
"""


def train(networks, steps, threads, cores, unit):
    """Wall seconds and peak resident MiB of one `weightspace train` on some cores, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="weightspace-bench-") as scratch:
        folder = pathlib.Path(scratch)
        (folder / "bench.yaml").write_text(experiment(networks, steps))
        command = ["taskset", "-c", ",".join(map(str, cores)), "dotnet", str(PROGRAM), "train", str(folder / "bench.yaml"),
                   "--out", str(folder / "zoo"), "--threads", str(threads), "--unit", str(unit)]
        with open(folder / "output", "w+") as output:
            begin = time.perf_counter()
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            if process.returncode != 0:
                fail(f"exit code {process.returncode} from: {' '.join(command)}\n{output.read()[-3000:].rstrip()}")
        with open(folder / "zoo/networks.csv", newline="") as table:
            finished = sum(row["status"] == "finished" for row in csv.DictReader(table))
        if finished != networks:
            fail(f"{finished} of {networks} networks finished; all must: {' '.join(command)}")
        return wall, used.ru_maxrss / 1024


def train_apart(networks, steps, unit):
    """Wall seconds of two processes at once, a core and half of the networks each: what the machine gives two that share nothing."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return max(wall for wall, _ in pool.map(lambda core: train(networks // 2, steps, 1, [core], unit), CORES[:2]))


def steps_for(seconds):
    """Steps that make 100 networks take some forty times --seconds on one core of 2017."""
    return max(1, round(600 * seconds))


def threads(chosen, head):
    if len(CORES) < 2:
        fail(f"the part 'threads' needs two cores, this process may use {len(CORES)}")
    steps = steps_for(chosen.seconds)
    contenders = {
        "one thread on one core": lambda: train(100, steps, 1, CORES[:1], unit=5)[0],
        "two threads on two cores": lambda: train(100, steps, 2, CORES[:2], unit=5)[0],
        "two processes of one thread, 50 networks each": lambda: train_apart(100, steps, unit=5),
    }
    walls = {name: [] for name in contenders}
    for turn in range(chosen.rounds):
        for name, contender in list(contenders.items())[::1 if turn % 2 == 0 else -1]:
            walls[name].append(contender())
            print(f"threads, round {turn + 1} of {chosen.rounds}: {name}: {walls[name][-1]:.1f} s", file=sys.stderr, flush=True)
    one = walls["one thread on one core"]
    lines = ["# One core and two", "",
             f"`weightspace train` on 100 MLDS networks (sequence 32, batch 32, {steps} steps each), work units of 5 networks, from the program's start to its end.",
             "The processes share nothing, so they show what a second core of this machine is worth at the time.",
             f"Medians of {chosen.rounds} interleaved rounds; in brackets the least and the most.", head, "",
             "| | wall time, s | networks/s | faster than one thread by |", "|---|---|---|---|"]
    lines += [f"| {name} | {spread(of_name, '.2f')} | {100 / statistics.median(of_name):.1f} "
              f"| {'' if of_name is one else factor(ratios(one, of_name))} |" for name, of_name in walls.items()]
    write(chosen.out, "threads.md", lines)


def memory(chosen, head):
    counts, sizes, steps = (1, 2, 4), (100, 1000, 4000), max(1, round(chosen.seconds))
    peaks = {(networks, count): [] for networks in sizes for count in counts}
    for turn in range(chosen.rounds):
        for (networks, count), of_pair in peaks.items():
            of_pair.append(train(networks, steps, count, CORES, unit=1)[1])
            print(f"memory, round {turn + 1} of {chosen.rounds}: {networks} networks, {count} threads: {of_pair[-1]:.1f} MiB", file=sys.stderr, flush=True)
    lines = ["# Memory", "",
             f"The most that `weightspace train` had resident (the kernel's ru_maxrss, which is VmHWM), MLDS networks, training steps each: {steps} (sequence 32, batch 32), work units of one network.",
             f"Medians of {chosen.rounds} interleaved rounds; in brackets the least and the most.", head, "",
             "| networks | threads | peak, MiB | MiB for each further thread |", "|---|---|---|---|"]
    for (networks, count), of_pair in peaks.items():
        further = [(a - b) / (count - 1) for a, b in zip(of_pair, peaks[networks, 1], strict=True)] if count > 1 else None
        lines.append(f"| {networks:,} | {count} | {spread(of_pair, '.1f')} | {spread(further, '.1f') if further else ''} |")
    lines.append("")
    for fewer, more in zip(sizes, sizes[1:]):
        growth = [(a - b) * 1024 / (more - fewer) for a, b in zip(peaks[more, 1], peaks[fewer, 1], strict=True)]
        lines.append(f"Each further network from {fewer:,} to {more:,}: {spread(growth, '.1f')} KiB with one thread.")
    write(chosen.out, "memory.md", lines)


PARTS = ("gru", "dense", "threads", "memory")


def main():
    chosen = options("Cost against batch, width, sequence and parameters, ours and PyTorch's; one core and two; memory.", PARTS, seconds=2)
    head = machine()
    for part in chosen.parts:
        if part in SWEEPS:
            print(run(*torch(f"torch_{part}.py", "check")), end="", flush=True)
    for part in chosen.parts:
        if part in SWEEPS:
            sweep(part, chosen, head)
        else:
            {"threads": threads, "memory": memory}[part](chosen, head)


if __name__ == "__main__":
    main()
