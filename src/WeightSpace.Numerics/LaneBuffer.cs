using System.Runtime.InteropServices;

namespace WeightSpace.Numerics;

/// <summary>
/// Floats outside the managed heap, aligned to a cache line, zeroed, and freed together. A thread that trains takes its memory once and
/// keeps it; nothing is allocated per step.
/// </summary>
public sealed unsafe class LaneBuffer : IDisposable
{
    private readonly List<nint> _parts = [];

    ~LaneBuffer() => Free();

    /// <summary>Bytes taken so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>So many floats, zeroed, aligned to 64 bytes.</summary>
    public float* Take(long floats) => (float*)TakeBytes(floats * sizeof(float));

    /// <summary>The same in pages of 2 MiB, where there are such, for what takes hundreds of megabytes.</summary>
    internal float* TakeHuge(long floats) => (float*)TakeBytes(floats * sizeof(float), isHuge: true);

    /// <summary>So many offsets, zeroed.</summary>
    public nint* TakeOffsets(long count) => (nint*)TakeBytes(count * sizeof(nint));

    private void* TakeBytes(long bytes, bool isHuge = false)
    {
        // Each part starts at another place of a page: loads and stores a multiple of 4,096 bytes apart wait for each other.
        nuint shift = (nuint)(_parts.Count % 16 * 4 * Lanes.Bytes);
        nuint size = (nuint)(bytes + Lanes.Bytes) + shift;
        byte* part = (byte*)NativeMemory.AlignedAlloc(size, Lanes.Bytes);
        if (isHuge)
            HugePages.Advise(part, size);
        NativeMemory.Clear(part, size);
        _parts.Add((nint)part);
        Bytes += bytes;
        return part + shift;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        foreach (nint part in _parts)
            NativeMemory.AlignedFree((void*)part);
        _parts.Clear();
    }
}
