"""The parts of a map of many networks, ours against scikit-learn's and scipy's, on one core: bench/map."""
import argparse
import os
import pathlib
import re
import tempfile
import time

from common import LEAST_ROUNDS, PEERS, PYTHON, Peaks, cpu_seconds, factor, fail, machine, ours, ratios, results_folder, run, spread, write

LINE = re.compile(r"^(?P<part>\S.*?)\s+(?P<seconds>[0-9.]+) s(?:\s+(?P<cores>[0-9.]+) s of cores)?(?:\s+peak (?P<peak>[0-9]+) MB)?$")
# Which of the peer's parts each of ours is to be held against; what is not named has no counterpart.
PEER = {"principal components": ["principal components"], "k-means": ["k-means"], "neighbours and silhouettes": ["silhouettes", "neighbours"], "tree": ["tree"]}


class Mapped:
    """One run: seconds of each part, their sum, peak memory, the numbers that were found, and the share of the core that it had."""

    def __init__(self, contender):
        before, begin = cpu_seconds(), time.perf_counter()
        lines = run(*contender).strip().splitlines()
        self.had = (cpu_seconds() - before) / (time.perf_counter() - begin)
        self.found = dict(pair.split("=") for pair in lines[-1].split())
        self.parts, self.peak = {}, None
        for line in lines[:-1]:
            match = LINE.match(line) or fail(f"a contender's line is not known: {line!r}")
            self.parts[match["part"]] = float(match["seconds"])
            self.peak = float(match["peak"]) if match["peak"] else self.peak
        if "sum" not in self.parts or self.peak is None:
            fail("a contender gave no sum")


def options():
    parser = argparse.ArgumentParser(prog=os.environ.get("BENCH_NAME"), description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help="times that each contender runs, default %(default)s; a round takes minutes")
    parser.add_argument("--rows", type=int, default=10_000, help="networks, default %(default)s")
    parser.add_argument("--columns", type=int, default=4_364, help="parameters of each, default %(default)s: the MLDS network")
    parser.add_argument("--many", type=int, default=100_000, help="networks of the sketched map, default %(default)s; 0: none")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the table, default bench/results/<cpu>")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or not 100 <= chosen.rows <= 40_000 or not 10 <= chosen.columns <= 100_000 or not 0 <= chosen.many <= 1_000_000:
        parser.error("--rounds is at least 1, --rows 100 to 40000, --columns 10 to 100000, --many 0 to 1000000")
    if chosen.out is None and (chosen.rounds < LEAST_ROUNDS or (chosen.rows, chosen.columns, chosen.many) != (10_000, 4_364, 100_000)):
        parser.error(f"fewer than {LEAST_ROUNDS} rounds, or other sizes, are a trial, not a result: name a folder for its table with --out")
    chosen.out = chosen.out or results_folder()
    return chosen


def versions():
    return run([PYTHON, "-c", "import sklearn, scipy, numpy; print(f'scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, NumPy {numpy.__version__}')"], {}).strip()


def main():
    chosen = options()
    head, peaks, mine, theirs = machine(), Peaks(), [], []
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "rows")
        peer = [PYTHON, str(PEERS / "sklearn_map.py")]
        size = [str(chosen.rows), str(chosen.columns)]
        run([*peer, "data", *size, path], {})
        for turn in range(chosen.rounds):
            peaks.measure()
            for is_ours in (turn % 2 == 0, turn % 2 == 1):
                mapped = Mapped(ours("map", path, *size) if is_ours else ([*peer, "run", *size, path], {}))
                (mine if is_ours else theirs).append(mapped)
                peaks.had = min(peaks.had, mapped.had)
    many = Mapped(ours("map", "planted", chosen.many, chosen.columns)) if chosen.many else None

    lines = [f"# A map of {chosen.rows:,} networks x {chosen.columns:,} parameters on one core", "",
             f"Principal components (50), k-means (5 clusters, 10 starts), Ward's tree, silhouette, 10 nearest neighbours. Medians of {chosen.rounds} interleaved rounds; in brackets the least and the most.",
             head, f"{versions()}. {peaks}", "",
             "| part | weightspace, s | scikit-learn and scipy, s | ratio |", "|---|---|---|---|"]
    for part in mine[0].parts:
        if part == "sum":
            continue
        our = [mapped.parts[part] for mapped in mine]
        their = [sum(mapped.parts[name] for name in PEER[part]) for mapped in theirs] if part in PEER else None
        lines.append(f"| {part} | {spread(our, '.2f')} | {spread(their, '.1f') if their else ''} | {factor(ratios(their, our)) if their else ''} |")
    our, their = [mapped.parts["sum"] for mapped in mine], [mapped.parts["sum"] for mapped in theirs]
    lines.append(f"| **all** | {spread(our, '.2f')} | {spread(their, '.1f')} | {factor(ratios(their, our))} |")
    lines.append(f"| peak memory, MB, the rows and the runtime included | {spread([mapped.peak for mapped in mine], '.0f')} | {spread([mapped.peak for mapped in theirs], '.0f')} | |")
    lines += ["", "Found on the same rows:", "", "| number | weightspace | scikit-learn and scipy |", "|---|---|---|"]
    for name, what in (("variance1", "variance along the first component"), ("variance50", "along the 50th"), ("inertia", "inertia of k-means (less is better)"),
                       ("ward", "height of the last merge"), ("silhouette", "silhouette of the planted classes"), ("neighbour", "distance of the last row's tenth neighbour")):
        lines.append(f"| {what} | {mine[-1].found[name]} | {theirs[-1].found[name]} |")
    if many:
        lines += ["", f"## {chosen.many:,} networks, from a sketch, never in memory together", "",
                  "One run; rows are made when they are read, twice. "
                  + f"{many.parts['sum']:.0f} s, peak memory {many.peak:.0f} MB. ARI of k-means with the planted classes {many.found['ari']}; the tree's leaves hold {float(many.found['leaf_share']):.0%} of the inertia.", "",
                  "| part | s |", "|---|---|", *(f"| {part} | {seconds:.1f} |" for part, seconds in many.parts.items() if part != "sum")]
    write(chosen.out, "map.md", lines)


if __name__ == "__main__":
    main()
