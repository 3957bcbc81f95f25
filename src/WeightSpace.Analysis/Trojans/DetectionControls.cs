using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Trojans;

/// <summary>
/// What a detector could have learned that is no general sign of a trojan: the very changes that it was shown, and how long weights are. Each is taken away, and the AUC computed again.
/// </summary>
internal static class DetectionControls
{
    private const double Level = 0.95;

    /// <summary>
    /// For each change the AUC of detectors that were fitted without it, and without the clean networks of data that only this change was made to (another set of images): whether what
    /// they learned holds for changes that nobody has seen. A change without clean networks of its data, or without which there is none to learn from, is not among them.
    /// </summary>
    /// <param name="fold">By member: its fold; a detector judges only the networks of the fold that it was fitted without.</param>
    /// <returns>By the change's words: logits by member of the networks that it is about, and these members.</returns>
    public static Dictionary<string, (double[] Logits, int[] Members)> OfUnseenChanges(Cohort cohort, FeatureMatrix features, bool[] isChanged, int[] fold, int folds, int most, CancellationToken cancellation)
    {
        int[] all = [.. Enumerable.Range(0, features.Rows)];
        string?[] changes = [.. cohort.Networks.Select(network => network.Task.Change)];
        var found = new Dictionary<string, (double[] Logits, int[] Members)>();
        foreach (string change in cohort.Changes)
        {
            HashSet<string> sources = [.. all.Where(row => changes[row] == change).Select(row => cohort.Machines[row])];
            HashSet<string> others = [.. all.Where(row => changes[row] is { } other && other != change).Select(row => cohort.Machines[row])];
            bool IsOnlyHere(int row) => sources.Contains(cohort.Machines[row]) && !others.Contains(cohort.Machines[row]);
            int[] members = [.. all.Where(row => changes[row] == change || (changes[row] is null && sources.Contains(cohort.Machines[row])))];
            if (others.Count == 0 || members.All(row => isChanged[row]) || !members.Any(row => isChanged[row]))
                continue;
            var logits = new double[features.Rows];
            Parallel.For(0, folds, new ParallelOptions { CancellationToken = cancellation }, held =>
            {
                int[] train = [.. all.Where(row => fold[row] != held && changes[row] != change && !(changes[row] is null && IsOnlyHere(row)))];
                bool[] labels = [.. train.Select(row => isChanged[row])];
                if (labels.Length == 0 || labels.All(of => of) || !labels.Contains(true))
                    return;
                DetectorFit fit = DetectorFit.To(features.SelectRows(train), labels, most);
                foreach (int row in members.Where(row => fold[row] == held))
                    logits[row] = fit.Logit(features.Row(row));
            });
            found[change] = (logits, members);
        }
        return found;
    }

    /// <summary>The mean over changes of the AUC within each, with the percentile bootstrap over initial seeds; changes that a draw leaves one group of are not in its mean.</summary>
    /// <param name="scores">By change: scores by member, and the members that it is about, of which some are changed and some clean.</param>
    public static Estimate MeanArea(IReadOnlyList<(double[] Scores, int[] Members)> scores, bool[] isChanged, int[] groups, DetectionOptions options)
    {
        int[][] byGroup = Intervals.Members(isChanged.Length, groups);
        HashSet<int>[] members = [.. scores.Select(of => of.Members.ToHashSet())];
        double Mean(int[] rows)
        {
            double sum = 0;
            int count = 0;
            for (int c = 0; c < scores.Count; c++)
            {
                int[] these = [.. rows.Where(members[c].Contains)];
                double area = RocCurve.Area([.. these.Select(row => scores[c].Scores[row])], [.. these.Select(row => isChanged[row])]);
                if (double.IsNaN(area))
                    continue;
                sum += area;
                count++;
            }
            return count == 0 ? double.NaN : sum / count;
        }
        double value = Mean([.. Enumerable.Range(0, isChanged.Length)]);
        var means = new double[options.Resamples];
        Parallel.For(0, means.Length, resample =>
        {
            var random = new RandomStream(options.Seed, RandomPurpose.Bootstrap, (1UL << 41) + (ulong)resample);
            do
                means[resample] = Mean([.. Enumerable.Range(0, byGroup.Length).SelectMany(_ => byGroup[random.NextBelow(byGroup.Length)])]);
            while (double.IsNaN(means[resample]));
        });
        Array.Sort(means);
        return byGroup.Length < 2 ? new Estimate(value, null, null) : new Estimate(value, Intervals.Percentile(means, (1 - Level) / 2), Intervals.Percentile(means, (1 + Level) / 2));
    }

    /// <summary>What a view sees of networks each of whose tensors is divided by its Euclidean norm: their shape without their length. A tensor of zeros stays.</summary>
    /// <param name="weights">[networks, parameter].</param>
    public static FeatureMatrix OfUnitTensors(IView view, Architecture architecture, FeatureMatrix weights)
    {
        int columns = view.FeatureNames(architecture).Length;
        var values = new float[(long)weights.Rows * columns];
        Parallel.For(0, weights.Rows, row =>
        {
            float[] unit = weights.Row(row).ToArray();
            foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
            {
                Span<float> tensor = unit.AsSpan(parameter.Offset, parameter.Count);
                double squares = 0;
                foreach (float weight in tensor)
                    squares += (double)weight * weight;
                double scale = squares > 0 ? 1 / Math.Sqrt(squares) : 1;
                for (int i = 0; i < tensor.Length; i++)
                    tensor[i] = (float)(tensor[i] * scale);
            }
            view.Compute(architecture, unit, values.AsSpan(row * columns, columns));
        });
        return new FeatureMatrix(view.Name, weights.Rows, columns, values);
    }
}
