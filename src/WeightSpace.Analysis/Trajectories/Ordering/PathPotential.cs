namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// How far training has come: the length of the shortest way from a root where a hop costs a power of its length (the Fermat distance: Groisman, Jonckheere and Sapienza, "Nonhomogeneous
/// Euclidean first-passage percolation and distance learning", arXiv 1810.09398), the second unless said otherwise.
/// </summary>
/// <remarks>
/// Squared lengths make a way through everything that lies between cheaper than one long hop, so the way follows a path that was walked. Networks that stand side by side after as many steps come
/// out about equal, however far from each other they are, for neither is on the way to the other: it tells before from beside, which plain distance does not.
/// </remarks>
/// <param name="Values">[member]; 0 at the root.</param>
/// <param name="Before">The member before each on its way, -1 for the root. [member]</param>
/// <param name="Hops">The hops of its way. [member]</param>
internal sealed record PathPotential(double[] Values, int[] Before, int[] Hops)
{
    /// <summary>A way that keeps its pace takes a hop at most so many times as long as the one before at its own price.</summary>
    private const double MostFaster = 1.5;

    public int Root => Array.IndexOf(Before, -1);

    /// <summary>Dijkstra, "A note on two problems in connexion with graphs", 1959, over all pairs, in time N^2.</summary>
    /// <param name="root">An index into <paramref name="members"/>.</param>
    /// <param name="power">Of the length of a hop, at least 1 and a multiple of 1/4: the higher, the more hops a way takes through what lies between.</param>
    /// <param name="keepsPace">Whether a way that came by short hops must not go on by long ones: who trains at a fraction of the rate gets to the end of a path of its own, and not back to its parent's.</param>
    public static PathPotential From(CheckpointDistances distances, int[] members, int root, double power = 2, bool keepsPace = false)
    {
        int n = members.Length, eighths = (int)(power * 4);
        var values = new double[n];
        var before = new int[n];
        var hops = new int[n];
        var pace = new double[n]; // the squared length from which on a hop from a member is too long
        var isDone = new bool[n];
        Array.Fill(values, double.PositiveInfinity);
        Array.Fill(before, -1);
        values[root] = 0;
        pace[root] = double.PositiveInfinity;
        int newest = root;
        for (int done = 1; ; done++)
        {
            isDone[newest] = true;
            if (done == n)
                return new PathPotential(values, before, hops);
            ReadOnlySpan<float> row = distances.Row(members[newest]);
            double at = values[newest];
            int next = -1;
            for (int j = 0; j < n; j++)
            {
                if (isDone[j])
                    continue;
                double squared = row[members[j]], cost = eighths == 8 ? squared : Power(squared, eighths);
                // The eighth power of how much too long it is: nearly a ban, but none, for everything is to be reached.
                if (keepsPace && squared > pace[newest])
                    cost *= Square(Square(squared / pace[newest]));
                double way = at + cost;
                if (way < values[j])
                    (values[j], before[j], hops[j], pace[j]) = (way, newest, hops[newest] + 1, MostFaster * MostFaster * squared);
                if (next < 0 || values[j] < values[next])
                    next = j;
            }
            newest = next;
        }
    }

    private static double Square(double x) => x * x;

    /// <summary>x^(eighths / 8), for all pairs and several powers: roots take a fifth of the time of <see cref="Math.Pow"/>.</summary>
    private static double Power(double x, int eighths)
    {
        double root = Math.Sqrt(x), fourth = Math.Sqrt(root), power = (eighths & 8) != 0 ? x : 1;
        if ((eighths & 4) != 0)
            power *= root;
        if ((eighths & 2) != 0)
            power *= fourth;
        return (eighths & 1) != 0 ? power * Math.Sqrt(fourth) : power;
    }
}
