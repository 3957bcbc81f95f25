using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>
/// One vector of lanes, or several that are computed side by side: each step of a function is then done for all before the next one, so that none waits for
/// its own step before. How many there are changes no lane's bits. A <see cref="Vector512{T}"/> operand is the same for all: a constant.
/// </summary>
public interface ILaneGroup<T>
    where T : struct, ILaneGroup<T>
{
    static abstract T operator -(T a, T b);

    static abstract T operator -(Vector512<float> a, T b);

    static abstract T operator -(T a, Vector512<float> b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    static abstract T operator /(Vector512<float> a, T b);

    static abstract T operator &(T a, Vector512<float> b);

    static abstract T operator |(T a, Vector512<float> b);

    static abstract T operator |(T a, T b);

    /// <summary>a b + c, rounded once.</summary>
    static abstract T FusedMultiplyAdd(T a, Vector512<float> b, Vector512<float> c);

    static abstract T FusedMultiplyAdd(T a, Vector512<float> b, T c);

    static abstract T FusedMultiplyAdd(T a, T b, Vector512<float> c);

    static abstract T FusedMultiplyAdd(T a, T b, T c);

    /// <summary>x, or the bound where x is less; a NaN stays.</summary>
    static abstract T AtLeast(float bound, T x);

    /// <summary>x, or the bound where x is greater; a NaN stays.</summary>
    static abstract T AtMost(float bound, T x);

    /// <summary>The number whose bits are the lowest 9 of x's, shifted to where a float has its sign and exponent.</summary>
    static abstract T LowBitsAsExponent(T x);
}

/// <summary>A single vector.</summary>
public readonly struct OneVector(Vector512<float> value) : ILaneGroup<OneVector>
{
    public Vector512<float> Value { get; } = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator -(OneVector a, OneVector b) => new(a.Value - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator -(Vector512<float> a, OneVector b) => new(a - b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator -(OneVector a, Vector512<float> b) => new(a.Value - b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator *(OneVector a, OneVector b) => new(a.Value * b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator /(OneVector a, OneVector b) => new(a.Value / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator /(Vector512<float> a, OneVector b) => new(a / b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator &(OneVector a, Vector512<float> b) => new(a.Value & b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator |(OneVector a, Vector512<float> b) => new(a.Value | b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector operator |(OneVector a, OneVector b) => new(a.Value | b.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector FusedMultiplyAdd(OneVector a, Vector512<float> b, Vector512<float> c) => new(Vector512.FusedMultiplyAdd(a.Value, b, c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector FusedMultiplyAdd(OneVector a, Vector512<float> b, OneVector c) => new(Vector512.FusedMultiplyAdd(a.Value, b, c.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector FusedMultiplyAdd(OneVector a, OneVector b, Vector512<float> c) => new(Vector512.FusedMultiplyAdd(a.Value, b.Value, c));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector FusedMultiplyAdd(OneVector a, OneVector b, OneVector c) => new(Vector512.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    // A NaN is the second operand: that one is then the result on an x86 CPU, and on others the result is a NaN too.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector AtLeast(float bound, OneVector x) => new(Vector512.MaxNative(Vector512.Create(bound), x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector AtMost(float bound, OneVector x) => new(Vector512.MinNative(Vector512.Create(bound), x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static OneVector LowBitsAsExponent(OneVector x) => new(Vector512.ShiftLeft(x.Value.AsInt32(), 23).AsSingle());
}

/// <summary>Four vectors, 64 lanes.</summary>
public readonly unsafe struct FourVectors : ILaneGroup<FourVectors>
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
        OneVector.AtLeast(bound, new(x._a)).Value, OneVector.AtLeast(bound, new(x._b)).Value,
        OneVector.AtLeast(bound, new(x._c)).Value, OneVector.AtLeast(bound, new(x._d)).Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors AtMost(float bound, FourVectors x) => new(
        OneVector.AtMost(bound, new(x._a)).Value, OneVector.AtMost(bound, new(x._b)).Value,
        OneVector.AtMost(bound, new(x._c)).Value, OneVector.AtMost(bound, new(x._d)).Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors LowBitsAsExponent(FourVectors x) => new(
        OneVector.LowBitsAsExponent(new(x._a)).Value, OneVector.LowBitsAsExponent(new(x._b)).Value,
        OneVector.LowBitsAsExponent(new(x._c)).Value, OneVector.LowBitsAsExponent(new(x._d)).Value);
}
