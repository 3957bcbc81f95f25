"""The next checkpoint of a path through weight space, ours against a PyTorch script, on one core: bench/track."""
import argparse
import os
import pathlib
import re
import statistics
import tempfile
import time

from common import LEAST_ROUNDS, PEERS, PYTHON, Peaks, cpu_seconds, factor, fail, machine, ours, ratios, results_folder, run, spread, write

CHECKPOINT = re.compile(r"^checkpoint (?P<number>[0-9]+) +(?P<seconds>[0-9.]+) s$")
CHECKPOINTS, TENSORS, STEADY = 6, 100, 3  # from the fourth on a checkpoint has all its companions


class Tracked:
    """One run: seconds of a checkpoint with all its companions (median), peak memory in MB, the numbers of the last, and the share of the core."""

    def __init__(self, contender):
        before, begin = cpu_seconds(), time.perf_counter()
        lines = run(*contender).strip().splitlines()
        self.had = (cpu_seconds() - before) / (time.perf_counter() - begin)
        seconds = [float(match["seconds"]) for match in map(CHECKPOINT.match, lines) if match]
        if len(seconds) != CHECKPOINTS:
            fail(f"a contender told {len(seconds)} checkpoints of {CHECKPOINTS}")
        self.seconds = statistics.median(seconds[STEADY:])
        self.peak = float(re.search(r"^peak ([0-9]+) MB$", "\n".join(lines), re.MULTILINE)[1])
        self.found = dict(pair.split("=") for pair in lines[-1].split())


def options():
    parser = argparse.ArgumentParser(prog=os.environ.get("BENCH_NAME"), description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="times that each contender runs, default %(default)s")
    parser.add_argument("--weights", type=int, default=250_000_000, help="weights of a checkpoint, default %(default)s: 1 GB")
    parser.add_argument("--data", type=pathlib.Path, help="folder for the checkpoints, 6 GB; default: a temporary one")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the table, default bench/results/<cpu>")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or not 10_000 <= chosen.weights <= 1_000_000_000:
        parser.error("--rounds is at least 1, --weights 10000 to 1000000000")
    if chosen.out is None and (chosen.rounds < LEAST_ROUNDS or chosen.weights != 250_000_000):
        parser.error(f"fewer than {LEAST_ROUNDS} rounds, or other sizes, are a trial, not a result: name a folder for its table with --out")
    chosen.out = chosen.out or results_folder()
    return chosen


def copying(folder, weights):
    """Seconds to read as many bytes as a checkpoint makes us read, in pieces, by one core: the floor."""
    buffer, begin = bytearray(1 << 22), time.perf_counter()
    for k in (0, CHECKPOINTS - 3, CHECKPOINTS - 2, CHECKPOINTS - 1):
        with open(folder / f"{k}.bin", "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    return time.perf_counter() - begin


def main():
    chosen = options()
    head, peaks, mine, theirs, floors = machine(), Peaks(), [], [], []
    with tempfile.TemporaryDirectory(dir=chosen.data) as name:
        folder = pathlib.Path(name)
        size = [str(folder), str(CHECKPOINTS), str(TENSORS), str(chosen.weights)]
        peer = [PYTHON, str(PEERS / "torch_track.py")]
        run([*peer, "data", *size], {})
        copying(folder, chosen.weights)  # whatever fits is in the page cache from here on, for all alike
        for turn in range(chosen.rounds):
            floors.append(copying(folder, chosen.weights))
            for is_ours in (turn % 2 == 0, turn % 2 == 1):
                tracked = Tracked(ours("track", *size) if is_ours else ([*peer, "run", *size], {}))
                (mine if is_ours else theirs).append(tracked)
                peaks.had = min(peaks.had, tracked.had)
    gigabytes = 4 * chosen.weights / 1e9
    our, their = [tracked.seconds for tracked in mine], [tracked.seconds for tracked in theirs]
    lines = [f"# The next checkpoint of a path, {gigabytes:.3g} GB, on one core", "",
             f"A checkpoint of {chosen.weights:,} float32 in {TENSORS} tensors comes behind at least three others: step length (whole and by tensor), turning angle, curvature, distance from the start, norm, kurtosis; ours makes a sketch too. "
             f"Medians of {chosen.rounds} interleaved rounds; in brackets the least and the most. The files were in the page cache as far as it goes.",
             head, f"Each contender had at least {peaks.had:.0%} of the core.", "",
             "| | weightspace | PyTorch script | ratio |", "|---|---|---|---|",
             f"| seconds for a checkpoint | {spread(our, '.2f')} | {spread(their, '.2f')} | {factor(ratios(their, our))} |",
             f"| bytes read for it, GB | {4 * gigabytes:.3g} | {gigabytes:.3g} | |",
             f"| peak memory, MB | {spread([tracked.peak for tracked in mine], '.0f')} | {spread([tracked.peak for tracked in theirs], '.0f')} | {factor(ratios([tracked.peak for tracked in theirs], [tracked.peak for tracked in mine]))} |", "",
             f"The floor is the reading: {4 * gigabytes:.3g} GB (the new checkpoint, the two before it and the first) in {spread(floors, '.2f')} s by one core that does nothing else. The script keeps three checkpoints and an update in memory instead.",
             "", "Found on the same files:", "", "| number | weightspace | PyTorch script |", "|---|---|---|"]
    for key, what in (("step", "step length"), ("angle", "turning angle, degrees"), ("start", "distance from the start"), ("norm", "norm"), ("kurtosis", "kurtosis")):
        lines.append(f"| {what} | {mine[-1].found[key]} | {theirs[-1].found[key]} |")
    write(chosen.out, "track.md", lines)


if __name__ == "__main__":
    main()
