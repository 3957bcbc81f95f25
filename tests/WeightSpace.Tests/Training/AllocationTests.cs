using WeightSpace.Networks;
using WeightSpace.Tests.Networks;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>Nothing is allocated per step, whatever the layers, the loss, the optimizer and the schedule.</summary>
public sealed class AllocationTests
{
    private static readonly OptimizerSpec[] s_optimizers =
    [
        new SgdSpec(0.01, 0), new SgdSpec(0.01, 0.9, true, 0.01), new AdamSpec(0.001, 0.9, 0.999, 1e-8), new AdamWSpec(0.001, 0.9, 0.999, 1e-8),
        new RmsPropSpec(0.001, 0.99, 1e-8, 0), new RmsPropSpec(0.001, 0.99, 1e-8, 0.9),
    ];

    private static readonly RateSchedule[] s_schedules =
    [
        ConstantRate.Instance, new StepRate(3, 0.9), new CosineRate(50, 0), new CosineRestartsRate(7, 2, 0), new OneCycleRate(60, 0.3, 25, 1e4), new StepRate(5, 0.5) { WarmUpSteps = 100 },
    ];

    public static TheoryData<string, int> Networks => new()
    {
        { "5: dense 7, relu, dropout 0.2, dense 3, batch_norm, tanh, layer_norm, dense 2", 1 },
        { "5: dense 7, sigmoid, dense 3, leaky_relu 0.1, dense 2", 3 },
        { "2x7x6: conv 3 k3 p1, batch_norm, gelu, max_pool 2, conv 2 k2 s2, silu, layer_norm, flatten, dense 2", 1 },
        { "2x7x6: avg_pool 2, conv 2 k3 p3, dropout 0.5, flatten, dense 2", 1 },
        { "3: gru 5, dropout 0.3, gru 4, dense 2", 5 },
        { "3: lstm 5, lstm 4", 5 },
        { "3: rnn 5 tanh, rnn 4 relu, dense 2", 5 },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void AStepAllocatesNothing(string layers, int places)
    {
        const int batch = 20;
        Architecture architecture = TestNetworks.Parse(layers);
        float[] weights = TestNetworks.Weights(architecture, 41);
        using var workspace = new Workspace(architecture, places, batch);
        for (int i = 0; i < s_optimizers.Length; i++)
        {
            var loss = (Loss)(i % 3);
            OptimizerSpec optimizer = s_optimizers[i];
            var training = new TrainingSpec(optimizer, batch, 1, new StopSpec(1000, null, 1), new StepSchedule.Every(1000), new StepSchedule.Every(1000), new EvaluationSpec(5, 1))
            {
                Loss = loss,
                Rate = s_schedules[i],
                ClipNorm = i % 2 == 0 ? 0.1 : null,
            };
            var data = new RandomData(TestTask.For(architecture, places), loss, seed: 42);
            var recipe = new Recipe(data.Task, architecture, training, initSeed: 1, dataSeed: 2);
            var start = new TrainingState(new Snapshot(0, null, weights, new float[optimizer.Slots.Count * weights.Length]), [], []);
            var loop = new TrainingLoop(workspace, [data], recipe, start);
            loop.Advance(4); // past the first calls
            long before = GC.GetAllocatedBytesForCurrentThread();
            loop.Advance(10);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(14, loop.Step);
            Assert.NotEqual(weights, loop.Save().Now.Weights);
        }
    }
}
