using WeightSpace.Numerics;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

public sealed class TrainingLoopTests
{
    private const string Steps = "batch: 20, stop: {steps: 90}, checkpoints: {every: 30}, snapshots: {at: [0, 45]}, evaluation: {sequences: 40}";

    [Theory]
    [InlineData("optimizer: {name: adam, learning_rate: 0.003}", 2)]
    [InlineData("optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.9}", 1)]
    [InlineData("optimizer: {name: sgd, learning_rate: 0.1}", 0)]
    public void PutDownAtAnyStepsANetworkGrowsToTheSameBytes(string optimizer, int slots)
    {
        Recipe recipe = TestRecipes.One($"{optimizer}, {Steps}", architecture: "mlds");
        NetworkResult whole = TestRecipes.Train(recipe);
        Assert.Equal([0, 30, 60, 90], whole.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal([0, 45, 90], whole.Snapshots.Select(snapshot => snapshot.Step));
        Assert.All(whole.Snapshots, snapshot => Assert.Equal(slots * snapshot.Weights.Length, snapshot.OptimizerState.Length));
        for (ulong seed = 0; seed < 4; seed++)
        {
            RandomStream draw = TestRecipes.Draws(seed);
            TrainingState? state = null;
            while (true)
            {
                // A new trainer each time: nothing but the state may carry over.
                using var trainer = new Trainer();
                ITrainingRun run = trainer.Start(recipe, state);
                run.Advance(draw.NextBelow(40));
                if (run.Result is { } result)
                {
                    TestRecipes.AssertSame(whole, result);
                    break;
                }
                state = run.Save();
                Assert.Equal(run.Step, state.Now.Step);
                // What goes on with the run after it was put down must not change what was put down.
                run.Advance(3);
            }
        }
    }

    [Theory]
    [InlineData("{every: 1000}", "{machine: ParityMachine, variant: modified, sequence: 12}")]
    [InlineData("{per_doubling: 4}", "{machine: EightBitMachine, sequence: 12}")]
    [InlineData("{at: [0, 1000]}", "{machine: SimpleXORMachine, variant: modified, sequence: 300}")]
    [InlineData("{at: [0, 1000]}", "{digits: {size: 8}}", "{name: dense, layers: [flatten, {dense: 10}]}")]
    public void AStepAllocatesNothing(string checkpoints, string task, string architecture = TestRecipes.Small)
    {
        using var trainer = new Trainer();
        ITrainingRun run = trainer.Start(TestRecipes.One($"stop: {{steps: 1000}}, checkpoints: {checkpoints}, evaluation: {{sequences: 16}}", architecture, task), null);
        run.Advance(520); // past the first calls, and past log-spaced steps up to 609
        long before = GC.GetAllocatedBytesForCurrentThread();
        run.Advance(80);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void ASnapshotOfTheZooIsEnoughToGoOn()
    {
        Recipe recipe = TestRecipes.One($"optimizer: {{name: adam, learning_rate: 0.003}}, {Steps}");
        NetworkResult whole = TestRecipes.Train(recipe);
        using var trainer = new Trainer();
        NetworkResult tail = TestRecipes.Finish(trainer.Start(recipe, new TrainingState(whole.Snapshots[1], [], [])));
        TestRecipes.AssertSame(whole with { Checkpoints = [.. whole.Checkpoints.Where(checkpoint => checkpoint.Step > 45)], Snapshots = [.. whole.Snapshots.Where(snapshot => snapshot.Step > 45)] }, tail);
    }

    [Fact]
    public void WhatATrainerTrainedBeforeLeavesNoTrace()
    {
        // Batches and shapes that share buffers, pad them differently, and a network that diverged in between.
        Recipe[] recipes =
        [
            TestRecipes.One("batch: 32, stop: {steps: 12}"),
            TestRecipes.One("optimizer: {name: sgd, learning_rate: 1000}, batch: 32, stop: {steps: 50}"),
            TestRecipes.One("batch: 33, stop: {steps: 12}"),
            TestRecipes.One("batch: 32, stop: {steps: 12}, evaluation: {sequences: 5}"),
            TestRecipes.One("batch: 3, stop: {steps: 12}"),
            TestRecipes.One("batch: 3, stop: {steps: 12}", "{name: other, layers: [{gru: 5}, {dense: 7}, {dense: 8}]}"),
            TestRecipes.One("batch: 3, stop: {steps: 12}", task: "{machine: ParityMachine, sequence: 5}"),
            TestRecipes.One("batch: 32, stop: {steps: 12}"),
        ];
        using var reused = new Trainer();
        foreach (Recipe recipe in recipes)
            TestRecipes.AssertSame(TestRecipes.Train(recipe), TestRecipes.Finish(reused.Start(recipe, null)));
        Assert.Equal(NetworkStatus.Diverged, TestRecipes.Train(recipes[1]).Status);
    }

    [Fact]
    public void TheHeldOutLossDoesNotDependOnTheBatch()
    {
        float[] losses = [.. ((int[])[1, 7, 16, 17, 32, 48, 100]).Select(batch =>
            TestRecipes.Train(TestRecipes.One($"batch: {batch}, stop: {{steps: 1}}, checkpoints: {{every: 1}}, evaluation: {{sequences: 77}}", "mlds")).Checkpoints[0].EvalLoss)];
        Assert.All(losses, loss => Assert.Equal(losses[0], loss));
        Assert.InRange(losses[0], 0.01f, 1f);
    }

    [Fact]
    public void TrainingEndsAtTheFirstCheckBelowTheThreshold()
    {
        const string common = "batch: 16, optimizer: {name: adam, learning_rate: 0.003}, evaluation: {sequences: 64}";
        NetworkResult free = TestRecipes.Train(TestRecipes.One($"{common}, stop: {{steps: 400}}, checkpoints: {{every: 1}}"));
        // A threshold is a decimal number, which no float may be exactly.
        double threshold = Math.Round(free.Checkpoints[100].EvalLoss, 5);
        // The loss goes up and down, so a step between two checks may have been below before.
        foreach (int every in (int[])[1, 7, 32])
        {
            Checkpoint first = free.Checkpoints.First(checkpoint => checkpoint.Step > 0 && checkpoint.Step % every == 0 && checkpoint.EvalLoss < threshold);
            NetworkResult stopped = TestRecipes.Train(TestRecipes.One($"{common}, stop: {{steps: 400, eval_loss: {threshold:R}, check_every: {every}}}, checkpoints: {{at: [0]}}"));
            Assert.Equal((NetworkStatus.Finished, "threshold", first.Step, first.EvalLoss), (stopped.Status, stopped.Reason, stopped.Steps, stopped.EvalLoss));
            Assert.Equal([0, first.Step], stopped.Checkpoints.Select(checkpoint => checkpoint.Step));
            Assert.Equal(first.Weights, stopped.Checkpoints[^1].Weights);
        }
    }

    [Fact]
    public void WithoutReachingTheThresholdTrainingEndsWithTheBudget()
    {
        NetworkResult result = TestRecipes.Train(TestRecipes.One("stop: {steps: 25, eval_loss: 1e-6, check_every: 10}, checkpoints: {at: [10]}, snapshots: {at: [5]}"));
        Assert.Equal((NetworkStatus.Finished, "budget", 25L), (result.Status, result.Reason, result.Steps));
        Assert.Equal([10, 25], result.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal([5, 25], result.Snapshots.Select(snapshot => snapshot.Step));
        Assert.Equal((result.Checkpoints[^1].TrainLoss, result.Checkpoints[^1].EvalLoss), (result.TrainLoss, result.EvalLoss));
    }

    [Fact]
    public void ANetworkThatDivergesKeepsWhatWasFiniteAndSaysWhen()
    {
        NetworkResult result = TestRecipes.Train(TestRecipes.One("optimizer: {name: sgd, learning_rate: 1000, momentum: 0.9}, stop: {steps: 500}, checkpoints: {every: 1}, snapshots: {every: 3}"));
        Assert.Equal(NetworkStatus.Diverged, result.Status);
        Assert.Matches($"^the (training|held-out) loss became (NaN|infinite) at step {result.Steps}$", result.Reason);
        Assert.InRange(result.Steps, 1, 499);
        Assert.Equal(Enumerable.Range(0, (int)result.Steps).Select(step => (long)step), result.Checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.All(result.Checkpoints, checkpoint => Assert.True(float.IsFinite(checkpoint.EvalLoss) && (checkpoint.Step == 0 || float.IsFinite(checkpoint.TrainLoss!.Value))));
        Assert.NotEmpty(result.Snapshots);
        Assert.True(result.EvalLoss > 1, "a loss that runs away is large before it is infinite");
    }
}
