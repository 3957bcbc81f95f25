namespace WeightSpace.Networks;

/// <summary>
/// One axis of a parameter along which hidden units stand. The parameter is a tensor [<see cref="Outer"/>, <see cref="Units"/>, <see cref="Inner"/>], row-major: what stands before
/// the units (axes before, gates), the units, and what belongs to each of them (axes behind, pixels of a channel).
/// </summary>
/// <param name="TakesIn">Whether these are the weights by which the units take in what comes before them (or a bias), and not each other.</param>
public readonly record struct UnitAxis(int Offset, int Outer, int Units, int Inner, bool TakesIn);

/// <summary>
/// Hidden units that may be reordered: everywhere that they stand. Reordering all these axes alike leaves the network's function as it was (Ainsworth et al., Git Re-Basin, arXiv
/// 2209.04836, section 3).
/// </summary>
public sealed record UnitGroup(string Name, int Units, IReadOnlyList<UnitAxis> Axes)
{
    /// <summary>The groups of an architecture in the order of its layers; empty where it has no hidden units.</summary>
    public static IReadOnlyList<UnitGroup> Of(ParameterLayout layout)
    {
        var axes = new Dictionary<string, List<UnitAxis>>();
        var names = new List<string>();
        foreach (ParameterInfo parameter in layout.Parameters)
        {
            int before = 1, behind = parameter.Count;
            foreach (ParameterAxis axis in parameter.Axes)
            {
                behind /= axis.Size;
                if (axis.Permutation is { } name)
                {
                    if (!axes.TryGetValue(name, out List<UnitAxis>? of))
                    {
                        axes.Add(name, of = []);
                        names.Add(name);
                    }
                    bool takesIn = before == 1 && parameter.Axes.Count(other => other.Permutation == name) == 1;
                    of.Add(new UnitAxis(parameter.Offset, before * axis.Blocks, axis.Units, axis.Inner * behind, takesIn));
                }
                before *= axis.Size;
            }
        }
        return [.. names.Select(name => new UnitGroup(name, axes[name][0].Units, axes[name]))];
    }

    /// <summary>Puts unit <c>order[i]</c> in the place of unit i, everywhere in the packed block <paramref name="weights"/> [parameter].</summary>
    public void Reorder(ReadOnlySpan<int> order, Span<float> weights)
    {
        if (order.Length != Units)
            throw new ArgumentException($"an order of {order.Length} units; '{Name}' has {Units}", nameof(order));
        foreach (UnitAxis axis in Axes)
        {
            int size = axis.Units * axis.Inner;
            var old = new float[size];
            for (int outer = 0; outer < axis.Outer; outer++)
            {
                Span<float> block = weights.Slice(axis.Offset + (outer * size), size);
                block.CopyTo(old);
                for (int unit = 0; unit < axis.Units; unit++)
                    old.AsSpan(order[unit] * axis.Inner, axis.Inner).CopyTo(block[(unit * axis.Inner)..]);
            }
        }
    }
}
