"""Power and delay of a monitor, beside plain numbers that are calibrated alike (docs/monitor.md has the commands).

    python3 monitor.py REFERENCE:REFERENCE.json CLEAN:CLEAN.json SHIFTS:SHIFTS.json ...

Each argument is a zoo and what `weightspace track ZOO --gate --monitor FILE --json` printed of it. The first is the reference, the second holds unchanged networks with unseen seeds, the others networks
that change in mid-training beside unchanged ones.
"""
import csv
import json
import math
import sys

RATE = 0.01


def read(argument):
    """Networks of a zoo: (change, step of the change, checkpoints), a checkpoint with its step, verdict and the plain numbers."""
    zoo, judged = argument.split(":")
    facts = {row["id"]: row for row in csv.DictReader(open(f"{zoo}/networks.csv"))}
    losses = {(row["network"], int(row["step"])): row for row in csv.DictReader(open(f"{zoo}/checkpoints.csv"))}
    networks = []
    for network in json.load(open(judged))["networks"]:
        fact, points = facts[network["network"]], []
        for point in network["checkpoints"]:
            loss, place = losses[network["network"], point["step"]], point["place"]
            numbers = {"training loss": loss["train_loss"], "held-out loss": loss["eval_loss"], "step length": place["step_length"], "norm": place["norm"]}
            logs = {name: math.log(max(float(value), 1e-12)) for name, value in numbers.items() if value not in (None, "")}
            points.append((point["step"], point["verdict"] == "left-path", logs))
        networks.append((fact.get("change") or "", int(fact.get("changed_at") or 0), points))
    return networks


def alarms_of_monitor(network):
    return [step for step, is_alarm, _ in network[2] if is_alarm]


def plain(reference, name):
    """Alarms by |z| of one logarithm at each step, its threshold the conformal quantile of the reference's maxima, each network against the others."""
    by_step = {}
    for _, _, points in reference:
        for step, _, logs in points:
            if name in logs:
                by_step.setdefault(step, []).append(logs[name])
    sums = {step: (len(values), sum(values), sum(value * value for value in values)) for step, values in by_step.items()}

    def score(step, value, own):
        n, total, squares = sums[step]
        if own:
            n, total, squares = n - 1, total - value, squares - value * value
        mean = total / n
        return abs(value - mean) / max(1e-9, math.sqrt(max(0, squares / n - mean * mean)))

    def scores(network, own):
        return [(step, score(step, logs[name], own)) for step, _, logs in network[2] if name in logs and step > 23]

    maxima = sorted(max(value for _, value in scores(network, True)) for network in reference)
    threshold = maxima[math.ceil((len(maxima) + 1) * (1 - RATE)) - 1]
    return lambda network: [step for step, value in scores(network, False) if value > threshold]


def clopper_pearson(hits, draws):
    def at_least(k, p):
        return sum(math.comb(draws, i) * p**i * (1 - p) ** (draws - i) for i in range(k, draws + 1))

    def solve(k, tail):
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if at_least(k, middle) < tail else (low, middle)
        return high

    return (0.0 if hits == 0 else solve(hits, 0.025)), (1.0 if hits == draws else solve(hits + 1, 0.975))


def median_interval(values):
    """The median with the order statistics that hold it with 95 % (binomial)."""
    values, n = sorted(values), len(values)
    if n < 6:
        return f"{values[n // 2] if values else '-'}"
    below = 0
    while sum(math.comb(n, i) for i in range(below + 1)) / 2**n <= 0.025:
        below += 1
    return f"{values[n // 2]} [{values[below - 1]}, {values[n - below]}]"


def main():
    reference, clean = read(sys.argv[1]), read(sys.argv[2])
    changed = [network for argument in sys.argv[3:] for network in read(argument)]
    clean += [network for network in changed if not network[0]]
    detectors = {"monitor": alarms_of_monitor} | {name: plain(reference, name) for name in ("training loss", "held-out loss", "step length", "norm")}
    print("| networks | " + " | ".join(detectors) + " | delay of the monitor |\n|---|" + "---|" * (len(detectors) + 1))

    def row(title, networks, at):
        cells, delays = [], []
        for name, alarms in detectors.items():
            # An alarm before the change is a false one and finds nothing.
            first = [(alarms(network) or [None])[0] for network in networks]
            hits = [step for step in first if step is not None and step > at]
            low, high = clopper_pearson(len(hits), len(networks))
            cells.append(f"{100 * len(hits) / len(networks):.0f} % [{100 * low:.0f}, {100 * high:.0f}]" if at else f"{100 * len(hits) / len(networks):.1f} % [{100 * low:.1f}, {100 * high:.1f}]")
            if name == "monitor":
                delays = [math.ceil((step - at) / 23) for step in hits]
        print(f"| {title}, {len(networks)} | " + " | ".join(cells) + f" | {median_interval(delays) if at and delays else ''} |")

    row("unchanged, unseen seeds", clean, 0)
    for change, at in sorted({(change, at) for change, at, _ in changed if change}):
        row(f"{change} at step {at}", [network for network in changed if network[:2] == (change, at)], at)


if __name__ == "__main__":
    main()
