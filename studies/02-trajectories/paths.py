#!/usr/bin/python3
"""Grows a few networks of each population, measures their paths with `weightspace track`, and prints the tables of README.md on the claim "smooth". Needs NumPy (Debian: python3-numpy).

    studies/02-trajectories/paths.py [FOLDER]

FOLDER is zoos/trajectories/paths unless said otherwise. It takes some five minutes of one core. Called again, it goes on where it stopped.
"""
import csv
import json
import pathlib
import sys

import numpy as np

from order import ADAM, CASES, ONE, OWN, ROOT, SGD, cnn, weightspace

NETWORKS, RESAMPLES = 20, 2000
EVERY_STEP = {"steps: 1150": "steps: 115", "every_epochs: 1": "every: 1"}  # five epochs, step by step


def changed(text, changes):
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


POPULATIONS = {name: CASES[name] for name in ("own-sgd", "own-adam", "own-one-cycle", "own-restarts", "one-sgd", "one-adam")}
STEPS = {
    "steps-sgd": ("own starts, SGD with momentum 0.9", changed(cnn(SGD, OWN), EVERY_STEP)),
    "steps-plain": ("own starts, SGD without momentum", changed(cnn("{name: sgd, learning_rate: 0.05}", OWN), EVERY_STEP)),
    "steps-adam": ("own starts, Adam", changed(cnn(ADAM, OWN), EVERY_STEP)),
    "steps-one": ("one start, SGD with momentum 0.9", changed(cnn(SGD, ONE), EVERY_STEP)),
}


def make(out, name, experiment):
    """The zoo, grown if it is not there, and what `weightspace track` says of it."""
    zoo, answer = out / name, out / f"track-{name}.json"
    if not (zoo / "zoo.json").exists():
        recipe = out / f"{name}.yaml"
        recipe.write_text(experiment.replace("NAME", name), encoding="utf-8")
        weightspace("train", str(recipe), "--subset", str(NETWORKS), "--out", str(zoo))
    if not answer.exists():
        weightspace("track", str(zoo), "--out", str(out / f"tables-{name}"), output=answer)
    (group,) = json.loads(answer.read_text(encoding="utf-8"))["summary"]["groups"]
    (population,) = group["populations"]
    return zoo, population


def updates(zoo, every):
    """[network, update, weight]: the ways from one checkpoint to the next, of every so many checkpoints."""
    shards, rows = {}, {}
    for row in csv.DictReader(open(zoo / "checkpoints.csv", encoding="utf-8")):
        if row["shard"] not in shards:
            with open(zoo / row["shard"], "rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(size))
            shards[row["shard"]] = [np.memmap(zoo / row["shard"], "<f4", "r", 8 + size + tensor["data_offsets"][0], tuple(tensor["shape"])) for name, tensor in header.items() if name != "__metadata__"]
        rows.setdefault(row["network"], []).append((int(row["step"]), row["shard"], int(row["row"])))
    paths = [[np.concatenate([np.ravel(stack[at]) for stack in shards[shard]]) for _, shard, at in sorted(path)[::every]] for path in rows.values()]
    return np.diff(np.array(paths, np.float64), axis=1)


def mean(values):
    """A mean over networks with its 95 % interval (bootstrap), as text."""
    values = np.asarray(values)
    draws = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return f"{number(values.mean())} [{number(low)}, {number(high)}]"


def number(value):
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def cosines(zoo, every):
    """Cosines of an update with the next one: of the same network, and of the others; the mean of each network."""
    ways = updates(zoo, every)
    ways /= np.linalg.norm(ways, axis=2, keepdims=True)
    products = np.einsum("akw,bkw->ab", ways[:, :-1], ways[:, 1:]) / (ways.shape[1] - 1)
    own = np.diag(products)
    return own, (products.sum(axis=1) - own) / (len(own) - 1)


def measure(population, name):
    (found,) = [one for one in population["summary"] if one["measure"] == name]
    value = found["value"]
    form = (lambda x: f"{x:.3g}".replace("-", "−")) if name == "mean_curvature" else (lambda x: f"{x:.1f}") if name in ("mean_turning_angle", "dimension", "components95") else number
    # Networks from one start are one draw of it: no interval.
    interval = "" if value["low"] is None else f" [{form(value['low'])}, {form(value['high'])}]"
    return f"{form(value['value'])}{interval}" + (f"; {form(found['random_walk'])}" if found["random_walk"] is not None else "")


def ends(population, name):
    (curve,) = [one for one in population["curves"] if one["measure"] == name]
    return " to ".join(f"{curve['points'][i]['value']['value']:.2g}" for i in (0, -1))


def table(head, rows):
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")
    print()


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "zoos" / "trajectories" / "paths").resolve()
    out.mkdir(parents=True, exist_ok=True)
    made = {name: make(out, name, experiment) for name, (_, experiment) in (POPULATIONS | STEPS).items()}
    names = ["tortuosity", "mean_turning_angle", "mean_curvature", "roughness", "dimension", "components95"]
    table(["population", "speed", *(name.replace("_", " ") for name in names)],
          [[title, ends(made[name][1], "speed"), *(measure(made[name][1], one) for one in names)] for name, (title, _) in POPULATIONS.items()])
    rows = [[title, "1 step", *map(mean, cosines(made[name][0], 1))] for name, (title, _) in STEPS.items()]
    rows += [[title, f"{every} epoch{'s' if every > 1 else ''}", *map(mean, cosines(made[name][0], every))] for name, (title, _) in POPULATIONS.items() for every in (1, 2, 5, 10)]
    table(["population", "a checkpoint every", "cosine with the next update", "with another network's next update"], rows)


if __name__ == "__main__":
    main()
