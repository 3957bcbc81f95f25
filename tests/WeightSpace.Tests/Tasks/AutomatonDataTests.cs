using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tests.Tasks;

public sealed class AutomatonDataTests
{
    private static readonly AutomatonTask[] s_tasks = [new(8, 4, 4, 1, 32), new(2, 1, 2, 3, 2), new(9, 7, 3, 5, 13), new(64, 64, 64, 2, 9), new(16, 2, 5, 7, 301)];

    [Fact]
    public void InputsAreOneHotSymbolsAndTargetsOneHotOutputsOfThePlainAutomaton()
    {
        foreach (AutomatonTask task in s_tasks)
        {
            var automaton = Automaton.Of(task);
            foreach (Split split in (Split[])[Split.Train, Split.Evaluation])
            {
                (float[][] x, float[][] y) = Columns(task, split, 37, 19, 32);
                for (int i = 0; i < 32; i++)
                {
                    if (i >= 19)
                    {
                        Assert.All(x[i].Concat(y[i]), value => Assert.Equal(0f, value));
                        continue;
                    }
                    int[] symbols = Symbols(task, split, (ulong)(37 + i)), outputs = new int[symbols.Length];
                    automaton.Run(symbols, outputs);
                    Assert.Equal(symbols.SelectMany(symbol => OneHot(symbol, task.Alphabet)), x[i]);
                    Assert.Equal(outputs.SelectMany(output => OneHot(output, task.OutputSymbols)), y[i]);
                }
            }
        }
    }

    [Fact]
    public void ASequenceIsTheSameInWhateverBatchItIsDrawn()
    {
        AutomatonTask task = s_tasks[2];
        (float[][] x, float[][] y) = Columns(task, Split.Train, 0, 60, 64);
        foreach ((int first, int count, int stride) in ((int, int, int)[])[(0, 1, 16), (3, 16, 16), (17, 20, 32), (59, 1, 48), (31, 29, 32)])
        {
            (float[][] someX, float[][] someY) = Columns(task, Split.Train, first, count, stride);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(x[first + i], someX[i]);
                Assert.Equal(y[first + i], someY[i]);
            }
        }
    }

    [Fact]
    public void AllAutomataSeeTheSameSymbolsAndEachSeedSplitAndSequenceOthers()
    {
        string Of(AutomatonTask task, Split split, long sequence, ulong seed) => string.Join(' ', Columns(task, split, sequence, 1, 16, seed).X[0]);
        AutomatonTask task = s_tasks[0];
        Assert.Equal(Of(task, Split.Train, 5, 7), Of(task with { Seed = 2, States = 6 }, Split.Train, 5, 7));
        string[] streams = [.. from seed in (ulong[])[1, 2, 1UL << 40] from split in (Split[])[Split.Train, Split.Evaluation] from sequence in (long[])[0, 1, 1L << 33] select Of(task, split, sequence, seed)];
        Assert.Equal(streams.Length, streams.Distinct().Count());
    }

    [Theory]
    [InlineData(4)]
    [InlineData(7)]
    public void EachSymbolIsAsLikelyAsAnyOther(int alphabet)
    {
        AutomatonTask task = new(5, alphabet, 2, 1, 20);
        int[] symbols = [.. Enumerable.Range(0, 4000).SelectMany(sequence => Symbols(task, Split.Train, (ulong)sequence))];
        // Within five standard errors.
        double share = 1.0 / alphabet, error = Math.Sqrt(share * (1 - share) / symbols.Length);
        for (int symbol = 0; symbol < alphabet; symbol++)
            Assert.InRange(symbols.Count(other => other == symbol) / (double)symbols.Length, share - (5 * error), share + (5 * error));
    }

    [Fact]
    public void BuffersThatDoNotFitAreRefused()
    {
        AutomatonTask task = s_tasks[0];
        TaskData data = TaskData.Of(task, ImageLibrary.Default);
        float[] x = new float[32 * 4 * 16], y = new float[32 * 4 * 16];
        Assert.Throws<ArgumentOutOfRangeException>(() => data.Sample(1, Split.Train, 0, 17, 16, x, y));
        Assert.Contains("multiple of 16", Assert.Throws<ArgumentException>(() => data.Sample(1, Split.Train, 0, 4, 8, x, y)).Message, StringComparison.Ordinal);
        Assert.Contains("[place 32, 4, 16]", Assert.Throws<ArgumentException>(() => data.Sample(1, Split.Train, 0, 4, 16, x[1..], y)).Message, StringComparison.Ordinal);
        Assert.Contains("y holds", Assert.Throws<ArgumentException>(() => data.Sample(1, Split.Train, 0, 4, 16, x, y[1..])).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<float> OneHot(int value, int size) => Enumerable.Range(0, size).Select(index => index == value ? 1f : 0f);

    /// <summary>Symbols one at a time, each the upper half of a word times the alphabet.</summary>
    private static int[] Symbols(AutomatonTask task, Split split, ulong sequence, ulong seed = 7)
    {
        var draw = new RandomStream(seed, split == Split.Train ? RandomPurpose.TrainingData : RandomPurpose.EvaluationData, sequence);
        int[] symbols = new int[task.SequenceLength];
        for (int time = 0; time < symbols.Length; time++)
            symbols[time] = (int)(((ulong)draw.NextUInt32() * (uint)task.Alphabet) >> 32);
        return symbols;
    }

    /// <summary>Column i holds [time x feature] of sequence first + i, then the padding columns.</summary>
    private static (float[][] X, float[][] Y) Columns(AutomatonTask task, Split split, long first, int count, int stride, ulong seed = 7)
    {
        float[] x = new float[task.Places * task.Inputs * stride], y = new float[task.Places * task.Outputs * stride];
        // What stood in the buffers before must not shine through.
        Array.Fill(x, float.NaN);
        Array.Fill(y, float.NaN);
        TaskData.Of(task, ImageLibrary.Default).Sample(seed, split, first, count, stride, x, y);
        float[][] ByColumn(float[] values) => [.. Enumerable.Range(0, stride).Select(column => values.Where((_, index) => index % stride == column).ToArray())];
        return (ByColumn(x), ByColumn(y));
    }
}
