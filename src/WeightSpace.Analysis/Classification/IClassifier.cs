namespace WeightSpace.Analysis.Classification;

/// <summary>A rule from features to classes, learned from labelled rows. It keeps no state between calls.</summary>
public interface IClassifier
{
    /// <summary>What reports call it.</summary>
    string Name { get; }

    /// <summary>
    /// Learns from the rows of <paramref name="train"/> and predicts the class of each row of <paramref name="test"/>, [test rows].
    /// The same input gives the same answer, and calls may run at the same time.
    /// </summary>
    /// <param name="train">[train rows, columns], finite.</param>
    /// <param name="trainLabels">0 to classes - 1, [train rows]; a class may be missing.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="test">[test rows, columns], finite.</param>
    /// <exception cref="ArgumentException">A shape, a label or a value is not as described.</exception>
    int[] FitPredict(FeatureMatrix train, int[] trainLabels, int classes, FeatureMatrix test);
}

/// <summary>The checks that classifiers share.</summary>
internal static class ClassifierInput
{
    public static void Require(FeatureMatrix train, int[] trainLabels, int classes, FeatureMatrix test)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(trainLabels);
        ArgumentNullException.ThrowIfNull(test);
        if (train.Rows < 1 || train.Columns < 1)
            throw new ArgumentException(
                $"{train.Name} is [{train.Rows}, {train.Columns}]; expected at least one row and column", nameof(train));
        if (test.Columns != train.Columns)
            throw new ArgumentException($"{test.Name} has {test.Columns} columns; expected {train.Columns} as in training", nameof(test));
        if (trainLabels.Length != train.Rows)
            throw new ArgumentException($"{trainLabels.Length} labels of {train.Rows} rows; expected one for each", nameof(trainLabels));
        foreach (int label in trainLabels)
        {
            if (label < 0 || label >= classes)
                throw new ArgumentException($"label {label} of {classes} classes; expected 0 to {classes - 1}", nameof(trainLabels));
        }
        train.RequireFinite();
        test.RequireFinite();
    }
}
