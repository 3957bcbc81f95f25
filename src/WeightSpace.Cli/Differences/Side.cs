using WeightSpace.Engines;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Differences;

/// <summary>One checkpoint or snapshot as its table has it.</summary>
/// <param name="EvalLoss">Null for a snapshot.</param>
/// <param name="Accuracy">Null for a snapshot, and where a side has none.</param>
/// <param name="Attack">The success of an attack; null as <paramref name="Accuracy"/>.</param>
/// <param name="Digest">Of the weights, and of a snapshot's slots behind them.</param>
internal readonly record struct Moment(long Step, float? TrainLoss, float? EvalLoss, float? Accuracy, float? Attack, Sha256Digest Digest);

/// <summary>One side of a comparison, A or B: a zoo, or the result of a work unit.</summary>
internal abstract class Side(string path)
{
    /// <summary>What the user named it by.</summary>
    public string Path => path;

    /// <summary>The rows of its networks, in its order.</summary>
    public abstract IReadOnlyList<NetworkRow> Networks { get; }

    /// <summary>The names of <see cref="NetworkRow.Factors"/>.</summary>
    public abstract IReadOnlyList<string> FactorNames { get; }

    public abstract Recipe RecipeOf(int index);

    public abstract IReadOnlyList<Moment> CheckpointsOf(int index);

    public abstract IReadOnlyList<Moment> SnapshotsOf(int index);

    /// <summary>The weights of checkpoints <paramref name="first"/>.. of a network, [checkpoint, parameter].</summary>
    public abstract float[] ReadWeights(int network, int first, int count);

    /// <summary>A snapshot of a network, [(weights, slots...), parameter].</summary>
    public abstract float[] ReadSnapshot(int network, int snapshot);

    /// <summary>
    /// Opens what a path names: the folder of a zoo, or, where the work unit is given, the file of its result. Throws <see cref="InputException"/> when
    /// it is neither.
    /// </summary>
    public static Side Open(string path, WorkUnit? unit)
    {
        if (unit is null && File.Exists(path) && !Directory.Exists(path))
            throw new InputException($"{path}: this is a file; the folder of a zoo was expected, or, to compare two results of a work unit, --unit UNIT with the unit");
        if (unit is not null && Directory.Exists(path))
            throw new InputException($"{path}: this is a folder; with --unit the result of a work unit (safetensors) was expected; leave --unit away to compare zoos");
        if (unit is not null && !File.Exists(path))
            throw new InputException($"{path}: there is no such file; the result of a work unit (safetensors) was expected");
        return unit is null ? new ZooSide(path, Zoo.Open(path)) : new ResultSide(path, unit, UnitResult.Read(path, unit));
    }
}

/// <summary>The networks of a zoo. Weights are read when asked for.</summary>
internal sealed class ZooSide(string path, Zoo zoo) : Side(path)
{
    public Zoo Zoo => zoo;

    public override IReadOnlyList<NetworkRow> Networks => zoo.Networks;

    public override IReadOnlyList<string> FactorNames => zoo.Experiment.FactorNames;

    public override Recipe RecipeOf(int index) => zoo.Experiment.Networks[index].Recipe;

    public override IReadOnlyList<Moment> CheckpointsOf(int index) =>
        [.. zoo.CheckpointsOf(zoo.Networks[index].Id).Select(row => new Moment(row.Step, row.TrainLoss, row.EvalLoss, row.EvalAccuracy, row.AttackSuccess, row.Digest))];

    public override IReadOnlyList<Moment> SnapshotsOf(int index) =>
        [.. zoo.SnapshotsOf(zoo.Networks[index].Id).Select(row => new Moment(row.Step, row.TrainLoss, null, null, null, row.Digest))];

    public override float[] ReadWeights(int network, int first, int count)
    {
        CheckpointRow[] rows = [.. zoo.CheckpointsOf(zoo.Networks[network].Id).Skip(first).Take(count)];
        float[] weights = new float[rows.Length * zoo.ArchitectureOf(zoo.Networks[network]).Parameters.Count];
        zoo.ReadWeights(rows, weights);
        return weights;
    }

    public override float[] ReadSnapshot(int network, int snapshot)
    {
        Snapshot read = zoo.ReadSnapshot(zoo.SnapshotsOf(zoo.Networks[network].Id)[snapshot]);
        return [.. read.Weights, .. read.OptimizerState];
    }
}

/// <summary>The networks of a work unit's result, complete or not, which is held in memory whole.</summary>
internal sealed class ResultSide : Side
{
    private readonly WorkUnit _unit;
    private readonly UnitResult _result;

    public ResultSide(string path, WorkUnit unit, UnitResult result)
        : base(path)
    {
        (_unit, _result) = (unit, result);
        Networks = [.. result.Networks.Select((network, index) => Row(index, unit.Recipes[index], network))];
    }

    public override IReadOnlyList<NetworkRow> Networks { get; }

    public override IReadOnlyList<string> FactorNames => [];

    public override Recipe RecipeOf(int index) => _unit.Recipes[index];

    public override IReadOnlyList<Moment> CheckpointsOf(int index) =>
        [.. _result.Networks[index].Checkpoints.Select(row => new Moment(row.Step, row.TrainLoss, row.EvalLoss, row.EvalAccuracy, row.AttackSuccess, Sha256Digest.Of(row.Weights)))];

    public override IReadOnlyList<Moment> SnapshotsOf(int index) =>
        [.. _result.Networks[index].Snapshots.Select(row => new Moment(row.Step, row.TrainLoss, null, null, null, Sha256Digest.Of(row.Weights, row.OptimizerState)))];

    public override float[] ReadWeights(int network, int first, int count) =>
        [.. _result.Networks[network].Checkpoints.Skip(first).Take(count).SelectMany(row => row.Weights)];

    public override float[] ReadSnapshot(int network, int snapshot) =>
        [.. _result.Networks[network].Snapshots[snapshot].Weights, .. _result.Networks[network].Snapshots[snapshot].OptimizerState];

    private static NetworkRow Row(int index, Recipe recipe, NetworkResult result) => new(index, result.Id, recipe.Task.Source, recipe.Task.Variant, recipe.Architecture.Name,
        recipe.InitSeed, recipe.DataSeed, result.Status, result.Reason, result.Steps, result.TrainLoss, result.EvalLoss, [])
    {
        EvalAccuracy = result.EvalAccuracy,
        AttackSuccess = result.AttackSuccess,
    };
}
