using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Parts;

/// <summary>The parts of an analysis from the results of its units: matrices joined from their blocks, and scores.</summary>
/// <param name="resultPath">Where the result of a unit stands.</param>
public sealed class JoinedParts(AnalysisPlan plan, Func<int, string> resultPath) : IAnalysisParts
{
    private readonly ILookup<ViewPlace, (int Unit, int Index)> _blocks = plan.Units.SelectMany((unit, u) => unit.Blocks.Select((block, i) => (block.Gram, Unit: u, Index: i))).ToLookup(one => one.Gram, one => (one.Unit, one.Index));
    private readonly Dictionary<ScorePlace, (int Unit, int Index)> _scores = plan.Units.SelectMany((unit, u) => unit.Scores.Select((score, i) => (score, Unit: u, Index: i))).ToDictionary(one => one.score, one => (one.Unit, one.Index));

    /// <inheritdoc/>
    public GramMatrix ReadGram(ViewPlace place, int networks) => _blocks.Contains(place) ? GramMatrix.Join(networks, _blocks[place].Select(at =>
    {
        BlockPlace block = plan.Units[at.Unit].Blocks[at.Index];
        return new GramBlock(block.FirstRow, block.Rows, block.FirstColumn, block.Columns, AnalysisUnitResult.ReadBlock(resultPath(at.Unit), plan.Units[at.Unit], at.Index));
    })) : throw Missing($"the matrix of the {place}");

    /// <inheritdoc/>
    public ClassificationScore ReadScore(ScorePlace place) => _scores.TryGetValue(place, out (int Unit, int Index) at) ? AnalysisUnitResult.ReadScores(resultPath(at.Unit), plan.Units[at.Unit])[at.Index]
        : throw Missing($"the score of {place}");

    private static InputException Missing(string part) => new($"the plan of this analysis has no {part}; it was begun with other options, or by another release, so begin it anew");
}
