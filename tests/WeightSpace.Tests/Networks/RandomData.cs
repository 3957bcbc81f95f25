using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Networks;

/// <summary>A task of any shape.</summary>
internal sealed record TestTask(int Length, Shape Image, int Answers) : TaskSpec
{
    public override string Source => "Test";

    public override int Places => Length;

    public override int Channels => Image.Channels;

    public override int Height => Image.Height;

    public override int Width => Image.Width;

    public override int Outputs => Answers;

    public static TestTask For(Architecture architecture, int places) => new(places, architecture.Input, architecture.Outputs);
}

/// <summary>
/// Random samples, each drawn by its index alone: normal inputs, and targets that suit a loss. Cross-entropy gets shares of classes, every third of them one-hot;
/// the binary one numbers in [0, 1], every third 0 or 1.
/// </summary>
/// <param name="period">Sample i is sample i mod period; 0: all are different.</param>
/// <param name="isSpoilt">Whether garbage stands in the padding lanes: a finite number in the inputs, NaN in the targets.</param>
internal sealed class RandomData(TestTask task, Loss loss, ulong seed, long period = 0, bool isSpoilt = false) : TaskData(task)
{
    private readonly float[] _x = new float[task.Places * task.Inputs], _y = new float[task.Places * task.Outputs];

    public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y)
    {
        x.Fill(isSpoilt ? 7 : 0);
        y.Fill(isSpoilt ? float.NaN : 0);
        for (int lane = 0; lane < count; lane++)
        {
            Draw(split, first + lane, _x, _y);
            for (int i = 0; i < _x.Length; i++)
                x[(i * stride) + lane] = _x[i];
            for (int i = 0; i < _y.Length; i++)
                y[(i * stride) + lane] = _y[i];
        }
    }

    /// <summary>One sample: x [place, input], y [place, output].</summary>
    public void Draw(Split split, long sample, Span<float> x, Span<float> y)
    {
        var stream = new RandomStream(seed + (ulong)split, RandomPurpose.Testing, (ulong)(period == 0 ? sample : sample % period));
        for (int i = 0; i < x.Length; i++)
            x[i] = stream.NextNormal();
        for (int place = 0; place < Task.Places; place++)
        {
            Span<float> answers = y.Slice(place * Task.Outputs, Task.Outputs);
            bool isSharp = stream.NextBelow(3) == 0;
            float sum = 0;
            for (int k = 0; k < answers.Length; k++)
                sum += answers[k] = loss == Loss.MeanSquaredError ? stream.NextNormal() : isSharp && loss == Loss.BinaryCrossEntropy ? stream.NextBelow(2) : 0.01f + stream.NextUniform();
            if (loss != Loss.CrossEntropy)
                continue;
            if (isSharp)
            {
                answers.Clear();
                answers[stream.NextBelow(answers.Length)] = 1;
                continue;
            }
            foreach (ref float share in answers)
                share /= sum;
        }
    }

    /// <summary>Samples as the plain network takes them: [sample][place][feature].</summary>
    public (double[][][] X, double[][][] Y) Samples(Split split, long first, int count)
    {
        double[][][] x = new double[count][][], y = new double[count][][];
        for (int sample = 0; sample < count; sample++)
        {
            Draw(split, first + sample, _x, _y);
            x[sample] = [.. _x.Chunk(Task.Inputs).Select(place => (double[])[.. place.Select(value => (double)value)])];
            y[sample] = [.. _y.Chunk(Task.Outputs).Select(place => (double[])[.. place.Select(value => (double)value)])];
        }
        return (x, y);
    }
}
