using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tests.Networks;

namespace WeightSpace.Tests.Analysis.Views;

public sealed class WeightViewsTests
{
    public static TheoryData<string> Architectures => ["mlds", "small", "dense", "recurrent", "lstm", "cnn", "norms", "single"];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void ReorderingHiddenUnitsChangesNoOrderlessView(string name)
    {
        Architecture architecture = Make(name);
        int moved = 0;
        for (ulong seed = 0; seed < 5; seed++)
        {
            float[] weights = TestNetworks.Weights(architecture, seed);
            float[] reordered = PermutedUnits.Shuffle(architecture, weights, seed);
            moved += Compute(new RawView(), architecture, weights).SequenceEqual(Compute(new RawView(), architecture, reordered)) ? 0 : 1;
            foreach (IView view in new IView[] { new StatisticsView(), new SpectralView(), new ProbesView(), new InvariantView() })
            {
                float[] before = Compute(view, architecture, weights), after = Compute(view, architecture, reordered);
                string[] names = view.FeatureNames(architecture);
                for (int i = 0; i < before.Length; i++)
                {
                    // Answers are computed in float, whose sums go in the order of the units.
                    double tolerance = names[i].StartsWith("probe.", StringComparison.Ordinal) ? 1e-5 : 1e-6;
                    Assert.True(Math.Abs(before[i] - after[i]) <= tolerance * Math.Max(1, Math.Abs(before[i])), $"{view.Name}: {names[i]} is {before[i]}, reordered {after[i]}");
                }
            }
        }
        // A layer of few units may draw the order it has; a network without hidden units has nothing to reorder.
        Assert.True(name == "single" ? moved == 0 : moved >= 3, $"{moved} of 5 orders moved the raw weights");
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void NamesAreUniqueAndEachWeightMatters(string name)
    {
        Architecture architecture = Make(name);
        float[] weights = TestNetworks.Weights(architecture, 7);
        foreach (IView view in Fitted(architecture))
        {
            string[] names = view.FeatureNames(architecture);
            Assert.Equal(names.Length, names.Distinct().Count());
            float[] before = Compute(view, architecture, weights);
            Assert.All(before, value => Assert.True(float.IsFinite(value)));
            if (view is ProbesView)
                continue; // a weight behind a ReLU that no probe opens does not matter to them
            for (int i = 0; i < weights.Length; i += 17)
            {
                float[] changed = [.. weights];
                changed[i] += 3;
                Assert.NotEqual(before, Compute(view, architecture, changed));
            }
        }
    }

    [Fact]
    public void WhatTheInvariantViewKeepsIsFixedMeaning()
    {
        Architecture architecture = Make("mlds");
        string[] names = new InvariantView().FeatureNames(architecture);
        float[] weights = TestNetworks.Weights(architecture, 3);
        float[] features = Compute(new InvariantView(), architecture, weights);
        ParameterInfo bias = architecture.Parameters.Parameters[^1];
        for (int output = 0; output < 8; output++)
            Assert.Equal(weights[bias.Offset + output], features[Array.IndexOf(names, $"out.bias.value[{output}]")]);

        // One input's column of the candidate gate, by hand.
        ParameterInfo first = architecture.Parameters.Parameters[0];
        float[] column = [.. Enumerable.Range(24, 12).Select(row => weights[first.Offset + (row * 9) + 4])];
        Assert.Equal(column.Max(), features[Array.IndexOf(names, "gru.weight_ih_l0(n).input[4].max")]);
        Assert.Equal(column.Average(value => (double)value), features[Array.IndexOf(names, "gru.weight_ih_l0(n).input[4].mean")], 1e-6);
    }

    [Fact]
    public void SwappingTwoInputsShowsInTheInvariantViewAndNotInTheStatistics()
    {
        Architecture architecture = Make("small");
        float[] weights = TestNetworks.Weights(architecture, 5);
        float[] swapped = [.. weights];
        ParameterInfo first = architecture.Parameters.Parameters[0];
        for (int row = 0; row < first.Shape[0]; row++)
        {
            int at = first.Offset + (row * first.Shape[1]);
            (swapped[at], swapped[at + 1]) = (swapped[at + 1], swapped[at]);
        }
        Assert.Equal(Compute(new StatisticsView(), architecture, weights), Compute(new StatisticsView(), architecture, swapped));
        Assert.NotEqual(Compute(new InvariantView(), architecture, weights), Compute(new InvariantView(), architecture, swapped));
    }

    [Fact]
    public void StatisticsAreNumpysOfEachTensor()
    {
        var architecture = new Architecture("one", [new DenseSpec("out", 2, 2)]);
        float[] features = Compute(new StatisticsView(), architecture, [4, 1, 2, 3, 10, 20]);
        // numpy: mean, var, percentile([1, 2, 3, 4], [1, 25, 50, 75, 99]); the same of [10, 20].
        float[] expected = [2.5f, 1.25f, 1.03f, 1.75f, 2.5f, 3.25f, 3.97f, 15, 25, 10.1f, 12.5f, 15, 17.5f, 19.9f];
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], features[i], 1e-5);
        Assert.Equal(expected.Length, features.Length);
    }

    [Fact]
    public void AWrongLengthIsRefused()
    {
        Architecture architecture = Make("small");
        foreach (IView view in Fitted(architecture))
        {
            int features = view.FeatureNames(architecture).Length;
            Assert.Throws<ArgumentException>(() => view.Compute(architecture, new float[3], new float[features]));
            Assert.Throws<ArgumentException>(() => view.Compute(architecture, new float[architecture.Parameters.Count], new float[features + 1]));
            Assert.Throws<ArgumentException>(() => view.Compute(architecture, new float[architecture.Parameters.Count], new float[features - 1]));
        }
    }

    [Fact]
    public void SpectraAreNumpysOfEachMatrixAndOfProducts()
    {
        // A = [[3, 0], [0, 4], [0, 0]], B = [[1, 1, 0]]: B A = [[3, 4]], of norm 5.
        var architecture = new Architecture("two", [new DenseSpec("a", 2, 3), new DenseSpec("b", 3, 1)]);
        string[] names = new SpectralView().FeatureNames(architecture);
        float[] features = Compute(new SpectralView(), architecture, [3, 0, 0, 4, 0, 0, 1, 2, 2, 1, 1, 0, 7]);
        Assert.Equal(["a.weight.singular[0]", "a.weight.singular[1]", "a.bias.singular[0]", "b.weight.singular[0]", "b.bias.singular[0]", "product1.singular[0]"], names);
        Assert.All(features.Zip((float[])[4, 3, 3, MathF.Sqrt(2), 7, 5]), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Fact]
    public void ProbesAreZeroThenAnImpulseInEachInput()
    {
        var architecture = new Architecture("one", [new DenseSpec("out", 2, 2)]);
        Assert.Equal(["probe.zero.place0[0]", "probe.zero.place0[1]", "probe.impulse0.place0[0]", "probe.impulse0.place0[1]", "probe.impulse1.place0[0]", "probe.impulse1.place0[1]"],
            new ProbesView().FeatureNames(architecture));
        Assert.Equal([10, 20, 14, 22, 11, 23], Compute(new ProbesView(), architecture, [4, 1, 2, 3, 10, 20]));
    }

    [Fact]
    public void RecurrentNetworksAnswerAtFourPlacesAfterAnImpulse()
    {
        Architecture architecture = TestNetworks.Parse("1: rnn 1");
        float[] features = Compute(new ProbesView(), architecture, [0.7f, 0.9f, 0, 0]);
        Assert.Equal(new float[4], features[..4]);
        double state = Math.Tanh(0.7);
        for (int place = 0; place < 4; place++, state = Math.Tanh(0.9 * state))
            Assert.Equal(state, features[4 + place], 1e-6);
    }

    [Fact]
    public void ManyInputsAreProbedWithNoise()
    {
        Architecture architecture = TestNetworks.Parse("1x9x9: flatten, dense 1");
        float[] weights = TestNetworks.Weights(architecture, 1), features = Compute(new ProbesView(), architecture, weights);
        Assert.Equal(33, features.Length);
        Assert.Equal(weights[^1], features[0]);
        for (int probe = 0; probe < 32; probe++)
        {
            var draw = new RandomStream(0, RandomPurpose.Probes, (ulong)probe);
            double sum = weights[^1];
            for (int i = 0; i < 81; i++)
                sum += weights[i] * (double)draw.NextUniform();
            Assert.Equal(sum, features[1 + probe], 1e-5);
        }
    }

    [Fact]
    public void AlignedWeightsOfPermutedCopiesAreEqual()
    {
        Architecture architecture = Make("mlds");
        float[] first = TestNetworks.Weights(architecture, 1);
        float[] population = [.. first, .. PermutedUnits.Shuffle(architecture, first, 2), .. PermutedUnits.Shuffle(architecture, first, 3)];
        IView view = new AlignedView().Fit(architecture, population);
        foreach (float[] weights in population.Chunk(first.Length))
            Assert.Equal(first, Compute(view, architecture, weights));
        Assert.Throws<InvalidOperationException>(() => Compute(new AlignedView(), architecture, first));
    }

    /// <summary>All views that read the architecture, fitted to a few random networks.</summary>
    private static IEnumerable<IView> Fitted(Architecture architecture)
    {
        float[] population = [.. Enumerable.Range(20, 3).SelectMany(seed => TestNetworks.Weights(architecture, (ulong)seed))];
        return WeightViews.All.Where(view => view.Reads(architecture)).Select(view => view.Fit(architecture, population));
    }

    private static float[] Compute(IView view, Architecture architecture, float[] weights)
    {
        var features = new float[view.FeatureNames(architecture).Length];
        view.Compute(architecture, weights, features);
        return features;
    }

    private static Architecture Make(string name) => name switch
    {
        "mlds" => KnownArchitectures.Mlds(9, 8),
        "small" => SyntheticPopulation.Small(),
        "dense" => new Architecture(name, [new DenseSpec("a", 40, 7), new ActivationSpec("ra", Shape.Vector(7), Activation.Relu), new DenseSpec("b", 7, 3), new ActivationSpec("rb", Shape.Vector(3), Activation.Relu), new DenseSpec("c", 3, 2)]),
        "recurrent" => new Architecture(name, [new GruSpec("gru", 0, 3, 5), new GruSpec("gru", 1, 5, 2)]),
        "lstm" => TestNetworks.Parse("3: lstm 5, lstm 4, dense 2"),
        "cnn" => TestNetworks.Parse("2x7x6: conv 3 k3 p1, relu, max_pool 2, conv 4 k2, flatten, dense 5, tanh, dense 2"),
        "norms" => TestNetworks.Parse("2x5x5: conv 3 k2, batch_norm, relu, layer_norm, conv 4 k2, flatten, layer_norm, dense 5, batch_norm, gru 3, dense 2"),
        _ => new Architecture(name, [new DenseSpec("out", 3, 2)]),
    };
}
