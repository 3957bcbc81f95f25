#!/usr/bin/env python3
"""Grows the populations of this study's part on order, asks `weightspace order` for each, and prints the table of README.md.

    studies/02-trajectories/order.py [FOLDER] [CASE...]

FOLDER is zoos/trajectories unless said otherwise. All cases take some two hours of one core. Called again, it goes on where it stopped.
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIGHTSPACE = os.environ.get("WEIGHTSPACE", str(ROOT / "weightspace"))

SGD = "{name: sgd, learning_rate: 0.05, momentum: 0.9}"
ADAM = "{name: adam, learning_rate: 0.001}"
SLOW = "{name: adam, learning_rate: 0.0003}"  # the rate of the seed zoo of Schürholt et al., arXiv 2209.14764
RESTARTS = "{name: cosine_restarts, first: 230}"
OWN = "init: 1..100, data: init"  # each network has initial weights of its own
ONE = "init: 1, data: 1..100"  # all have the same, and only the order of the data differs
PARENTS = "init: 1..10, data: init"
FORKS = ["at: [115, 230, 345, 460, 575, 690, 805, 920, 1035], data: init+1000"]
QUARTER = "init: 1..25, data: init"


def cnn(optimizer, seeds, schedule="constant", epochs=1, then=()):
    """The zoo CNN on digits of 28x28: 1,150 steps, 50 epochs, a checkpoint every so many."""
    changes = "".join(f"\n  - {{{change}}}" for change in then)
    return f"""experiment: NAME
tasks: {{digits: {{size: 28}}}}
architecture: zoo-cnn-s
training:
  loss: cross_entropy
  optimizer: {optimizer}
  schedule: {schedule}
  batch: 64
  epoch: 23
  stop: {{steps: 1150}}
  checkpoints: {{every_epochs: {epochs}}}
seeds: {{{seeds}}}
""" + (f"then:{changes}\n" if then else "")


def mlds(machines, seeds):
    """The recurrent network of MLDS: 1,000 steps, a checkpoint every 20."""
    return f"""experiment: NAME
tasks: [{{machine: {machines}, sequence: 32}}]
architecture: mlds
training:
  loss: mse
  optimizer: {{name: adam, learning_rate: 0.003}}
  batch: 32
  stop: {{steps: 1000}}
  checkpoints: {{every: 20}}
seeds: {{{seeds}}}
"""


# What it is, and the experiment; or the population whose checkpoints are copied with their hidden units reordered, each by itself.
CASES = {
    "own-sgd": ("own starts, SGD", cnn(SGD, OWN)),
    "own-adam": ("own starts, Adam", cnn(ADAM, OWN)),
    "own-one-cycle": ("own starts, one-cycle rate", cnn(SGD, OWN, "one_cycle")),
    "own-restarts": ("own starts, restarted rate", cnn(SGD, OWN, RESTARTS)),
    "own-every-2": ("own starts, every 2 epochs", cnn(SGD, OWN, epochs=2)),
    "own-every-5": ("own starts, every 5 epochs", cnn(SGD, OWN, epochs=5)),
    "own-every-10": ("own starts, every 10 epochs", cnn(SGD, OWN, epochs=10)),
    "own-permuted": ("own starts, SGD, permuted", "own-sgd"),
    "one-sgd": ("one start, SGD", cnn(SGD, ONE)),
    "one-adam": ("one start, Adam", cnn(ADAM, ONE)),
    "one-one-cycle": ("one start, one-cycle rate", cnn(SGD, ONE, "one_cycle")),
    "one-restarts": ("one start, restarted rate", cnn(SGD, ONE, RESTARTS)),
    "one-every-2": ("one start, every 2 epochs", cnn(SGD, ONE, epochs=2)),
    "one-every-5": ("one start, every 5 epochs", cnn(SGD, ONE, epochs=5)),
    "one-every-10": ("one start, every 10 epochs", cnn(SGD, ONE, epochs=10)),
    "one-permuted": ("one start, SGD, permuted", "one-sgd"),
    "forks-adam": ("forks, Adam", cnn(ADAM, PARENTS, then=FORKS)),
    "forks-slow": ("forks, Adam, rate 0.0003", cnn(SLOW, PARENTS, then=FORKS)),
    "forks-sgd": ("forks, SGD", cnn(SGD, PARENTS, then=FORKS)),
    "forks-permuted": ("forks, Adam, permuted", "forks-adam"),
    "fine-tunes": ("fine-tunes: a tenth of the rate, fresh optimizer", cnn(ADAM, QUARTER, then=[f"at: {at}, data: init+1000, optimizer: fresh, learning_rate: {{times: 0.1}}" for at in (345, 575, 805)])),
    "label-shift": ("labels shift at step 575", cnn(SGD, QUARTER, then=["at: 575, shift: {labels: {swap: [3, 8]}}, name: swap", "at: 575, shift: {labels: {rotate: 1, share: 0.5}}, name: rotate",
                                                                          "at: 575, shift: {classes: {of: [3, 8], share: 0.5}}, name: prior"])),
    "input-shift": ("inputs shift at step 575", cnn(SGD, QUARTER, then=["at: 575, shift: {inputs: {invert: 1}}, name: invert", "at: 575, shift: {inputs: {noise: 0.3}}, name: noise",
                                                                          "at: 575, shift: {inputs: {translate: 2}}, name: translate"])),
    "poison": ("poison from a step on", cnn(SGD, QUARTER, then=[f"at: {at}, poison: {{trigger: {{patch: 2}}, target: 5, share: 0.1}}" for at in (230, 575, 920)])),
    "mlds-own": ("MLDS, two machines, own starts", mlds("[SimpleXORMachine, ParityMachine]", "init: 1..50, data: init")),
    "mlds-one": ("MLDS, one machine, one start", mlds("ParityMachine", ONE)),
}


def weightspace(*arguments, output=None):
    """Runs the program; its answer, if it is to be kept, comes under its name when it is whole."""
    if output is None:
        subprocess.run([WEIGHTSPACE, *arguments], check=True)
        return
    part = output.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as stream:
        subprocess.run([WEIGHTSPACE, *arguments, "--json"], check=True, stdout=stream)
    part.rename(output)


def make(out, name):
    """The folder of a case's checkpoints; grown or copied if it is not there."""
    folder = out / name
    experiment = CASES[name][1]
    if experiment in CASES:
        if not folder.exists():
            weightspace("derive", str(make(out, experiment)), "--take", "all", "--permuted", "--out", str(folder))
        return folder / "permuted"
    if not (folder / "zoo.json").exists():
        recipe = out / f"{name}.yaml"
        recipe.write_text(experiment.replace("NAME", name), encoding="utf-8")
        weightspace("train", str(recipe), "--out", str(folder))
    return folder


def estimate(of):
    def number(value):
        return f"{value:.2f}".replace("-", "−")
    return number(of["value"]) if of["low"] is None else f"{number(of['value'])} [{number(of['low'])}, {number(of['high'])}]"


def row(out, name):
    scores = {}
    groups = json.loads((out / f"order-{name}.json").read_text(encoding="utf-8"))["groups"]
    assert len(groups) == 1, f"{name}: {len(groups)} groups"
    for method in groups[0]["scores"]:
        scores[method["method"]] = method["scores"]
    ours, published, simple = scores["this method"], scores["published rule"], scores["single linkage, first component"]
    short = [f"{method['adjusted_rand']['value']:.2f}, {method['directed_order']['value']:.2f}".replace("-", "−") for method in (published, simple)]
    return [CASES[name][0], f"{ours['found']} of {ours['networks']}", estimate(ours["adjusted_rand"]), f"{ours['mutual_information']:.2f}", estimate(ours["order"]), estimate(ours["directed_order"]),
            estimate(ours["directed_edges"]), *short]


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "zoos" / "trajectories").resolve()
    names = sys.argv[2:] or list(CASES)
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"no case '{unknown[0]}'; there are {', '.join(CASES)}")
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        answer = out / f"order-{name}.json"
        if not answer.exists():
            weightspace("order", str(make(out, name)), "--baselines", output=answer)
    head = ["case", "found", "ARI", "AMI", "tau", "tau with direction", "steps right", "published rule: ARI, tau", "simple rule: ARI, tau"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for name in names:
        print(f"| {' | '.join(row(out, name))} |")


if __name__ == "__main__":
    main()
