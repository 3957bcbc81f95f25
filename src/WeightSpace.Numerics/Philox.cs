using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WeightSpace.Numerics;

/// <summary>
/// Philox4x32-10, a counter-based random number generator: the same key and counter give the same four words anywhere.
/// Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; the multipliers and Weyl
/// constants are those of the paper, and the tests hold the vectors published with its reference implementation.
/// </summary>
public static class Philox
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9; // golden ratio
    private const uint Weyl1 = 0xBB67AE85; // sqrt(3) - 1
    private const int Rounds = 10;

    /// <summary>The four words at a counter (c0 is the lowest word) under a key (k0 is the lower word).</summary>
    public static (uint W0, uint W1, uint W2, uint W3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0;
            ulong product1 = (ulong)Multiplier1 * c2;
            c0 = (uint)(product1 >> 32) ^ c1 ^ k0;
            c2 = (uint)(product0 >> 32) ^ c3 ^ k1;
            c1 = (uint)product1;
            c3 = (uint)product0;
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }

    /// <summary>
    /// The four words at 16 counters side by side: (<paramref name="c0"/>, item low, item high, <paramref name="c3"/>), where lane i has item <paramref name="first"/> + i,
    /// under one key.
    /// </summary>
    public static (Vector512<uint> W0, Vector512<uint> W1, Vector512<uint> W2, Vector512<uint> W3) Blocks(uint c0, ulong first, uint c3, ulong key)
    {
        Vector512<ulong> even = Vector512.Create(first) + Vector512.CreateSequence(0UL, 2UL), odd = even + Vector512<ulong>.One, draw = Vector512.Create((ulong)c0);
        return Blocks((draw, even, even >> 32), (draw, odd, odd >> 32), c3, key);
    }

    /// <summary>The same at 16 draws: lane i has the counter (<paramref name="first"/> + i, item low, item high, <paramref name="c3"/>).</summary>
    public static (Vector512<uint> W0, Vector512<uint> W1, Vector512<uint> W2, Vector512<uint> W3) BlocksOfDraws(uint first, ulong item, uint c3, ulong key)
    {
        Vector512<ulong> even = Vector512.Create((ulong)first) + Vector512.CreateSequence(0UL, 2UL), low = Vector512.Create(item), high = low >> 32;
        return Blocks((even, low, high), (even + Vector512<ulong>.One, low, high), c3, key);
    }

    /// <summary>Even and odd lanes, each word in the lower half of 64 bits. Upper halves hold what products leave there; a product takes no notice of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> W0, Vector512<uint> W1, Vector512<uint> W2, Vector512<uint> W3) Blocks(
        (Vector512<ulong> C0, Vector512<ulong> C1, Vector512<ulong> C2) even, (Vector512<ulong> C0, Vector512<ulong> C1, Vector512<ulong> C2) odd, uint c3, ulong key)
    {
        (Vector512<ulong> even0, Vector512<ulong> even1, Vector512<ulong> even2, Vector512<ulong> even3) = (even.C0, even.C1, even.C2, Vector512.Create((ulong)c3));
        (Vector512<ulong> odd0, Vector512<ulong> odd1, Vector512<ulong> odd2, Vector512<ulong> odd3) = (odd.C0, odd.C1, odd.C2, even3);
        Vector512<ulong> multiplier0 = Vector512.Create((ulong)Multiplier0), multiplier1 = Vector512.Create((ulong)Multiplier1);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            Vector512<ulong> key0 = Vector512.Create((ulong)k0), key1 = Vector512.Create((ulong)k1);
            Vector512<ulong> product0 = Product(even0, multiplier0), product1 = Product(even2, multiplier1);
            (even0, even1, even2, even3) = ((product1 >> 32) ^ even1 ^ key0, product1, (product0 >> 32) ^ even3 ^ key1, product0);
            product0 = Product(odd0, multiplier0);
            product1 = Product(odd2, multiplier1);
            (odd0, odd1, odd2, odd3) = ((product1 >> 32) ^ odd1 ^ key0, product1, (product0 >> 32) ^ odd3 ^ key1, product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (Merge(even0, odd0), Merge(even1, odd1), Merge(even2, odd2), Merge(even3, odd3));
    }

    /// <summary>The 64-bit products of the lower 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Product(Vector512<ulong> a, Vector512<ulong> b)
    {
        if (Avx512F.IsSupported)
            return Avx512F.Multiply(a.AsUInt32(), b.AsUInt32());
        if (Avx2.IsSupported)
            return Vector512.Create(Avx2.Multiply(a.GetLower().AsUInt32(), b.GetLower().AsUInt32()), Avx2.Multiply(a.GetUpper().AsUInt32(), b.GetUpper().AsUInt32()));
        Vector512<ulong> lower = Vector512.Create(0xFFFFFFFFUL);
        return (a & lower) * (b & lower);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Merge(Vector512<ulong> even, Vector512<ulong> odd) => ((even & Vector512.Create(0xFFFFFFFFUL)) | (odd << 32)).AsUInt32();
}
