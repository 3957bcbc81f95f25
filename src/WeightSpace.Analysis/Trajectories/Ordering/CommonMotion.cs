namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Links checkpoints again with their common motion taken out. Networks that stand side by side move alike, by more than what sets them apart, while what sets them apart stays: x to y is right where
/// y - x is what the others moved by at that time, and not where it is short.
/// </summary>
/// <remarks>
/// Of a checkpoint y the contemporaries Z are the nearest of other paths at the same potential; u, the mean of their steps, is the common motion. What may be before y is what is before Z, or was before y.
/// The cost of x is |y - x - u|^2, all from squared distances by the parallelogram law. It is the idea of iterated closest points (Besl and McKay, "A method for registration of 3-D shapes", 1992), the
/// layers of a bundle being the shapes.
/// </remarks>
internal static class CommonMotion
{
    private const int MostContemporaries = 32;

    /// <summary>Contemporaries differ in potential by at most this share of a squared step.</summary>
    private const double ShareOfStep = 0.5;

    /// <summary>The member before each, -1 where a path begins, by common motion. [member]</summary>
    public static int[] Refine(CheckpointDistances distances, int[] members, PathPotential potential, Candidate[][] first, int[] before)
    {
        int n = members.Length;
        double[] values = potential.Values;
        int[] pathOf = PathOf(before), order = [.. Enumerable.Range(0, n)];
        double[] ordered = [.. values];
        Array.Sort(ordered, order);
        var candidates = new Candidate[n][];
        var none = new double[n];
        Parallel.For(0, n, y =>
        {
            int own = before[y] >= 0 ? before[y] : potential.Before[y];
            if (own < 0)
            {
                candidates[y] = [];
                return;
            }
            double step = distances[members[own], members[y]];
            int[] contemporaries = Contemporaries(y, step);
            var possible = new SortedSet<int> { own };
            foreach (int z in contemporaries)
                possible.Add(before[z]);
            foreach (Candidate candidate in first[y])
                possible.Add(candidate.Column);
            possible.RemoveWhere(x => values[x] >= values[y]); // no way leads round in a circle
            candidates[y] = [.. Costs(y, [.. possible], contemporaries)];
            // About the same for all contemporaries: which of them begins is not to be decided by who took the shorter step.
            double typical = (step + contemporaries.Sum(z => (double)distances[members[before[z]], members[z]])) / (1 + contemporaries.Length);
            none[y] = PathCover.BeginCost * Math.Max(typical, candidates[y].Where(candidate => candidate.Column == own).Select(candidate => candidate.Cost).FirstOrDefault());
        });
        return SparseAssignment.Minimise(candidates, none, n);

        int[] Contemporaries(int y, double step)
        {
            int from = LowerBound(ordered, values[y] - (ShareOfStep * step)), to = LowerBound(ordered, values[y] + (ShareOfStep * step));
            var found = new List<int>();
            for (int place = from; place < to; place++)
            {
                int z = order[place];
                if (pathOf[z] != pathOf[y] && before[z] >= 0)
                    found.Add(z);
            }
            ReadOnlySpan<float> row = distances.Row(members[y]);
            var squared = new float[found.Count];
            for (int i = 0; i < squared.Length; i++)
                squared[i] = row[members[found[i]]];
            return [.. Nearest.Of(squared, -1, MostContemporaries).Select(i => found[i])];
        }

        IEnumerable<Candidate> Costs(int y, int[] possible, int[] contemporaries)
        {
            double motion = 0; // |u|^2
            foreach (int a in contemporaries)
            {
                foreach (int b in contemporaries)
                    motion += Inner(before[a], a, before[b], b) / contemporaries.Length / contemporaries.Length;
            }
            foreach (int x in possible)
            {
                double along = 0; // <y - x, u>
                foreach (int z in contemporaries)
                    along += Inner(x, y, before[z], z) / contemporaries.Length;
                yield return new Candidate(x, Math.Max(0, distances[members[x], members[y]] - (2 * along) + motion));
            }
        }

        // <b - a, d - c> from squared distances
        double Inner(int a, int b, int c, int d) =>
            0.5 * ((double)distances[members[b], members[c]] + distances[members[a], members[d]] - distances[members[b], members[d]] - distances[members[a], members[c]]);
    }

    private static int[] PathOf(int[] before)
    {
        var pathOf = new int[before.Length];
        Array.Fill(pathOf, -1);
        for (int i = 0; i < before.Length; i++)
        {
            var way = new List<int>();
            int at = i;
            while (pathOf[at] < 0 && before[at] >= 0)
            {
                way.Add(at);
                at = before[at];
            }
            if (pathOf[at] < 0)
                pathOf[at] = at;
            foreach (int member in way)
                pathOf[member] = pathOf[at];
        }
        return pathOf;
    }

    /// <summary>The first place whose value is at least <paramref name="value"/>.</summary>
    private static int LowerBound(double[] ascending, double value)
    {
        int from = 0, to = ascending.Length;
        while (from < to)
        {
            int middle = (from + to) / 2;
            if (ascending[middle] < value)
                from = middle + 1;
            else
                to = middle;
        }
        return from;
    }
}
