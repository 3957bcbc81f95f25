using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// Four vectors, 64 lanes, that are computed side by side: each step of a function is done for all four before the next one, so that none waits for its own step
/// before. A <see cref="Vector512{T}"/> operand is the same for all four: a constant.
/// </summary>
public readonly unsafe struct FourVectors
{
    public const int Count = 4 * Lanes.Count;

    private readonly Vector512<float> _a, _b, _c, _d;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FourVectors(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d) => (_a, _b, _c, _d) = (a, b, c, d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors Load(float* at) => new(
        Vector512.Load(at), Vector512.Load(at + Lanes.Count), Vector512.Load(at + (2 * Lanes.Count)), Vector512.Load(at + (3 * Lanes.Count)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* at)
    {
        _a.Store(at);
        _b.Store(at + Lanes.Count);
        _c.Store(at + (2 * Lanes.Count));
        _d.Store(at + (3 * Lanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator -(FourVectors a, FourVectors b) => new(a._a - b._a, a._b - b._b, a._c - b._c, a._d - b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator -(Vector512<float> a, FourVectors b) => new(a - b._a, a - b._b, a - b._c, a - b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator -(FourVectors a, Vector512<float> b) => new(a._a - b, a._b - b, a._c - b, a._d - b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator *(FourVectors a, FourVectors b) => new(a._a * b._a, a._b * b._b, a._c * b._c, a._d * b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator /(FourVectors a, FourVectors b) => new(a._a / b._a, a._b / b._b, a._c / b._c, a._d / b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator /(Vector512<float> a, FourVectors b) => new(a / b._a, a / b._b, a / b._c, a / b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator &(FourVectors a, Vector512<float> b) => new(a._a & b, a._b & b, a._c & b, a._d & b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator |(FourVectors a, Vector512<float> b) => new(a._a | b, a._b | b, a._c | b, a._d | b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors operator |(FourVectors a, FourVectors b) => new(a._a | b._a, a._b | b._b, a._c | b._c, a._d | b._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors FusedMultiplyAdd(FourVectors a, Vector512<float> b, Vector512<float> c) => new(
        Vector512.FusedMultiplyAdd(a._a, b, c), Vector512.FusedMultiplyAdd(a._b, b, c),
        Vector512.FusedMultiplyAdd(a._c, b, c), Vector512.FusedMultiplyAdd(a._d, b, c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors FusedMultiplyAdd(FourVectors a, Vector512<float> b, FourVectors c) => new(
        Vector512.FusedMultiplyAdd(a._a, b, c._a), Vector512.FusedMultiplyAdd(a._b, b, c._b),
        Vector512.FusedMultiplyAdd(a._c, b, c._c), Vector512.FusedMultiplyAdd(a._d, b, c._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors FusedMultiplyAdd(FourVectors a, FourVectors b, Vector512<float> c) => new(
        Vector512.FusedMultiplyAdd(a._a, b._a, c), Vector512.FusedMultiplyAdd(a._b, b._b, c),
        Vector512.FusedMultiplyAdd(a._c, b._c, c), Vector512.FusedMultiplyAdd(a._d, b._d, c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors FusedMultiplyAdd(FourVectors a, FourVectors b, FourVectors c) => new(
        Vector512.FusedMultiplyAdd(a._a, b._a, c._a), Vector512.FusedMultiplyAdd(a._b, b._b, c._b),
        Vector512.FusedMultiplyAdd(a._c, b._c, c._c), Vector512.FusedMultiplyAdd(a._d, b._d, c._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors AtLeast(float bound, FourVectors x) => new(
        LaneMath.AtLeast(bound, x._a), LaneMath.AtLeast(bound, x._b),
        LaneMath.AtLeast(bound, x._c), LaneMath.AtLeast(bound, x._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors AtMost(float bound, FourVectors x) => new(
        LaneMath.AtMost(bound, x._a), LaneMath.AtMost(bound, x._b),
        LaneMath.AtMost(bound, x._c), LaneMath.AtMost(bound, x._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors LowBitsAsExponent(FourVectors x) => new(
        LaneMath.LowBitsAsExponent(x._a), LaneMath.LowBitsAsExponent(x._b),
        LaneMath.LowBitsAsExponent(x._c), LaneMath.LowBitsAsExponent(x._d));
}
