namespace WeightSpace.Analysis.Alignment;

/// <summary>
/// The linear assignment problem: one column for each row, no column twice, with the greatest sum of scores. Shortest augmenting paths with potentials (Kuhn, "The
/// Hungarian method", 1955; in the O(n^3) form of Jonker and Volgenant, "A shortest augmenting path algorithm", 1987).
/// </summary>
public static class Assignment
{
    /// <summary>The column of each row, [n].</summary>
    /// <param name="scores">[n, n], row-major, finite.</param>
    public static int[] Maximise(ReadOnlySpan<double> scores, int n)
    {
        if (scores.Length != n * n)
            throw new ArgumentException($"{scores.Length} scores; [{n}, {n}] were expected", nameof(scores));
        // Rows and columns count from 1; column 0 stands for "the row that is being placed".
        var rowPotential = new double[n + 1];
        var columnPotential = new double[n + 1];
        var rowOf = new int[n + 1];
        var cameFrom = new int[n + 1];
        var shortest = new double[n + 1];
        var isDone = new bool[n + 1];
        for (int row = 1; row <= n; row++)
        {
            rowOf[0] = row;
            int column = 0;
            Array.Fill(shortest, double.PositiveInfinity);
            Array.Clear(isDone);
            do
            {
                isDone[column] = true;
                int from = rowOf[column], next = 0;
                double least = double.PositiveInfinity;
                for (int j = 1; j <= n; j++)
                {
                    if (isDone[j])
                        continue;
                    double reduced = -scores[((from - 1) * n) + j - 1] - rowPotential[from] - columnPotential[j];
                    if (reduced < shortest[j])
                        (shortest[j], cameFrom[j]) = (reduced, column);
                    if (shortest[j] < least)
                        (least, next) = (shortest[j], j);
                }
                if (next == 0)
                    throw new ArgumentException("a score is not finite", nameof(scores));
                for (int j = 0; j <= n; j++)
                {
                    if (isDone[j])
                    {
                        rowPotential[rowOf[j]] += least;
                        columnPotential[j] -= least;
                    }
                    else
                    {
                        shortest[j] -= least;
                    }
                }
                column = next;
            }
            while (rowOf[column] != 0);
            for (; column != 0; column = cameFrom[column])
                rowOf[column] = rowOf[cameFrom[column]];
        }
        var columns = new int[n];
        for (int j = 1; j <= n; j++)
            columns[rowOf[j] - 1] = j - 1;
        return columns;
    }
}
