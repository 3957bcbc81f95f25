using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// A linear sketch of long vectors that keeps inner products: m buckets; value i goes to bucket h(i) with a random sign (Charikar, Chen and Farach-Colton, "Finding frequent items in data
/// streams", 2002; Weinberger et al., "Feature hashing for large scale multitask learning", 2009). Here h turns each block of m values by a random number of places, so that memory is walked
/// in order: two values of one block never meet, two of different blocks meet with probability 1/m, and that is all the bound asks of h. The inner product of two sketches has the true one
/// as its mean, and the variance (|x|^2 |y|^2 + (x y)^2) / m at most; the squared norm of one, 2 |x|^4 / m at most. Vectors of at most m values are kept whole: their inner products are exact but for
/// rounding. The sketch of a difference is the difference of the sketches.
/// </summary>
/// <param name="size">Buckets, m.</param>
/// <param name="seed">Of turns and signs; sketches compare only where size and seed are the same.</param>
public sealed class RotatedSketch(int size, ulong seed)
{
    private const int Lanes = 8, Group = 2 * Lanes;

    public int Size { get; } = size >= 1 ? size : throw new ArgumentOutOfRangeException(nameof(size), size, "a sketch has at least one bucket");

    public ulong Seed => seed;

    /// <summary>The standard deviation of a cosine from sketches at most, where its true value is <paramref name="cosine"/> and the lengths are known: sqrt((1 + cosine^2) / m).</summary>
    public static double CosineDeviation(int size, double cosine) => Math.Sqrt((1 + (cosine * cosine)) / size);

    /// <summary>
    /// Adds values <paramref name="first"/>.. of a vector to its sketch, [Size]. Pieces in ascending order give the same bits however the vector is cut; pieces never
    /// overlap.
    /// </summary>
    public void Add(Span<double> sketch, long first, ReadOnlySpan<float> values)
    {
        if (sketch.Length != Size)
            throw new ArgumentException($"a sketch of {sketch.Length} numbers; expected {Size}", nameof(sketch));
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        uint[] signs = new uint[(Size + 31) / 32];
        while (!values.IsEmpty)
        {
            (long block, int place) = (first / Size, (int)(first % Size));
            int count = Math.Min(values.Length, Size - place);
            var random = new RandomStream(seed, RandomPurpose.PathSketch, (ulong)block);
            int turn = random.NextBelow(Size);
            random.Fill(signs);
            AddBlock(sketch, turn, signs, place, values[..count]);
            values = values[count..];
            first += count;
        }
    }

    /// <summary>Adds values from a place of a block on.</summary>
    private static void AddBlock(Span<double> sketch, int turn, uint[] signs, int place, ReadOnlySpan<float> values)
    {
        ref double target = ref MemoryMarshal.GetReference(sketch);
        ref float source = ref MemoryMarshal.GetReference(values);
        Vector512<uint> bits = Vector512.Create(1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u, 256u, 512u, 1024u, 2048u, 4096u, 8192u, 16384u, 32768u);
        for (int i = 0; i < values.Length;)
        {
            int at = place + i, bucket = at + turn;
            if (bucket >= sketch.Length)
                bucket -= sketch.Length;
            if (at % Group == 0 && i + Group <= values.Length && bucket + Group <= sketch.Length)
            {
                Vector512<uint> isNegative = Vector512.Equals(Vector512.Create(signs[at / 32] >> (at % 32)) & bits, bits) & Vector512.Create(0x80000000u);
                Vector512<float> signed = (Vector512.LoadUnsafe(ref source, (nuint)i).AsUInt32() ^ isNegative).AsSingle();
                (Vector512<double> low, Vector512<double> high) = Vector512.Widen(signed);
                (Vector512.LoadUnsafe(ref target, (nuint)bucket) + low).StoreUnsafe(ref target, (nuint)bucket);
                (Vector512.LoadUnsafe(ref target, (nuint)(bucket + Lanes)) + high).StoreUnsafe(ref target, (nuint)(bucket + Lanes));
                i += Group;
                continue;
            }
            sketch[bucket] += ((signs[at / 32] >> (at % 32)) & 1) == 0 ? values[i] : -(double)values[i];
            i++;
        }
    }
}
