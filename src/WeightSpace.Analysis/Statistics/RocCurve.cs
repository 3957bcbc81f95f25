namespace WeightSpace.Analysis.Statistics;

/// <summary>How well a score ranks one class above another.</summary>
public static class RocCurve
{
    /// <summary>
    /// The area under the receiver operating characteristic: the chance that a positive row scores above a negative one, ties counting half (Hanley and McNeil, "The meaning and use of
    /// the area under a receiver operating characteristic (ROC) curve", 1982). 0.5 for a score that says nothing. NaN where a class has no row.
    /// </summary>
    /// <param name="scores">One for each row, finite.</param>
    /// <param name="isPositive">By row.</param>
    public static double Area(ReadOnlySpan<double> scores, ReadOnlySpan<bool> isPositive)
    {
        if (scores.Length != isPositive.Length)
            throw new ArgumentException($"{isPositive.Length} labels of {scores.Length} scores; one for each was expected", nameof(isPositive));
        double[] sorted = scores.ToArray();
        bool[] labels = isPositive.ToArray();
        Array.Sort(sorted, labels);
        double ranks = 0;
        long positives = 0;
        for (int first = 0; first < sorted.Length;)
        {
            int end = first;
            while (end < sorted.Length && sorted[end] == sorted[first])
                end++;
            // Equal scores share the mean of their ranks.
            double rank = (first + 1 + end) / 2.0;
            for (; first < end; first++)
            {
                if (labels[first])
                {
                    ranks += rank;
                    positives++;
                }
            }
        }
        long negatives = sorted.Length - positives;
        return positives == 0 || negatives == 0 ? double.NaN : (ranks - (positives * (positives + 1) / 2.0)) / ((double)positives * negatives);
    }
}
