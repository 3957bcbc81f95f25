using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Views;
using WeightSpace.Networks;

namespace WeightSpace.Analysis;

/// <summary>Which layers tell a class away: a linear classifier on the features of one layer at a time.</summary>
internal static class LayerScores
{
    /// <summary>A layer's columns in a view.</summary>
    public sealed record LayerColumns(string Layer, string Type, int[] Columns);

    /// <summary>The layers with weights, and which of a view's features come from each; features of several layers together (paths, products) belong to none.</summary>
    public static IReadOnlyList<LayerColumns> ColumnsOf(IView view, Architecture architecture)
    {
        string[] names = view.FeatureNames(architecture);
        IReadOnlyList<ParameterInfo> parameters = architecture.Parameters.Parameters;
        var found = new List<LayerColumns>();
        for (int layer = 0; layer < architecture.Layers.Count; layer++)
        {
            LayerSpec spec = architecture.Layers[layer];
            HashSet<string> own = [.. parameters.Where(parameter => LayerOf(architecture, parameter) == layer).Select(parameter => parameter.Name)];
            int[] columns = [.. Enumerable.Range(0, names.Length).Where(column => own.Any(parameter => IsOf(names[column], parameter)))];
            if (columns.Length > 0)
                found.Add(new LayerColumns(spec is RecurrentSpec recurrent ? $"{spec.Name}.l{recurrent.Index}" : spec.Name, spec.Type, columns));
        }
        return found;
    }

    /// <summary>The accuracy of a linear classifier on one layer's features.</summary>
    public static LayerScore Score(LayerColumns layer, FeatureMatrix features, Labeling labeling, Cohort cohort, AnalysisOptions options)
    {
        var values = new float[features.Rows * layer.Columns.Length];
        for (int row = 0; row < features.Rows; row++)
        {
            ReadOnlySpan<float> from = features.Row(row);
            for (int i = 0; i < layer.Columns.Length; i++)
                values[(row * layer.Columns.Length) + i] = from[layer.Columns[i]];
        }
        ClassificationScore score = MomentScores.Classify(new FeatureMatrix(features.Name, features.Rows, layer.Columns.Length, values), labeling, cohort, new LinearClassifier(), options);
        return new LayerScore(labeling.Name, features.Name, layer.Layer, layer.Type, layer.Columns.Length, score.Accuracy, score.Chance);
    }

    /// <summary>The layer that a parameter belongs to: the last one that begins at or before it and is not empty.</summary>
    private static int LayerOf(Architecture architecture, ParameterInfo parameter)
    {
        Func<int, int> begin = parameter.IsTrained ? architecture.Parameters.OffsetOf : architecture.Parameters.BufferOffsetOf;
        return Enumerable.Range(0, architecture.Layers.Count).Last(layer => begin(layer) <= parameter.Offset
            && (layer + 1 == architecture.Layers.Count || begin(layer + 1) > parameter.Offset));
    }

    /// <summary>Features of a parameter are named after it: <c>name.mean</c>, <c>name(r).rms</c>, <c>name[0,3]</c>.</summary>
    private static bool IsOf(string feature, string parameter) =>
        feature.StartsWith(parameter, StringComparison.Ordinal) && feature.Length > parameter.Length && feature[parameter.Length] is '.' or '(' or '[' && !feature.Contains('~', StringComparison.Ordinal);
}
