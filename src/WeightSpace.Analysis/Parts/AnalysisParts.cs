using System.Globalization;
using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Views;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Parts;

/// <summary>What of an analysis is computed from: the networks of one architecture, at a moment of training, in a view.</summary>
/// <param name="Architecture">The number of the architecture, in the order in which the zoo's networks first have it; the first is 0.</param>
/// <param name="Moment">The name of the moment of training: <c>step-60</c>, <c>loss</c>, <c>end</c>.</param>
/// <param name="View">The name of the view: <c>raw</c>, <c>aligned</c>.</param>
public readonly record struct ViewPlace(int Architecture, string Moment, string View)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"view {View} at {Moment} of architecture {Architecture}");
}

/// <summary>A score of a classifier, by the names of the labeling and of the classifier.</summary>
public readonly record struct ScorePlace(ViewPlace Features, string Labeling, string Classifier)
{
    public override string ToString() => $"{Classifier} on {Labeling} in the {Features}";
}

/// <summary>Gives parts of an analysis that were computed elsewhere. Each throws <see cref="InputException"/> where a part is not there or not whole, and may be called from several threads.</summary>
public interface IAnalysisParts
{
    /// <summary>The Gram matrix of so many networks.</summary>
    GramMatrix ReadGram(ViewPlace place, int networks);

    ClassificationScore ReadScore(ScorePlace place);
}

/// <summary>The same for the networks of one architecture.</summary>
internal sealed class KnownParts(IAnalysisParts parts, int architecture, int networks)
{
    public GramMatrix ReadGram(Moment moment, IView view) => parts.ReadGram(Place(moment, view), networks);

    public ClassificationScore ReadScore(Moment moment, IView view, Labeling labeling, IClassifier classifier) => parts.ReadScore(new ScorePlace(Place(moment, view), labeling.Name, classifier.Name));

    private ViewPlace Place(Moment moment, IView view) => new(architecture, moment.Name, view.Name);
}

/// <summary>A part of a Gram matrix: some neighbouring networks by some others, on its diagonal or above it.</summary>
/// <param name="Networks">Networks of the whole matrix.</param>
public sealed record BlockPlace(ViewPlace Gram, int Networks, int FirstRow, int Rows, int FirstColumn, int Columns)
{
    /// <summary>Entries that a block may have: its values take at most 256 MiB.</summary>
    public const int MaxEntries = 1 << 26;
}
