using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Trojans;

/// <summary>
/// A linear classifier on weights that says which networks saw changed data: Huster et al., "Solving Trojan Detection Competitions with Linear Weight Classification" (arXiv
/// 2411.03445), with features from a view, selection by |t|, standardisation and logistic regression. It needs no data and no trigger. Departures: the reference is the mean of the
/// population (standardising takes it off), since networks of a zoo have no common pre-trained ancestor; probabilities are calibrated (Platt, 1999); and a network unlike those
/// that it was fitted on gets no verdict.
/// </summary>
public sealed class TrojanDetector
{
    /// <summary>An answer's word.</summary>
    public const string Clean = "clean", Changed = "changed", Unlike = "unlike";

    /// <summary>A network that fewer than this share of the known ones lie as far out as is unlike them.</summary>
    private const double LeastLikeness = 0.01;

    private const double Level = 0.95;

    internal TrojanDetector(string view, string layers, int parameters, DetectorFit fit, Calibration calibration, ColumnScaling known, double[] knownDistances) =>
        (View, Layers, Parameters, Fit, Calibration, Known, KnownDistances) = (view, layers, parameters, fit, calibration, known, knownDistances);

    /// <summary>The views that a detector may see, the default first. None needs to be fitted to a population.</summary>
    public static IReadOnlyList<IView> Views { get; } = [new SortedView(), new StatisticsView(), new SpectralView(), new InvariantView(), new RawView()];

    /// <summary>The view whose features it sees.</summary>
    public string View { get; }

    /// <summary>The layers of the networks that it reads, in words, and their parameters.</summary>
    public string Layers { get; }

    public int Parameters { get; }

    internal DetectorFit Fit { get; }

    internal Calibration Calibration { get; }

    /// <summary>Mean and spread of the statistics s(W) over the networks it was fitted on.</summary>
    internal ColumnScaling Known { get; }

    /// <summary>How far out in these each of them lay when others were known, ascending.</summary>
    internal double[] KnownDistances { get; }

    /// <summary>
    /// Fits a detector to the networks of one architecture of a population, changed against clean, and says how well it does on networks it has not seen.
    /// </summary>
    /// <param name="step">The step whose checkpoints are taken; null: each network's last.</param>
    /// <exception cref="InputException">The population has no two groups, or the names do not fit it.</exception>
    public static (TrojanDetector Detector, DetectionScore Score) Learn(
        Population population, string viewName, string? architecture, long? step, DetectionOptions options, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        IView view = Views.FirstOrDefault(view => view.Name == viewName) ?? throw new InputException($"--view: found '{viewName}', expected one of {string.Join(", ", Views.Select(view => view.Name))}");
        (Cohort cohort, _) = Cohort.OfArchitecture(population, architecture, step, "a detector");
        int changed = cohort.Networks.Count(IsChanged);
        if (changed == 0 || changed == cohort.Networks.Length)
            throw new InputException($"{population.Title}: {changed} of {cohort.Networks.Length} networks of '{cohort.Architecture.Name}' saw changed data; a detector learns from changed and clean ones (variant: [clean, poisoned] or [clean, modified])");
        if (cohort.InitSeeds < 2)
            throw new InputException($"{population.Title}: all networks share one initial seed, so none can be tested on that did not start where others did; grow more (seeds.init)");
        CheckpointPlace[] places = cohort.Places(step);
        return Learn(cohort, places, view, of => Read(population, cohort.Architecture, places, of), options, progress, cancellation);
    }

    /// <summary>Whether a detector can be learned from these networks: some changed, some clean, of two initial seeds at least.</summary>
    internal static bool CanLearn(Cohort cohort) => cohort.InitSeeds >= 2 && cohort.Networks.Any(IsChanged) && !cohort.Networks.All(IsChanged);

    /// <summary>The same for networks that <see cref="CanLearn"/> says yes to.</summary>
    /// <param name="places">By member: the checkpoint that is taken.</param>
    /// <param name="read">Gives the features of a view at these, [members, features].</param>
    internal static (TrojanDetector Detector, DetectionScore Score) Learn(
        Cohort cohort, CheckpointPlace[] places, IView view, Func<IView, FeatureMatrix> read, DetectionOptions options, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        bool[] isChanged = [.. cohort.Networks.Select(IsChanged)];
        int folds = Math.Min(options.Folds, cohort.InitSeeds);
        FeatureMatrix features = read(view), statistics = view is StatisticsView ? features : read(new StatisticsView());
        int[] labels = [.. isChanged.Select(of => of ? 1 : 0)];
        int[] fold = CrossValidation.StratifiedGroupFolds(labels, cohort.Groups, folds, options.Seed);
        int total = options.Permutations + 3, done = 0;
        void Report() => progress?.Report(new AnalysisProgress($"{cohort.Architecture.Name}: fitting the detector", Interlocked.Increment(ref done), total));

        double[] logits = OutOfFold(features, isChanged, fold, folds, options.Features, cancellation);
        double[] probabilities = OutOfFoldProbabilities(logits, isChanged, fold, folds);
        Report();
        PermutedAuc? permuted = options.Permutations == 0 ? null : Permute(features, labels, cohort.Groups, folds, options, RocCurve.Area(logits, isChanged), Report, cancellation);
        DetectorFit fit = DetectorFit.To(features, isChanged, options.Features);
        var detector = new TrojanDetector(view.Name, RecipeWords.Layers(cohort.Architecture), cohort.Architecture.Parameters.Count, fit, Calibration.Fit(logits, isChanged),
            ColumnScaling.Fit(statistics), OutOfFoldDistances(statistics, fold, folds));
        Report();
        FeatureMatrix weights = view is RawView ? features : read(new RawView());
        Dictionary<string, (double[] Logits, int[] Members)> unseen = DetectionControls.OfUnseenChanges(cohort, features, isChanged, fold, folds, options.Features, cancellation);
        double[] byShape = OutOfFold(DetectionControls.OfUnitTensors(view, cohort.Architecture, weights), isChanged, fold, folds, options.Features, cancellation);
        DetectionScore score = Score(cohort, places, view, features, weights, fit, isChanged, logits, probabilities, permuted, unseen, byShape, options);
        Report();
        return (detector, score);
    }

    /// <summary>What it says of networks. Throws <see cref="InputException"/> where they are of another architecture.</summary>
    public IReadOnlyList<DetectorAnswer> Answer(Population population, string? architecture, long? step, CancellationToken cancellation = default)
    {
        const int chunk = 256;
        IView view = Views.First(view => view.Name == View);
        Architecture[] architectures = [.. population.Networks.Select(network => network.Architecture).Distinct().Where(one => architecture is null || one.Name == architecture)];
        Architecture fitting = Array.Find(architectures, one => RecipeWords.Layers(one) == Layers && one.Parameters.Count == Parameters)
            ?? throw new InputException($"{population.Title}: none of its architectures is the one that the detector was fitted on ({Layers}; {Parameters} parameters); found {string.Join("; ", architectures.Select(one => $"{one.Name}: {RecipeWords.Layers(one)}"))}");
        var answers = new List<DetectorAnswer>();
        var places = new List<(string Id, CheckpointPlace Place)>();
        for (int index = 0; index < population.Networks.Count; index++)
        {
            PopulationNetwork network = population.Networks[index];
            int checkpoint = step is null ? network.Checkpoints.Count - 1 : network.Checkpoints.ToList().FindIndex(one => one.Step == step);
            if (network.Architecture == fitting && checkpoint >= 0)
                places.Add((network.Id, new CheckpointPlace(index, checkpoint)));
        }
        if (places.Count == 0)
            throw new InputException($"{population.Title}: no network of '{fitting.Name}' has {(step is null ? "a checkpoint" : $"a checkpoint at step {step}")}");
        foreach ((string Id, CheckpointPlace Place)[] some in places.Chunk(chunk))
        {
            cancellation.ThrowIfCancellationRequested();
            CheckpointPlace[] read = [.. some.Select(one => one.Place)];
            FeatureMatrix features = Read(population, fitting, read, view), statistics = view is StatisticsView ? features : Read(population, fitting, read, new StatisticsView());
            for (int row = 0; row < some.Length; row++)
            {
                double probability = Calibration.Probability(Fit.Logit(features.Row(row))), distance = Distance(statistics.Row(row), Known);
                int fartherOrEqual = KnownDistances.Count(known => known >= distance);
                // The network itself counts as one of them (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005: a conformal p-value).
                double likeness = (1.0 + fartherOrEqual) / (1 + KnownDistances.Length);
                bool isUnlike = likeness <= Math.Max(LeastLikeness, 1.0 / (1 + KnownDistances.Length));
                answers.Add(new DetectorAnswer(some[row].Id, probability, likeness, isUnlike ? Unlike : probability >= 0.5 ? Changed : Clean));
            }
        }
        return answers;
    }

    private static bool IsChanged(PopulationNetwork network) => network.Task.Change is not null;

    private static FeatureMatrix Read(Population population, Architecture architecture, CheckpointPlace[] places, IView view)
    {
        var rows = new Maps.PopulationRows(population, architecture, places, view);
        var values = new float[(long)rows.Count * rows.Columns];
        rows.Read(0, rows.Count, values);
        return new FeatureMatrix(view.Name, rows.Count, rows.Columns, values);
    }

    /// <summary>The logit of each row, by a fit to the folds that do not hold it.</summary>
    private static double[] OutOfFold(FeatureMatrix features, bool[] isChanged, int[] fold, int folds, int most, CancellationToken cancellation)
    {
        var logits = new double[features.Rows];
        Parallel.For(0, folds, new ParallelOptions { CancellationToken = cancellation }, held =>
        {
            int[] train = [.. Enumerable.Range(0, features.Rows).Where(row => fold[row] != held)];
            bool[] labels = [.. train.Select(row => isChanged[row])];
            // A fold that leaves one group alone cannot be learned from; its networks get no opinion.
            if (labels.All(of => of) || !labels.Contains(true))
                return;
            DetectorFit fit = DetectorFit.To(features.SelectRows(train), labels, most);
            for (int row = 0; row < features.Rows; row++)
            {
                if (fold[row] == held)
                    logits[row] = fit.Logit(features.Row(row));
            }
        });
        return logits;
    }

    /// <summary>Each fold's logits calibrated by those of the others.</summary>
    private static double[] OutOfFoldProbabilities(double[] logits, bool[] isChanged, int[] fold, int folds)
    {
        var probabilities = new double[logits.Length];
        for (int held = 0; held < folds; held++)
        {
            int[] others = [.. Enumerable.Range(0, logits.Length).Where(row => fold[row] != held)];
            Calibration calibration = Calibration.Fit([.. others.Select(row => logits[row])], [.. others.Select(row => isChanged[row])]);
            for (int row = 0; row < logits.Length; row++)
            {
                if (fold[row] == held)
                    probabilities[row] = calibration.Probability(logits[row]);
            }
        }
        return probabilities;
    }

    private static double[] OutOfFoldDistances(FeatureMatrix statistics, int[] fold, int folds)
    {
        var distances = new double[statistics.Rows];
        for (int held = 0; held < folds; held++)
        {
            ColumnScaling others = ColumnScaling.Fit(statistics.SelectRows([.. Enumerable.Range(0, statistics.Rows).Where(row => fold[row] != held)]));
            for (int row = 0; row < statistics.Rows; row++)
            {
                if (fold[row] == held)
                    distances[row] = Distance(statistics.Row(row), others);
            }
        }
        Array.Sort(distances);
        return distances;
    }

    /// <summary>Root mean square of the features in standard deviations from their means.</summary>
    private static double Distance(ReadOnlySpan<float> features, ColumnScaling scaling)
    {
        double squares = 0;
        for (int i = 0; i < features.Length; i++)
        {
            double z = (features[i] - scaling.Means[i]) * scaling.Scales[i];
            squares += z * z;
        }
        return Math.Sqrt(squares / features.Length);
    }

    private static PermutedAuc Permute(
        FeatureMatrix features, int[] labels, int[] groups, int folds, DetectionOptions options, double observed, Action report, CancellationToken cancellation)
    {
        var areas = new double[options.Permutations];
        for (int permutation = 0; permutation < areas.Length; permutation++)
        {
            int[] permuted = PermutedLabels.Permute(labels, groups, options.Seed, permutation);
            bool[] isChanged = [.. permuted.Select(label => label == 1)];
            int[] fold = CrossValidation.StratifiedGroupFolds(permuted, groups, folds, options.Seed);
            areas[permutation] = RocCurve.Area(OutOfFold(features, isChanged, fold, folds, options.Features, cancellation), isChanged);
            report();
        }
        Array.Sort(areas);
        return new PermutedAuc(areas.Average(), Intervals.Percentile(areas, 0.95), (1.0 + areas.Count(area => area >= observed - 1e-12)) / (1 + areas.Length), areas.Length);
    }

    private static DetectionScore Score(
        Cohort cohort, CheckpointPlace[] places, IView view, FeatureMatrix features, FeatureMatrix weights, DetectorFit fit, bool[] isChanged, double[] logits, double[] probabilities, PermutedAuc? permuted,
        Dictionary<string, (double[] Logits, int[] Members)> unseen, double[] byShape, DetectionOptions options)
    {
        int[] all = [.. Enumerable.Range(0, isChanged.Length)];
        Estimate Auc(double[] scores, int[] rows) => AreaWithInterval([.. rows.Select(row => scores[row])], [.. rows.Select(row => isChanged[row])], [.. rows.Select(row => cohort.Groups[row])], options);

        Estimate? MeanOverChanges((double[] Scores, int[] Members)[] scores) => scores.Length == 0 ? null : DetectionControls.MeanArea(scores, isChanged, cohort.Groups, options);

        double[] surprises = [.. all.Select(row => -Math.Log(Math.Max(1e-300, isChanged[row] ? probabilities[row] : 1 - probabilities[row])))];
        double share = isChanged.Count(of => of) / (double)isChanged.Length;
        var plain = new List<NamedAuc>();
        void AddPlain(string name, IEnumerable<double?> values)
        {
            double?[] of = [.. values];
            if (of.Any(value => value is not { } number || !double.IsFinite(number)))
                return;
            double[] scores = [.. of.Select(value => value!.Value)];
            double sign = RocCurve.Area(scores, isChanged) < 0.5 ? -1 : 1; // whichever way it tells
            double[] turned = [.. scores.Select(score => sign * score)];
            plain.Add(new NamedAuc(name, scores.Length, Auc(turned, all), MeanOverChanges([.. unseen.Values.Select(of => (turned, of.Members))])));
        }
        PopulationCheckpoint[] checkpoints = [.. places.Select((place, member) => cohort.Networks[member].Checkpoints[place.Checkpoint])];
        AddPlain("norm", all.Select(row => (double?)Norm(weights.Row(row))));
        if (checkpoints.Any(checkpoint => checkpoint.Step != checkpoints[0].Step))
            AddPlain("steps", checkpoints.Select(checkpoint => (double?)checkpoint.Step));
        AddPlain("eval_loss", checkpoints.Select(checkpoint => checkpoint.EvalLoss));
        AddPlain("train_loss", checkpoints.Select(checkpoint => checkpoint.TrainLoss));
        AddPlain("eval_accuracy", cohort.Networks.Select(network => network.EvalAccuracy));

        var byChange = new List<NamedAuc>();
        foreach (string change in cohort.Changes)
        {
            int[] rows = [.. all.Where(row => cohort.Networks[row].Task.Change is null || cohort.Networks[row].Task.Change == change)];
            int count = rows.Count(row => isChanged[row]);
            if (count > 0 && cohort.Changes.Length > 1)
                byChange.Add(new NamedAuc(change, count, Auc(logits, rows), unseen.TryGetValue(change, out (double[] Logits, int[] Members) without) ? Auc(without.Logits, without.Members) : null));
        }
        Estimate? attack = cohort.Networks.All(network => network.AttackSuccess is not null) ? Auc([.. cohort.Networks.Select(network => network.AttackSuccess!.Value)], all) : null;
        return new DetectionScore(view.Name, features.Columns, fit.Selected.Length, isChanged.Length, isChanged.Count(of => of), cohort.InitSeeds, Auc(logits, all),
            MomentScores.Mean(surprises, cohort.Groups, new AnalysisOptions { Seed = options.Seed, Resamples = options.Resamples }),
            -(share * Math.Log(share)) - ((1 - share) * Math.Log(1 - share)), permuted, plain, byChange, MeanOverChanges([.. unseen.Values]), Auc(byShape, all), attack);
    }

    private static double Norm(ReadOnlySpan<float> weights)
    {
        double squares = 0;
        foreach (float weight in weights)
            squares += (double)weight * weight;
        return Math.Sqrt(squares);
    }

    /// <summary>The area with the percentile bootstrap over initial seeds, drawn again where a draw has one group only.</summary>
    private static Estimate AreaWithInterval(double[] scores, bool[] isPositive, int[] groups, DetectionOptions options)
    {
        int[][] members = Intervals.Members(scores.Length, groups);
        var areas = new double[options.Resamples];
        Parallel.For(0, areas.Length, resample =>
        {
            var random = new RandomStream(options.Seed, RandomPurpose.Bootstrap, (1UL << 40) + (ulong)resample);
            do
            {
                int[] rows = [.. Enumerable.Range(0, members.Length).SelectMany(_ => members[random.NextBelow(members.Length)])];
                areas[resample] = RocCurve.Area([.. rows.Select(row => scores[row])], [.. rows.Select(row => isPositive[row])]);
            }
            while (double.IsNaN(areas[resample]));
        });
        Array.Sort(areas);
        double value = RocCurve.Area(scores, isPositive);
        return members.Length < 2 ? new Estimate(value, null, null) : new Estimate(value, Intervals.Percentile(areas, (1 - Level) / 2), Intervals.Percentile(areas, (1 + Level) / 2));
    }
}
