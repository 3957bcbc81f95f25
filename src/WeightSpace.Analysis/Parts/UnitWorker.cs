using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Parts;

/// <summary>Computes the parts of a unit with what an analysis on one machine computes them with, so that they have the same bits.</summary>
public static class UnitWorker
{
    /// <summary>Computes a unit's parts and writes them as its result. Throws <see cref="InputException"/> where the zoo is not the one that the unit names, or has no such networks.</summary>
    /// <param name="progress">Told how many parts are done, of how many.</param>
    public static AnalysisUnit Run(string unitPath, string resultPath, Action<int, int>? progress, CancellationToken stop)
    {
        AnalysisUnit unit = AnalysisUnit.Read(unitPath);
        Population population = ZooPopulation.Of(unit.Source.Open());
        (float[][] blocks, ClassificationScore[] scores) = Compute(unit, population, unitPath, progress, stop);
        AnalysisUnitResult.Write(resultPath, unit, blocks, scores);
        return unit;
    }

    /// <summary>Of each block of a unit its values, and its scores.</summary>
    /// <param name="path">Where the unit comes from, for messages.</param>
    public static (float[][] Blocks, ClassificationScore[] Scores) Compute(AnalysisUnit unit, Population population, string path, Action<int, int>? progress, CancellationToken stop)
    {
        AnalysisOptions options = unit.Source.Options;
        IReadOnlyList<Cohort> cohorts = ZooAnalysis.Cohorts(population, options);
        (var blocks, var scores, int done) = (new float[unit.Blocks.Count][], new ClassificationScore[unit.Scores.Count], 0);
        // Weights are read once for each moment, and features computed once for each view.
        foreach (var moment in unit.Blocks.Select(block => block.Gram).Concat(unit.Scores.Select(score => score.Features)).Distinct().GroupBy(place => (place.Architecture, place.Moment)))
        {
            stop.ThrowIfCancellationRequested();
            if (moment.Key.Architecture >= cohorts.Count)
                throw new InputException($"{path}: architecture: found {moment.Key.Architecture}, the zoo has {cohorts.Count} architectures to analyse; the first is 0");
            Cohort cohort = cohorts[moment.Key.Architecture];
            FeatureMatrix weights = ReadWeights(cohort, moment.Key.Moment, path);
            foreach (ViewPlace place in moment)
            {
                // A job has little memory, and the features of the last view are most of it.
                GC.Collect();
                IView view = Named(ZooAnalysis.ViewsOf(cohort), one => one.Name, place.View, "view", path);
                FeatureMatrix features = ZooAnalysis.Features(view, cohort.Architecture, weights);
                int[] ofBlocks = [.. Enumerable.Range(0, blocks.Length).Where(i => unit.Blocks[i].Gram == place)];
                if (ofBlocks.Length > 0)
                {
                    using FloatRows rows = MomentScores.Rows(view, features);
                    foreach (int i in ofBlocks)
                    {
                        BlockPlace block = unit.Blocks[i];
                        if (block.Networks != rows.Count)
                            throw new InputException($"{path}: networks: found {block.Networks}, {rows.Count} networks of {cohort.Architecture.Name} are analysed");
                        blocks[i] = GramMatrix.ComputeBlock(rows, block.FirstRow, block.Rows, block.FirstColumn, block.Columns, stop).Values;
                        Report();
                    }
                }
                foreach (int i in Enumerable.Range(0, scores.Length).Where(i => unit.Scores[i].Features == place))
                {
                    stop.ThrowIfCancellationRequested();
                    Labeling labeling = Named(cohort.Labelings, one => one.Name, unit.Scores[i].Labeling, "labeling", path);
                    IClassifier classifier = Named(options.Classifiers, one => one.Name, unit.Scores[i].Classifier, "classifier", path);
                    scores[i] = MomentScores.Classify(features, labeling, cohort, classifier, options);
                    Report();
                }
            }
        }
        return (blocks, scores);

        void Report() => progress?.Invoke(++done, blocks.Length + scores.Length);
    }

    private static FeatureMatrix ReadWeights(Cohort cohort, string name, string path)
    {
        Moment moment = Named(cohort.Moments, one => one.Name, name, "moment", path);
        int[] all = [.. Enumerable.Range(0, cohort.Networks.Length)];
        return ZooAnalysis.RawWeights(cohort, all, cohort.ReadWeights(all, member => moment.Checkpoints[member]));
    }

    private static T Named<T>(IReadOnlyList<T> known, Func<T, string> nameOf, string name, string key, string path) where T : class =>
        known.FirstOrDefault(one => nameOf(one) == name) ?? throw new InputException($"{path}: {key}: found '{name}', expected one of {string.Join(", ", known.Select(nameOf))}");
}
