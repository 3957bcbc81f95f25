using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis.Views;

/// <summary>Reorders hidden units of a packed block of weights, as plainly as possible: the reference that views are held against.</summary>
internal static class HiddenUnits
{
    /// <summary>
    /// The same network with the units of each permutation in a random order: along every axis of that name, in each of its blocks, unit i of the
    /// result is unit order[i] of the source.
    /// </summary>
    public static float[] Reorder(Architecture architecture, float[] weights, ulong seed)
    {
        var orders = new Dictionary<string, int[]>();
        foreach (ParameterAxis axis in architecture.Parameters.Parameters.SelectMany(parameter => parameter.Axes))
        {
            if (axis.Permutation is null || orders.ContainsKey(axis.Permutation))
                continue;
            var order = new int[axis.Units];
            new RandomStream(seed, RandomPurpose.Testing, (ulong)orders.Count).Permute(order);
            orders.Add(axis.Permutation, order);
        }
        var result = new float[weights.Length];
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            int columns = parameter.Axes.Count > 1 ? parameter.Axes[1].Size : 1;
            for (int i = 0; i < parameter.Axes[0].Size; i++)
            {
                int fromRow = Source(parameter.Axes[0], i);
                for (int j = 0; j < columns; j++)
                {
                    int fromColumn = parameter.Axes.Count > 1 ? Source(parameter.Axes[1], j) : 0;
                    result[parameter.Offset + (i * columns) + j] = weights[parameter.Offset + (fromRow * columns) + fromColumn];
                }
            }
        }
        return result;

        int Source(ParameterAxis axis, int index) => axis.Permutation is null ? index
            : (index / axis.Units * axis.Units) + orders[axis.Permutation][index % axis.Units];
    }
}
