using System.Runtime.InteropServices;

namespace WeightSpace.Numerics;

/// <summary>
/// Memory of hundreds of megabytes in pages of 2 MiB, where the system has them: with 4 KiB each first touch of a page is a fault, and each step down a column
/// a miss of the table of pages. Advice only; nothing is lost where it is not taken.
/// </summary>
internal static unsafe partial class HugePages
{
    private const nuint PageBytes = 2 << 20;
    private const int Advice = 14; // MADV_HUGEPAGE

    /// <summary>Floats that nobody has touched yet and that the collector does not move: zero, or what earlier owners left.</summary>
    public static float[] Allocate(int floats)
    {
        float[] values = GC.AllocateUninitializedArray<float>(floats, pinned: true);
        fixed (float* start = values)
            Advise(start, (nuint)floats * sizeof(float));
        return values;
    }

    /// <summary>Asks for huge pages in memory that was not touched yet.</summary>
    public static void Advise(void* start, nuint bytes)
    {
        nuint first = ((nuint)start + PageBytes - 1) / PageBytes * PageBytes, end = ((nuint)start + bytes) / PageBytes * PageBytes;
        if (OperatingSystem.IsLinux() && end > first)
            _ = MemoryAdvise((void*)first, end - first, Advice);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(void* start, nuint bytes, int advice);
}
