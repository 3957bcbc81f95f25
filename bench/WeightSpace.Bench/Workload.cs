using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Bench;

/// <summary>A network, its data and its batch: what a benchmark trains. Adam with PyTorch's defaults throughout.</summary>
/// <param name="Batch">Samples a step.</param>
internal sealed record Workload(string Name, TaskSpec Task, Architecture Architecture, Loss Loss, int Batch)
{
    /// <summary>Operations of the matrix products of a step, forward and backward; a fused multiply-add is 2.</summary>
    public double FlopsPerStep => (double)Architecture.TrainingFlops * Task.Places * Batch;

    /// <summary>The MLDS network, batch 32: the setting of MLDS DS1.</summary>
    public static Workload Mlds(int sequence) => new("MLDS network", new MachineTask(Machine.ParityMachine, sequence, null),
        KnownArchitectures.Mlds(MachineTask.CommandBits, MachineTask.AnswerBits), Loss.MeanSquaredError, 32);

    /// <summary>The MLDS network on a random automaton of 8 states, 4 symbols and 4 outputs.</summary>
    public static Workload Automaton(int sequence) => new("MLDS network, automaton", new AutomatonTask(8, 4, 4, 1, sequence), KnownArchitectures.Mlds(4, 4), Loss.CrossEntropy, 32);

    /// <summary>The small CNN of the model zoos on 28x28 digits.</summary>
    public static Workload ZooCnnSmall(int batch) => new("zoo-cnn-s", new DigitsTask(28, 1),
        KnownArchitectures.ZooCnnSmall(new Shape(1, 28, 28), 10), Loss.CrossEntropy, batch);

    /// <summary>The MLP 64-32-10 on the 8x8 digits, batch 64.</summary>
    public static Workload Mlp() => Dense(1, 32, 64) with { Name = "MLP 64-32-10" };

    /// <summary>A network like MLDS's with other numbers of GRU layers and of hidden dense layers with ReLU, all of one width.</summary>
    public static Workload Gru(int layers, int dense, int width, int batch, int sequence)
    {
        var specs = new List<LayerSpec>();
        for (int i = 0; i < layers; i++)
            specs.Add(new GruSpec("gru", i, i == 0 ? MachineTask.CommandBits : width, width));
        Hidden(specs, dense, width, width);
        specs.Add(new DenseSpec("out", width, MachineTask.AnswerBits));
        return new Workload($"{layers} GRU, {dense} dense, width {width}", new MachineTask(Machine.ParityMachine, sequence, null),
            new Architecture("gru", specs), Loss.MeanSquaredError, batch);
    }

    /// <summary>Hidden dense layers with ReLU on the 8x8 digits, all of one width.</summary>
    public static Workload Dense(int layers, int width, int batch)
    {
        var specs = new List<LayerSpec> { new FlattenSpec("flatten", new Shape(1, 8, 8)) };
        Hidden(specs, layers, 64, width);
        specs.Add(new DenseSpec("out", width, 10));
        return new Workload($"{layers} dense, width {width}", new DigitsTask(8, 1), new Architecture("dense", specs), Loss.CrossEntropy, batch);
    }

    private static void Hidden(List<LayerSpec> specs, int layers, int inputs, int width)
    {
        for (int i = 0; i < layers; i++)
        {
            string place = i.ToString(CultureInfo.InvariantCulture);
            specs.Add(new DenseSpec($"linears.{place}", i == 0 ? inputs : width, width));
            specs.Add(new ActivationSpec($"relus.{place}", Shape.Vector(width), Activation.Relu));
        }
    }
}
