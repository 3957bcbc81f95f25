using WeightSpace.Analysis.Trajectories;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Monitoring;

/// <summary>
/// What a monitor sees of a checkpoint: lengths of its update as logarithms, the whole and by part of the network; its turn; norm and kurtosis of the weights. No number needs the start of the path, or looks ahead.
/// Parts are the tensors; of a network with more than <see cref="MostParts"/>, neighbouring tensors together.
/// </summary>
public sealed class StepFeatures
{
    /// <summary>Parts at most: the matrices of a monitor grow with their square.</summary>
    public const int MostParts = 16;

    /// <summary>A shorter update, as a share of the norm, counts as this long: the logarithm of nothing would be no number.</summary>
    private const double LeastLength = 1e-9, Tiny = 1e-300;

    private static readonly string[] s_whole = ["step length", "turn", "norm", "kurtosis"];

    // The part of each tensor.
    private readonly int[] _partOf;
    private readonly int _parts;

    /// <param name="tensors">Those of the network.</param>
    public StepFeatures(IReadOnlyList<PackedTensor> tensors)
    {
        _parts = Math.Min(MostParts, tensors.Count);
        _partOf = [.. Enumerable.Range(0, tensors.Count).Select(tensor => (int)((long)tensor * _parts / tensors.Count))];
        Names =
        [
            .. s_whole,
            .. Enumerable.Range(0, _parts).Select(part =>
            {
                string[] names = [.. Enumerable.Range(0, tensors.Count).Where(tensor => _partOf[tensor] == part).Select(tensor => tensors[tensor].Name)];
                return names.Length == 1 ? $"step length of {names[0]}" : $"step length of {names[0]} to {names[^1]}";
            }),
        ];
    }

    /// <summary>What each feature is called.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>How many features there are.</summary>
    public int Count => Names.Count;

    /// <summary>
    /// The features of a checkpoint, [Count]; null where they are not defined: at the first two checkpoints of a path, where there are no numbers, and where the checkpoint before could no longer be read.
    /// An update without length counts as a turn by 90 degrees.
    /// </summary>
    /// <param name="row">Its measures.</param>
    /// <param name="previous">Those of the checkpoint before.</param>
    /// <param name="squaredLengths">By tensor, of the update between them.</param>
    public double[]? Of(CheckpointMeasures row, CheckpointMeasures? previous, double[]? squaredLengths)
    {
        if (row is not { Problem: null, StepLength: { } length, Norm: { } norm } || previous?.StepLength is null || squaredLengths is null)
            return null;
        double least = Math.Max(LeastLength * norm, Tiny);
        double[] features = new double[Count], parts = new double[_parts];
        features[0] = Math.Log(Math.Max(length, least));
        features[1] = Math.Cos(double.DegreesToRadians(row.TurningAngle ?? 90));
        features[2] = Math.Log(Math.Max(norm, Tiny));
        features[3] = Math.Log(Math.Max(row.Kurtosis ?? 1, 1));
        for (int tensor = 0; tensor < squaredLengths.Length; tensor++)
            parts[_partOf[tensor]] += squaredLengths[tensor];
        for (int part = 0; part < _parts; part++)
            features[s_whole.Length + part] = Math.Log(Math.Max(Math.Sqrt(parts[part]), least));
        return features;
    }
}
