namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Takes loops back into their paths. Where training went out and came back (a restarted learning rate), the shortest way leaves the loop out, and it is left as a path of its own that ends where no network
/// ends. It belongs between two neighbours if going through it costs no more than a few of its own first steps; a fork does not come back to its parent.
/// </summary>
internal static class Insertion
{
    /// <summary>The most that a loop may lengthen the path, in squared steps, of its own first one.</summary>
    private const double Most = 3;

    /// <summary>A loop so short may also lengthen the path by so many of the squared step that it comes in between.</summary>
    private const int ShortLoop = 2;

    /// <param name="hangsOn">What a path that begins at a member would hang on, -1 for nothing. [member]</param>
    /// <param name="before">The member before each, -1 where a path begins; changed in place. [member]</param>
    public static void Run(CheckpointDistances distances, int[] members, int[] hangsOn, int[] before)
    {
        int n = before.Length;
        var next = new int[n];
        Array.Fill(next, -1);
        for (int i = 0; i < n; i++)
        {
            if (before[i] >= 0)
                next[before[i]] = i;
        }
        bool hasChanged = true;
        while (hasChanged)
        {
            hasChanged = false;
            for (int first = 0; first < n; first++)
            {
                if (before[first] >= 0 || hangsOn[first] < 0)
                    continue;
                int last = first;
                var inside = new HashSet<int> { first };
                while (next[last] >= 0)
                    inside.Add(last = next[last]);
                double step = distances[members[hangsOn[first]], members[first]], least = double.PositiveInfinity;
                int at = -1;
                bool isReversed = false;
                ReadOnlySpan<float> fromFirst = distances.Row(members[first]), fromLast = distances.Row(members[last]);
                for (int a = 0; a < n; a++)
                {
                    int b = next[a];
                    if (b < 0 || inside.Contains(a))
                        continue;
                    double direct = distances[members[a], members[b]];
                    double longer = (double)fromFirst[members[a]] + fromLast[members[b]] - direct, reversed = (double)fromLast[members[a]] + fromFirst[members[b]] - direct;
                    double most = Most * (inside.Count <= ShortLoop ? Math.Max(step, direct) : step);
                    if (longer <= most && longer < least)
                        (least, at, isReversed) = (longer, a, false);
                    if (reversed <= most && reversed < least)
                        (least, at, isReversed) = (reversed, a, true);
                }
                if (at < 0)
                    continue;
                hasChanged = true;
                int[] path = [.. Path(first)];
                if (isReversed)
                    Array.Reverse(path);
                int behind = next[at];
                int previous = at;
                foreach (int i in path)
                {
                    (next[previous], before[i]) = (i, previous);
                    previous = i;
                }
                (next[previous], before[behind]) = (behind, previous);
            }
        }

        IEnumerable<int> Path(int first)
        {
            for (int i = first; i >= 0; i = next[i])
                yield return i;
        }
    }
}
