using System.Globalization;
using System.Text.Json.Nodes;
using WeightSpace.Networks;

namespace WeightSpace.Cli.Differences;

/// <summary>One value of a tensor in A and in B.</summary>
/// <param name="Index">Where it stands, one number an axis, from 0.</param>
internal sealed record ValuePair(IReadOnlyList<int> Index, float A, float B)
{
    /// <summary>|A - B|; infinite where only one of them is finite or a number, 0 where both are the same infinity or both NaN.</summary>
    public double Distance => Apart(A, B);

    /// <summary>How many float32 values lie from A to B, B counted; null where one of them is NaN.</summary>
    public long? Ulp => UlpApart(A, B);

    public static double Apart(float a, float b) => a.Equals(b) ? 0 : float.IsFinite(a) && float.IsFinite(b) ? Math.Abs((double)a - b) : double.PositiveInfinity;

    /// <summary>
    /// The bits of a float, taken as a signed magnitude, count the floats in order; the difference of two counts is their distance in units in
    /// the last place. 0 and -0 are one place.
    /// </summary>
    public static long? UlpApart(float a, float b) => float.IsNaN(a) || float.IsNaN(b) ? null : Math.Abs(Place(a) - Place(b));

    private static long Place(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return bits >= 0 ? bits : int.MinValue - (long)bits;
    }

    public JsonObject ToJson() => new()
    {
        ["index"] = new JsonArray([.. Index.Select(index => JsonValue.Create(index))]),
        ["a"] = Number(A),
        ["b"] = Number(B),
        ["a_bits"] = Bits(A),
        ["b_bits"] = Bits(B),
        ["difference"] = Number(Distance),
        ["ulp"] = Ulp,
    };

    public override string ToString() => $"[{string.Join(", ", Index)}]: {Text(A)} and {Text(B)}";

    /// <summary>What JSON has no number for is a text: <c>NaN</c>, <c>Infinity</c>, <c>-Infinity</c>.</summary>
    private static JsonNode Number(float value) => float.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(Text(value));

    private static JsonNode Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));

    /// <summary>The shortest form that reads back as the same float.</summary>
    public static string Text(float? value) => value?.ToString(CultureInfo.InvariantCulture) ?? "none";

    private static string Bits(float value) => $"0x{BitConverter.SingleToUInt32Bits(value):x8}";
}

/// <summary>A tensor of which some values have other bits in A than in B.</summary>
/// <param name="LayerIndex">The layer of the architecture that it belongs to, from 0.</param>
/// <param name="Slot">The slot of the optimizer's state; null: the weights.</param>
/// <param name="Different">How many of its values differ.</param>
/// <param name="First">The first of them, row-major.</param>
/// <param name="Largest">The one whose numbers are furthest apart; the first of several.</param>
/// <param name="LargestUlp">The largest distance in units in the last place; null where a NaN is among them.</param>
internal sealed record TensorDifference(int LayerIndex, LayerSpec Layer, string? Slot, ParameterInfo Tensor, int Different, ValuePair First, ValuePair Largest, long? LargestUlp)
{
    /// <summary>The tensor's name as a shard of snapshots has it.</summary>
    public string Name => Slot is null ? Tensor.Name : $"optimizer.{Slot}.{Tensor.Name}";

    /// <summary>
    /// Compares packed blocks [(weights, slots...) x parameter] bit by bit and returns every tensor that differs, weights first, each block in
    /// the order of the architecture's parameters. Both blocks have the same layout.
    /// </summary>
    public static List<TensorDifference> Find(Architecture architecture, IReadOnlyList<string> slots, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        int count = architecture.Parameters.Count;
        if (a.Length != b.Length || a.Length != count * (1 + slots.Count))
            throw new ArgumentException($"found blocks of {a.Length} and {b.Length} values, [{1 + slots.Count} blocks, parameter {count}] was expected", nameof(b));
        var found = new List<TensorDifference>();
        for (int block = 0; block <= slots.Count; block++)
        {
            foreach (ParameterInfo tensor in architecture.Parameters.Parameters)
            {
                int first = (block * count) + tensor.Offset;
                if (Compare(a.Slice(first, tensor.Count), b.Slice(first, tensor.Count), tensor) is var (different, firstPair, largest, ulp))
                {
                    int layer = OwnerOf(architecture, tensor);
                    found.Add(new TensorDifference(layer, architecture.Layers[layer], block == 0 ? null : slots[block - 1], tensor, different, firstPair, largest, ulp));
                }
            }
        }
        return found;
    }

    /// <summary>The layer that a parameter belongs to: the last that begins at or before it. (A layer without parameters begins where the next one does.)</summary>
    public static int OwnerOf(Architecture architecture, ParameterInfo tensor)
    {
        ParameterLayout layout = architecture.Parameters;
        int layer = architecture.Layers.Count - 1;
        while ((tensor.IsTrained ? layout.OffsetOf(layer) : layout.BufferOffsetOf(layer)) > tensor.Offset)
            layer--;
        return layer;
    }

    private static (int Different, ValuePair First, ValuePair Largest, long? Ulp)? Compare(ReadOnlySpan<float> a, ReadOnlySpan<float> b, ParameterInfo tensor)
    {
        int different = 0, first = -1, largest = -1;
        double distance = -1;
        long? ulp = 0;
        for (int i = 0; i < a.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(a[i]) == BitConverter.SingleToInt32Bits(b[i]))
                continue;
            different++;
            if (first < 0)
                first = i;
            double apart = ValuePair.Apart(a[i], b[i]);
            if (apart > distance)
                (distance, largest) = (apart, i);
            ulp = ulp is { } most && ValuePair.UlpApart(a[i], b[i]) is { } places ? Math.Max(most, places) : null;
        }
        return different == 0 ? null : (different, Pair(a, b, first, tensor), Pair(a, b, largest, tensor), ulp);
    }

    private static ValuePair Pair(ReadOnlySpan<float> a, ReadOnlySpan<float> b, int at, ParameterInfo tensor)
    {
        int[] index = new int[tensor.Shape.Count];
        int rest = at;
        for (int axis = index.Length - 1; axis >= 0; axis--)
            (rest, index[axis]) = Math.DivRem(rest, tensor.Shape[axis]);
        return new ValuePair(index, a[at], b[at]);
    }

    public JsonObject ToJson() => new()
    {
        ["tensor"] = Name,
        ["layer"] = new JsonObject { ["index"] = LayerIndex, ["type"] = Layer.Type, ["name"] = Layer.Name },
        ["slot"] = Slot,
        ["shape"] = new JsonArray([.. Tensor.Shape.Select(size => JsonValue.Create(size))]),
        ["values"] = Tensor.Count,
        ["different"] = Different,
        ["first"] = First.ToJson(),
        ["largest"] = Largest.ToJson(),
        ["largest_ulp"] = LargestUlp,
    };

    public override string ToString() => $"layer {LayerIndex} ({Layer.Type} {Layer.Name}), {Name}: {Different} of {Tensor.Count} values differ, at most by {Units.Short(Largest.Distance)}"
        + $" ({(LargestUlp is { } ulp ? $"{ulp} ulp" : "NaN")}), at {Largest}";
}
