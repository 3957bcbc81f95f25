namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>What a row may be given, and at what cost.</summary>
internal readonly record struct Candidate(int Column, double Cost);

/// <summary>
/// The linear assignment problem where a row may be given few of the columns, or none at a cost of its own: the least sum of costs, no column twice. Shortest augmenting paths with potentials
/// (Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987).
/// </summary>
internal static class SparseAssignment
{
    /// <summary>The column of each row, -1 for none. [row]</summary>
    /// <param name="candidates">Of each row; costs at least 0, finite.</param>
    /// <param name="none">What no column costs a row; at least 0, finite. [row]</param>
    public static int[] Minimise(Candidate[][] candidates, double[] none, int columns)
    {
        int rows = candidates.Length;
        var given = new int[rows];
        var owner = new int[columns];
        var potential = new double[columns]; // at most 0
        var distance = new double[columns];
        var cameFrom = new int[columns];
        var isDone = new bool[columns];
        Array.Fill(given, -1);
        Array.Fill(owner, -1);
        Array.Fill(distance, double.PositiveInfinity);
        var queue = new PriorityQueue<int, (double, int)>();
        var touched = new List<int>();
        var done = new List<int>();
        for (int first = 0; first < rows; first++)
        {
            // The best end so far: a free column, or a row on the way that goes without.
            double best = none[first];
            int endColumn = -1, endRow = first;
            Relax(first, 0);
            while (queue.TryDequeue(out int column, out (double At, int) entry) && entry.At < best)
            {
                if (isDone[column] || entry.At > distance[column])
                    continue;
                isDone[column] = true;
                done.Add(column);
                int row = owner[column];
                if (row < 0)
                {
                    (best, endColumn, endRow) = (entry.At, column, -1);
                    break;
                }
                // The row's own column cost it (cost - potential); what it saves goes on.
                double saved = entry.At - (CostOf(row, column) - potential[column]);
                if (saved + none[row] < best)
                    (best, endColumn, endRow) = (saved + none[row], -1, row);
                Relax(row, saved);
            }
            foreach (int column in done)
            {
                if (distance[column] < best)
                    potential[column] += distance[column] - best;
            }
            Augment(first, endColumn, endRow);
            foreach (int column in touched)
                (distance[column], isDone[column]) = (double.PositiveInfinity, false);
            touched.Clear();
            done.Clear();
            queue.Clear();
        }
        return given;

        void Relax(int row, double at)
        {
            foreach (Candidate candidate in candidates[row])
            {
                double way = at + candidate.Cost - potential[candidate.Column];
                if (way >= distance[candidate.Column] || isDone[candidate.Column])
                    continue;
                if (double.IsPositiveInfinity(distance[candidate.Column]))
                    touched.Add(candidate.Column);
                (distance[candidate.Column], cameFrom[candidate.Column]) = (way, row);
                queue.Enqueue(candidate.Column, (way, candidate.Column));
            }
        }

        double CostOf(int row, int column)
        {
            foreach (Candidate candidate in candidates[row])
            {
                if (candidate.Column == column)
                    return candidate.Cost;
            }
            throw new InvalidOperationException("a row was given a column that it may not have");
        }

        void Augment(int first, int endColumn, int endRow)
        {
            int column = endColumn;
            if (column < 0)
            {
                column = given[endRow];
                given[endRow] = -1;
                if (endRow == first)
                    return;
            }
            while (true)
            {
                int row = cameFrom[column], previous = given[row];
                (given[row], owner[column]) = (column, row);
                if (row == first)
                    return;
                column = previous;
            }
        }
    }
}
