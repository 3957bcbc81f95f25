using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Networks;

/// <summary>Reorders hidden units of a packed block along the axes that the layout names, one element at a time.</summary>
internal static class PermutedUnits
{
    /// <summary>The same network with unit i + 1 of every permutation in the place of unit i, the first in the last one's.</summary>
    public static float[] Rotate(Architecture architecture, float[] weights) =>
        Reorder(architecture, weights, (axis, unit) => (unit + 1) % axis.Units);

    /// <summary>The same network with the units of each permutation in a random order.</summary>
    public static float[] Shuffle(Architecture architecture, float[] weights, ulong seed)
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
        return Reorder(architecture, weights, (axis, unit) => orders[axis.Permutation!][unit]);
    }

    /// <summary>Unit <c>source(axis, i)</c> in the place of unit i: on every axis of hidden units, in each of its blocks, with all its inner positions.</summary>
    private static float[] Reorder(Architecture architecture, float[] weights, Func<ParameterAxis, int, int> source)
    {
        float[] result = [.. weights];
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            for (int i = 0; i < parameter.Count; i++)
            {
                int from = 0, rest = i, step = 1;
                foreach (ParameterAxis axis in parameter.Axes.Reverse())
                {
                    int index = rest % axis.Size;
                    if (axis.Permutation is not null)
                    {
                        (int block, int unit, int inner) = (index / (axis.Units * axis.Inner), index / axis.Inner % axis.Units, index % axis.Inner);
                        index = (((block * axis.Units) + source(axis, unit)) * axis.Inner) + inner;
                    }
                    from += index * step;
                    rest /= axis.Size;
                    step *= axis.Size;
                }
                result[parameter.Offset + i] = weights[parameter.Offset + from];
            }
        }
        return result;
    }
}
