"""Runs the contenders of bench/peers/rnn in turn and writes their medians, ratios and share of the FMA peak."""
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

root, rounds, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
SEQUENCE = "64"
ours = ["dotnet", str(root / "artifacts/bin/WeightSpace.Bench/release/weightspace-bench.dll")]
torch = ["/usr/bin/python3", str(root / "bench/peers/torch_mlds.py")]
CONTENDERS = {
    "weightspace": (ours + ["rnn", SEQUENCE, seconds], {}),
    "weightspace, AVX2 only": (ours + ["rnn", SEQUENCE, seconds], {"DOTNET_EnableAVX512": "0"}),
    "PyTorch, 32 stacked networks": (torch + ["stacked", SEQUENCE, seconds], {}),
    "PyTorch, nn.GRU": (torch + ["gru", SEQUENCE, seconds], {}),
}
core = max(os.sched_getaffinity(0))


def run(command, environment):
    return subprocess.run(["taskset", "-c", str(core)] + command, env=os.environ | environment, check=True, capture_output=True, text=True).stdout


def number(text, name):
    return float(re.search(re.escape(name) + r"=([0-9.]+)", text)[1])


speeds, flops, peaks = {name: [] for name in CONTENDERS}, {name: [] for name in CONTENDERS}, []
for turn in range(rounds):
    peaks.append(number(run(ours + ["peak", "1"], {}), "GFLOP/s"))
    for name, (command, environment) in CONTENDERS.items():
        line = run(command, environment)
        speeds[name].append(number(line, "models*steps/s"))
        flops[name].append(number(line, "GFLOP/s"))
        print(f"round {turn + 1} of {rounds}: {name}: {speeds[name][-1]:.1f} steps/s", file=sys.stderr, flush=True)

cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
flags = next((line.split(":", 1)[1].split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
version = subprocess.run(torch[:1] + ["-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=True).stdout.strip()
runtime = subprocess.run(["dotnet", "--version"], capture_output=True, text=True, check=True).stdout.strip()
peak = statistics.median(peaks)
mine = speeds["weightspace"]
lines = [
    "# Training steps of the MLDS network, one core",
    "",
    f"Batch 32, sequence {SEQUENCE}, Adam, float32. Medians of {rounds} interleaved rounds; in brackets the least and the most.",
    f"CPU: {cpu}{' (AVX-512)' if 'avx512f' in flags else ''}; .NET SDK {runtime}; PyTorch {version}. FMA peak in the same run: {peak:.0f} GFLOP/s.",
    "A ratio is the median over rounds of our speed over theirs in the same round. Ours includes drawing the data.",
    "",
    "| | steps/s | GFLOP/s | of the peak | weightspace is faster by |",
    "|---|---|---|---|---|",
]
for name in CONTENDERS:
    ratios = [a / b for a, b in zip(mine, speeds[name])]
    ratio = "" if name == "weightspace" else f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    lines.append(f"| {name} | {statistics.median(speeds[name]):.1f} ({min(speeds[name]):.1f} to {max(speeds[name]):.1f}) "
                 f"| {statistics.median(flops[name]):.2f} | {statistics.median(flops[name]) / peak:.1%} | {ratio} |")
slug = re.sub(r"[^a-z0-9]+", "-", cpu.lower()).strip("-")
folder = root / "bench/results" / slug
folder.mkdir(parents=True, exist_ok=True)
(folder / "rnn.md").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
