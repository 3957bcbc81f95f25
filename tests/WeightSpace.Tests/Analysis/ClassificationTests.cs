using WeightSpace.Analysis;
using WeightSpace.Analysis.Classification;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class ClassificationTests
{
    public static TheoryData<IClassifier> Classifiers => [new LinearClassifier(), new RandomForest(60, 3)];

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void Finds_planted_classes_and_none_in_noise(IClassifier classifier)
    {
        foreach (int columns in new[] { 17, 400 })
        {
            (FeatureMatrix x, int[] labels) = Planted.Clusters(120, columns, 3, 0.7, 1);
            CrossValidationResult found = CrossValidation.Run(x, labels, Planted.Singletons(120), classifier, 5, 0);
            Assert.InRange(found.Accuracy, 0.85, 1);
            Assert.InRange(found.Confidence.Low, 0.7, found.Accuracy);

            FeatureMatrix noise = Planted.Noise(120, columns, 1);
            CrossValidationResult chance = CrossValidation.Run(noise, labels, Planted.Singletons(120), classifier, 5, 0);
            Assert.InRange(1.0 / 3, chance.Confidence.Low, chance.Confidence.High);
        }
    }

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void Repeats_and_does_not_depend_on_the_order_of_test_rows(IClassifier classifier)
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(60, 90, 4, 0.3, 2);
        FeatureMatrix test = Planted.Clusters(30, 90, 4, 0.3, 2).X;
        int[] first = classifier.FitPredict(x, labels, 4, test);
        Assert.Equal(first, classifier.FitPredict(x, labels, 4, test));
        int[] order = Planted.Order(30, 1);
        Assert.Equal(order.Select(row => first[row]), classifier.FitPredict(x, labels, 4, test.SelectRows(order)));
    }

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void Answers_at_the_edges(IClassifier classifier)
    {
        var one = new FeatureMatrix("one", 1, 1, [2]);
        Assert.Equal([3], classifier.FitPredict(one, [3], 5, one)); // one row, one column, four classes missing
        var constant = new FeatureMatrix("constant", 4, 3, new float[12]);
        Assert.Equal([1, 1], classifier.FitPredict(constant, [1, 1, 0, 1], 2, constant.SelectRows([0, 1])));
        var step = new FeatureMatrix("step", 6, 1, [1, 1, 1, 5, 5, 5]);
        Assert.Equal([0, 2], classifier.FitPredict(step, [0, 0, 0, 2, 2, 2], 3, new FeatureMatrix("two", 2, 1, [2.5f, 3.5f])));
        Assert.Empty(classifier.FitPredict(step, [0, 0, 0, 2, 2, 2], 3, new FeatureMatrix("none", 0, 1, [])));
        Assert.Throws<ArgumentException>(() => classifier.FitPredict(step, [0, 0, 0, 2, 2, 3], 3, step));
        Assert.Throws<ArgumentException>(() => classifier.FitPredict(step, [0, 0], 3, step));
        Assert.Throws<ArgumentException>(
            () => classifier.FitPredict(step, [0, 0, 0, 2, 2, 2], 3, new FeatureMatrix("nan", 1, 1, [float.NaN])));
    }

    [Fact]
    public void The_row_space_gives_the_optimum_of_the_columns()
    {
        // Columns of zeros change no optimum, but with more of them than rows the row space is used.
        (FeatureMatrix narrow, int[] labels) = Planted.Clusters(50, 30, 3, 0.4, 5);
        FeatureMatrix test = Planted.Clusters(40, 30, 3, 0.4, 5).X;
        (_, double[,] expected) = LinearClassifier.FitProbabilities(WithZeros(narrow, 0), labels, 3, WithZeros(test, 0), out double direct);
        (_, double[,] actual) = LinearClassifier.FitProbabilities(WithZeros(narrow, 70), labels, 3, WithZeros(test, 70), out double inRows);
        Assert.Equal(direct, inRows, 1e-4);
        for (int row = 0; row < 40; row++)
        {
            for (int c = 0; c < 3; c++)
                Assert.Equal(expected[row, c], actual[row, c], 2e-3);
        }

        static FeatureMatrix WithZeros(FeatureMatrix x, int more)
        {
            var values = new float[x.Rows * (x.Columns + more)];
            for (int row = 0; row < x.Rows; row++)
                x.Row(row).CopyTo(values.AsSpan(row * (x.Columns + more)));
            return new FeatureMatrix(x.Name, x.Rows, x.Columns + more, values);
        }
    }

    [Fact]
    public void A_forest_follows_a_column_with_more_values_than_bins()
    {
        // Ten alternating stretches of a column with 300 distinct values, more than there are bins.
        const int rows = 300;
        float[] values = [.. Enumerable.Range(0, rows).Select(i => (float)i)];
        int[] labels = [.. Enumerable.Range(0, rows).Select(i => i / 30 % 2)];
        var x = new FeatureMatrix("levels", rows, 1, values);
        int[] predicted = new RandomForest(50, 1).FitPredict(x, labels, 2, x);
        Assert.InRange(predicted.Zip(labels, (a, b) => a == b ? 1.0 : 0).Average(), 0.97, 1);
    }

    [Fact]
    public void Bins_ascend_with_the_values_and_say_where_no_two_rows_share_one()
    {
        float[] distinct = [3f, -1f, 0.5f, -2f], tied = [-0f, 7f, 0f, -3f];
        var x = new FeatureMatrix("two columns", 4, 2, [.. distinct.Zip(tied, (a, b) => new[] { a, b }).SelectMany(pair => pair)]);
        QuantileBins bins = QuantileBins.Of(x);
        Assert.Equal([3, 1, 2, 0, 1, 2, 1, 0], bins.OfRows);
        Assert.Equal([true, false], bins.Distinct);
        FeatureMatrix many = Planted.Noise(257, 1, 4); // more rows than bins
        Assert.Equal([false], QuantileBins.Of(many).Distinct);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(256)]
    public void A_tree_does_not_depend_on_how_its_rows_are_sorted(int rows)
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(rows, 12, 3, 0.4, 6);
        QuantileBins bins = QuantileBins.Of(x);
        Assert.All(bins.Distinct, Assert.True);
        DecisionTree[] trees = [.. new[] { bins, bins with { Distinct = new bool[12] } }.Select(
            of => new TreeGrower(x, of, labels, 3, new RandomStream(1, RandomPurpose.Forest)).Grow())];
        Assert.Equal(trees[0].Columns, trees[1].Columns);
        Assert.Equal(trees[0].Thresholds, trees[1].Thresholds);
        Assert.Equal(trees[0].Shares, trees[1].Shares);
        Assert.True(trees[0].Columns.Length > 7, "the tree has too few nodes to tell");
    }

    [Fact]
    public void Thresholds_lie_midway_between_neighbouring_values()
    {
        var x = new FeatureMatrix("two values", 40, 1, [.. Enumerable.Range(0, 40).Select(i => i < 20 ? 1f : 4f)]);
        int[] labels = [.. Enumerable.Range(0, 40).Select(i => i < 20 ? 0 : 1)];
        int[] predicted = new RandomForest(9, 2).FitPredict(x, labels, 2, new FeatureMatrix("near", 3, 1, [2.49f, 2.5f, 2.51f]));
        Assert.Equal([0, 0, 1], predicted);
    }

    [Fact]
    public void Folds_keep_groups_together_and_classes_balanced()
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            int[] labels = Planted.Labels(100, 4, seed);
            int[] plain = CrossValidation.StratifiedGroupFolds(labels, Planted.Singletons(100), 5, seed);
            for (int label = 0; label < 4; label++)
            {
                int[] counts = [.. Enumerable.Range(0, 5)
                    .Select(f => Enumerable.Range(0, 100).Count(row => plain[row] == f && labels[row] == label))];
                Assert.InRange(counts.Max() - counts.Min(), 0, 1);
            }

            int[] groups = [.. Enumerable.Range(0, 100).Select(row => 1000 - (row / 3))];
            int[] grouped = CrossValidation.StratifiedGroupFolds(labels, groups, 5, seed);
            for (int row = 1; row < 100; row++)
                Assert.True(groups[row] != groups[row - 1] || grouped[row] == grouped[row - 1]);
            int[] sizes = [.. Enumerable.Range(0, 5).Select(f => grouped.Count(fold => fold == f))];
            Assert.InRange(sizes.Max() - sizes.Min(), 0, 8);
        }
        Assert.NotEqual(
            CrossValidation.StratifiedGroupFolds(Planted.Labels(50, 2, 1), Planted.Singletons(50), 5, 1),
            CrossValidation.StratifiedGroupFolds(Planted.Labels(50, 2, 1), Planted.Singletons(50), 5, 2));
        Assert.Throws<ArgumentException>(() => CrossValidation.StratifiedGroupFolds([0, 1, 0, 1], [1, 1, 2, 2], 3, 0));
    }

    [Fact]
    public void Groups_keep_a_classifier_from_recognising_twins()
    {
        // Pairs of nearly equal rows with labels that mean nothing: with twins apart the forest would score about 1.
        FeatureMatrix half = Planted.Noise(40, 50, 8);
        float[] values = [.. half.Values, .. half.Values];
        var x = new FeatureMatrix("twins", 80, 50, values);
        int[] labels = [.. Planted.Labels(40, 2, 8), .. Planted.Labels(40, 2, 8)];
        int[] twins = [.. Enumerable.Range(0, 80).Select(row => row % 40)];
        var forest = new RandomForest(40, 1);
        Assert.InRange(CrossValidation.Run(x, labels, Planted.Singletons(80), forest, 5, 0).Accuracy, 0.75, 1);
        Assert.InRange(CrossValidation.Run(x, labels, twins, forest, 5, 0).Accuracy, 0.2, 0.7);
    }

    [Fact]
    public void Labels_are_permuted_among_what_is_exchangeable()
    {
        int[] mixed = [0, 1, 2, 0, 1, 2, 0, 1, 2], trios = [0, 0, 0, 1, 1, 1, 2, 2, 2];
        bool moved = false;
        for (int p = 0; p < 20; p++)
        {
            int[] within = PermutedLabels.Permute(mixed, trios, 1, p);
            for (int group = 0; group < 3; group++)
                Assert.Equal([0, 1, 2], within.Skip(3 * group).Take(3).Order());
            moved |= !within.SequenceEqual(mixed);

            int[] between = PermutedLabels.Permute(trios, trios, 1, p); // one class in each group: whole groups change places
            Assert.All(Enumerable.Range(0, 9), row => Assert.Equal(between[row / 3 * 3], between[row]));
            Assert.Equal([0, 0, 0, 1, 1, 1, 2, 2, 2], between.Order());

            Assert.Equal(mixed.Order(), PermutedLabels.Permute(mixed, Planted.Singletons(9), 1, p).Order());
        }
        Assert.True(moved);
    }

    [Fact]
    public void Permuted_labels_show_a_planted_class_and_stay_quiet_on_noise()
    {
        (FeatureMatrix x, int[] labels) = Planted.Clusters(60, 80, 3, 0.7, 4);
        int[] groups = Planted.Singletons(60);
        var linear = new LinearClassifier();
        double observed = CrossValidation.Run(x, labels, groups, linear, 4, 1).Accuracy;
        PermutationBaseline baseline = PermutedLabels.Run(x, labels, groups, linear, 4, 39, 1, observed);
        Assert.Equal(1.0 / 40, baseline.PValue, 1e-12);
        Assert.Equal(1.0 / 3, baseline.Mean, 0.08);
        Assert.InRange(baseline.Percentile95, baseline.Mean, observed);

        int significant = 0;
        for (ulong seed = 0; seed < 10; seed++)
        {
            FeatureMatrix noise = Planted.Noise(45, 30, seed);
            int[] classes = [.. labels.Take(45)];
            double score = CrossValidation.Run(noise, classes, Planted.Singletons(45), linear, 3, seed).Accuracy;
            significant += PermutedLabels.Run(noise, classes, Planted.Singletons(45), linear, 3, 19, seed, score).PValue <= 0.05 ? 1 : 0;
        }
        Assert.InRange(significant, 0, 3); // 0.5 expected; 4 or more of 10 has probability 0.001
    }
}
