using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Bench;

/// <summary>
/// The floor of a training step, counted from the architecture: no run is needed. Cycles are those of a core with two 512-bit FMA units, each
/// the bound of the one execution port that the work needs most, as if nothing ever waited; bench/FLOOR.md explains the table.
/// </summary>
internal static class Floor
{
    // Two units x 16 lanes x a multiply and an addition.
    private const double FlopsPerCycle = 64;

    // exp, tanh or sigmoid: about 23 vector instructions (LaneMath) on two ports.
    private const double FunctionCycles = 12;

    // A GRU unit beside its gates' functions: forward stores r, z, n, the hidden part of n and h (one store a cycle), backward has some 12
    // instructions on two ports.
    private const double GruElementCycles = 5 + 6;

    // f' by y and its product with the gradient from above: two instructions.
    private const double ActivationGradientCycles = 1;

    // 16 weights' lanes added at once: 8 + 4 + 2 + 1 pairs of vectors, two shuffles a pair, and shuffles have one port.
    private const double LaneSumCycles = 30;

    // Adam, 16 weights: 512-bit square root (12 cycles) and division (10) share one unit on Skylake servers (uops.info).
    private const double AdamCycles = 22;

    /// <summary>Prints the table of each benchmarked network.</summary>
    public static void Run()
    {
        foreach (Workload workload in (Workload[])[Workload.Mlds(64), Workload.ZooCnnSmall(64), Workload.ZooCnnSmall(10), Workload.Mlp()])
            Print(workload);
    }

    private static void Print(Workload workload)
    {
        Architecture architecture = workload.Architecture;
        int samples = workload.Batch, lanes = Lanes.Padded(samples), places = workload.Task.Places;
        double vectors = (double)lanes / Lanes.Count * places;
        Line($"## {workload.Name}, batch {samples}{(places > 1 ? $", sequence {places}" : "")}");
        Line("");
        Row("layer", "gives", "parameters", "forward kFLOP", "backward kFLOP", "products, cycles", "functions, vectors", "functions, cycles", "other, cycles", "kept, KiB");
        Line("|---|---|---|---|---|---|---|---|---|---|");
        double products = 0, functions = 0, other = 0, kept = 0;
        int first = Enumerable.Range(0, architecture.Layers.Count).First(index => architecture.Layers[index].Mixes);
        for (int i = 0; i < architecture.Layers.Count; i++)
        {
            LayerSpec layer = architecture.Layers[i];
            double forward = layer.ForwardFlops, backward = layer.BackwardFlops(i == first);
            double layerProducts = (forward + backward) * lanes * places / FlopsPerCycle;
            (double evaluations, double elementCycles, double keptFloats) = Elements(layer);
            double layerKept = keptFloats * lanes * places * sizeof(float) / 1024;
            Row($"{layer.Name} ({layer.Type})", layer.Output, Parameters(layer), forward * samples * places / 1e3, backward * samples * places / 1e3,
                layerProducts, evaluations * vectors, evaluations * vectors * FunctionCycles, elementCycles * vectors, layerKept);
            products += layerProducts;
            functions += evaluations * vectors;
            other += elementCycles * vectors;
            kept += layerKept;
        }
        if (workload.Loss == Loss.CrossEntropy)
        {
            double exponentials = architecture.Outputs * vectors;
            Row("loss (softmax)", null, null, null, null, null, exponentials, exponentials * FunctionCycles, null, null);
            functions += exponentials;
        }
        int parameters = architecture.Parameters.Count;
        double blocks = Math.Ceiling(parameters / (double)Lanes.Count);
        Row("lane sums of the gradient", null, parameters, null, null, null, null, null, blocks * LaneSumCycles, null);
        Row("Adam", null, parameters, null, null, null, null, null, blocks * AdamCycles, null);
        other += blocks * (LaneSumCycles + AdamCycles);
        double useful = workload.FlopsPerStep / FlopsPerCycle, functionCycles = functions * FunctionCycles;
        double forwardFlops = (double)architecture.ForwardFlops * samples * places;
        Row("**all**", null, parameters, forwardFlops / 1e3, (workload.FlopsPerStep - forwardFlops) / 1e3, products, functions, functionCycles, other, kept);
        Line("");
        double inputs = (double)architecture.Inputs * lanes * places * sizeof(float) / 1024, weights = parameters * sizeof(float) / 1024.0;
        // Kept numbers: written and read forward, read backward, and their gradients written and read. Inputs: written by the task, read by the
        // first product and by its gradient. Weights: read by two passes; gradient written and read; weights and Adam's two slots read and written.
        double withFunctions = products + functionCycles, all = withFunctions + other;
        Line($"Bytes touched: {(5 * kept) + (3 * inputs) + (10 * weights):F0} KiB "
            + $"(kept numbers {kept:F0} KiB x 5, inputs {inputs:F0} KiB x 3, parameters {weights:F1} KiB x 10).");
        Line($"The most of the FMA peak that can be had: {useful / products:P0} if only products took time; "
            + $"{useful / withFunctions:P0} with the functions; {useful / all:P0} with the rest ({all:F0} cycles).");
        Line("");
    }

    /// <summary>
    /// For one sample at one place: evaluations of exp, tanh or sigmoid; cycles a vector of what else is done element by element; numbers
    /// kept for the way back.
    /// </summary>
    private static (double Evaluations, double ElementCycles, double Kept) Elements(LayerSpec layer) => layer switch
    {
        // Kept: r, z, n, the hidden part of n, and the state.
        GruSpec gru => (3.0 * gru.Outputs, GruElementCycles * gru.Outputs, 5.0 * gru.Outputs),
        // ReLU is applied on the way out of the product before it, other functions in place.
        ActivationSpec { Function: Activation.Relu } relu => (0, ActivationGradientCycles * relu.Outputs, 0),
        ActivationSpec activation => (activation.Outputs, ActivationGradientCycles * activation.Outputs, 0),
        // Forward loads each number of a window (two loads a cycle), backward stores its gradient (one a cycle).
        PoolSpec pool => (0, 1.5 * pool.Kernel * pool.Kernel * pool.Outputs, pool.Outputs),
        DenseSpec or ConvSpec => (0, 0, layer.Outputs),
        FlattenSpec => (0, 0, 0),
        _ => throw new NotSupportedException($"the floor of layer '{layer.Name}' ({layer.Type}) is not written down yet; add it to Floor.Elements"),
    };

    private static long Parameters(LayerSpec layer) => layer switch
    {
        RecurrentSpec recurrent => recurrent.Gates * recurrent.Outputs * (recurrent.Inputs + recurrent.Outputs + 2L),
        DenseSpec dense => dense.Outputs * (dense.Inputs + 1L),
        ConvSpec conv => conv.Channels * (conv.Taps + 1L),
        _ => 0,
    };

    private static void Row(params object?[] cells) => Console.WriteLine("| " + string.Join(" | ",
        cells.Select(cell => cell is double number ? number.ToString("F0", CultureInfo.InvariantCulture) : cell?.ToString())) + " |");

    private static void Line(string text) => Console.WriteLine(text);
}
