"""Training steps of three networks, ours against PyTorch's, on one core: bench/run."""
import statistics

from common import AVX2, Peaks, factor, interleaved, machine, options, ours, ratios, run, spread, torch, write

OURS, OURS_AVX2 = "weightspace", "weightspace, AVX2 only"


def rnn(seconds):
    command, mlds = ("rnn", 64, seconds), (4, 4, 12, 32, 64, seconds)
    yield "The MLDS network", "4,364 parameters, batch 32, sequence 64, mean squared error, Adam, float32.", {
        OURS: ours(*command),
        OURS_AVX2: ours(*command, environment=AVX2),
        "PyTorch, 32 stacked networks": torch("torch_gru.py", "stacked", 32, *mlds),
        "PyTorch, nn.GRU": torch("torch_gru.py", "one", *mlds),
    }


def cnn(seconds):
    for batch in (64, 10):
        command = ("cnn", batch, seconds)
        yield f"zoo-cnn-s, batch {batch}", f"2,464 parameters, input 1x28x28, batch {batch}, cross-entropy, Adam, float32.", {
            OURS: ours(*command),
            OURS_AVX2: ours(*command, environment=AVX2),
            "PyTorch, one network": torch("torch_cnn.py", "one", batch, seconds),
            "PyTorch, 16 by grouped convolutions": torch("torch_cnn.py", "grouped", 16, batch, seconds),
            "PyTorch, 8 by functorch's vmap": torch("torch_cnn.py", "vmap", 8, batch, seconds),
        }


def mlp(seconds):
    command = ("mlp", seconds)
    yield "The MLP 64-32-10", "2,410 parameters, ReLU, 8x8 digits, batch 64, cross-entropy, Adam, float32.", {
        OURS: ours(*command),
        OURS_AVX2: ours(*command, environment=AVX2),
        "PyTorch, one network": torch("torch_dense.py", "one", 1, 32, 64, seconds),
        "PyTorch, 256 stacked networks": torch("torch_dense.py", "stacked", 256, 1, 32, 64, seconds),
    }


PARTS = {"rnn": (rnn, "torch_gru.py"), "cnn": (cnn, "torch_cnn.py"), "mlp": (mlp, "torch_dense.py")}


def table(results, peaks):
    lines = ["| | networks x steps/s | GFLOP/s | of the FMA peak (of its best moment) | weightspace is faster by |", "|---|---|---|---|---|"]
    speeds = {name: [measured.speed for measured in of_name] for name, of_name in results.items()}
    for name, of_name in results.items():
        gflops = statistics.median(measured.gflops for measured in of_name)
        ratio = "" if name == OURS else factor(ratios(speeds[OURS], speeds[name]))
        lines.append(f"| {name} | {spread(speeds[name], '.1f')} | {gflops:.2f} | {peaks.share(of_name)} | {ratio} |")
    return lines


def main():
    chosen = options("Training steps of three networks: this trainer and PyTorch in turn, on one core, in one run.", PARTS)
    head = machine()
    for part in chosen.parts:
        # A stack that computes something else would be no comparison.
        print(run(*torch(PARTS[part][1], "check")), end="", flush=True)
    for part in chosen.parts:
        lines = [f"# Training steps on one core: {part}", "",
                 f"Medians of {chosen.rounds} interleaved rounds of {chosen.seconds:g} s each; in brackets the least and the most.", head,
                 "A ratio is the median over rounds of our speed over theirs in the same round. Ours includes drawing the data, theirs repeats one batch.",
                 "FLOPs are the useful multiply-adds of the matrix products. Our share is of the peak measured between our steps (with AVX2 only: that of AVX2), PyTorch's of that of the round."]
        for title, what, contenders in PARTS[part][0](chosen.seconds):
            peaks = Peaks()
            results = interleaved(title, contenders, chosen.rounds, peaks)
            lines += ["", f"## {title}", "", f"{what} {peaks}", "", *table(results, peaks)]
        write(chosen.out, f"{part}.md", lines)


if __name__ == "__main__":
    main()
