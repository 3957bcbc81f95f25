using System.Runtime.InteropServices;

namespace WeightSpace.Numerics;

/// <summary>
/// One block of floats outside the managed heap, aligned to a cache line, zeroed, and handed out in aligned parts. A thread
/// that trains allocates one and keeps it; nothing is allocated per step.
/// </summary>
public sealed unsafe class LaneBuffer : IDisposable
{
    private float* _start;
    private readonly long _length;
    private long _used;

    /// <param name="length">Floats, the sum of all parts each rounded up by <see cref="Rounded"/>.</param>
    public LaneBuffer(long length)
    {
        _length = length;
        _start = (float*)NativeMemory.AlignedAlloc((nuint)(length * sizeof(float)), Lanes.Bytes);
        NativeMemory.Clear(_start, (nuint)(length * sizeof(float)));
    }

    ~LaneBuffer() => Free();

    /// <summary>Floats that a part of this size takes.</summary>
    public static long Rounded(long floats) => (floats + Lanes.Count - 1) / Lanes.Count * Lanes.Count;

    /// <summary>The next part, zeroed, aligned to 64 bytes.</summary>
    public float* Take(long floats)
    {
        long rounded = Rounded(floats);
        if (_used + rounded > _length)
            throw new InvalidOperationException($"the buffer of {_length} floats has {_length - _used} left, {rounded} were asked for");
        float* part = _start + _used;
        _used += rounded;
        return part;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
    }
}
