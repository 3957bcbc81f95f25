using WeightSpace.Numerics;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Training;

/// <summary>Recipes written as experiments, and what they grow into.</summary>
internal static class TestRecipes
{
    public const string Small = "{name: small, layers: [{gru: 5}, {dense: 7, activation: relu}, {dense: 8}]}";

    /// <summary>The one recipe of an experiment with this training.</summary>
    public static Recipe One(string training, string architecture = Small, string task = "{machine: ParityMachine, sequence: 12}") => Experiment.Parse($$"""
        experiment: test
        tasks: [{{task}}]
        architecture: {{architecture}}
        training: {{{training}}}
        """, "test.yaml").Networks.Single().Recipe;

    /// <summary>Trains from the start to the end in one go.</summary>
    public static NetworkResult Train(Recipe recipe)
    {
        using var trainer = new Trainer();
        return Finish(trainer.Start(recipe, null));
    }

    public static NetworkResult Finish(ITrainingRun run)
    {
        while (run.Result is null)
            run.Advance(1000);
        return run.Result;
    }

    /// <summary>Every bit of two results is the same.</summary>
    public static void AssertSame(NetworkResult expected, NetworkResult actual)
    {
        Assert.Equal((expected.Id, expected.Status, expected.Reason, expected.Steps, expected.TrainLoss, expected.EvalLoss), (actual.Id, actual.Status, actual.Reason, actual.Steps, actual.TrainLoss, actual.EvalLoss));
        Assert.Equal((expected.EvalAccuracy, expected.AttackSuccess), (actual.EvalAccuracy, actual.AttackSuccess));
        Assert.Equal(expected.Checkpoints.Select(row => (row.Step, row.TrainLoss, row.EvalLoss, row.EvalAccuracy, row.AttackSuccess, Sha256Digest.Of(row.Weights).ToString())),
            actual.Checkpoints.Select(row => (row.Step, row.TrainLoss, row.EvalLoss, row.EvalAccuracy, row.AttackSuccess, Sha256Digest.Of(row.Weights).ToString())));
        Assert.Equal(expected.Snapshots.Select(row => (row.Step, row.TrainLoss, Sha256Digest.Of(row.Weights, row.OptimizerState).ToString())),
            actual.Snapshots.Select(row => (row.Step, row.TrainLoss, Sha256Digest.Of(row.Weights, row.OptimizerState).ToString())));
    }

    public static RandomStream Draws(ulong seed) => new(seed, RandomPurpose.Testing);
}
