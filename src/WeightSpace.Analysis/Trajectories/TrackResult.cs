using System.Text.Json.Serialization;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// All that <c>weightspace track</c> says, as <c>track.json</c> has it: snake_case, no number that is NaN or infinite. Rows of single checkpoints are in the tables.
/// </summary>
/// <param name="FormatVersion">Raised when the meaning of a field changes.</param>
public sealed record TrackResult(int FormatVersion, string Title, TrackSettings Settings, IReadOnlyList<TrackedGroup> Groups);

/// <summary>What the numbers depend on.</summary>
/// <param name="Reference">What the population was opened as that distances are measured from; null: the networks themselves, each without itself.</param>
/// <param name="IsIncremental">Whether earlier checkpoints were taken from a state file.</param>
public sealed record TrackSettings(ulong Seed, int Resamples, int MaxNetworks, int Sketch, string? Reference, bool IsIncremental);

/// <summary>The paths of networks whose weights can be compared.</summary>
/// <param name="Parameters">Weights of one checkpoint.</param>
/// <param name="Networks">Networks that were tracked.</param>
/// <param name="Checkpoints">Their checkpoints.</param>
/// <param name="NotMeasured">Of these, those without numbers.</param>
/// <param name="Axis"><c>step</c>, or <c>checkpoint</c> where not every checkpoint has a step: what curves run over.</param>
/// <param name="Notes">What was left out or is uncertain, and why.</param>
/// <param name="CosineDeviation">The standard deviation of a cosine that comes from sketches, at most; 0 where all are exact.</param>
/// <param name="Reference">Null where there are fewer than three reference networks at every step.</param>
/// <param name="Tensors">The largest tensors, mean over sound networks.</param>
/// <param name="MeanCosines">Between updates, mean over the networks with the most common steps.</param>
/// <param name="ExampleCosines">Of one network.</param>
public sealed record TrackedGroup(
    string Name,
    long Parameters,
    int Networks,
    int Checkpoints,
    int NotMeasured,
    string Axis,
    IReadOnlyList<string> Notes,
    double CosineDeviation,
    ReferenceSummary? Reference,
    IReadOnlyList<TrackedPopulation> Populations,
    IReadOnlyList<TrackedNetwork> Members,
    IReadOnlyList<TensorCurve> Tensors,
    CosineMatrix? MeanCosines,
    CosineMatrix? ExampleCosines,
    PathProjection? Projection)
{
    /// <summary>All tensors, for the table.</summary>
    [JsonIgnore]
    public IReadOnlyList<TrackedTensor> AllTensors { get; init; } = [];
}

/// <summary>A tensor of every checkpoint.</summary>
public sealed record TrackedTensor(string Name, long Elements);

/// <summary>The networks that distances are measured from.</summary>
/// <param name="Networks">How many; at a step, those with a checkpoint there.</param>
public sealed record ReferenceSummary(string Title, int Networks);

/// <summary>Networks of one class; numbers are means over its sound networks with 95 % intervals.</summary>
/// <param name="Networks">Sound ones.</param>
/// <param name="LeftOut">Networks that diverged or failed, or have no path.</param>
public sealed record TrackedPopulation(string Class, int Networks, int LeftOut, IReadOnlyList<SummaryEstimate> Summary, IReadOnlyList<MeasureCurve> Curves);

/// <summary>A number of whole paths, mean over networks.</summary>
/// <param name="Measure">Its name, as in <see cref="PathSummary"/>.</param>
/// <param name="Networks">Those for which it is defined.</param>
/// <param name="RandomWalk">The mean of the same for random walks with steps of the same lengths; null where it says nothing.</param>
public sealed record SummaryEstimate(string Measure, int Networks, Estimate Value, double? RandomWalk);

/// <summary>A measure along the path, mean over networks.</summary>
public sealed record MeasureCurve(string Measure, IReadOnlyList<MeasurePoint> Points);

/// <param name="At">Step, or number of the checkpoint from 0.</param>
public sealed record MeasurePoint(double At, int Networks, Estimate Value);

/// <summary>One network's path.</summary>
/// <param name="IsSound">False where it diverged or failed.</param>
/// <param name="Summary">Null where no checkpoint has numbers.</param>
public sealed record TrackedNetwork(string Network, string Class, bool IsSound, int Checkpoints, PathSummary? Summary)
{
    /// <summary>By checkpoint, in the order of the path.</summary>
    [JsonIgnore]
    public IReadOnlyList<CheckpointMeasures> Rows { get; init; } = [];

    /// <summary>The squared length of the step to each checkpoint, by tensor; null where there is none.</summary>
    [JsonIgnore]
    public IReadOnlyList<double[]?> SquaredLengths { get; init; } = [];
}

/// <summary>Root mean square change of a weight of one tensor from checkpoint to checkpoint, mean over sound networks.</summary>
public sealed record TensorCurve(string Tensor, long Elements, IReadOnlyList<TensorPoint> Points);

public sealed record TensorPoint(double At, double Change);

/// <summary>Cosines between updates.</summary>
/// <param name="Of">A network's name, or <c>mean</c>.</param>
/// <param name="Pool">Updates on each side that were averaged into one cell.</param>
/// <param name="At">The step (or number) of the checkpoint that the first update of each row leads to.</param>
public sealed record CosineMatrix(string Of, int Networks, int Pool, IReadOnlyList<double> At, IReadOnlyList<IReadOnlyList<double?>> Cosines);

/// <summary>Paths in the two directions in which all their checkpoints vary most.</summary>
/// <param name="VarianceShares">Of the two.</param>
public sealed record PathProjection(IReadOnlyList<double> VarianceShares, IReadOnlyList<ProjectedPath> Paths);

/// <param name="Points">[checkpoint][2].</param>
public sealed record ProjectedPath(string Network, string Class, IReadOnlyList<IReadOnlyList<double>> Points);
