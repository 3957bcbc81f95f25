using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// A way of reading one network's weights as a row of features. Distances, clusters and classifiers are computed on a view, never
/// on "the weights" as such: which view is taken decides what can be seen.
/// </summary>
public interface IView
{
    /// <summary>The word for this view in results: <c>raw</c>, <c>aligned</c>, <c>statistics</c>, <c>spectral</c>, <c>probes</c>, <c>invariant</c>.</summary>
    string Name { get; }

    /// <summary>What reports call it.</summary>
    string Title { get; }

    /// <summary>The same for the legend of a figure.</summary>
    string Short { get; }

    /// <summary>One sentence for a reader who has never heard of it.</summary>
    string Explanation { get; }

    /// <summary>
    /// Whether each feature is divided by its standard deviation over the population before distances, principal components and linear
    /// classifiers. Features of different units need it; raw weights share one unit and are centred only.
    /// </summary>
    bool IsStandardised { get; }

    /// <summary>Whether the view is defined for networks of this architecture.</summary>
    bool Reads(Architecture architecture) => true;

    /// <summary>Whether it can compute as it is; otherwise <see cref="Fit"/> gives the view that can.</summary>
    bool IsFitted => true;

    /// <summary>The view for one population; itself, unless it needs something of the population (a reference to align to).</summary>
    /// <param name="weights">All its networks at one moment, [networks, parameter].</param>
    IView Fit(Architecture architecture, ReadOnlyMemory<float> weights) => this;

    /// <summary>The name of each feature, [features]; its length is the number of features of this architecture.</summary>
    string[] FeatureNames(Architecture architecture);

    /// <summary>
    /// Reads <paramref name="weights"/> [parameter] into <paramref name="features"/> [features]. Throws <see cref="ArgumentException"/> when a
    /// length does not fit the architecture.
    /// </summary>
    void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features);
}

/// <summary>The views that an analysis of a zoo takes, from the plainest to the one that sees most.</summary>
public static class WeightViews
{
    public static IReadOnlyList<IView> All { get; } = [new RawView(), new AlignedView(), new StatisticsView(), new SpectralView(), new ProbesView(), new InvariantView()];

    internal static void CheckLengths(int parameters, int weights, int features, int expectedFeatures)
    {
        if (weights != parameters)
            throw new ArgumentException($"the block holds {weights} weights, the architecture has {parameters}", nameof(weights));
        if (features != expectedFeatures)
            throw new ArgumentException($"there is room for {features} features, the view has {expectedFeatures}", nameof(features));
    }
}
