using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// The 16-lane type is <see cref="Vector512{T}"/> of float, on every CPU: where the hardware has no 512-bit registers the
/// runtime computes it as two 256-bit or four 128-bit parts, and each lane is rounded the same. Never
/// <see cref="System.Numerics.Vector{T}"/>, whose width differs between machines.
/// </summary>
public static class Lanes
{
    /// <summary>Lanes of the type: samples computed side by side.</summary>
    public const int Count = 16;

    /// <summary>Bytes of one vector; buffers of lanes are aligned to it.</summary>
    public const int Bytes = Count * sizeof(float);

    /// <summary>Lanes that a batch of samples takes: the next multiple of 16.</summary>
    public static int Padded(int samples) => (samples + Count - 1) / Count * Count;

    /// <summary>All bits of the first lanes, none of the others; all lanes where <paramref name="count"/> is 16 or more.</summary>
    public static Vector512<float> FirstOf(int count) =>
        Vector512.LessThan(Vector512.CreateSequence(0f, 1f), Vector512.Create((float)count));

    /// <summary>The smallest normal number: 2^-126. CPUs take a hundred times longer to compute with those below it.</summary>
    public const float SmallestNormal = 1.17549435e-38f;

    /// <summary>
    /// 2^-56, 1.4e-17: a gradient below it counts as 0. Its square and its products with what a network has are far from <see cref="SmallestNormal"/>, and next to
    /// a sum of such numbers it would be rounded away.
    /// </summary>
    public const float LeastGradient = 1.38777878e-17f;

    /// <summary>x, or 0 where |x| is below the bound; a NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ZeroBelow(float bound, Vector512<float> x) =>
        Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Abs(x), Vector512.Create(bound)), Vector512<float>.Zero, x);

    /// <summary>
    /// The sum of the 16 lanes by the one fixed tree: lane i + lane i+8, then i + i+4, i + i+2, i + i+1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value)
    {
        Vector256<float> eight = value.GetLower() + value.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1));
        return two.GetElement(0) + two.GetElement(1);
    }

    /// <summary>Whether fused multiply-add runs in hardware; without it training is exact but some 300 times slower.</summary>
    public static bool HasHardwareFma => System.Runtime.Intrinsics.X86.Fma.IsSupported || System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported;

    /// <summary>
    /// Whether the 16 lanes are one register here. <see cref="Vector512.IsHardwareAccelerated"/> would not do: it is false where the
    /// runtime prefers 256 bits (Skylake servers) although 512-bit instructions are what a Vector512 compiles to.
    /// </summary>
    public static bool IsOneRegister => System.Runtime.Intrinsics.X86.Avx512F.IsSupported;

    /// <summary>Bits of the registers that the lanes run in here: 512, 256 or 128.</summary>
    public static int HardwareBits => IsOneRegister ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
}
