using System.Diagnostics;
using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Networks.Passes;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Bench;

/// <summary>Where the time of a training step goes: drawing data, each layer forward and backward, the optimizer.</summary>
internal static class Phases
{
    /// <summary>Prints the median and least microseconds of each part of a step of a workload.</summary>
    public static unsafe void Run(Workload workload)
    {
        (Architecture architecture, TaskSpec task, int batch) = (workload.Architecture, workload.Task, workload.Batch);
        using var pass = new NetworkPass(architecture, task.Places, batch);
        TaskData data = TaskData.Of(task, ImageLibrary.Default);
        float[] weights = new float[architecture.Parameters.Count], state = new float[2 * weights.Length];
        Initialisation.PyTorchDefault(architecture.Parameters, 1, weights);
        float[] x = GC.AllocateArray<float>(task.Places * task.Inputs * pass.Stride, pinned: true), y = GC.AllocateArray<float>(task.Places * task.Outputs * pass.Stride, pinned: true);
        var chunk = new Chunk(0, 0, Math.Min(batch, pass.ChunkSamples), IsTraining: true, 1);
        int chunks = pass.Chunks;
        long first = 0;
        Time("sample", chunks, () => data.Sample(1, Split.Train, first += chunk.Samples, chunk.Samples, pass.Stride, x, y));
        x.CopyTo(new Span<float>(pass.Input, x.Length));
        Time("load weights", 1, () => pass.Load(weights));
        foreach (LayerPass layer in pass.Layers)
            Time($"forward {layer.Spec.Type} {layer.Spec.Name}", chunks, () => layer.Forward(chunk));
        fixed (float* targets = y)
        {
            float* t = targets;
            Time("loss", chunks, () => LossFunctions.Sum(workload.Loss, pass.Output, t, task.Places, task.Outputs, pass.Stride, chunk.Samples, pass.OutputGradient, 1e-3f));
        }
        using var scratch = new Numerics.LaneBuffer();
        long widest = (long)task.Places * pass.Stride * architecture.Layers.Max(layer => Math.Max(layer.Inputs, layer.Outputs));
        float* above = scratch.Take(widest), below = scratch.Take(widest);
        for (int i = pass.Layers.Count - 1; i >= 0; i--)
        {
            LayerPass layer = pass.Layers[i];
            bool last = !architecture.Layers.Take(i).Any(lower => lower.Mixes);
            Time($"backward {layer.Spec.Type} {layer.Spec.Name}", chunks, () => layer.Backward(chunk, above, last ? null : below));
        }
        Time("sum the gradient", 1, pass.EndGradient);
        var adam = new AdamSpec(1e-3, 0.9, 0.999, 1e-8);
        float[] gradient = pass.Gradient.ToArray();
        long step = 0;
        Time("adam", 1, () => Optimizers.Step(adam, adam.LearningRate, ++step, weights, gradient, state));
        using var workspace = new Workspace(architecture, task.Places, batch);
        Time("whole step but adam", 1, () => workspace.LossAndGradient(data, workload.Loss, 1, 0, weights));
    }

    private static void Time(string name, int times, Action phase)
    {
        // As many as take a tenth of a millisecond, so that looking at the clock costs nothing.
        int count = 1;
        for (TimeSpan spent = TimeSpan.Zero; spent < TimeSpan.FromMilliseconds(0.1);)
        {
            long begin = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
                phase();
            spent = Stopwatch.GetElapsedTime(begin);
            count = spent < TimeSpan.FromMilliseconds(0.1) ? count * 2 : count;
        }
        double[] each = new double[101];
        for (int round = 0; round < each.Length; round++)
        {
            long begin = Stopwatch.GetTimestamp();
            for (int i = 0; i < count; i++)
                phase();
            each[round] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds / count * times;
        }
        Array.Sort(each);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-30} {each[each.Length / 2],10:F2} us a step, least {each[0],10:F2} us"));
    }
}
