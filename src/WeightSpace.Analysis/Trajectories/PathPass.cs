using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>How a pass over checkpoints is made.</summary>
public sealed record PathPassOptions
{
    /// <summary>Values in memory at once, of all checkpoints together; default 2^23: 32 MiB. It changes no bit of the result.</summary>
    public int ChunkValues { get; init; } = 1 << 23;

    /// <summary>The sketch that is made of each checkpoint; null, the default: none.</summary>
    public RotatedSketch? Sketch { get; init; }

    /// <summary>Moments and sketches are wanted of checkpoints from this index on; of those before it they were known already. Default 0.</summary>
    public int FirstNew { get; init; }
}

/// <summary>What one pass over the k checkpoints of a path adds up. Update i leads from checkpoint i to i + 1.</summary>
/// <param name="Moments">Of all weights of each checkpoint, [k]; empty before <see cref="PathPassOptions.FirstNew"/>.</param>
/// <param name="UpdateProducts">Inner products of the updates, [k - 1, k - 1], symmetric.</param>
/// <param name="SquaredLengths">Squared length of each update in each tensor, [k - 1][tensor].</param>
/// <param name="Sketches">Of each checkpoint, [k][size]; null where none was asked for.</param>
public sealed record PathSums(CentralMoments[] Moments, double[,] UpdateProducts, double[][] SquaredLengths, double[]?[] Sketches);

/// <summary>A checkpoint that holds a value that is no number.</summary>
/// <param name="Index">Which one of those that were given to the pass.</param>
/// <param name="Tensor">The tensor with the first such value.</param>
public sealed record NotFinite(int Index, string Tensor, float Value);

/// <summary>
/// One pass over the checkpoints of one path, all of them side by side along the packed block: each is read once, in pieces, and no more than
/// <see cref="PathPassOptions.ChunkValues"/> are in memory. Differences of neighbours are taken first, in double, and everything is computed of these: from inner products of the checkpoints
/// themselves, a step that is a thousandth of the weights' norm would lose six digits. Blocks end where a tensor ends and are added up in their order, so the sums have the same bits whatever
/// the size of the pieces and the number of threads.
/// </summary>
public static class PathPass
{
    /// <summary>More checkpoints than this of one network are refused: the products take [k, k] doubles for each thread.</summary>
    public const int MostCheckpoints = 2048;

    private const int MostBlock = 4096, LeastBlock = 256;
    private const int BlockDoubles = 1 << 21; // of differences, for each thread
    private const int PanelRows = 8;

    /// <summary>A run of values within one tensor.</summary>
    private readonly record struct Block(int Tensor, long First, int Length);

    /// <summary>
    /// The sums; or, where checkpoints hold values that are not finite, those checkpoints and no sums. There may be more of them than are named: the pass ends with the first piece that has any.
    /// </summary>
    /// <param name="group">Where the checkpoints are.</param>
    /// <param name="items">Their indices in the group, in the order of the path; at least 1.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellation">Checked between pieces.</param>
    public static (PathSums? Sums, IReadOnlyList<NotFinite> Damaged) Run(ICheckpointGroup group, IReadOnlyList<int> items, PathPassOptions options, CancellationToken cancellation = default)
    {
        int count = items.Count, updates = count - 1;
        if (count is < 1 or > MostCheckpoints)
            throw new ArgumentException($"a path of {count} checkpoints; expected 1 to {MostCheckpoints}", nameof(items));
        if (options.ChunkValues < 1)
            throw new ArgumentException($"pieces of {options.ChunkValues} values; expected at least 1", nameof(options));
        int blockLength = Math.Clamp(BlockDoubles / Math.Max(1, updates) / LeastBlock * LeastBlock, LeastBlock, MostBlock);
        int chunkLength = (int)Math.Min(Math.Max(blockLength, options.ChunkValues / count), Math.Max(1, group.Count));
        var sums = new PathSums(new CentralMoments[count], new double[updates, updates], [.. Enumerable.Range(0, updates).Select(_ => new double[group.Tensors.Count])], new double[]?[count]);
        for (int row = options.FirstNew; row < count && options.Sketch is not null; row++)
            sums.Sketches[row] = new double[options.Sketch.Size];
        var damaged = new NotFinite?[count];
        float[][] values = [.. items.Select(_ => new float[chunkLength])];
        BlockSums[] workers = [.. Enumerable.Range(0, updates == 0 ? 0 : (int)Math.Min(Environment.ProcessorCount, (group.Count + blockLength - 1) / blockLength)).Select(_ => new BlockSums(updates, blockLength))];
        foreach ((long first, int length, List<Block> blocks) in Chunks(group, blockLength, chunkLength))
        {
            cancellation.ThrowIfCancellationRequested();
            ForEach(count, row => ReadRow(group, items[row], row, first, length, blocks, options, values[row], sums, damaged));
            if (damaged.Any(one => one is not null))
                return (null, [.. damaged.OfType<NotFinite>()]);
            for (int begin = 0; begin < blocks.Count && updates > 0; begin += workers.Length)
            {
                int some = Math.Min(workers.Length, blocks.Count - begin), from = begin;
                ForEach(some, worker => workers[worker].Compute(values, (int)(blocks[from + worker].First - first), blocks[from + worker].Length));
                for (int worker = 0; worker < some; worker++)
                    workers[worker].AddTo(sums, blocks[from + worker].Tensor);
            }
        }
        for (int i = 0; i < updates; i++)
        {
            for (int j = 0; j < i; j++)
                sums.UpdateProducts[i, j] = sums.UpdateProducts[j, i];
        }
        return (sums, []);
    }

    private static void ReadRow(ICheckpointGroup group, int item, int row, long first, int length, List<Block> blocks, PathPassOptions options, float[] values, PathSums sums, NotFinite?[] damaged)
    {
        Span<float> chunk = values.AsSpan(0, length);
        group.Read(item, first, chunk);
        if (row < options.FirstNew)
            return;
        foreach (Block block in blocks)
        {
            ReadOnlySpan<float> part = chunk.Slice((int)(block.First - first), block.Length);
            CentralMoments moments = CentralMoments.Of(part);
            // Squares of finite floats do not overflow a double, so this says that every value is finite.
            if (!double.IsFinite(moments.Second))
            {
                foreach (float value in part)
                {
                    if (!float.IsFinite(value))
                    {
                        damaged[row] = new NotFinite(row, group.Tensors[block.Tensor].Name, value);
                        return;
                    }
                }
            }
            sums.Moments[row] = sums.Moments[row].With(moments);
        }
        if (sums.Sketches[row] is { } sketch)
            options.Sketch!.Add(sketch, first, chunk);
    }

    /// <summary>Whole blocks, as many as fit into a piece, in the order of the packed block.</summary>
    private static IEnumerable<(long First, int Length, List<Block> Blocks)> Chunks(ICheckpointGroup group, int blockLength, int chunkLength)
    {
        var blocks = new List<Block>();
        long first = 0;
        int length = 0;
        for (int tensor = 0; tensor < group.Tensors.Count; tensor++)
        {
            PackedTensor info = group.Tensors[tensor];
            for (long done = 0; done < info.Elements;)
            {
                int part = (int)Math.Min(blockLength, info.Elements - done);
                if (length + part > chunkLength && length > 0)
                {
                    yield return (first, length, blocks);
                    (first, length) = (first + length, 0);
                    blocks = [];
                }
                blocks.Add(new Block(tensor, info.Offset + done, part));
                length += part;
                done += part;
            }
        }
        if (length > 0)
            yield return (first, length, blocks);
    }

    private static void ForEach(int count, Action<int> action)
    {
        if (count == 1)
            action(0);
        else
            Parallel.For(0, count, action);
    }

    /// <summary>The inner products of all updates within one block.</summary>
    private sealed class BlockSums(int updates, int blockLength)
    {
        private readonly double[] _differences = new double[updates * DenseRows.Stride(blockLength)];
        private readonly double[] _panel = new double[PanelRows * updates];
        private readonly double[] _products = new double[updates * updates];

        public void Compute(float[][] values, int first, int length)
        {
            int stride = DenseRows.Stride(length);
            for (int i = 0; i < updates; i++)
            {
                Span<double> row = _differences.AsSpan(i * stride, stride);
                DenseVectors.Subtract(values[i + 1].AsSpan(first, length), values[i].AsSpan(first, length), row[..length]);
                row[length..].Clear();
            }
            for (int from = 0; from < updates; from += PanelRows)
            {
                int rows = Math.Min(PanelRows, updates - from), columns = updates - from;
                Span<double> panel = _panel.AsSpan(0, rows * columns);
                DenseRows.InnerProducts(_differences.AsSpan(from * stride, rows * stride), _differences.AsSpan(from * stride, columns * stride), stride, panel);
                for (int i = 0; i < rows; i++)
                    panel.Slice(i * columns, columns).CopyTo(_products.AsSpan(((from + i) * updates) + from));
            }
        }

        /// <summary>The upper triangle is what counts.</summary>
        public void AddTo(PathSums sums, int tensor)
        {
            for (int i = 0; i < updates; i++)
            {
                for (int j = i; j < updates; j++)
                    sums.UpdateProducts[i, j] += _products[(i * updates) + j];
                sums.SquaredLengths[i][tensor] += _products[(i * updates) + i];
            }
        }
    }
}
