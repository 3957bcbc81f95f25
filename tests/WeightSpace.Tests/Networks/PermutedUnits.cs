using WeightSpace.Networks;

namespace WeightSpace.Tests.Networks;

/// <summary>Reorders hidden units of a packed block along the axes that the layout names, one element at a time.</summary>
internal static class PermutedUnits
{
    /// <summary>
    /// The same network with unit i + 1 of every permutation in the place of unit i, the first in the last one's: on every axis of that name, in each of its blocks, with all
    /// its inner positions.
    /// </summary>
    public static float[] Rotate(Architecture architecture, float[] weights)
    {
        float[] result = [.. weights];
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            for (int i = 0; i < parameter.Count; i++)
            {
                int from = 0, rest = i, step = 1;
                foreach (ParameterAxis axis in parameter.Axes.Reverse())
                {
                    from += Source(axis, rest % axis.Size) * step;
                    rest /= axis.Size;
                    step *= axis.Size;
                }
                result[parameter.Offset + i] = weights[parameter.Offset + from];
            }
        }
        return result;
    }

    private static int Source(ParameterAxis axis, int index)
    {
        if (axis.Permutation is null)
            return index;
        (int block, int unit, int inner) = (index / (axis.Units * axis.Inner), index / axis.Inner % axis.Units, index % axis.Inner);
        return (((block * axis.Units) + ((unit + 1) % axis.Units)) * axis.Inner) + inner;
    }
}
