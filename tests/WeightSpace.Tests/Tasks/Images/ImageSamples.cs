using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tests.Tasks.Images;

/// <summary>Samples of a task, one image after the other.</summary>
internal static class ImageSamples
{
    /// <summary>Images [image][channel and pixel] and targets [image][class] in all lanes of a stride, those behind <paramref name="count"/> too.</summary>
    public static (float[][] X, float[][] Y) Columns(TaskSpec task, Split split, long first, int count, int stride, ulong seed = 7)
    {
        (float[] x, float[] y) = Room(task, stride);
        TaskData.Of(task, ImageLibrary.Default).Sample(seed, split, first, count, stride, x, y);
        return (ByColumn(x, stride), ByColumn(y, stride));
    }

    /// <summary>The same with an attack's trigger on held-out images.</summary>
    public static (float[][] X, float[][] Y, int Attacked) Attacked(TaskSpec task, Attack attack, long first, int count, int stride, ulong seed = 7)
    {
        (float[] x, float[] y) = Room(task, stride);
        int attacked = TaskData.Of(task, ImageLibrary.Default).SampleAttacked(attack, seed, first, count, stride, x, y);
        return (ByColumn(x, stride), ByColumn(y, stride), attacked);
    }

    public static int Label(float[] target) => Array.IndexOf(target, 1f);

    private static (float[] X, float[] Y) Room(TaskSpec task, int stride)
    {
        float[] x = new float[task.Inputs * stride], y = new float[task.Outputs * stride];
        Array.Fill(x, float.NaN);
        Array.Fill(y, float.NaN);
        return (x, y);
    }

    private static float[][] ByColumn(float[] values, int stride) =>
        [.. Enumerable.Range(0, stride).Select(column => Enumerable.Range(0, values.Length / stride).Select(row => values[(row * stride) + column]).ToArray())];
}
