using System.Globalization;
using System.Runtime.InteropServices;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>Optimizers, rates and clipping against torch.optim, torch.optim.lr_scheduler and torch.nn.utils.</summary>
public sealed class OptimizersTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The weights after every step for given gradients [step, parameter], in double; the rate is halved halfway.</summary>
    private const string Run = """
        import numpy as np, torch
        w = torch.nn.Parameter(torch.from_numpy(np.fromfile("weights.f32", "<f4")).double())
        gradients = torch.from_numpy(np.fromfile("gradients.f32", "<f4")).double().reshape(-1, len(w))
        optimizer = torch.optim.{0}([w], {1})
        track = []
        for step, gradient in enumerate(gradients):
            if step == len(gradients) // 2:
                optimizer.param_groups[0]["lr"] /= 2
            w.grad = gradient.clone()
            optimizer.step()
            track.append(w.detach().numpy().copy())
        np.array(track).tofile("track.f64")
        """;

    public static TheoryData<string, string, OptimizerSpec> Cases() => new()
    {
        { "SGD", "lr=0.05", new SgdSpec(0.05, 0) },
        { "SGD", "lr=0.05, weight_decay=0.1", new SgdSpec(0.05, 0, false, 0.1) },
        { "SGD", "lr=0.05, momentum=0.9", new SgdSpec(0.05, 0.9) },
        { "SGD", "lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.05", new SgdSpec(0.05, 0.8, true, 0.05) },
        { "Adam", "lr=0.01", new AdamSpec(0.01, 0.9, 0.999, 1e-8) },
        { "Adam", "lr=0.01, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.2", new AdamSpec(0.01, 0.8, 0.95, 1e-4, 0.2) },
        { "AdamW", "lr=0.01", new AdamWSpec(0.01, 0.9, 0.999, 1e-8) },
        { "AdamW", "lr=0.01, betas=(0.7, 0.9), eps=1e-5, weight_decay=0.5", new AdamWSpec(0.01, 0.7, 0.9, 1e-5, 0.5) },
        { "RMSprop", "lr=0.01", new RmsPropSpec(0.01, 0.99, 1e-8, 0) },
        { "RMSprop", "lr=0.01, alpha=0.9, eps=1e-3, momentum=0.9, weight_decay=0.1", new RmsPropSpec(0.01, 0.9, 1e-3, 0.9, 0.1) },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryStepIsPyTorchs(string name, string settings, OptimizerSpec optimizer)
    {
        // Four whole vectors and what is left over.
        const int steps = 40, count = 77;
        (float[] start, float[][] gradients) = Draw(count, steps);
        File.WriteAllBytes(_folder["weights.f32"], MemoryMarshal.AsBytes<float>(start).ToArray());
        File.WriteAllBytes(_folder["gradients.f32"], MemoryMarshal.AsBytes<float>(gradients.SelectMany(row => row).ToArray()).ToArray());
        DebianPython.RunCode(string.Format(CultureInfo.InvariantCulture, Run, name, settings), _folder.Path);
        double[] track = MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(_folder["track.f64"])).ToArray();
        float[] weights = [.. start], state = new float[optimizer.Slots.Count * count];
        for (int step = 1; step <= steps; step++)
        {
            Optimizers.Step(optimizer, step > steps / 2 ? optimizer.LearningRate / 2 : optimizer.LearningRate, step, weights, gradients[step - 1], state);
            for (int i = 0; i < count; i++)
            {
                // Forty roundings of a weight of about 1, and what rounding does to its path.
                double expected = track[((step - 1) * count) + i];
                Assert.True(Math.Abs(expected - weights[i]) <= 3e-6 * Math.Max(1, Math.Abs(expected)), $"{name}, step {step}, weight {i} of {count}: {weights[i]}, PyTorch has {expected}");
            }
        }
        Assert.Contains(Enumerable.Range(0, count), i => Math.Abs(start[i] - weights[i]) > 0.1);
    }

    /// <summary>A weight's bits depend on its own gradients, not on where it stands: whole vectors and what is left over compute alike.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void AWeightsPlaceDoesNotMatter(string name, string settings, OptimizerSpec optimizer)
    {
        Assert.NotEmpty(name + settings);
        const int count = 48, steps = 12;
        (float[] start, float[][] gradients) = Draw(count, steps);
        float[] Train(int from, int length)
        {
            float[] weights = start[from..(from + length)], state = new float[optimizer.Slots.Count * length];
            for (int step = 1; step <= steps; step++)
                Optimizers.Step(optimizer, optimizer.LearningRate, step, weights, gradients[step - 1].AsSpan(from, length), state);
            return [.. weights, .. state];
        }
        float[] whole = Train(0, count);
        foreach ((int from, int length) in ((int, int)[])[(0, 1), (1, 15), (3, 17), (17, 31), (0, 47)])
        {
            float[] part = Train(from, length);
            for (int slot = 0; slot <= optimizer.Slots.Count; slot++)
                Assert.Equal(whole.AsSpan((slot * count) + from, length), part.AsSpan(slot * length, length));
        }
    }

    /// <summary>What decays ends at 0, and squares too small to count are not made: a CPU takes a hundred times longer with subnormal numbers.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void NothingFadesIntoSubnormalNumbers(string name, string settings, OptimizerSpec optimizer)
    {
        const int count = 40;
        float[] weights = [.. Enumerable.Repeat(1.5e-38f, count)], state = [.. Enumerable.Repeat(1.5e-38f, optimizer.Slots.Count * count)], gradient = new float[count];
        for (int i = 0; i < count / 2; i++)
            gradient[i] = MathF.Pow(10, -13 - i);
        gradient[^1] = float.NaN;
        for (int step = 1; step <= 900; step++)
        {
            Optimizers.Step(optimizer, 1e-3, step, weights, gradient, state);
            Assert.DoesNotContain(weights.Concat(state), float.IsSubnormal);
        }
        Assert.True(float.IsNaN(weights[^1]), $"{name}({settings}) lost a NaN");
    }

    [Fact]
    public void BlocksOfOtherSizesAreRefused()
    {
        var adam = new AdamSpec(0.01, 0.9, 0.999, 1e-8);
        Assert.Throws<ArgumentException>(() => Optimizers.Step(adam, 0.01, 1, new float[3], new float[4], new float[6]));
        Assert.Throws<ArgumentException>(() => Optimizers.Step(adam, 0.01, 1, new float[3], new float[3], new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Optimizers.Step(adam, 0.01, 0, new float[3], new float[3], new float[6]));
    }

    /// <summary>Prints the rate of each of 300 steps of an optimizer with rate 0.3.</summary>
    private const string Rates = """
        import json, warnings, torch
        from torch.optim.lr_scheduler import *
        warnings.simplefilter("ignore")
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
        warm_up = lambda steps, schedule, **settings: SequentialLR(optimizer, [LinearLR(optimizer, total_iters=steps, **settings), schedule()], milestones=[steps])
        schedule = {0}
        rates = []
        for step in range({1}):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        print(json.dumps(rates))
        """;

    public static TheoryData<string, RateSchedule, int> Schedules() => new()
    {
        { "StepLR(optimizer, 37, 0.5)", new StepRate(37, 0.5), 300 },
        { "CosineAnnealingLR(optimizer, 299, 0.01)", new CosineRate(299, 0.01), 300 },
        { "CosineAnnealingWarmRestarts(optimizer, 45, 1, 0.02)", new CosineRestartsRate(45, 1, 0.02), 300 },
        { "CosineAnnealingWarmRestarts(optimizer, 11, 3, 0)", new CosineRestartsRate(11, 3, 0), 300 },
        { "OneCycleLR(optimizer, 0.3, total_steps=301, cycle_momentum=False)", new OneCycleRate(301, 0.3, 25, 1e4), 300 },
        { "OneCycleLR(optimizer, 0.3, total_steps=123, pct_start=0.61, div_factor=7, final_div_factor=50, cycle_momentum=False)", new OneCycleRate(123, 0.61, 7, 50), 123 },
        { "LinearLR(optimizer, total_iters=30)", new ConstantRate { WarmUpSteps = 30 }, 300 },
        { "warm_up(20, lambda: StepLR(optimizer, 37, 0.5), start_factor=0.05)", new StepRate(37, 0.5) { WarmUpSteps = 20, WarmUpFrom = 0.05 }, 300 },
        { "warm_up(50, lambda: CosineAnnealingLR(optimizer, 250, 0.01))", new CosineRate(250, 0.01) { WarmUpSteps = 50 }, 300 },
        { "warm_up(13, lambda: CosineAnnealingWarmRestarts(optimizer, 20, 2, 0.001))", new CosineRestartsRate(20, 2, 0.001) { WarmUpSteps = 13 }, 300 },
        { "warm_up(1, lambda: StepLR(optimizer, 100, 0.1), start_factor=1)", new StepRate(100, 0.1) { WarmUpSteps = 1, WarmUpFrom = 1 }, 300 },
        { "warm_up(9, lambda: OneCycleLR(optimizer, 0.3, total_steps=200, cycle_momentum=False))", new OneCycleRate(200, 0.3, 25, 1e4) { WarmUpSteps = 9 }, 209 },
    };

    [Theory]
    [MemberData(nameof(Schedules))]
    public void EveryRateIsPyTorchs(string schedule, RateSchedule ours, int steps)
    {
        double[] expected = System.Text.Json.JsonSerializer.Deserialize<double[]>(
            DebianPython.RunCode(string.Format(CultureInfo.InvariantCulture, Rates, schedule, steps), _folder.Path))!;
        Assert.Equal(steps, expected.Length);
        Assert.True(expected.Distinct().Count() > 1);
        for (int step = 1; step <= steps; step++)
        {
            // PyTorch multiplies its way from step to step.
            double found = LearningRate.At(ours, 0.3, step);
            Assert.True(Math.Abs(found - expected[step - 1]) <= 1e-12, $"step {step}: {found:R}, PyTorch has {expected[step - 1]:R}");
        }
    }

    [Fact]
    public void RatesBehindTheirScheduleStay()
    {
        Assert.Equal(0.3, LearningRate.At(ConstantRate.Instance, 0.3, long.MaxValue));
        Assert.Equal(0.01, LearningRate.At(new CosineRate(50, 0.01) { WarmUpSteps = 10 }, 0.3, 61));
        Assert.Equal(0.01, LearningRate.At(new CosineRate(50, 0.01), 0.3, 1L << 50));
        Assert.Equal(0.3 / 25 / 1e4, LearningRate.At(new OneCycleRate(50, 0.3, 25, 1e4), 0.3, 1000), 1e-18);
        Assert.InRange(LearningRate.At(new CosineRestartsRate(1, 2, 0.01), 0.3, long.MaxValue), 0.01, 0.3);
        // A cycle of one step is at its end, unless it rises all the time.
        Assert.Equal(0.3 / 25 / 1e4, LearningRate.At(new OneCycleRate(1, 0.3, 25, 1e4), 0.3, 1), 1e-18);
        Assert.Equal(0.3, LearningRate.At(new OneCycleRate(1, 1, 25, 1e4), 0.3, 1));
    }

    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(15, 100)]
    [InlineData(16, 1)]
    [InlineData(2410, 0.25)]
    public void ClippingIsPyTorchs(int count, double maxNorm)
    {
        float[] gradient = Draw(count, 1).Gradients[0];
        File.WriteAllBytes(_folder["gradient.f32"], MemoryMarshal.AsBytes<float>(gradient).ToArray());
        string[] answer = DebianPython.RunCode(string.Create(CultureInfo.InvariantCulture, $$"""
            import numpy as np, torch
            w = torch.nn.Parameter(torch.zeros({{count}}).double())
            w.grad = torch.from_numpy(np.fromfile("gradient.f32", "<f4")).double()
            print(torch.nn.utils.clip_grad_norm_([w], {{maxNorm}}).item())
            print(*w.grad.tolist())
            """), _folder.Path).Split(['\n', ' '], StringSplitOptions.RemoveEmptyEntries);
        double[] expected = [.. answer.Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
        float[] clipped = [.. gradient];
        Assert.Equal(expected[0], GradientClipping.Clip(clipped, maxNorm), 1e-12 * expected[0]);
        for (int i = 0; i < count; i++)
            Assert.Equal(expected[1 + i], clipped[i], 1.5e-7 * Math.Abs(expected[1 + i]));
        Assert.Equal(expected[0] <= maxNorm - 1e-6, clipped.AsSpan().SequenceEqual(gradient));
    }

    [Fact]
    public void ClippingHoldsHugeGradientsAndMarksWhatIsNoNumber()
    {
        float[] gradient = [3e38f, -3e38f, 0];
        Assert.Equal(3e38 * Math.Sqrt(2), GradientClipping.Clip(gradient, 1), 1e32);
        Assert.Equal(0.70710678f, gradient[0], 1e-6f);
        Assert.Equal([-gradient[0], 0], gradient[1..]);
        gradient = [1, float.NaN];
        Assert.True(double.IsNaN(GradientClipping.Clip(gradient, 1)));
        Assert.All(gradient, value => Assert.True(float.IsNaN(value)));
    }

    private static (float[] Start, float[][] Gradients) Draw(int count, int steps)
    {
        var stream = new RandomStream(31, RandomPurpose.Testing, (ulong)count);
        float[] Row(float size) => [.. Enumerable.Range(0, count).Select(_ => size * stream.NextNormal())];
        return (Row(1), [.. Enumerable.Range(0, steps).Select(_ => Row(0.5f))]);
    }
}
