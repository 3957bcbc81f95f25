namespace WeightSpace.Analysis.Trajectories;

/// <summary>A measure by name, for tables, curves and figures.</summary>
/// <param name="Name">As in <c>track.csv</c> and <c>track.json</c>.</param>
/// <param name="Title">As people read it, with its unit.</param>
/// <param name="Value">Of a row.</param>
internal sealed record PathMeasure(string Name, string Title, Func<CheckpointMeasures, double?> Value)
{
    /// <summary>All measures of a checkpoint, in the order of the table's columns.</summary>
    public static IReadOnlyList<PathMeasure> All { get; } =
    [
        new("norm", "norm of the weights", row => row.Norm),
        new("kurtosis", "kurtosis of the weights", row => row.Kurtosis),
        new("step_length", "step length", row => row.StepLength),
        new("relative_step_length", "step length / norm", row => row.RelativeStepLength),
        new("speed", "speed, per training step", row => row.Speed),
        new("speed_per_epoch", "speed, per epoch", row => row.SpeedPerEpoch),
        new("arc_length", "arc length", row => row.ArcLength),
        new("distance_from_start", "distance from the start", row => row.DistanceFromStart),
        new("tortuosity", "arc length / distance from the start", row => row.Tortuosity),
        new("turning_angle", "turning angle, degrees", row => row.TurningAngle),
        new("curvature", "curvature", row => row.Curvature),
        new("reference_distance", "distance from the reference, in its medians", row => row.ReferenceDistance),
        new("reference_tail", "share of the reference as far out", row => row.ReferenceTail),
    ];
}

/// <summary>A number of a whole path by name.</summary>
/// <param name="HasRandomWalk">Whether a random walk with the same step lengths has a value of its own to compare with.</param>
internal sealed record PathNumber(string Name, string Title, bool HasRandomWalk, Func<PathSummary, double?> Value)
{
    public static IReadOnlyList<PathNumber> All { get; } =
    [
        new("arc_length", "arc length", false, path => path.ArcLength),
        new("displacement", "displacement", false, path => path.Displacement),
        new("tortuosity", "tortuosity", true, path => path.Tortuosity),
        new("mean_turning_angle", "mean turning angle, degrees", true, path => path.MeanTurningAngle),
        new("mean_curvature", "mean curvature", true, path => path.MeanCurvature),
        new("smoothness", "smoothness: mean cosine of consecutive updates", true, path => path.Smoothness),
        new("roughness", "roughness: von Neumann's ratio", true, path => path.Roughness),
        new("update_similarity", "mean cosine of different updates", true, path => path.UpdateSimilarity),
        new("directional_similarity", "mean directional similarity of checkpoints", true, path => path.DirectionalSimilarity),
        new("dimension", "dimension: participation ratio", true, path => path.Dimension),
        new("components95", "components for 95 % of the variance", true, path => path.Components95),
    ];
}
