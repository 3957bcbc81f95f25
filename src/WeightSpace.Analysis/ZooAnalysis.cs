using WeightSpace.Analysis.Parts;
using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Divergence;
using WeightSpace.Analysis.Trojans;
using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis;

/// <summary>
/// The analysis of a zoo, from top to bottom: choose networks and moments; read the weights once, step by step, into every view, following
/// twins on the way; at the chosen moments look for structure and train classifiers; say what the numbers support.
/// </summary>
public static class ZooAnalysis
{
    /// <summary>
    /// Analyses a population, each architecture apart. The same population and options give the same result, whatever the number of threads.
    /// </summary>
    /// <param name="progress">Told of each stage's parts as they are done; may be called from several threads.</param>
    /// <param name="parts">Gram matrices and scores of these networks that were computed elsewhere, with the same options; null: all are computed here.</param>
    /// <exception cref="InputException">There is no finished network with a checkpoint.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; checked between steps and between scores.</exception>
    public static AnalysisResult Run(
        Population population, AnalysisOptions options, IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default, IAnalysisParts? parts = null)
    {
        IReadOnlyList<Cohort> cohorts = Cohorts(population, options);
        ArchitectureAnalysis[] analyses = [.. cohorts.Select((cohort, number) => Analyse(cohort, options, progress, cancellation, parts is null ? null : new KnownParts(parts, number, cohort.Networks.Length)))];
        return new AnalysisResult(
            AnalysisJson.FormatVersion,
            population.Title,
            population.Provenance,
            new AnalysisSettings(options.Seed, options.Folds, options.Permutations, options.Trees, options.KMeansStarts, options.Resamples, options.MaxNetworks),
            Summarise(population, [.. cohorts.SelectMany(cohort => cohort.Indices)], Cohort.ChangesOf(population.Networks.Select(network => network.Task))),
            analyses);
    }

    /// <summary>The networks that are analysed, those of each architecture apart. Throws <see cref="InputException"/> where there are none.</summary>
    internal static IReadOnlyList<Cohort> Cohorts(Population population, AnalysisOptions options)
    {
        int[] usable = [.. Enumerable.Range(0, population.Networks.Count).Where(index => IsUsable(population.Networks[index]))];
        if (usable.Length == 0)
        {
            throw new InputException($"{population.Title}: none of its {population.Networks.Count} networks is finished and has a checkpoint, so there is nothing to analyse; "
                + (population.Networks.Count == 0 ? "grow it first" : $"the first one is {Status(population.Networks[0])}: {population.Networks[0].Reason}"));
        }
        string[] changes = Cohort.ChangesOf(population.Networks.Select(network => network.Task));
        return [.. usable.GroupBy(index => population.Networks[index].Architecture).Select(group => Cohort.Choose(population, group.Key, [.. group], changes, options))];
    }

    /// <summary>The views that are defined for the networks of a cohort.</summary>
    internal static IReadOnlyList<IView> ViewsOf(Cohort cohort) => [.. WeightViews.All.Where(view => view.Reads(cohort.Architecture))];

    /// <param name="known">What was computed elsewhere.</param>
    private static ArchitectureAnalysis Analyse(Cohort cohort, AnalysisOptions options, IProgress<AnalysisProgress>? progress, CancellationToken cancellation, KnownParts? known)
    {
        IReadOnlyList<IView> views = ViewsOf(cohort);
        string[] notes = [.. cohort.Notes, .. WeightViews.All.Except(views).Select(view => $"The view '{view.Title}' is left out: it is not defined for these layers.")];
        var divergence = new TwinDivergence(cohort, views, options);
        FeatureMatrix[][] features = ReadWeights(cohort, views, divergence, progress, cancellation);
        PointAnalysis[] points = Score(cohort, views, features, options, progress, cancellation, known);
        (IReadOnlyList<LayerScore> layers, IReadOnlyList<LearningCurve> curves) = ScoreParts(cohort, views, features[Conclusions.MomentOf(cohort.Moments)], options, progress, cancellation);
        (IReadOnlyList<ChangeTest> tests, IReadOnlyList<PowerCurve> power) = TestChanges(cohort, views, features[Conclusions.MomentOf(cohort.Moments)], options, progress, cancellation);
        DivergenceAnalysis twins = divergence.Result(tests, power);
        DetectionScore? detection = Detect(cohort, features[^1][views.ToList().FindIndex(view => view is RawView)], options, progress, cancellation);
        LabelingSummary[] labelings = [.. cohort.Labelings.Select(labeling => new LabelingSummary(
            labeling.Name, labeling.Title, labeling.Values, [.. Enumerable.Range(0, labeling.Values.Length).Select(value => labeling.Labels.Count(label => label == value))], labeling.Chance))];
        ViewSummary[] summaries = [.. views.Select((view, index) => new ViewSummary(view.Name, view.Title, view.Short, view.Explanation, view.IsStandardised, features[0][index].Columns))];
        return new ArchitectureAnalysis(
            cohort.Architecture.Name,
            RecipeWords.Layers(cohort.Architecture),
            cohort.Architecture.Parameters.Count,
            cohort.InitSeeds,
            cohort.Networks.Select(network => network.DataSeed).Distinct().Count(),
            notes,
            Conclusions.Draw(labelings, summaries, points, twins, detection),
            labelings,
            summaries,
            cohort.MatchedSteps,
            [.. cohort.Networks.Select((network, member) => new Member(network.Id, cohort.Machines[member], cohort.Treatments[member], cohort.Classes[member], network.InitSeed, network.DataSeed, network.Steps))],
            MomentScores.LossCurves(cohort),
            points,
            layers,
            curves,
            twins,
            detection);
    }

    /// <summary>
    /// Reads each checkpoint's weights once, one step at a time, so that memory holds one step and the features of the moments. Returns
    /// features by moment and view, [members, features] each.
    /// </summary>
    private static FeatureMatrix[][] ReadWeights(
        Cohort cohort, IReadOnlyList<IView> views, TwinDivergence divergence, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        var kept = new FeatureMatrix[cohort.Moments.Count][];
        int[] all = [.. Enumerable.Range(0, cohort.Networks.Length)];
        long[] steps = [.. cohort.Moments.Select(moment => moment.Step).OfType<long>().Union(divergence.Steps).Order()];
        int[] others = [.. Enumerable.Range(0, cohort.Moments.Count).Where(moment => cohort.Moments[moment].Step is null)];
        HashSet<long> followed = [.. divergence.Steps];
        for (int i = 0; i < steps.Length + others.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (i < steps.Length)
            {
                long step = steps[i];
                int moment = cohort.Moments.ToList().FindIndex(moment => moment.Step == step);
                // A moment is a step that all members have, so there the rows below are all members.
                int[] members = moment >= 0 ? all : divergence.MembersAt(step);
                FeatureMatrix[] features = ViewWeights(cohort, views, members, cohort.ReadWeights(members, member => cohort.CheckpointAt(member, step)));
                if (moment >= 0)
                    kept[moment] = features;
                if (followed.Contains(step))
                    Parallel.For(0, views.Count, view => divergence.Add(step, view, members, features[view]));
            }
            else
            {
                int moment = others[i - steps.Length];
                kept[moment] = ViewWeights(cohort, views, all, cohort.ReadWeights(all, member => cohort.Moments[moment].Checkpoints[member]));
            }
            progress?.Report(new AnalysisProgress($"{cohort.Architecture.Name}: reading weights and following twins", i + 1, steps.Length + others.Length));
        }
        return kept;
    }

    private static FeatureMatrix[] ViewWeights(Cohort cohort, IReadOnlyList<IView> views, int[] members, float[] weights)
    {
        FeatureMatrix raw = RawWeights(cohort, members, weights);
        return [.. views.Select(view => Features(view, cohort.Architecture, raw))];
    }

    /// <summary>Weights [members, parameter] that are all finite.</summary>
    internal static FeatureMatrix RawWeights(Cohort cohort, int[] members, float[] weights)
    {
        int parameters = cohort.Architecture.Parameters.Count;
        for (int i = 0; i < weights.Length; i++)
        {
            if (!float.IsFinite(weights[i]))
                throw new InputException($"network {cohort.Networks[members[i / parameters]].Id} is marked finished but one of its checkpoints holds {weights[i]}; check the zoo, or mark the network as diverged");
        }
        return new FeatureMatrix("raw", members.Length, parameters, weights);
    }

    /// <summary>What a view sees of networks whose weights [networks, parameter] are given, [networks, features].</summary>
    internal static FeatureMatrix Features(IView view, Architecture architecture, FeatureMatrix weights)
    {
        if (view is RawView)
            return weights;
        IView fitted = view.Fit(architecture, weights.Values);
        int columns = view.FeatureNames(architecture).Length;
        var values = new float[(long)weights.Rows * columns];
        Parallel.For(0, weights.Rows, row => fitted.Compute(architecture, weights.Row(row), values.AsSpan(row * columns, columns)));
        return new FeatureMatrix(view.Name, weights.Rows, columns, values);
    }

    /// <summary>All scores of all moments: independent of each other, so they run at the same time and land in fixed places.</summary>
    private static PointAnalysis[] Score(
        Cohort cohort, IReadOnlyList<IView> views, FeatureMatrix[][] features, AnalysisOptions options, IProgress<AnalysisProgress>? progress, CancellationToken cancellation, KnownParts? known)
    {
        int moments = cohort.Moments.Count;
        var structures = new ViewAtPoint[moments, views.Count];
        var scores = new ClassificationScore[moments][][]; // by moment, then view (the last: plain numbers), then labeling and classifier
        var work = new List<Action>();
        for (int m = 0; m < moments; m++)
        {
            int moment = m;
            bool last = cohort.Moments[m].Name == Moment.End || cohort.Moments[m].Step is { } step && step == cohort.MatchedSteps[^1];
            scores[m] = new ClassificationScore[views.Count + 1][];
            for (int v = 0; v < views.Count; v++)
            {
                int view = v;
                work.Add(() => structures[moment, view] = MomentScores.Structure(views[view], features[moment][view], cohort, options, last, known is null ? null : () => known.ReadGram(cohort.Moments[moment], views[view])));
                AddScores(m, v, [features[m][v]], options.Classifiers, known is null ? null : (labeling, classifier) => known.ReadScore(cohort.Moments[moment], views[view], labeling, classifier));
            }
            AddScores(m, views.Count, [.. MomentScores.PlainNumbers(features[m][0], cohort, cohort.Moments[m])], [new RandomForest(options.Trees, options.Seed)]);
        }
        RunAll(work, "scores", cohort, progress, cancellation);
        work.Clear();
        AddPermutations(Conclusions.MomentOf(cohort.Moments));
        RunAll(work, "permuted labels", cohort, progress, cancellation);
        return [.. cohort.Moments.Select((moment, m) => new PointAnalysis(
            moment.Name,
            moment.Title,
            moment.Step,
            MomentScores.Losses(cohort, moment, options),
            [.. views.Select((_, v) => structures[m, v] with { Classifications = scores[m][v] })],
            scores[m][^1]))];

        // Permuting costs as many runs as there are permutations, so it stands behind the score that a conclusion is drawn from: the best one of
        // each labeling that is asked about, at the moment that conclusions are about.
        void AddPermutations(int moment)
        {
            foreach (Labeling labeling in cohort.Labelings.Where(labeling => options.Permutations > 0 && Conclusions.IsAskedAbout(labeling.Name, cohort.Labelings.Select(other => other.Name))))
            {
                var cells = Enumerable.Range(0, views.Count).SelectMany(view => Enumerable.Range(0, scores[moment][view].Length).Select(place => (View: view, Place: place)))
                    .Where(cell => scores[moment][cell.View][cell.Place] is { Accuracy: not null } score && score.Labeling == labeling.Name).ToList();
                if (cells.Count == 0)
                    continue;
                (int view, int place) = cells.MaxBy(cell => scores[moment][cell.View][cell.Place].Accuracy!.Value);
                IClassifier classifier = options.Classifiers.Single(item => item.Name == scores[moment][view][place].Classifier);
                work.Add(() => scores[moment][view][place] = MomentScores.Permute(scores[moment][view][place], cells.Count, features[moment][view], labeling, cohort, classifier, options));
            }
        }

        void AddScores(int moment, int place, FeatureMatrix[] matrices, IClassifier[] classifiers, Func<Labeling, IClassifier, ClassificationScore>? read = null)
        {
            var found = scores[moment][place] = new ClassificationScore[cohort.Labelings.Count * matrices.Length * classifiers.Length];
            int next = 0;
            foreach (Labeling labeling in cohort.Labelings)
            {
                foreach (FeatureMatrix matrix in matrices)
                {
                    foreach (IClassifier classifier in classifiers)
                    {
                        int index = next++;
                        work.Add(() => found[index] = read is null ? MomentScores.Classify(matrix, labeling, cohort, classifier, options) : read(labeling, classifier));
                    }
                }
            }
        }
    }

    /// <summary>
    /// What single layers tell, and how much it helps to have more networks: of the moment that conclusions are about and the first labeling.
    /// </summary>
    private static (IReadOnlyList<LayerScore> Layers, IReadOnlyList<LearningCurve> Curves) ScoreParts(
        Cohort cohort, IReadOnlyList<IView> views, FeatureMatrix[] features, AnalysisOptions options, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        int folds = Math.Min(options.Folds, cohort.InitSeeds);
        if (cohort.Labelings.Count == 0 || folds < 2)
            return ([], []);
        Labeling labeling = cohort.Labelings[0];
        int[] sizes = LearningCurves.SizesFor(cohort.InitSeeds, folds);
        LayerScores.LayerColumns[][] layers = [.. views.Select(view => LayerScores.ColumnsOf(view, cohort.Architecture).ToArray())];
        LayerScore[][] scores = [.. layers.Select(of => new LayerScore[of.Length])];
        var points = new LearningPoint[views.Count, sizes.Length];
        var work = new List<Action>();
        for (int v = 0; v < views.Count; v++)
        {
            int view = v;
            for (int l = 0; l < layers[v].Length; l++)
            {
                int layer = l;
                work.Add(() => scores[view][layer] = LayerScores.Score(layers[view][layer], features[view], labeling, cohort, options));
            }
            for (int s = 0; s < sizes.Length; s++)
            {
                int size = s;
                work.Add(() => points[view, size] = LearningCurves.Point(sizes[size], features[view], labeling, cohort, options));
            }
        }
        RunAll(work, "layers and learning curves", cohort, progress, cancellation);
        return ([.. scores.SelectMany(of => of)],
            [.. views.Select((view, v) => new LearningCurve(labeling.Name, view.Name, labeling.Chance, [.. Enumerable.Range(0, sizes.Length).Select(size => points[v, size])]))]);
    }

    /// <summary>Tests every change of the data on every machine, in every view.</summary>
    private static (IReadOnlyList<ChangeTest> Tests, IReadOnlyList<PowerCurve> Power) TestChanges(
        Cohort cohort, IReadOnlyList<IView> views, FeatureMatrix[] features, AnalysisOptions options, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        var changes = new ChangeTests(cohort, options);
        IReadOnlyList<ChangeTests.Case> cases = changes.Cases;
        var found = new (IReadOnlyList<ChangeTest> Tests, IReadOnlyList<PowerCurve> Power)[cases.Count * views.Count];
        RunAll([.. Enumerable.Range(0, found.Length).Select(i => (Action)(() => found[i] = changes.Run(cases[i / views.Count], views[i % views.Count], features[i % views.Count])))],
            "tests of changed data", cohort, progress, cancellation);
        return ([.. found.SelectMany(of => of.Tests)], [.. found.SelectMany(of => of.Power)]);
    }

    /// <summary>
    /// How well a detector of changed data, of the default kind, does on the networks' last checkpoints; null where there is nothing to learn it from. The last moment is the end of
    /// training.
    /// </summary>
    /// <param name="weights">Of the last checkpoints, [members, parameter].</param>
    private static DetectionScore? Detect(Cohort cohort, FeatureMatrix weights, AnalysisOptions options, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        if (!TrojanDetector.CanLearn(cohort))
            return null;
        var detection = new DetectionOptions { Seed = options.Seed, Folds = options.Folds, Permutations = options.Permutations, Resamples = options.Resamples };
        return TrojanDetector.Learn(cohort, cohort.Places(step: null), TrojanDetector.Views[0], view => Features(view, cohort.Architecture, weights), detection, progress, cancellation).Score;
    }

    private static void RunAll(List<Action> work, string stage, Cohort cohort, IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        int done = 0;
        Parallel.For(0, work.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            work[i]();
            progress?.Report(new AnalysisProgress($"{cohort.Architecture.Name}: {stage}", Interlocked.Increment(ref done), work.Count));
        });
    }

    private static PopulationSummary Summarise(Population population, HashSet<int> analysed, string[] changes)
    {
        IReadOnlyList<PopulationNetwork> networks = population.Networks;
        var classes = new List<ClassCount>();
        foreach (var group in Enumerable.Range(0, networks.Count)
            .GroupBy(index => Cohort.ClassName(networks[index].Task, changes)).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            int Count(NetworkStatus status) => group.Count(index => networks[index].Status == status);
            int Ended(string reason) => group.Count(index => networks[index].Status == NetworkStatus.Finished && networks[index].Reason == reason);
            PopulationNetwork first = networks[group.First()];
            classes.Add(new ClassCount(group.Key, first.Task.Source, Cohort.Treatment(first.Task, changes), group.Count(),
                Count(NetworkStatus.Finished), Ended(EndReasons.Threshold), Ended(EndReasons.Budget), Count(NetworkStatus.Diverged), Count(NetworkStatus.Failed), group.Count(analysed.Contains)));
        }
        var notes = new List<NetworkNote>();
        for (int index = 0; index < networks.Count; index++)
        {
            if (analysed.Contains(index))
                continue;
            PopulationNetwork network = networks[index];
            string reason = IsUsable(network) ? "not drawn: the zoo is larger than the analysis takes"
                : network.Status == NetworkStatus.Finished ? "finished, but no checkpoint of it is in the zoo" : network.Reason;
            notes.Add(new NetworkNote(network.Id, network.Architecture.Name, Cohort.ClassName(network.Task, changes), network.InitSeed, network.DataSeed, Status(network), reason, network.Steps));
        }
        return new PopulationSummary(networks.Count, classes.Sum(item => item.Finished), classes.Sum(item => item.Diverged), classes.Sum(item => item.Failed), classes, notes);
    }

    internal static bool IsUsable(PopulationNetwork network) => network.Status == NetworkStatus.Finished && network.Checkpoints.Count > 0;

    private static string Status(PopulationNetwork network) => network.Status.ToString().ToLowerInvariant();
}
