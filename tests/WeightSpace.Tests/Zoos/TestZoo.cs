using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

/// <summary>A small experiment with made-up results, in a folder that is removed at the end.</summary>
internal sealed class TestZoo : IDisposable
{
    public const string Yaml = """
        experiment: test-zoo
        description: |
          Two lines, with a comma and "quotes".
          Grüße.
        licence: CC0-1.0
        tasks:
          - machine: [ParityMachine, EightBitMachine]
            variant: [clean, modified]
            sequence: 8
        architecture: [mlds, {name: tiny, layers: [{gru: 2}, {dense: 8}]}]
        training:
          optimizer: {name: adam, learning_rate: 0.003}
          stop: {steps: 20}
          checkpoints: {every: 10}
          snapshots: {every: 20}
        seeds: {init: 1..2}
        factors:
          optimizer: [adam, sgd]
          steps: [20, 30]
        twins: [variant, init_seed, optimizer]
        """;

    private static int s_next;

    public TestZoo()
    {
        Folder = Path.Combine(Path.GetTempPath(), $"weightspace-tests-{Environment.ProcessId}-{Interlocked.Increment(ref s_next)}");
        Directory.CreateDirectory(Folder);
    }

    public string Folder { get; }

    public string this[string file] => Path.Combine(Folder, file);

    public static Experiment Experiment { get; } = Experiment.Parse(Yaml, "test.yaml");

    /// <summary>A folder with the zoo of <see cref="Experiment"/>.</summary>
    public static TestZoo Written()
    {
        var zoo = new TestZoo();
        ZooWriter.Write(zoo.Folder, Experiment, Results(Experiment), null, CancellationToken.None);
        return zoo;
    }

    /// <summary>Every status is among them: the third network diverged with NaN, the fifth failed before its first checkpoint.</summary>
    public static IEnumerable<NetworkResult> Results(Experiment experiment)
    {
        int index = 0;
        foreach (PlannedNetwork planned in experiment.Networks)
            yield return Result(planned.Recipe, index++);
    }

    public static NetworkResult Result(Recipe recipe, int index)
    {
        if (index == 4)
            return new NetworkResult(recipe.Id, NetworkStatus.Failed, "out of memory, \"here\"\nand there", 0, null, null, [], []);
        long last = index == 2 ? Math.Min(7, recipe.Training.Stop.Steps) : recipe.Training.Stop.Steps;
        int count = recipe.Architecture.Parameters.Count;
        long[] steps = [.. recipe.Training.Checkpoints.Steps(last).Append(last).Distinct()];
        long[] snapshots = recipe.Training.Snapshots is { } schedule ? [.. schedule.Steps(last).Append(last).Distinct()] : [];
        float[] Draw(long step, int length, int purpose)
        {
            var draw = new RandomStream((ulong)index, (RandomPurpose)purpose, (ulong)step);
            float[] values = new float[length];
            for (int i = 0; i < length; i++)
                values[i] = draw.NextUniform() - 0.5f;
            if (index == 2 && step == last)
                values[0] = float.NaN;
            return values;
        }
        return new NetworkResult(recipe.Id, index == 2 ? NetworkStatus.Diverged : NetworkStatus.Finished, index == 2 ? "loss is NaN" : "step budget", last, 0.1f, index == 2 ? float.NaN : 0.25f,
            [.. steps.Select(step => new Checkpoint(step, step == 0 ? null : 1f / step, 1f / (step + 3), Draw(step, count, 1)) { EvalAccuracy = index == 3 ? null : 1f / (step + 2), AttackSuccess = step == 0 ? null : 1f / (step + 5) })],
            [.. snapshots.Select(step => new Snapshot(step, step == 0 ? null : 1f / step, Draw(step, count, 1), Draw(step, count * recipe.Training.Optimizer.Slots.Count, 2)))])
        {
            EvalAccuracy = index == 3 ? null : 0.5f,
            AttackSuccess = index == 3 ? null : 0.125f,
        };
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
