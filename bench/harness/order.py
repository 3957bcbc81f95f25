"""Checkpoints of many networks put in order on one core, seconds and memory: bench/order."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from common import CORES, PROGRAM, cpu_field, fail, results_folder, run, spread, write

LEAST_ROUNDS, NETWORKS, CHECKPOINTS = 3, 198, 51
MOST_SECONDS, MOST_MEGABYTES = 60, 2_000
EXPERIMENT = """experiment: order-NAME
tasks: [{machine: MACHINES, sequence: 32}]
architecture: mlds
training:
  loss: mse
  optimizer: {name: adam, learning_rate: 0.003}
  batch: 32
  stop: {steps: 1000}
  checkpoints: {every: 20}
seeds: {SEEDS}
"""
# What it is, its machines, and its seeds; {n} is the number of networks, {half} half of it.
POPULATIONS = {
    "own": ("initial weights of their own, two machines", "[SimpleXORMachine, ParityMachine]", "init: 1..{half}, data: init"),
    "one": ("one start, one machine, other data", "ParityMachine", "init: 1, data: 1..{n}"),
}


class Ordered:
    """One run of the program on one core: seconds by the clock and of the core, peak memory in MB, and its answer."""

    def __init__(self, zoo):
        command = ["taskset", "-c", str(CORES[0]), "dotnet", str(PROGRAM), "order", str(zoo), "--json"]
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            begin = time.perf_counter()
            process = subprocess.Popen(command, stdout=output, stderr=errors)
            _, status, used = os.wait4(process.pid, 0)
            self.seconds = time.perf_counter() - begin
            errors.seek(0)
            if os.waitstatus_to_exitcode(status) != 0:
                fail(f"weightspace order failed: {errors.read()[-2000:].decode(errors='replace')}")
            output.seek(0)
            self.answer = json.load(output)["groups"][0]
        self.core = used.ru_utime + used.ru_stime
        self.peak = used.ru_maxrss * 1024 / 1e6  # KiB


def options():
    parser = argparse.ArgumentParser(prog=os.environ.get("BENCH_NAME"), description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="times that each population is put in order, default %(default)s")
    parser.add_argument("--networks", type=int, default=NETWORKS, help=f"networks of each population, even, {CHECKPOINTS} checkpoints each; default %(default)s")
    parser.add_argument("--data", type=pathlib.Path, help="folder that keeps the grown populations, 360 MB; default: a temporary one")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the table, default bench/results/<cpu>")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.networks < 2 or chosen.networks % 2:
        parser.error("--rounds is at least 1, --networks even and at least 2")
    if chosen.out is None and (chosen.rounds < LEAST_ROUNDS or chosen.networks != NETWORKS):
        parser.error(f"fewer than {LEAST_ROUNDS} rounds, or other sizes, are a trial, not a result: name a folder for its table with --out")
    chosen.out = chosen.out or results_folder()
    return chosen


def grow(folder, name, networks):
    """A population; what lies there already is the same to the bit, and is taken."""
    _, machines, seeds = POPULATIONS[name]
    recipe = folder / f"{name}-{networks}.yaml"
    recipe.write_text(EXPERIMENT.replace("NAME", name).replace("MACHINES", machines).replace("SEEDS", seeds.format(n=networks, half=networks // 2)))
    zoo = recipe.with_suffix("")
    if not (zoo / "zoo.json").exists():
        run(["dotnet", str(PROGRAM), "train", str(recipe), "--out", str(zoo)], {}, cores=len(CORES))
    return zoo


def score(of):
    return f"{of['value']:.2f}" if of["low"] is None else f"{of['value']:.2f} [{of['low']:.2f}, {of['high']:.2f}]"


def main():
    chosen = options()
    runs = {name: [] for name in POPULATIONS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.data or pathlib.Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        zoos = {name: grow(folder, name, chosen.networks) for name in POPULATIONS}
        load = os.getloadavg()[0]
        for turn in range(chosen.rounds):
            for name, zoo in zoos.items():
                runs[name].append(Ordered(zoo))
                print(f"round {turn + 1} of {chosen.rounds}: {name}: {runs[name][-1].seconds:.1f} s, {runs[name][-1].core:.1f} s of the core, {runs[name][-1].peak:.0f} MB", file=sys.stderr, flush=True)
    sizes = {name: (len(ordered[0].answer["checkpoints"]), ordered[0].answer["parameters"]) for name, ordered in runs.items()}
    (count, parameters), had = sizes["own"], min(ordered.core / ordered.seconds for name in runs for ordered in runs[name])
    sdk = run(["dotnet", "--version"], {}).strip()
    lines = [f"# {count:,} checkpoints x {parameters:,} weights put in order, on one core", "",
             f"`weightspace order ZOO --json` of {chosen.networks} MLDS networks with {CHECKPOINTS} checkpoints each (Adam, 1,000 steps), pinned to one core; reading the zoo and the scores are included. "
             f"Medians of {chosen.rounds} rounds, the populations in turn; in brackets the least and the most.",
             f"CPU: {cpu_field('model name')} ({'AVX-512' if 'avx512f' in cpu_field('flags').split() else 'no AVX-512'}, {os.cpu_count()} cores, load {load:.1f} before the first round); .NET SDK {sdk}. Each run had at least {had:.0%} of the core.", "",
             f"| population | seconds by the clock | seconds of the core | peak memory, MB | within {MOST_SECONDS} s of the core and {MOST_MEGABYTES:,} MB |", "|---|---|---|---|---|"]
    for name, ordered in runs.items():
        core, peak = [one.core for one in ordered], [one.peak for one in ordered]
        within = max(core) <= MOST_SECONDS and max(peak) <= MOST_MEGABYTES
        lines.append(f"| {POPULATIONS[name][0]}: {sizes[name][0]:,} x {sizes[name][1]:,} | {spread([one.seconds for one in ordered], '.1f')} | {spread(core, '.1f')} | {spread(peak, '.0f')} | {'yes' if within else '**no**'} |")
    lines += ["", "Seconds of the core are what counts: where other work runs on the same core, the clock goes on without us.", "", "Found:", "", "| population | networks | ARI | tau with direction | steps right |", "|---|---|---|---|---|"]
    for name, ordered in runs.items():
        found = ordered[-1].answer["scores"][0]["scores"]
        lines.append(f"| {POPULATIONS[name][0]} | {found['found']} of {found['networks']} | {score(found['adjusted_rand'])} | {score(found['directed_order'])} | {score(found['directed_edges'])} |")
    write(chosen.out, "order.md", lines)


if __name__ == "__main__":
    main()
