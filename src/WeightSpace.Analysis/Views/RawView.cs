using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>All weights as they stand, [parameter]: what MLC@Home's first look at DS1 gave to PCA and to a random forest.</summary>
public sealed class RawView : IView
{
    public string Name => "raw";

    public string Title => "Raw weights";

    public string Short => "raw weights";

    public string Explanation =>
        "Every weight as it is. Two networks that compute the same function with their hidden units in another order look unrelated here.";

    public bool IsStandardised => false;

    public string[] FeatureNames(Architecture architecture)
    {
        var names = new string[architecture.Parameters.Count];
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            int columns = parameter.Shape.Count > 1 ? parameter.Shape[^1] : 1;
            for (int i = 0; i < parameter.Count; i++)
                names[parameter.Offset + i] = parameter.Shape.Count > 1 ? $"{parameter.Name}[{i / columns},{i % columns}]" : $"{parameter.Name}[{i}]";
        }
        return names;
    }

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features)
    {
        WeightViews.CheckLengths(architecture.Parameters.Count, weights.Length, features.Length, architecture.Parameters.Count);
        weights.CopyTo(features);
    }
}
