using WeightSpace.Tests.Training;

namespace WeightSpace.Tests.Engines.Slurm;

internal static class Experiments
{
    /// <summary>Small networks of some 10 ms each, in four classes of two tasks that take different time.</summary>
    public static string Text(int seeds, int steps = 60) => $$"""
        experiment: cluster
        tasks:
          - {machine: ParityMachine, variant: [clean, modified], sequence: 8}
          - {machine: SimpleXORMachine, variant: [clean, modified], sequence: 5}
        architecture: {{TestRecipes.Small}}
        training: {batch: 20, stop: {steps: {{steps}}}, checkpoints: {every: 20}, snapshots: {every: 30}, evaluation: {sequences: 40} }
        seeds: {init: 1..{{seeds}}}
        """;
}
