using System.Numerics;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Classification;

/// <summary>
/// A grown tree, its nodes as parallel arrays [nodes]: rows with value of Columns at most the threshold go to Children, the others
/// to the node after that. Leaves have column -1 and the shares of the classes at Children in Shares, [leaves, classes].
/// </summary>
internal sealed record DecisionTree(int[] Columns, double[] Thresholds, int[] Children, float[] Shares)
{
    /// <summary>Adds the shares of the leaf that a row ends in.</summary>
    public void AddShares(ReadOnlySpan<float> row, double[] shares)
    {
        int node = 0;
        while (Columns[node] >= 0)
            node = row[Columns[node]] <= Thresholds[node] ? Children[node] : Children[node] + 1;
        for (int c = 0; c < shares.Length; c++)
            shares[c] += Shares[Children[node] + c];
    }
}

/// <summary>
/// Grows one tree: Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984, with Gini impurity, on binned
/// columns [columns, rows]. Rows are counted with how often the bootstrap drew them.
/// </summary>
internal sealed class TreeGrower
{
    private const int Bins = QuantileBins.Count;
    private const int LargestInsertion = 20; // rows; beyond, counting is faster
    private const int LargestInsertionOfDistinct = 8; // where no two rows share a bin
    private const int BinShift = 56, WeightShift = 32; // of a key: 8 bits of bin, 24 of weight, 32 of label
    private const long MostWeight = (1L << (BinShift - WeightShift)) - 1;

    private readonly FeatureMatrix _x;
    private readonly byte[] _bins;
    private readonly bool[] _distinct;
    private readonly int[] _labels;
    private readonly int _classes;
    private readonly int _columnsOfSplit;
    private readonly int[] _weights; // draws of each row
    private readonly int[] _rows; // the drawn rows; a node is a range of it
    private readonly int[] _columns; // in random order as far as drawn
    private readonly int[] _aside; // rows of the right side while a node is parted
    private readonly ulong[] _tags; // weight and label of each row, the lower part of its key
    private readonly ulong[] _keys; // of a node's rows by bin: bin, weight, label
    private readonly ulong[] _slots = new ulong[Bins]; // a key for each bin
    private readonly double[] _inverses; // 1 / count, because a division takes as long as the rest of a row's part in a split
    private readonly long[] _left;
    private readonly long[] _right;
    private RandomStream _random;

    public TreeGrower(FeatureMatrix x, QuantileBins bins, int[] labels, int classes, RandomStream random)
    {
        (_x, _bins, _distinct, _labels, _classes, _random) = (x, bins.OfRows, bins.Distinct, labels, classes, random);
        _columnsOfSplit = Math.Max(1, (int)Math.Sqrt(x.Columns));
        _weights = new int[x.Rows];
        for (int draw = 0; draw < x.Rows; draw++)
            _weights[_random.NextBelow(x.Rows)]++;
        _rows = [.. Enumerable.Range(0, x.Rows).Where(row => _weights[row] > 0)];
        _columns = [.. Enumerable.Range(0, x.Columns)];
        _aside = new int[_rows.Length];
        _keys = new ulong[_rows.Length];
        _tags = [.. _weights.Select((weight, row) => ((ulong)weight << WeightShift) | (uint)labels[row])];
        _inverses = [.. Enumerable.Range(0, x.Rows + 1).Select(count => 1.0 / count)];
        _left = new long[classes];
        _right = new long[classes];
    }

    public DecisionTree Grow()
    {
        var columns = new List<int> { -1 };
        var thresholds = new List<double> { 0 };
        var children = new List<int> { 0 };
        var shares = new List<float>();
        var open = new Stack<(int Node, int From, int To)>();
        open.Push((0, 0, _rows.Length));
        var counts = new long[_classes];
        while (open.TryPop(out (int Node, int From, int To) next))
        {
            (int node, int from, int to) = next;
            Array.Clear(counts);
            foreach (int row in _rows.AsSpan(from, to - from))
                counts[_labels[row]] += _weights[row];
            long total = counts.Sum();
            (int column, int bin) = counts.Max() == total ? (-1, 0) : BestSplit(from, to, counts, total);
            if (column < 0)
            {
                children[node] = shares.Count;
                foreach (long count in counts)
                    shares.Add((float)count / total);
                continue;
            }
            (int middle, double threshold) = Partition(from, to, column, bin);
            (columns[node], thresholds[node], children[node]) = (column, threshold, columns.Count);
            for (int child = 0; child < 2; child++)
            {
                columns.Add(-1);
                thresholds.Add(0);
                children.Add(0);
            }
            open.Push((columns.Count - 1, middle, to));
            open.Push((columns.Count - 2, from, middle));
        }
        return new DecisionTree([.. columns], [.. thresholds], [.. children], [.. shares]);
    }

    /// <summary>
    /// The column and the last bin of the left side of the split of least impurity; column -1 where every column is constant. Columns
    /// are drawn without replacement, and constant ones do not count, as in scikit-learn.
    /// </summary>
    private (int Column, int Bin) BestSplit(int from, int to, long[] counts, long total)
    {
        int bestColumn = -1, bestBin = 0;
        double best = double.NegativeInfinity;
        int tried = 0;
        for (int drawn = 0; drawn < _columns.Length && tried < _columnsOfSplit; drawn++)
        {
            int other = drawn + _random.NextBelow(_columns.Length - drawn);
            (_columns[drawn], _columns[other]) = (_columns[other], _columns[drawn]);
            int column = _columns[drawn];
            (double score, int bin) = BestOfColumn(column, from, to, counts, total);
            if (double.IsNegativeInfinity(score))
                continue;
            tried++;
            if (score > best)
                (best, bestColumn, bestBin) = (score, column, bin);
        }
        return (bestColumn, bestBin);
    }

    /// <summary>
    /// The best split of one column. Least Gini impurity is the largest sum over both sides of (sum of squared class counts) / count,
    /// which changes by a term for each row that goes over.
    /// </summary>
    private (double Score, int Bin) BestOfColumn(int column, int from, int to, long[] counts, long total)
    {
        ReadOnlySpan<byte> bins = _bins.AsSpan(column * _x.Rows, _x.Rows);
        ReadOnlySpan<int> rows = _rows.AsSpan(from, to - from);
        Span<ulong> keys = _keys.AsSpan(0, rows.Length);
        if (rows.Length <= (_distinct[column] ? LargestInsertionOfDistinct : LargestInsertion))
            SortByInsertion(bins, rows, keys);
        else if (_distinct[column])
            SortDistinct(bins, rows, keys);
        else
            SortByCounting(bins, rows, keys);
        if (keys[0] >> BinShift == keys[^1] >> BinShift)
            return (double.NegativeInfinity, 0);

        Span<long> left = _left, right = _right;
        long leftTotal = 0, leftSquares = 0, rightSquares = 0;
        for (int c = 0; c < counts.Length; c++)
        {
            left[c] = 0;
            right[c] = counts[c];
            rightSquares += counts[c] * counts[c];
        }
        double best = double.NegativeInfinity;
        int bestBin = 0;
        for (int i = 0; i < keys.Length - 1; i++)
        {
            ulong key = keys[i];
            int label = (int)(uint)key;
            long weight = (long)(key >> WeightShift) & MostWeight;
            leftSquares += weight * ((2 * left[label]) + weight);
            rightSquares -= weight * ((2 * right[label]) - weight);
            left[label] += weight;
            right[label] -= weight;
            leftTotal += weight;
            if (key >> BinShift == keys[i + 1] >> BinShift)
                continue;
            double score = (leftSquares * _inverses[leftTotal]) + (rightSquares * _inverses[total - leftTotal]);
            if (score > best)
                (best, bestBin) = (score, (int)(key >> BinShift));
        }
        return (best, bestBin);
    }

    /// <summary>The keys of a node's rows, ascending by bin.</summary>
    private void SortByInsertion(ReadOnlySpan<byte> bins, ReadOnlySpan<int> rows, Span<ulong> keys)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            ulong key = ((ulong)bins[rows[i]] << BinShift) | _tags[rows[i]];
            int at = i;
            for (; at > 0 && keys[at - 1] > key; at--)
                keys[at] = keys[at - 1];
            keys[at] = key;
        }
    }

    /// <summary>The same where no two rows share a bin: each has a slot of its own, and the mask says which are taken.</summary>
    private void SortDistinct(ReadOnlySpan<byte> bins, ReadOnlySpan<int> rows, Span<ulong> keys)
    {
        Span<ulong> slots = _slots, occupied = stackalloc ulong[Bins / 64];
        occupied.Clear();
        foreach (int row in rows)
        {
            int bin = bins[row];
            slots[bin] = ((ulong)bin << BinShift) | _tags[row];
            occupied[bin >> 6] |= 1UL << bin;
        }
        int sorted = 0;
        for (int word = 0; word < occupied.Length; word++)
        {
            for (ulong left = occupied[word]; left != 0; left &= left - 1)
                keys[sorted++] = slots[(word << 6) + BitOperations.TrailingZeroCount(left)];
        }
    }

    /// <summary>The same by counting, which costs no more for each row the more there are; the mask skips the empty bins.</summary>
    private void SortByCounting(ReadOnlySpan<byte> bins, ReadOnlySpan<int> rows, Span<ulong> keys)
    {
        Span<int> starts = stackalloc int[Bins];
        starts.Clear();
        Span<ulong> occupied = stackalloc ulong[Bins / 64];
        occupied.Clear();
        foreach (int row in rows)
        {
            int bin = bins[row];
            starts[bin]++;
            occupied[bin >> 6] |= 1UL << bin;
        }
        int start = 0;
        for (int word = 0; word < occupied.Length; word++)
        {
            for (ulong left = occupied[word]; left != 0; left &= left - 1)
            {
                int bin = (word << 6) + BitOperations.TrailingZeroCount(left);
                (start, starts[bin]) = (start + starts[bin], start);
            }
        }
        foreach (int row in rows)
            keys[starts[bins[row]]++] = ((ulong)bins[row] << BinShift) | _tags[row];
    }

    /// <summary>Puts the rows of the left side first; the threshold lies midway between the two values next to it.</summary>
    private (int Middle, double Threshold) Partition(int from, int to, int column, int lastLeftBin)
    {
        ReadOnlySpan<byte> bins = _bins.AsSpan(column * _x.Rows, _x.Rows);
        double below = double.NegativeInfinity, above = double.PositiveInfinity;
        int middle = from, right = 0;
        for (int i = from; i < to; i++)
        {
            int row = _rows[i];
            double value = _x.Values[(row * _x.Columns) + column];
            if (bins[row] <= lastLeftBin)
            {
                below = Math.Max(below, value);
                _rows[middle++] = row;
            }
            else
            {
                above = Math.Min(above, value);
                _aside[right++] = row;
            }
        }
        _aside.AsSpan(0, right).CopyTo(_rows.AsSpan(middle));
        return (middle, below + ((above - below) / 2));
    }
}
