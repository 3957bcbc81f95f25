namespace WeightSpace.Analysis.Lineage;

/// <summary>
/// Who descends from whom in one tree, with probabilities: the spanning tree of models and sibling sets, and for each of its nodes how likely it is the root, from which all directions follow.
/// </summary>
/// <remarks>
/// <para>Training adds steps, so the shortest tree through the models is that of parents and children: steps of siblings are nearly orthogonal, and a sibling is farther than the parent.</para>
/// <para>The root v has the weight exp(sum over edges x to y, away from v, of <see cref="NormWeight"/> g + <see cref="OnwardWeight"/> o, + <see cref="GrowthWeight"/> log R(v)). g = (|y|^2 - |x|^2) / |y - x|^2 kept within -2 and 2: a step that has nothing to do with x
/// makes the norm grow by its own, g = 1, and backwards g = -1. o is the mean cosine of the step x to y with the steps from y on: training goes on in the way it went, and steps out of one model have something in common, so
/// seen from y the parent stands on the other side. R(v) = n! / product of the sizes of all subtrees is the number of orders in which the tree can have grown from v (rumor centrality: Shah and Zaman, arXiv 0909.4370).</para>
/// <para>Of two sibling sets one behind the other, the parent of y is the x that it deviates like: the greatest cosine of y - mean y with x - mean x. Where these cosines are below <see cref="LeastAlike"/> in the mean, all come from
/// one model, the x nearest to the mean of y.</para>
/// </remarks>
internal sealed class TreeShape
{
    // The three weights were set on populations of the zoo CNN with other seeds than those of docs/lineage.md.

    /// <summary>Log-odds for a norm that grows as much as an unrelated step makes it.</summary>
    public const double NormWeight = 2;

    /// <summary>Log-odds for a way in that goes on as the ways out do, cosine 1.</summary>
    public const double OnwardWeight = 8;

    /// <summary>Weight of the logarithm of the number of orders in which the tree can have grown.</summary>
    public const double GrowthWeight = 2;

    /// <summary>Log-odds against a set of siblings whose parent is not there as the root.</summary>
    private const double MissingRoot = 2;

    /// <summary>The least mean cosine of deviations that are inherited.</summary>
    private const double LeastAlike = 0.3;

    private readonly Dictionary<(int Child, int Parent), double> _parents = [];

    private TreeShape(List<int[]> sets, double[] roots) => (Sets, Roots) = (sets, roots);

    public List<int[]> Sets { get; }

    /// <summary>How likely each set is the root. [set]</summary>
    public double[] Roots { get; }

    /// <summary>The parent of each model if the likeliest root is right; -1 for the root or its siblings. [model]</summary>
    public int[] Best { get; private set; } = [];

    /// <summary>How likely each pair is child and parent.</summary>
    public IReadOnlyDictionary<(int Child, int Parent), double> Parents => _parents;

    public static TreeShape Of(TreeDistances distances)
    {
        List<int[]> sets = SiblingSets.Find(distances);
        List<(int A, int B, double Squared)> edges = distances.SpanningTree(sets);
        var beside = new List<(int To, int Edge)>[sets.Count];
        for (int i = 0; i < beside.Length; i++)
            beside[i] = [];
        double[] norms = [.. sets.Select(distances.NormOfMean)];
        double[] growth = new double[edges.Count];
        for (int e = 0; e < edges.Count; e++)
        {
            (int a, int b, double squared) = edges[e];
            beside[a].Add((b, e));
            beside[b].Add((a, e));
            growth[e] = squared > 0 ? NormWeight * Math.Clamp((norms[b] - norms[a]) / squared, -2, 2) : 0;
        }
        double[] logs = new double[sets.Count];
        for (int root = 0; root < logs.Length; root++)
        {
            foreach ((int from, int to, int edge, int size) in Walk(root, sets, beside))
                logs[root] += (edges[edge].A == from ? growth[edge] : -growth[edge]) + (OnwardWeight * Onward(from, to)) - (GrowthWeight * Math.Log(size));
            logs[root] -= sets[root].Length > 1 ? MissingRoot : 0;
        }

        double Onward(int from, int to)
        {
            double sum = 0, into = Between(from, to);
            foreach ((int next, int _) in beside[to])
            {
                double on = Between(to, next);
                sum += next == from || into == 0 || on == 0 ? 0 : (Between(from, next) - into - on) / (2 * Math.Sqrt(into * on));
            }
            return beside[to].Count == 1 ? 0 : sum / (beside[to].Count - 1);
        }

        double Between(int a, int b) => sets[a].Length == 1 && sets[b].Length == 1 ? distances.Squared[sets[a][0], sets[b][0]] : distances.BetweenMeans(sets[a], sets[b]);

        double most = logs.Max(), sum = logs.Sum(log => Math.Exp(log - most));
        var shape = new TreeShape(sets, [.. logs.Select(log => Math.Exp(log - most) / sum)]);
        shape.Place(distances, edges, beside);
        return shape;
    }

    /// <summary>The edges away from a root, each with the number of models behind it.</summary>
    private static List<(int From, int To, int Edge, int Size)> Walk(int root, List<int[]> sets, List<(int To, int Edge)>[] beside)
    {
        var order = new List<(int From, int To, int Edge)>();
        var left = new Stack<(int Node, int From)>([(root, -1)]);
        while (left.TryPop(out (int Node, int From) next))
        {
            foreach ((int to, int edge) in beside[next.Node])
            {
                if (to == next.From)
                    continue;
                order.Add((next.Node, to, edge));
                left.Push((to, next.Node));
            }
        }
        int[] sizes = [.. sets.Select(set => set.Length)];
        for (int i = order.Count - 1; i >= 0; i--)
            sizes[order[i].From] += sizes[order[i].To];
        return [.. order.Select(step => (step.From, step.To, step.Edge, sizes[step.To]))];
    }

    private void Place(TreeDistances distances, List<(int A, int B, double Squared)> edges, List<(int To, int Edge)>[] beside)
    {
        int best = Array.IndexOf(Roots, Roots.Max());
        Best = new int[distances.Count];
        Array.Fill(Best, -1);
        foreach ((int from, int to, int _, int _) in Walk(best, Sets, beside))
        {
            foreach ((int child, int parent) in Assigned(distances, Sets[from], Sets[to]))
                Best[child] = parent;
        }
        foreach ((int a, int b, double _) in edges)
        {
            // How likely the root stands on a's side.
            double side = 0;
            var left = new Stack<(int Node, int From)>([(a, b)]);
            while (left.TryPop(out (int Node, int From) next))
            {
                side += Roots[next.Node];
                foreach ((int to, int _) in beside[next.Node])
                {
                    if (to != next.From)
                        left.Push((to, next.Node));
                }
            }
            foreach ((int child, int parent) in Assigned(distances, Sets[a], Sets[b]))
                _parents[(child, parent)] = side;
            foreach ((int child, int parent) in Assigned(distances, Sets[b], Sets[a]))
                _parents[(child, parent)] = _parents.GetValueOrDefault((child, parent)) + 1 - side;
        }
    }

    /// <summary>The parent in one set of each model of the set behind it.</summary>
    private static IEnumerable<(int Child, int Parent)> Assigned(TreeDistances distances, int[] parents, int[] children)
    {
        if (parents.Length == 1)
            return children.Select(child => (child, parents[0]));
        if (children.Length == 1)
            return [(children[0], parents.MinBy(parent => distances.Squared[parent, children[0]]))];
        double within = distances.Mean(children, children), among = distances.Mean(parents, parents), between = distances.Mean(parents, children);
        double[] toParents = [.. children.Select(child => distances.Mean([child], parents))], toChildren = [.. parents.Select(parent => distances.Mean([parent], children))];
        double[] own = [.. children.Select(child => distances.Mean([child], children) - (0.5 * within))]; // |y - mean y|^2
        double[] ofParents = [.. parents.Select(parent => distances.Mean([parent], parents) - (0.5 * among))];
        (int Child, int Parent)[] alike = new (int, int)[children.Length];
        double cosines = 0;
        for (int c = 0; c < children.Length; c++)
        {
            double most = double.NegativeInfinity;
            for (int p = 0; p < parents.Length; p++)
            {
                // The product of both deviations, from distances.
                double product = -0.5 * (distances.Squared[children[c], parents[p]] - toParents[c] - toChildren[p] + between), lengths = own[c] * ofParents[p];
                double cosine = lengths > 0 ? product / Math.Sqrt(lengths) : 0;
                if (cosine > most)
                    (most, alike[c]) = (cosine, (children[c], parents[p]));
            }
            cosines += most;
        }
        if (cosines >= LeastAlike * children.Length)
            return alike;
        int only = Array.IndexOf(toChildren, toChildren.Min());
        return children.Select(child => (child, parents[only]));
    }
}
