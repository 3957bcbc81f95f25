"""What growing a zoo on a Slurm cluster costs beside the ideal, by the length of units: bench/slurm."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from common import LEAST_ROUNDS, PROGRAM, ROOT, cpu_field, fail, results_folder, run, spread, write

NETWORKS, STEPS, CORES = 200, 400, 2
UNIT_SECONDS = (2, 4, 8)
TARGET_MINUTES, MOST_OVERHEAD = 10, 0.10
EXPERIMENT = """experiment: slurm-bench
tasks: [{digits: {size: 28}}]
architecture: zoo-cnn-s
training:
  loss: cross_entropy
  optimizer: {name: adam, learning_rate: 0.001}
  batch: 64
  stop: {steps: STEPS}
  checkpoints: {every: STEPS}
seeds: {init: 1..NETWORKS}
"""


def options():
    parser = argparse.ArgumentParser(prog=os.environ.get("BENCH_NAME"), description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="times that each is measured, default %(default)s")
    parser.add_argument("--networks", type=int, default=NETWORKS, help="networks of the zoo, default %(default)s")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of each, default %(default)s: some 0.2 s")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the table, default bench/results/<cpu>")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.networks < 10 or chosen.steps < 1:
        parser.error("--rounds and --steps are at least 1, --networks at least 10")
    if chosen.out is None and (chosen.rounds < LEAST_ROUNDS or (chosen.networks, chosen.steps) != (NETWORKS, STEPS)):
        parser.error(f"fewer than {LEAST_ROUNDS} rounds, or other sizes, are a trial, not a result: name a folder for its table with --out")
    chosen.out = chosen.out or results_folder()
    return chosen


class Cluster:
    """scripts/slurm-cluster; it ends when its standard input does."""

    def __init__(self, folder):
        self.configuration = folder / "slurm.conf"
        self.process = subprocess.Popen([ROOT / "scripts/slurm-cluster", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline().startswith("ready"):
            fail("the cluster did not start; scripts/install-peers installs slurm-wlm and munge")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def timed(command, environment=None):
    """Seconds by the clock."""
    begin = time.perf_counter()
    run(["dotnet", str(PROGRAM), *map(str, command)], environment or {}, cores=CORES)
    return time.perf_counter() - begin


def line_through(points):
    """Intercept and slope by least squares."""
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*points))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return mean_y - slope * mean_x, slope


def same(a, b):
    if subprocess.run(["diff", "-r", str(a), str(b)], stdout=subprocess.DEVNULL).returncode != 0:
        fail(f"the zoo grown on the cluster differs from the local one: {a}, {b}")


def main():
    chosen = options()
    if len(os.sched_getaffinity(0)) < CORES:
        fail(f"this machine has fewer than {CORES} cores")
    single = run([str(ROOT / "scripts/build-single-file")], {}, cores=CORES).strip()
    ideal, cluster_seconds, units = [], {length: [] for length in UNIT_SECONDS}, {}
    with tempfile.TemporaryDirectory() as temporary, Cluster(pathlib.Path(temporary) / "cluster") as cluster:
        folder = pathlib.Path(temporary)
        recipe = folder / "experiment.yaml"
        recipe.write_text(EXPERIMENT.replace("NETWORKS", str(chosen.networks)).replace("STEPS", str(chosen.steps)))
        version = run(["sbatch", "--version"], {"SLURM_CONF": str(cluster.configuration)}).split()[-1]
        flops = json.loads(run(["dotnet", str(PROGRAM), "train", str(recipe), "--dry-run", "--json"], {}))["max_flops"]
        timed(["train", recipe, "--out", folder / "first", "--threads", CORES])  # what the first of all pays, nobody does
        rate = None
        load = os.getloadavg()[0]
        for turn in range(chosen.rounds):
            ideal.append(timed(["train", recipe, "--out", folder / "local", "--threads", CORES]))
            rate = rate or flops / (ideal[0] * CORES) / 1e9  # of the first round: units are cut alike in all
            print(f"round {turn + 1} of {chosen.rounds}: local, {CORES} threads: {ideal[-1]:.1f} s", file=sys.stderr, flush=True)
            for length in UNIT_SECONDS:
                zoo = folder / f"zoo-{length}"
                plan = ["train", recipe, "--out", zoo, "--engine", "slurm", "--core-gflops", f"{rate:.6f}", "--unit-minutes", f"{length / 60:.6f}"]
                environment = {"SLURM_CONF": str(cluster.configuration)}
                if length not in units:
                    units[length] = json.loads(run(["dotnet", str(PROGRAM), *map(str, plan), "--dry-run", "--json"], environment))["units"]
                # One node of the four, which has two cores. A unit may take longer than it was meant to.
                seconds = timed([*plan, "--sbatch", "--nodelist=n1", "--time", "5", "--poll", "1", "--program", single], environment)
                cluster_seconds[length].append(seconds)
                same(folder / "local", zoo)
                shutil.rmtree(zoo)
                print(f"round {turn + 1} of {chosen.rounds}: {units[length]} units of {length} s: {seconds:.1f} s", file=sys.stderr, flush=True)
            shutil.rmtree(folder / "local")
    fits = [line_through([(units[length], CORES * (cluster_seconds[length][turn] - ideal[turn])) for length in UNIT_SECONDS]) for turn in range(chosen.rounds)]
    fixed, each = [fit[0] for fit in fits], [fit[1] for fit in fits]
    target = [cost / (TARGET_MINUTES * 60) for cost in each]
    lines = ["# What a Slurm cluster costs beside the ideal", "",
             f"`weightspace train --engine slurm` of {chosen.networks} networks (zoo-cnn-s on digits, {chosen.steps} steps, byte-identical to the local zoo in each round) on one node of two cores, `--poll 1`. The ideal is the time of training divided by "
             f"the cores: `weightspace train --threads {CORES}` on the same two cores in the same minutes, with its own start and writing. Medians of {chosen.rounds} rounds, in turn; in brackets the least and the most.",
             f"CPU: {cpu_field('model name')} ({os.cpu_count()} cores, load {load:.1f} before the first round). Slurm {version} with scripts/slurm-cluster.", "",
             "| units | meant to take | seconds | ideal | overhead |", "|---|---|---|---|---|"]
    for length in UNIT_SECONDS:
        overhead = [seconds / best - 1 for seconds, best in zip(cluster_seconds[length], ideal)]
        lines.append(f"| {units[length]} | {length} s | {spread(cluster_seconds[length], '.1f')} | {spread(ideal, '.1f')} | {spread(overhead, '.1%')} |")
    lines += ["", f"A line through each round's three points, core-seconds above the ideal by the number of units: {spread(each, '.2f')} core-seconds to a unit (its job's start, the program's start, its files, the wait for the next), and "
              f"{spread(fixed, '.1f')} once (the first look at the cluster, the first jobs' start, the last ones' end, writing the zoo).", "",
              f"So units of {TARGET_MINUTES} minutes cost {spread(target, '.2%')} above the ideal, and what is once. **{'Below' if max(target) < MOST_OVERHEAD else 'Not below'} {MOST_OVERHEAD:.0%}.** "
              "It is extrapolated: the cost of a unit is taken not to depend on how long it trains. What grows with its length is not in it: the state put down twice a minute, and at the end cores without work for half a unit on average, "
              "which is half a unit's length over the whole time."]
    write(chosen.out, "slurm.md", lines)


if __name__ == "__main__":
    main()
