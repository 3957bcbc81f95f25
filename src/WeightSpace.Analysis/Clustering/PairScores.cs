using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Clustering;

/// <summary>What the distances of all pairs of rows say of each row.</summary>
/// <param name="Neighbours">The nearest other rows, nearest first and the lower number first of equally near ones, [rows, neighbours].</param>
/// <param name="Distances">Their Euclidean distances, [rows, neighbours].</param>
/// <param name="Silhouettes">By labelling, [labellings][rows].</param>
public sealed record PairResult(int NeighboursOfEach, int[] Neighbours, float[] Distances, double[][] Silhouettes);

/// <summary>
/// Nearest neighbours and silhouettes (Rousseeuw, 1987) of all rows in one pass over the pairs, without ever holding the distances: a block of rows stands in the lanes and
/// meets every row in turn. Exact for the products given; ties go to the lower row. The same bits for any number of threads.
/// </summary>
public static class PairScores
{
    private const int RowsAtOnce = 512;

    /// <summary>From the products of a Gram matrix.</summary>
    /// <param name="neighbours">0 to Count - 1.</param>
    /// <param name="labelings">Labels of the rows, any integers, at least two different ones in each.</param>
    public static PairResult OfGram(GramMatrix gram, int neighbours, IReadOnlyList<int[]> labelings, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(gram);
        var result = new Collector(gram.Count, neighbours, labelings);
        double[] norms = gram.SquaredNorms();
        Parallel.For(0, (gram.Count + RowsAtOnce - 1) / RowsAtOnce, new ParallelOptions { CancellationToken = cancellation }, b =>
        {
            int first = b * RowsAtOnce, count = Math.Min(RowsAtOnce, gram.Count - first);
            var block = new Block(result, first, count);
            Span<float> squared = new float[count];
            for (int other = 0; other < gram.Count; other++)
            {
                DenseVectors.SquaredDistances(norms[other], norms.AsSpan(first, count), gram.Row(other).Slice(first, count), squared);
                block.Add(other, squared);
            }
            block.Finish();
        });
        return result.Result();
    }

    /// <summary>From the rows themselves, products of a tile at a time: memory grows with the rows only. Rows should be centred.</summary>
    /// <param name="progress">Told how many rows are done.</param>
    public static PairResult OfRows(FloatRows rows, int neighbours, IReadOnlyList<int[]> labelings, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var result = new Collector(rows.Count, neighbours, labelings);
        var norms = new double[rows.Count];
        Parallel.For(0, rows.Count, i => norms[i] = DenseVectors.SquaredNorm(rows[i]));
        var blocks = new Block?[(rows.Count / RowProducts.GroupColumns) + 1];
        int done = 0;
        RowProducts.Inner(rows, rows, (in ProductTile tile) =>
        {
            ref Block? block = ref blocks[tile.FirstColumn / RowProducts.GroupColumns];
            block ??= new Block(result, tile.FirstColumn, tile.Columns);
            Span<float> squared = stackalloc float[RowProducts.GroupColumns];
            squared = squared[..tile.Columns];
            for (int r = 0; r < tile.Rows; r++)
            {
                DenseVectors.SquaredDistances(norms[tile.FirstRow + r], norms.AsSpan(tile.FirstColumn, tile.Columns), tile[r], squared);
                block.Add(tile.FirstRow + r, squared);
            }
            if (tile.FirstRow + tile.Rows < rows.Count)
                return;
            block.Finish();
            block = null;
            progress?.Invoke(Interlocked.Add(ref done, tile.Columns));
        }, cancellation);
        return result.Result();
    }

    /// <summary>What is asked, and the answers as they come.</summary>
    private sealed class Collector
    {
        public Collector(int count, int neighbours, IReadOnlyList<int[]> labelings)
        {
            if (neighbours < 0 || neighbours >= count)
                throw new ArgumentException($"{neighbours} neighbours of {count} rows; expected 0 to {count - 1}", nameof(neighbours));
            Neighbours = neighbours;
            Labels = new int[labelings.Count][];
            Sizes = new int[labelings.Count][];
            for (int l = 0; l < labelings.Count; l++)
            {
                if (labelings[l].Length != count)
                    throw new ArgumentException($"{labelings[l].Length} labels of {count} rows; expected one for each", nameof(labelings));
                (Labels[l], int clusters) = ClusterScores.Dense(labelings[l]);
                if (clusters < 2)
                    throw new ArgumentException("the labels name one cluster; a silhouette expects at least 2", nameof(labelings));
                Sizes[l] = new int[clusters];
                foreach (int label in Labels[l])
                    Sizes[l][label]++;
            }
            Indices = new int[(long)count * neighbours];
            Distances = new float[(long)count * neighbours];
            Silhouettes = [.. labelings.Select(_ => new double[count])];
        }

        public int Neighbours { get; }

        public int[][] Labels { get; }

        public int[][] Sizes { get; }

        public int[] Indices { get; }

        public float[] Distances { get; }

        public double[][] Silhouettes { get; }

        public PairResult Result() => new(Neighbours, Indices, Distances, Silhouettes);
    }

    /// <summary>Some rows in a line, and what is known of them so far.</summary>
    private sealed class Block
    {
        private readonly Collector _result;
        private readonly int _first, _count;
        private readonly float[] _farthest; // squared distance of the last neighbour kept, [count]
        private readonly double[][] _sums; // distances by cluster, [labelings][clusters, count]

        public Block(Collector result, int first, int count)
        {
            (_result, _first, _count) = (result, first, count);
            _farthest = new float[count];
            Array.Fill(_farthest, result.Neighbours > 0 ? float.PositiveInfinity : float.NegativeInfinity);
            result.Distances.AsSpan(first * result.Neighbours, count * result.Neighbours).Fill(float.PositiveInfinity);
            _sums = [.. result.Sizes.Select(sizes => new double[sizes.Length * count])];
        }

        /// <summary>Another row, the next in order, with its squared distances from the block's. Changes them.</summary>
        public void Add(int other, Span<float> squared)
        {
            if (other >= _first && other < _first + _count)
                squared[other - _first] = 0;
            int i = 0;
            for (; i <= _count - Lanes.Count; i += Lanes.Count)
            {
                ulong nearer = Vector512.LessThan(Vector512.Create<float>(squared[i..]), Vector512.Create<float>(_farthest.AsSpan(i))).ExtractMostSignificantBits();
                for (; nearer != 0; nearer &= nearer - 1)
                    Keep(i + BitOperations.TrailingZeroCount(nearer), other, squared);
            }
            for (; i < _count; i++)
            {
                if (squared[i] < _farthest[i])
                    Keep(i, other, squared);
            }
            if (_sums.Length == 0)
                return;
            Roots(squared);
            for (int l = 0; l < _sums.Length; l++)
                DenseVectors.Add(_sums[l].AsSpan(_result.Labels[l][other] * _count, _count), squared);
        }

        private void Keep(int i, int other, ReadOnlySpan<float> squared)
        {
            if (_first + i == other)
                return;
            int start = (_first + i) * _result.Neighbours, place = start + _result.Neighbours - 1;
            for (; place > start && _result.Distances[place - 1] > squared[i]; place--)
                (_result.Distances[place], _result.Indices[place]) = (_result.Distances[place - 1], _result.Indices[place - 1]);
            (_result.Distances[place], _result.Indices[place]) = (squared[i], other);
            _farthest[i] = _result.Distances[start + _result.Neighbours - 1];
        }

        public void Finish()
        {
            Roots(_result.Distances.AsSpan(_first * _result.Neighbours, _count * _result.Neighbours));
            for (int l = 0; l < _sums.Length; l++)
            {
                int[] sizes = _result.Sizes[l];
                var sums = new double[sizes.Length];
                for (int i = 0; i < _count; i++)
                {
                    for (int c = 0; c < sums.Length; c++)
                        sums[c] = _sums[l][(c * _count) + i];
                    _result.Silhouettes[l][_first + i] = ClusterScores.Silhouette(sums, sizes, _result.Labels[l][_first + i]);
                }
            }
        }

        private static void Roots(Span<float> values)
        {
            ref float start = ref MemoryMarshal.GetReference(values);
            int i = 0;
            for (; i <= values.Length - Lanes.Count; i += Lanes.Count)
                Vector512.Sqrt(Vector512.LoadUnsafe(ref start, (nuint)i)).StoreUnsafe(ref start, (nuint)i);
            for (; i < values.Length; i++)
                values[i] = MathF.Sqrt(values[i]);
        }
    }
}
