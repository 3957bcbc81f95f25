using System.Globalization;
using System.Runtime.InteropServices;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>Each loss and its gradient against PyTorch's in double precision, on the same floats.</summary>
public sealed unsafe class LossFunctionsTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Prints the mean loss; writes its gradient to gradient.f64. Arrays are [place, feature, sample].</summary>
    private const string Reference = """
        import numpy as np, torch
        places, features, samples = {0}, {1}, {2}
        x, y = (torch.from_numpy(np.fromfile(name, "<f4")).double().reshape(places, features, samples) for name in ("outputs.f32", "targets.f32"))
        x.requires_grad_()
        # PyTorch has one answer a row.
        rows = lambda t: t.permute(0, 2, 1).reshape(-1, features)
        loss = torch.nn.{3}()(rows(x), rows(y))
        loss.backward()
        x.grad.numpy().tofile("gradient.f64")
        print(repr(loss.item()))
        """;

    public static TheoryData<Loss, int, int, int, int> Shapes()
    {
        var data = new TheoryData<Loss, int, int, int, int>();
        foreach (Loss loss in Enum.GetValues<Loss>())
        {
            foreach ((int places, int features, int samples, int stride) in ((int, int, int, int)[])[(1, 10, 64, 64), (7, 3, 5, 16), (3, 1, 18, 32), (2, 8, 8, 48)])
                data.Add(loss, places, features, samples, stride);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void ALossAndItsGradientArePyTorchs(Loss loss, int places, int features, int samples, int stride)
    {
        string name = loss switch { Loss.MeanSquaredError => "MSELoss", Loss.CrossEntropy => "CrossEntropyLoss", _ => "BCEWithLogitsLoss" };
        var stream = new RandomStream(11, RandomPurpose.Testing, (ulong)loss);
        float[] outputs = new float[places * features * stride], targets = new float[outputs.Length], gradient = new float[outputs.Length];
        // Padding lanes hold what must not shine through.
        Array.Fill(outputs, float.NaN);
        Array.Fill(targets, 7f);
        Array.Fill(gradient, float.NaN);
        for (int place = 0; place < places; place++)
        {
            for (int sample = 0; sample < samples; sample++)
            {
                // Logits of all sizes; a third of the targets one-hot, the others shares that add up to 1.
                float size = sample % 5 == 0 ? 40 : 3, total = 0;
                int hot = stream.NextBelow(features);
                for (int feature = 0; feature < features; feature++)
                {
                    int at = (((place * features) + feature) * stride) + sample;
                    outputs[at] = size * stream.NextNormal();
                    targets[at] = sample % 3 == 0 ? (feature == hot ? 1 : 0) : stream.NextUniform();
                    total += targets[at];
                }
                for (int feature = 0; loss == Loss.CrossEntropy && feature < features; feature++)
                    targets[(((place * features) + feature) * stride) + sample] /= total;
            }
        }
        double[] expectedGradient = Ask(name, outputs, targets, places, features, samples, stride, out double expected);

        long count = LossFunctions.Count(loss, places, features, samples);
        double found, without;
        fixed (float* x = outputs, y = targets, g = gradient)
        {
            found = LossFunctions.Sum(loss, x, y, places, features, stride, samples, g, (float)(1.0 / count)) / count;
            without = LossFunctions.Sum(loss, x, y, places, features, stride, samples, null, 0) / count;
        }
        Assert.Equal(found, without);
        Assert.Equal(expected, found, 2e-6 * Math.Max(1e-3, expected));
        double largest = expectedGradient.Max(Math.Abs);
        if (features > 1 || loss != Loss.CrossEntropy)
            Assert.True(largest > 0);
        for (int i = 0; i < gradient.Length; i++)
        {
            int lane = i % stride;
            if (lane >= samples)
                Assert.Equal(0f, gradient[i]);
            else
                Assert.Equal(expectedGradient[(i / stride * samples) + lane], gradient[i], 1e-6 * Math.Max(largest, 1.0 / count));
        }
    }

    /// <summary>Logits at the ends of what floats hold give the finite losses that the formula has, not overflow.</summary>
    [Fact]
    public void LargeLogitsDoNotOverflow()
    {
        float[] outputs = new float[2 * 16], targets = new float[2 * 16], gradient = new float[2 * 16];
        (outputs[0], outputs[16], targets[16]) = (3e38f, -1e5f, 1);
        (outputs[1], outputs[17], targets[17]) = (-2000, 2000, 1);
        fixed (float* x = outputs, y = targets, g = gradient)
        {
            Assert.Equal(3e38f, LossFunctions.Sum(Loss.CrossEntropy, x, y, 1, 2, 16, 1, g, 1), 1e32);
            Assert.Equal((1f, -1f), (g[0], g[16]));
            x[0] = 1e6f;
            // The first sample costs 1,100,000, the second nothing.
            Assert.Equal(1.1e6, LossFunctions.Sum(Loss.CrossEntropy, x, y, 1, 2, 16, 2, g, 1), 1);
            Assert.Equal((0f, 0f), (g[1], g[17]));
            // Binary: 1e6 for a sure wrong answer, 1e5 for another, 0 for -2000 and target 0, 0 for 2000 and target 1.
            Assert.Equal(1.1e6, LossFunctions.Sum(Loss.BinaryCrossEntropy, x, y, 1, 2, 16, 2, g, 1), 1);
            Assert.Equal((1f, -1f, 0f), (g[0], g[16], g[17]));
            // What the sigmoid gives is too small to count.
            Assert.Equal(0, g[1]);
        }
    }

    /// <summary>The gradient of a sample that is learned well becomes 0; it does not end in subnormal numbers, with which a CPU takes a hundred times longer.</summary>
    [Theory]
    [InlineData(Loss.CrossEntropy)]
    [InlineData(Loss.BinaryCrossEntropy)]
    [InlineData(Loss.MeanSquaredError)]
    public void AGradientTooSmallToCountIsZero(Loss loss)
    {
        // Two classes; the first is right by a logit of 0, 2, 4 ... 510. A squared error has the probability itself.
        const int samples = 256;
        float[] outputs = new float[2 * samples], targets = new float[2 * samples], gradient = new float[2 * samples];
        for (int lane = 0; lane < samples; lane++)
        {
            float wrong = loss == Loss.MeanSquaredError ? (float)Math.Exp(-2 * lane) : -2 * lane;
            (outputs[lane], outputs[samples + lane], targets[lane]) = (loss == Loss.MeanSquaredError ? 1 : 0, wrong, 1);
        }
        fixed (float* x = outputs, y = targets, g = gradient)
            LossFunctions.Sum(loss, x, y, 1, 2, samples, samples, g, 1f / 1024);
        for (int lane = 1; lane < samples; lane++)
        {
            double expected = (loss == Loss.MeanSquaredError ? 2 : 1) * Math.Exp(-2 * lane) / 1024;
            float found = gradient[samples + lane];
            if (2 * lane > -Math.Log(Lanes.LeastGradient))
                Assert.Equal(0, found);
            else
                Assert.InRange(found / (expected / (loss == Loss.MeanSquaredError ? 1 : 1 + Math.Exp(-2 * lane))), 0.99999, 1.00001);
        }
        Assert.DoesNotContain(gradient, float.IsSubnormal);
    }

    [Fact]
    public void CorrectCountsTheFirstGreatestOfEachPlaceAndSample()
    {
        const int places = 3, features = 4, samples = 21, stride = 32;
        var stream = new RandomStream(12, RandomPurpose.Testing);
        float[] outputs = new float[places * features * stride], targets = new float[outputs.Length];
        for (int i = 0; i < outputs.Length; i++)
            (outputs[i], targets[i]) = (stream.NextBelow(3), stream.NextBelow(2)); // few values, so that many are equal
        int expected = 0;
        for (int place = 0; place < places; place++)
        {
            for (int sample = 0; sample < samples; sample++)
            {
                int Greatest(float[] values) => Enumerable.Range(0, features).MaxBy(feature => values[(((place * features) + feature) * stride) + sample]);
                expected += Greatest(outputs) == Greatest(targets) ? 1 : 0;
            }
        }
        Assert.InRange(expected, 5, (places * samples) - 5);
        fixed (float* x = outputs, y = targets)
            Assert.Equal(expected, LossFunctions.Correct(x, y, places, features, stride, samples));
    }

    private double[] Ask(string name, float[] outputs, float[] targets, int places, int features, int samples, int stride, out double loss)
    {
        void Write(string file, float[] values) =>
            File.WriteAllBytes(_folder[file], MemoryMarshal.AsBytes<float>(values.Where((_, index) => index % stride < samples).ToArray()).ToArray());
        Write("outputs.f32", outputs);
        Write("targets.f32", targets);
        loss = double.Parse(DebianPython.RunCode(string.Format(CultureInfo.InvariantCulture, Reference, places, features, samples, name), _folder.Path), CultureInfo.InvariantCulture);
        return MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(_folder["gradient.f64"])).ToArray();
    }
}
