using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Clustering;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis;

/// <summary>The scores of one moment of training: structure without labels, classifiers, and what plain numbers would give.</summary>
internal static class MomentScores
{
    private const int Components = 10;
    private const double Level = 0.95;

    /// <summary>Networks that it takes to look for structure.</summary>
    public const int LeastRows = 3;

    /// <summary>
    /// What one view shows without labels, all from one Gram matrix: principal components, k-means and two hierarchical clusterings cut at
    /// the number of labels, silhouettes of the labels.
    /// </summary>
    /// <param name="features">By member, as <see cref="IView.Compute"/> gave them.</param>
    /// <param name="withDendrogram">Whether Ward's tree is kept for a figure.</param>
    /// <param name="known">Gives the Gram matrix of <see cref="Rows"/> where it was computed elsewhere; null: it is computed here.</param>
    public static ViewAtPoint Structure(IView view, FeatureMatrix features, Cohort cohort, AnalysisOptions options, bool withDendrogram, Func<GramMatrix>? known = null)
    {
        ViewAtPoint Without(string note) => new(view.Name, [], [], [], [], [], null, note);
        if (features.Rows < LeastRows)
            return Without($"{features.Rows} networks are too few to look for structure; it takes {LeastRows}.");
        GramMatrix gram;
        if (known is not null)
        {
            gram = known();
        }
        else
        {
            using FloatRows rows = Rows(view, features);
            gram = GramMatrix.Compute(rows);
        }
        if (gram.Trace <= 1e-9 * features.Rows)
            return Without("All networks have the same features here, so there is no structure to look for.");

        PrincipalComponents components = PrincipalComponents.Fit(gram, Math.Min(Components, features.Rows));
        var scores = new double[features.Rows][];
        for (int row = 0; row < scores.Length; row++)
            scores[row] = [components.Scores[row, 0], components.Scores[row, 1]];
        DistanceMatrix distances = DistanceMatrix.FromGram(gram);
        Dendrogram ward = HierarchicalClustering.Fit(distances, Linkage.Ward);
        Dendrogram average = HierarchicalClustering.Fit(distances, Linkage.Average);
        var clusterings = new List<ClusteringScore>();
        var silhouettes = new List<SilhouetteScore>();
        foreach (Labeling labeling in cohort.Labelings)
        {
            int clusters = labeling.Values.Length;
            clusterings.Add(Agreement(labeling, "k-means", KMeans.Fit(gram, clusters, options.KMeansStarts, options.Seed).Labels, cohort.Groups));
            clusterings.Add(Agreement(labeling, "ward", ward.Cut(clusters), cohort.Groups));
            clusterings.Add(Agreement(labeling, "average", average.Cut(clusters), cohort.Groups));
            silhouettes.Add(new SilhouetteScore(labeling.Name,
                Mean(ClusterScores.SilhouetteSamples(distances, labeling.Labels), cohort.Groups, options)));
        }
        return new ViewAtPoint(view.Name, components.VarianceShares, scores, clusterings, silhouettes, [],
            withDendrogram ? [.. ward.Merges.Select(merge => new DendrogramMerge(merge.First, merge.Second, merge.Height, merge.Size))] : null, null);
    }

    /// <summary>The rows whose inner products <see cref="Structure"/> looks at: the features in the view's scale, centred.</summary>
    public static FloatRows Rows(IView view, FeatureMatrix features)
    {
        FeatureMatrix scaled = view.IsStandardised ? features.Standardised() : features;
        return FloatRows.Copy(scaled.Values, scaled.Rows, scaled.Columns, centre: true);
    }

    /// <summary>Cross-validated accuracy in folds that keep networks of one initial seed together.</summary>
    public static ClassificationScore Classify(FeatureMatrix features, Labeling labeling, Cohort cohort, IClassifier classifier, AnalysisOptions options)
    {
        ClassificationScore Without(string note) =>
            new(labeling.Name, features.Name, classifier.Name, 0, null, labeling.Chance, null, null, note);
        int folds = Math.Min(options.Folds, cohort.InitSeeds);
        if (folds < 2)
            return Without("All networks share one initial seed, so no network can be tested on that did not start where a training network did.");
        int rarest = labeling.Labels.CountBy(label => label).Min(pair => pair.Value);
        if (rarest < 2)
            return Without($"The rarest group has {rarest} network; it takes 2, one to learn from and one to test.");
        if (HasNotMovedApart(features, labeling, cohort))
            return Without("Networks of one initial seed still have the same features here, whatever their group, so there is nothing to tell them apart by; not computed.");
        string? note = folds < options.Folds ? $"Only {folds} folds: there are {cohort.InitSeeds} initial seeds." : null;
        CrossValidationResult result = CrossValidation.Run(features, labeling.Labels, cohort.Groups, classifier, folds, options.Seed);
        var confusion = new int[labeling.Values.Length][];
        for (int label = 0; label < confusion.Length; label++)
            confusion[label] = new int[confusion.Length];
        for (int member = 0; member < labeling.Labels.Length; member++)
            confusion[labeling.Labels[member]][result.Predicted[member]]++;
        return new ClassificationScore(labeling.Name, features.Name, classifier.Name, folds,
            new Estimate(result.Accuracy, result.Confidence.Low, result.Confidence.High), labeling.Chance, null, confusion, note);
    }

    /// <summary>
    /// Whether all networks of each initial seed have equal features, and several groups each: so at step 0 of twins. A classifier then gives one answer for
    /// all networks of a seed, and its accuracy says nothing.
    /// </summary>
    private static bool HasNotMovedApart(FeatureMatrix features, Labeling labeling, Cohort cohort)
    {
        foreach (var seed in Enumerable.Range(0, features.Rows).GroupBy(member => cohort.Groups[member]))
        {
            int first = seed.First();
            if (seed.All(member => labeling.Labels[member] == labeling.Labels[first]) || seed.Any(member => !features.Row(member).SequenceEqual(features.Row(first))))
                return false;
        }
        return true;
    }

    /// <summary>The best score of some tries, beside what the same procedure gives on permuted labels and with a bound that allows for the tries.</summary>
    public static ClassificationScore Permute(
        ClassificationScore score, int tries, FeatureMatrix features, Labeling labeling, Cohort cohort, IClassifier classifier, AnalysisOptions options)
    {
        int[] predicted = CrossValidation.Run(features, labeling.Labels, cohort.Groups, classifier, score.Folds, options.Seed).Predicted;
        bool[] correct = [.. predicted.Zip(labeling.Labels, (answer, label) => answer == label)];
        double low = Intervals.Wilson(correct, cohort.Groups, 1 - ((1 - Level) / tries)).Low;
        PermutationBaseline baseline = PermutedLabels.Run(
            features, labeling.Labels, cohort.Groups, classifier, score.Folds, options.Permutations, options.Seed, score.Accuracy!.Value);
        return score with { Permuted = new PermutedScore(baseline.Mean, baseline.Percentile95, baseline.PValue, baseline.Permutations, tries, low) };
    }

    /// <summary>
    /// The plain numbers that could give a network away without its weights' pattern, each as a matrix of one column (both losses: two): the norm
    /// of all weights, the number of steps, the held-out loss, and the training loss with it. Networks that share a data seed saw the same
    /// last batch, so their training losses can be compared closely; the held-out loss alone has no such help. One network without a measured
    /// loss leaves that loss out for all.
    /// </summary>
    public static IEnumerable<FeatureMatrix> PlainNumbers(FeatureMatrix raw, Cohort cohort, Moment moment)
    {
        int count = cohort.Networks.Length;
        PopulationCheckpoint[] checkpoints = [.. Enumerable.Range(0, count).Select(member => cohort.Networks[member].Checkpoints[moment.Checkpoints[member]])];
        var norms = new float[count];
        for (int member = 0; member < count; member++)
        {
            double squares = 0;
            foreach (float weight in raw.Row(member))
                squares += (double)weight * weight;
            norms[member] = (float)Math.Sqrt(squares);
        }
        yield return new FeatureMatrix("norm", count, 1, norms);
        if (checkpoints.Any(checkpoint => checkpoint.Step != checkpoints[0].Step))
            yield return new FeatureMatrix("steps", count, 1, [.. checkpoints.Select(checkpoint => (float)checkpoint.Step)]);
        float[] evaluation = [.. checkpoints.Select(checkpoint => (float)(checkpoint.EvalLoss ?? double.NaN))];
        if (!evaluation.All(float.IsFinite))
            yield break;
        yield return new FeatureMatrix("eval_loss", count, 1, evaluation);
        float[] both = [.. checkpoints.SelectMany((checkpoint, member) => new[] { (float)(checkpoint.TrainLoss ?? double.NaN), evaluation[member] })];
        if (both.All(float.IsFinite))
            yield return new FeatureMatrix("losses", count, 2, both);
    }

    /// <summary>Mean held-out loss of each class, over its networks with a measured one.</summary>
    public static IReadOnlyList<ClassLoss> Losses(Cohort cohort, Moment moment, AnalysisOptions options)
    {
        var losses = new List<ClassLoss>();
        foreach (string name in cohort.Classes.Distinct().Order(StringComparer.Ordinal))
        {
            (int Member, double Loss)[] measured = [.. Enumerable.Range(0, cohort.Networks.Length)
                .Where(member => cohort.Classes[member] == name)
                .Select(member => (member, Loss: cohort.Networks[member].Checkpoints[moment.Checkpoints[member]].EvalLoss ?? double.NaN))
                .Where(pair => double.IsFinite(pair.Loss))];
            if (measured.Length > 0)
                losses.Add(new ClassLoss(name, Mean([.. measured.Select(pair => pair.Loss)], [.. measured.Select(pair => cohort.Groups[pair.Member])], options)));
        }
        return losses;
    }

    /// <summary>Held-out loss of each class at the matched steps.</summary>
    public static IReadOnlyList<LossCurve> LossCurves(Cohort cohort)
    {
        var curves = new List<LossCurve>();
        foreach (string name in cohort.Classes.Distinct().Order(StringComparer.Ordinal))
        {
            int[] members = [.. Enumerable.Range(0, cohort.Networks.Length).Where(member => cohort.Classes[member] == name)];
            var points = new List<LossAt>();
            foreach (long step in cohort.MatchedSteps)
            {
                double[] losses = [.. members.Select(member => cohort.Networks[member].Checkpoints[cohort.CheckpointAt(member, step)].EvalLoss ?? double.NaN)
                    .Where(double.IsFinite).Order()];
                if (losses.Length > 0)
                    points.Add(new LossAt(step, losses.Average(), Intervals.Percentile(losses, 0.1), Intervals.Percentile(losses, 0.9)));
            }
            curves.Add(new LossCurve(name, points));
        }
        return curves;
    }

    /// <summary>A mean with the bootstrap interval over groups; without one where there is a single group.</summary>
    public static Estimate Mean(double[] values, int[] groups, AnalysisOptions options)
    {
        double mean = values.Average();
        if (groups.Distinct().Count() < 2)
            return new Estimate(mean, null, null);
        Interval interval = Intervals.BootstrapMean(values, groups, options.Resamples, options.Seed, Level);
        return new Estimate(mean, interval.Low, interval.High);
    }

    /// <summary>
    /// Agreement with the labels. The clusters stay as they were found in all networks while initial seeds are left out one at a time: the
    /// interval is about which networks were grown, not about how stable the clustering is.
    /// </summary>
    private static ClusteringScore Agreement(Labeling labeling, string method, int[] clusters, int[] groups)
    {
        Estimate Score(Func<int[], int[], double> index)
        {
            double Of(int[] rows) => index([.. rows.Select(row => labeling.Labels[row])], [.. rows.Select(row => clusters[row])]);
            if (groups.Distinct().Count() < 2)
                return new Estimate(Of([.. Enumerable.Range(0, groups.Length)]), null, null);
            (double estimate, Interval interval) = Intervals.Jackknife(groups.Length, groups, Of, Level);
            return new Estimate(estimate, interval.Low, interval.High);
        }
        return new ClusteringScore(labeling.Name, method, labeling.Values.Length, Score(ClusterScores.AdjustedRandIndex), Score(ClusterScores.AdjustedMutualInformation));
    }
}
