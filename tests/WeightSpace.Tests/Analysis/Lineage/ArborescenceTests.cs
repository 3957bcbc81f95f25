using WeightSpace.Analysis.Lineage;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Lineage;

public sealed class ArborescenceTests
{
    [Fact]
    public void TheCostIsTheLeastOfAllArborescences()
    {
        for (ulong seed = 0; seed < 300; seed++)
        {
            var random = new RandomStream(seed, RandomPurpose.Testing, 21);
            int n = 1 + (int)(seed % 6);
            var costs = new double[n, n];
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++)
                    costs[i, j] = seed % 3 == 0 ? random.NextBelow(4) : random.NextNormal();
            }
            int[] parents = Arborescence.Minimise(costs);
            Assert.Equal(1, parents.Count(parent => parent < 0));
            Assert.True(IsTree(parents));
            Assert.Equal(Best(costs, new int[n], 0), Cost(costs, parents), 1e-9);
        }
    }

    [Fact]
    public void CostsThatAreNoneAreRefused()
    {
        Assert.Empty(Arborescence.Minimise(new double[0, 0]));
        Assert.Throws<ArgumentException>(() => Arborescence.Minimise(new double[2, 3]));
        Assert.Throws<ArgumentException>(() => Arborescence.Minimise(new double[,] { { 0, double.NaN }, { 1, 0 } }));
    }

    private static double Cost(double[,] costs, int[] parents) => Enumerable.Range(0, parents.Length).Where(i => parents[i] >= 0).Sum(i => costs[parents[i], i]);

    private static bool IsTree(int[] parents)
    {
        for (int i = 0; i < parents.Length; i++)
        {
            int at = i;
            for (int step = 0; at >= 0; step++, at = parents[at])
            {
                if (step > parents.Length)
                    return false;
            }
        }
        return true;
    }

    /// <summary>The least cost by trying every parent of every node.</summary>
    private static double Best(double[,] costs, int[] parents, int node)
    {
        if (node == parents.Length)
            return parents.Count(parent => parent < 0) == 1 && IsTree(parents) ? Cost(costs, parents) : double.PositiveInfinity;
        double best = double.PositiveInfinity;
        for (int parent = -1; parent < parents.Length; parent++)
        {
            if (parent == node)
                continue;
            parents[node] = parent;
            best = Math.Min(best, Best(costs, parents, node + 1));
        }
        return best;
    }
}
