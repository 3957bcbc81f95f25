using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Blocks;

/// <summary>Computes the blocks of a unit with what an analysis on one machine would compute the whole matrices with, so that they have the same bits.</summary>
public static class BlockWorker
{
    /// <summary>Computes a unit's blocks and writes them as its result. Throws <see cref="InputException"/> where the zoo is not the one that the unit names, or has no such networks.</summary>
    /// <param name="progress">Told how many blocks are done.</param>
    public static AnalysisUnit Run(string unitPath, string resultPath, Action<int, int>? progress, CancellationToken stop)
    {
        AnalysisUnit unit = AnalysisUnit.Read(unitPath);
        Population population = ZooPopulation.Of(unit.Source.Open());
        AnalysisUnitResult.Write(resultPath, unit, Compute(unit, population, unitPath, progress, stop));
        return unit;
    }

    /// <summary>Of each block of a unit its values.</summary>
    /// <param name="place">Where the unit comes from, for messages.</param>
    public static IReadOnlyList<float[]> Compute(AnalysisUnit unit, Population population, string place, Action<int, int>? progress, CancellationToken stop)
    {
        IReadOnlyList<Cohort> cohorts = ZooAnalysis.Cohorts(population, unit.Source.Options);
        var values = new float[unit.Blocks.Count][];
        int done = 0;
        // Weights are read once for each moment, and features computed once for each view.
        foreach (var moment in Enumerable.Range(0, values.Length).GroupBy(i => (unit.Blocks[i].Gram.Architecture, unit.Blocks[i].Gram.Moment)))
        {
            stop.ThrowIfCancellationRequested();
            if (moment.Key.Architecture >= cohorts.Count)
                throw new InputException($"{place}: architecture: found {moment.Key.Architecture}, the zoo has {cohorts.Count} architectures to analyse; the first is 0");
            Cohort cohort = cohorts[moment.Key.Architecture];
            FeatureMatrix weights = ReadWeights(cohort, moment.Key.Moment, place);
            foreach (var view in moment.GroupBy(i => unit.Blocks[i].Gram.View))
            {
                using FloatRows rows = Rows(cohort, view.Key, weights, place);
                foreach (int i in view)
                {
                    BlockPlace block = unit.Blocks[i];
                    if (block.Networks != rows.Count)
                        throw new InputException($"{place}: networks: found {block.Networks}, {rows.Count} networks of {cohort.Architecture.Name} are analysed");
                    values[i] = GramMatrix.ComputeBlock(rows, block.FirstRow, block.Rows, block.FirstColumn, block.Columns, stop).Values;
                    progress?.Invoke(++done, values.Length);
                }
            }
        }
        return values;
    }

    private static FeatureMatrix ReadWeights(Cohort cohort, string name, string place)
    {
        Moment moment = cohort.Moments.FirstOrDefault(one => one.Name == name)
            ?? throw new InputException($"{place}: moment: found '{name}', expected one of {string.Join(", ", cohort.Moments.Select(one => one.Name))}");
        int[] all = [.. Enumerable.Range(0, cohort.Networks.Length)];
        return ZooAnalysis.RawWeights(cohort, all, cohort.ReadWeights(all, member => moment.Checkpoints[member]));
    }

    private static FloatRows Rows(Cohort cohort, string name, FeatureMatrix weights, string place)
    {
        IReadOnlyList<IView> views = ZooAnalysis.ViewsOf(cohort);
        IView view = views.FirstOrDefault(one => one.Name == name)
            ?? throw new InputException($"{place}: view: found '{name}', expected one of {string.Join(", ", views.Select(one => one.Name))}");
        return MomentScores.Rows(view, ZooAnalysis.Features(view, cohort.Architecture, weights));
    }
}
