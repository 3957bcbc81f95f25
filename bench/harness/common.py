"""What bench/run and bench/sweep share: running contenders in turn on one core, and writing tables."""
import argparse
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
BENCH = ROOT / "artifacts/bin/WeightSpace.Bench/release/weightspace-bench.dll"
PROGRAM = ROOT / "artifacts/program/weightspace.dll"
PEERS = ROOT / "bench/peers"
AVX2 = {"DOTNET_EnableAVX512": "0"}
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
CORES = sorted(os.sched_getaffinity(0), reverse=True)
LIMIT_SECONDS = 900
LEAST_ROUNDS = 5


def fail(message):
    sys.exit(f"bench: {message}")


def ours(*arguments, environment=None):
    """A contender: our side of the benchmark."""
    return ["dotnet", str(BENCH), *map(str, arguments)], environment or {}


def torch(script, *arguments):
    """A contender: a script of bench/peers."""
    return [PYTHON, str(PEERS / script), *map(str, arguments)], {}


def run(command, environment, cores=1):
    """Runs a command on so many cores and returns its standard output. Whatever goes wrong ends the benchmark: no contender is left out."""
    pinned = ["taskset", "-c", ",".join(map(str, CORES[:cores])), *command]
    try:
        done = subprocess.run(pinned, env=os.environ | ONE_THREAD | environment, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        fail(f"still running after {LIMIT_SECONDS} seconds: {' '.join(command)}")
    if done.returncode != 0:
        fail(f"exit code {done.returncode} from: {' '.join(command)}\n{done.stderr[-3000:].rstrip()}")
    return done.stdout


def number(text, name):
    """The value of name=... in a contender's line."""
    found = re.search(r"(?:^|\s)" + re.escape(name) + r"=([0-9.]+)", text)
    if not found:
        fail(f"a contender's line has no {name}=...: {text.strip()!r}")
    return float(found[1])


class Measured:
    """One run of one contender, and the FMA peak beside it: its own, measured between its steps, or that of the round."""

    def __init__(self, line, peak):
        self.speed, self.gflops = number(line, "models*steps/s"), number(line, "GFLOP/s")
        self.peak = number(line, "peak") if " peak=" in line else peak
        self.parameters = int(number(line, "parameters"))


class Peaks:
    """
    What the core could do, measured anew in every round: its FMA peak in GFLOP/s, with all registers and with AVX2 only; its best moment; and the
    least share of the core that a contender had (other programs take the rest, and then a time says little).
    """

    def __init__(self):
        self.full, self.avx2, self.bests, self.had = [], [], [], 1.0

    def measure(self):
        line = run(*ours("peak", 1))
        self.full.append(number(line, "GFLOP/s"))
        self.bests.append(number(line, "best"))
        line = run(*ours("peak", 1, environment=AVX2))
        if number(line, "bits") > 256:
            fail("DOTNET_EnableAVX512=0 did not switch AVX-512 off; 'AVX2 only' would be a lie: " + line.strip())
        self.avx2.append(number(line, "GFLOP/s"))

    @property
    def best(self):
        return max(self.bests)

    def share(self, measured):
        """Of the peak beside each run, and of the best moment of all."""
        share = statistics.median(run.gflops / run.peak for run in measured)
        return f"{share:.1%} ({statistics.median(run.gflops for run in measured) / self.best:.1%})"

    def __str__(self):
        return f"FMA peak in the same run: {spread(self.full, '.0f')} GFLOP/s, {self.best:.0f} at its best moment; with AVX2 only {spread(self.avx2, '.0f')}. Each contender had at least {self.had:.0%} of the core."


def cpu_seconds():
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interleaved(title, contenders, rounds, peaks):
    """{name: [Measured of each round]}: every contender once a round, each round beginning with another one."""
    results, names = {name: [] for name in contenders}, list(contenders)
    for turn in range(rounds):
        peaks.measure()
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            before, begin = cpu_seconds(), time.perf_counter()
            results[name].append(Measured(run(*contenders[name]), peaks.full[-1]))
            peaks.had = min(peaks.had, (cpu_seconds() - before) / (time.perf_counter() - begin))
            print(f"{title}, round {turn + 1} of {rounds}: {name}: {results[name][-1].speed:.1f} steps/s", file=sys.stderr, flush=True)
    if len({measured.parameters for of_name in results.values() for measured in of_name}) != 1:
        fail(f"{title}: the contenders' networks differ in their number of parameters: "
             + ", ".join(f"{name} {of_name[0].parameters}" for name, of_name in results.items()))
    return results


def spread(values, form):
    """Median (least to most)."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def ratios(mine, theirs):
    """Ours over theirs, round by round."""
    return [a / b for a, b in zip(mine, theirs, strict=True)]


def factor(values):
    """A ratio for a table, with more digits where it is small."""
    return spread(values, ".1f" if statistics.median(values) >= 10 else ".2f")


def cpu_field(name):
    return next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith(name)), "")


def machine():
    """What was measured with what, for the head of a table. Ends the benchmark where something is missing."""
    for tool, package in (("dotnet", "the .NET 10 SDK"), ("taskset", "util-linux"), (PYTHON, "Debian's python3")):
        if not shutil.which(tool):
            fail(f"'{tool}' is missing; install {package}")
    blas = ("import torch, functorch; torch.ones(99, 99) @ torch.ones(99, 99); maps = open('/proc/self/maps').read(); "
            "assert 'openblas' in maps, 'PyTorch does not compute with OpenBLAS here'; print(torch.__version__)")
    version = run([PYTHON, "-c", blas], {}).strip()
    openblas = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libopenblas0-pthread"], capture_output=True, text=True).stdout
    sdk = run(["dotnet", "--version"], {}).strip()
    registers = "AVX-512" if "avx512f" in cpu_field("flags").split() else "no AVX-512"
    return (f"CPU: {cpu_field('model name')} ({registers}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start); "
            f".NET SDK {sdk}; PyTorch {version} with OpenBLAS {openblas or 'of unknown version'}.")


def options(description, parts, seconds=4):
    """The command line: how much to measure, which parts, and where the tables go."""
    parser = argparse.ArgumentParser(prog=os.environ.get("BENCH_NAME"), description=description)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; default: all")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="times that every contender runs, default %(default)s")
    parser.add_argument("--seconds", type=float, default=seconds, help="how long each run takes, default %(default)s")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the tables, default bench/results/<cpu>")
    chosen = parser.parse_args()
    unknown = [part for part in chosen.parts if part not in parts]
    if unknown:
        parser.error(f"unknown part '{unknown[0]}'; there are {', '.join(parts)}")
    if chosen.rounds < 1 or not 0 < chosen.seconds <= 60:
        parser.error("--rounds is at least 1, --seconds above 0 and at most 60")
    if chosen.rounds < LEAST_ROUNDS and chosen.out is None:
        parser.error(f"fewer than {LEAST_ROUNDS} rounds are a trial, not a result: name a folder for its tables with --out")
    chosen.out = chosen.out or results_folder()
    chosen.parts = chosen.parts or list(parts)
    return chosen


def results_folder():
    """Where the tables of this CPU are kept."""
    slug = re.sub(r"[^a-z0-9]+", "-", cpu_field("model name").lower()).strip("-") or "unknown-cpu"
    return ROOT / "bench/results" / slug


def write(folder, name, lines):
    """Writes one page of tables, whole or not at all, and shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines).rstrip() + "\n"
    part = folder / (name + ".part")
    part.write_text(text)
    part.replace(folder / name)
    print(text, flush=True)
