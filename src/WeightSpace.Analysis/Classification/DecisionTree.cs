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
    private const int Bins = 256;

    private readonly FeatureMatrix _x;
    private readonly byte[] _bins;
    private readonly int[] _labels;
    private readonly int _classes;
    private readonly int _columnsOfSplit;
    private readonly int[] _weights; // draws of each row
    private readonly int[] _rows; // the drawn rows; a node is a range of it
    private readonly int[] _columns; // in random order as far as drawn
    private readonly int[] _sorted; // rows of a node by bin
    private readonly int[] _counts = new int[Bins]; // all 0 between two columns
    private readonly long[] _left;
    private readonly long[] _right;
    private RandomStream _random;

    public TreeGrower(FeatureMatrix x, byte[] bins, int[] labels, int classes, RandomStream random)
    {
        (_x, _bins, _labels, _classes, _random) = (x, bins, labels, classes, random);
        _columnsOfSplit = Math.Max(1, (int)Math.Sqrt(x.Columns));
        _weights = new int[x.Rows];
        for (int draw = 0; draw < x.Rows; draw++)
            _weights[_random.NextBelow(x.Rows)]++;
        _rows = [.. Enumerable.Range(0, x.Rows).Where(row => _weights[row] > 0)];
        _columns = [.. Enumerable.Range(0, x.Columns)];
        _sorted = new int[_rows.Length];
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
        Span<ulong> occupied = stackalloc ulong[Bins / 64];
        occupied.Clear();
        foreach (int row in rows)
        {
            int bin = bins[row];
            _counts[bin]++;
            occupied[bin >> 6] |= 1UL << bin;
        }
        int start = 0, distinct = 0;
        for (int word = 0; word < occupied.Length; word++)
        {
            for (ulong left = occupied[word]; left != 0; left &= left - 1)
            {
                int bin = (word << 6) + BitOperations.TrailingZeroCount(left);
                (start, _counts[bin]) = (start + _counts[bin], start);
                distinct++;
            }
        }
        foreach (int row in rows) // counting sort; afterwards _counts has the end of each bin
            _sorted[_counts[bins[row]]++] = row;

        double best = double.NegativeInfinity;
        int bestBin = 0;
        long leftTotal = 0, leftSquares = 0, rightSquares = 0;
        for (int c = 0; c < counts.Length; c++)
        {
            _left[c] = 0;
            _right[c] = counts[c];
            rightSquares += counts[c] * counts[c];
        }
        int position = 0;
        for (int word = 0; word < occupied.Length; word++)
        {
            for (ulong left = occupied[word]; left != 0; left &= left - 1)
            {
                int bin = (word << 6) + BitOperations.TrailingZeroCount(left);
                int end = _counts[bin];
                _counts[bin] = 0;
                if (--distinct == 0)
                    continue; // nothing would be left on the right
                for (; position < end; position++)
                {
                    int row = _sorted[position];
                    int label = _labels[row];
                    long weight = _weights[row];
                    leftSquares += weight * ((2 * _left[label]) + weight);
                    rightSquares -= weight * ((2 * _right[label]) - weight);
                    _left[label] += weight;
                    _right[label] -= weight;
                    leftTotal += weight;
                }
                double score = ((double)leftSquares / leftTotal) + ((double)rightSquares / (total - leftTotal));
                if (score > best)
                    (best, bestBin) = (score, bin);
            }
        }
        return (best, bestBin);
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
                _sorted[right++] = row;
            }
        }
        _sorted.AsSpan(0, right).CopyTo(_rows.AsSpan(middle));
        return (middle, below + ((above - below) / 2));
    }
}
