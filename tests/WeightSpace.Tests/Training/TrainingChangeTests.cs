using WeightSpace.Tasks;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>Networks whose training changes in the middle: forks, fine-tunes, other data.</summary>
public sealed class TrainingChangeTests
{
    private const long At = 17;

    private const string Training = "batch: 20, stop: {steps: 40}, checkpoints: {every: 1}, snapshots: {every: 1}, evaluation: {sequences: 40}";
    private const string Adam = "optimizer: {name: adam, learning_rate: 0.01}";
    private const string Momentum = "optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9}";
    private const string Cosine = "schedule: {name: cosine, steps: 30, warm_up: {steps: 5}}";

    private static readonly MachineTask s_other = new(Machine.SimpleXORMachine, 12, Modification.Default);

    private static Recipe With(Recipe recipe, params TrainingChange[] changes) => new(recipe.Task, recipe.Architecture, recipe.Training, recipe.InitSeed, recipe.DataSeed, changes);

    /// <summary>Each thing that can change, and some together.</summary>
    public static TheoryData<string, string, TrainingChange> Changes() => new()
    {
        { "data", Adam, new TrainingChange(At) { DataSeed = 77 } },
        { "rate", Adam, new TrainingChange(At) { LearningRate = 0.002 } },
        { "optimizer", Adam, new TrainingChange(At) { IsFreshOptimizer = true } },
        { "momentum", Momentum, new TrainingChange(At) { IsFreshOptimizer = true } },
        { "schedule", $"{Momentum}, {Cosine}", new TrainingChange(At) { RestartsSchedule = true } },
        { "rate by a schedule", $"{Adam}, {Cosine}", new TrainingChange(At) { LearningRate = 0.02 } },
        { "task", Adam, new TrainingChange(At) { Task = s_other } },
        { "all", $"{Adam}, {Cosine}", new TrainingChange(At) { DataSeed = 78, LearningRate = 0.003, IsFreshOptimizer = true, RestartsSchedule = true, Task = s_other } },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void UpToItsStepANetworkIsTheOneWithoutTheChange(string what, string training, TrainingChange change)
    {
        Recipe parent = TestRecipes.One($"{training}, {Training}"), child = With(parent, change);
        NetworkResult before = TestRecipes.Train(parent), after = TestRecipes.Train(child);
        Assert.NotEqual(before.Id, after.Id);
        Assert.Equal(parent.Id, child.Parent!.Id);
        for (int step = 0; step <= 40; step++)
        {
            (Checkpoint a, Checkpoint b) = (before.Checkpoints[step], after.Checkpoints[step]);
            (Snapshot c, Snapshot d) = (before.Snapshots[step], after.Snapshots[step]);
            Assert.Equal((step, step), (a.Step, d.Step));
            bool isShared = step <= At;
            Assert.True(isShared == a.Weights.AsSpan().SequenceEqual(b.Weights), $"{what}: the weights of step {step}");
            if (!isShared)
                continue;
            Assert.Equal((a.TrainLoss, a.EvalLoss), (b.TrainLoss, b.EvalLoss));
            Assert.Equal(c.Weights, d.Weights);
            Assert.Equal(c.OptimizerState, d.OptimizerState);
        }
    }

    /// <summary>
    /// The plain version: as many trainings as there are phases, each with data, rate, state and counts of its own, and nothing that knows of changes. Two changes follow each other, of
    /// which the second leaves the optimizer as it is.
    /// </summary>
    [Theory]
    [MemberData(nameof(Changes))]
    public void ThePhasesAreTrainingsOfTheirOwn(string what, string training, TrainingChange change)
    {
        Recipe recipe = With(TestRecipes.One($"{training}, {Training}"), change, new TrainingChange(At + 8) { DataSeed = 1234, LearningRate = 0.007 });
        NetworkResult result = TestRecipes.Train(recipe);
        TrainingSpec spec = recipe.Training;
        using var workspace = new Workspace(recipe.Architecture, recipe.Task.Places, spec.Batch);
        float[] weights = [.. result.Checkpoints[0].Weights], state = new float[spec.Optimizer.Slots.Count * weights.Length];
        (TaskSpec task, ulong seed, double rate, long optimizerStep, long scheduleStep) = (recipe.Task, recipe.DataSeed, spec.Optimizer.LearningRate, 0, 0);
        TaskData data = TaskSources.Open(task);
        for (int step = 1; step <= spec.Stop.Steps; step++)
        {
            if (step == At + 1)
            {
                (data, seed, rate) = (TaskSources.Open(change.Task ?? task), change.DataSeed ?? seed, change.LearningRate ?? rate);
                if (change.IsFreshOptimizer)
                    (optimizerStep, state) = (0, new float[state.Length]);
                if (change.RestartsSchedule)
                    scheduleStep = 0;
            }
            if (step == At + 9)
                (seed, rate) = (1234, 0.007);
            float loss = workspace.LossAndGradient(data, spec.Loss, seed, (step - 1) * (long)spec.Batch, weights);
            Optimizers.Step(spec.Optimizer, LearningRate.At(spec.Rate, rate, ++scheduleStep), ++optimizerStep, weights, workspace.Gradient, state);
            (Checkpoint found, Snapshot kept) = (result.Checkpoints[step], result.Snapshots[step]);
            Assert.True(found.Weights.AsSpan().SequenceEqual(weights), $"{what}: the weights of step {step}");
            Assert.Equal((loss, workspace.Evaluate(data, spec.Loss, spec.Evaluation, weights).Loss), (found.TrainLoss, found.EvalLoss));
            Assert.Equal(state, kept.OptimizerState);
        }
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void TakenUpAnywhereTheBytesAreTheSame(string what, string training, TrainingChange change)
    {
        Recipe recipe = With(TestRecipes.One($"{training}, {Training}"), change, new TrainingChange(At + 1) { DataSeed = 5 });
        NetworkResult whole = TestRecipes.Train(recipe);
        foreach (long step in (long[])[0, 1, At - 1, At, At + 1, At + 2, 39])
        {
            using var trainer = new Trainer();
            NetworkResult tail = TestRecipes.Finish(trainer.Start(recipe, new TrainingState(whole.Snapshots[(int)step], [], [])));
            TestRecipes.AssertSame(whole with { Checkpoints = [.. whole.Checkpoints.Where(row => row.Step > step)], Snapshots = [.. whole.Snapshots.Where(row => row.Step > step)] }, tail);
            // The parent's state of any step up to the change's is the child's too.
            if (step > At)
                continue;
            Snapshot parents = TestRecipes.Train(recipe.Parent!.Parent!).Snapshots[(int)step];
            TestRecipes.AssertSame(tail, TestRecipes.Finish(trainer.Start(recipe, new TrainingState(parents, [], []))));
        }
        for (ulong seed = 0; seed < 3; seed++)
        {
            (var draw, TrainingState? state, NetworkResult? result) = (TestRecipes.Draws(seed), null, null);
            while (result is null)
            {
                using var trainer = new Trainer();
                ITrainingRun run = trainer.Start(recipe, state);
                run.Advance(draw.NextBelow(9));
                (state, result) = (run.Save(), run.Result);
            }
            TestRecipes.AssertSame(whole, result);
        }
        Assert.NotEmpty(what);
    }

    /// <summary>One trainer goes from network to network, with other tasks in between.</summary>
    [Fact]
    public void WhatATrainerTrainedBeforeLeavesNoTrace()
    {
        Recipe plain = TestRecipes.One($"{Adam}, {Training}");
        Recipe[] recipes = [plain, With(plain, new TrainingChange(3) { Task = s_other }), plain, With(plain, new TrainingChange(3) { Task = s_other }, new TrainingChange(5) { Task = plain.Task }), plain];
        using var reused = new Trainer();
        foreach (Recipe recipe in recipes)
            TestRecipes.AssertSame(TestRecipes.Train(recipe), TestRecipes.Finish(reused.Start(recipe, null)));
    }

    /// <summary>The check at the change's own step is of the data before it; the first behind it is of the new.</summary>
    [Fact]
    public void AThresholdIsHeldAgainstTheDataOfItsStep()
    {
        const string common = "batch: 16, optimizer: {name: adam, learning_rate: 0.003}, evaluation: {sequences: 64}, checkpoints: {every: 1}";
        // Of eight bits to answer with, and then of one: what is below the threshold is so by the other data alone.
        const string task = "{machine: EightBitMachine, sequence: 12}";
        TrainingChange[] changes = [new TrainingChange(60) { Task = new MachineTask(Machine.ParityMachine, 12, null) }];
        NetworkResult free = TestRecipes.Train(With(TestRecipes.One($"{common}, stop: {{steps: 120}}", task: task), changes));
        double threshold = Math.Round((free.Checkpoints[60].EvalLoss + free.Checkpoints[61].EvalLoss) / 2, 5);
        Checkpoint first = free.Checkpoints.First(row => row.Step > 0 && row.EvalLoss < threshold);
        Assert.Equal(61, first.Step);
        NetworkResult stopped = TestRecipes.Train(With(TestRecipes.One($"{common}, stop: {{steps: 120, eval_loss: {threshold:R}, check_every: 1}}", task: task), changes));
        Assert.Equal(("threshold", first.Step, first.EvalLoss), (stopped.Reason, stopped.Steps, stopped.EvalLoss));

        // A network that ends before its change is the one without it.
        double early = Math.Round(free.Checkpoints[30].EvalLoss, 5) + 1e-5;
        Recipe ended = TestRecipes.One($"{common}, stop: {{steps: 120, eval_loss: {early:R}, check_every: 1}}", task: task);
        NetworkResult parent = TestRecipes.Train(ended), child = TestRecipes.Train(With(ended, changes));
        Assert.InRange(parent.Steps, 1, 59);
        TestRecipes.AssertSame(parent with { Id = child.Id }, child);
    }

    [Fact]
    public void ChangesThatDoNotAscendOrFitAreRefused()
    {
        Recipe recipe = TestRecipes.One($"{Adam}, {Training}");
        foreach (TrainingChange[] changes in (TrainingChange[][])[[new(0) { DataSeed = 5 }], [new(9) { DataSeed = 5 }, new(9) { DataSeed = 6 }], [new(9) { DataSeed = 5 }, new(8) { DataSeed = 6 }],
            [new(9) { Task = s_other with { SequenceLength = 13 } }], [new(9) { Task = new DigitsTask(8, 1) }]])
        {
            Assert.Throws<ArgumentException>(() => With(recipe, changes));
        }
    }
}
