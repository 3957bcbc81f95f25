using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Views;

public sealed class WeightViewsTests
{
    public static TheoryData<string> Architectures => ["mlds", "small", "dense", "recurrent", "single"];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void ReorderingHiddenUnitsChangesOnlyTheRawView(string name)
    {
        Architecture architecture = Make(name);
        int moved = 0;
        for (ulong seed = 0; seed < 5; seed++)
        {
            float[] weights = RandomWeights(architecture, seed);
            float[] reordered = HiddenUnits.Reorder(architecture, weights, seed);
            moved += Compute(new RawView(), architecture, weights).SequenceEqual(Compute(new RawView(), architecture, reordered)) ? 0 : 1;
            foreach (IView view in new IView[] { new StatisticsView(), new InvariantView() })
            {
                float[] before = Compute(view, architecture, weights), after = Compute(view, architecture, reordered);
                for (int i = 0; i < before.Length; i++)
                    Assert.True(Math.Abs(before[i] - after[i]) <= 1e-6 * Math.Max(1, Math.Abs(before[i])), $"{view.Name}: {view.FeatureNames(architecture)[i]} is {before[i]}, reordered {after[i]}");
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
        float[] weights = RandomWeights(architecture, 7);
        foreach (IView view in WeightViews.All)
        {
            string[] names = view.FeatureNames(architecture);
            Assert.Equal(names.Length, names.Distinct().Count());
            float[] before = Compute(view, architecture, weights);
            Assert.All(before, value => Assert.True(float.IsFinite(value)));
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
        float[] weights = RandomWeights(architecture, 3);
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
        float[] weights = RandomWeights(architecture, 5);
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
        foreach (IView view in WeightViews.All)
        {
            int features = view.FeatureNames(architecture).Length;
            Assert.Throws<ArgumentException>(() => view.Compute(architecture, new float[3], new float[features]));
            Assert.Throws<ArgumentException>(() => view.Compute(architecture, new float[architecture.Parameters.Count], new float[features + 1]));
            Assert.Throws<ArgumentException>(() => view.Compute(architecture, new float[architecture.Parameters.Count], new float[features - 1]));
        }
    }

    private static float[] Compute(IView view, Architecture architecture, float[] weights)
    {
        var features = new float[view.FeatureNames(architecture).Length];
        view.Compute(architecture, weights, features);
        return features;
    }

    private static float[] RandomWeights(Architecture architecture, ulong seed)
    {
        var draw = new RandomStream(seed, RandomPurpose.Testing, 99);
        var weights = new float[architecture.Parameters.Count];
        for (int i = 0; i < weights.Length; i++)
            weights[i] = draw.NextNormal();
        return weights;
    }

    private static Architecture Make(string name) => name switch
    {
        "mlds" => KnownArchitectures.Mlds(9, 8),
        "small" => SyntheticPopulation.Small(),
        "dense" => new Architecture(name, [new DenseSpec("a", 40, 7), new ActivationSpec("ra", Shape.Vector(7), Activation.Relu), new DenseSpec("b", 7, 3), new ActivationSpec("rb", Shape.Vector(3), Activation.Relu), new DenseSpec("c", 3, 2)]),
        "recurrent" => new Architecture(name, [new GruSpec("gru", 0, 3, 5), new GruSpec("gru", 1, 5, 2)]),
        _ => new Architecture(name, [new DenseSpec("out", 3, 2)]),
    };
}
