using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Clustering;

/// <summary>Writes the distances (squared for Ward) of row i from every row, [count]. Called from several threads.</summary>
internal delegate void FillRow(int i, Span<float> row);

/// <summary>
/// The distances of clusters from each other while they merge, a square of floats, squared for Ward. Clusters live in slots; what a merge makes takes the next free
/// one, so that the columns of sixteen merges are one cache line of every row and are written together: written one by one they would be a cache miss each, and
/// most of the time. Until then the newer of two rows has their distance. When no slot is free, what is alive moves to the front.
/// </summary>
internal sealed class ClusterDistances
{
    private readonly Linkage _linkage;
    private readonly int _stride;
    private readonly float[] _distances; // [slot, slot]; from itself infinite
    private readonly float[] _sizes;
    private readonly float[] _absent; // 0 where a cluster is alive, else infinite: added before a row is searched
    private readonly int[] _row; // the last of the rows that a slot's cluster is called by, as in scipy
    private readonly double[] _heights; // of the cluster's own merge
    private readonly int[] _slotOfRow; // -1 where the cluster called so has gone into another
    private int _used; // slots
    private int _pending; // the first slot whose column is not written
    private int _firstRow;

    /// <param name="sizes">How many rows each row stands for; null: one.</param>
    /// <param name="memory">Where the distances are to stand, [slots, slots], rows as <paramref name="fill"/> wants to find them; null: new memory.</param>
    public ClusterDistances(int count, Linkage linkage, int[]? sizes, FillRow fill, float[]? memory = null)
    {
        _linkage = linkage;
        _used = _pending = Lanes.Padded(count);
        _stride = Slots(count);
        _distances = memory ?? HugePages.Allocate(_stride * _stride);
        _sizes = new float[_stride];
        _absent = new float[_stride];
        _row = new int[_stride];
        _heights = new double[_stride];
        _slotOfRow = new int[count];
        Array.Fill(_absent, float.PositiveInfinity);
        for (int i = 0; i < count; i++)
            (_sizes[i], _absent[i], _row[i], _slotOfRow[i]) = (sizes is null ? 1 : sizes[i], 0, i, i);
        Parallel.For(0, _stride, i =>
        {
            Span<float> row = _distances.AsSpan(i * _stride, _stride);
            if (i >= count)
            {
                row.Clear(); // what stands where no cluster is must be a number
                return;
            }
            row[count..].Clear();
            fill(i, _distances.AsSpan(i * _stride, count));
            _distances[(i * _stride) + i] = float.PositiveInfinity;
        });
    }

    /// <summary>Slots for so many rows: an eighth more, so that what is alive moves to the front three times.</summary>
    public static int Slots(int count) => Lanes.Padded(count) + Lanes.Padded(Math.Max(count / 8, 1));

    /// <summary>The slot of the cluster called by the lowest row.</summary>
    public int First()
    {
        while (_slotOfRow[_firstRow] < 0)
            _firstRow++;
        return _slotOfRow[_firstRow];
    }

    /// <summary>The slot of the nearest cluster: of equally near ones <paramref name="preferred"/> (or -1), then the one called by the lowest row.</summary>
    public int Nearest(int slot, int preferred)
    {
        ref float row = ref Row(slot);
        ref float absent = ref MemoryMarshal.GetArrayDataReference(_absent);
        Vector512<float> low = Vector512.Create(float.PositiveInfinity), low1 = low, low2 = low, low3 = low;
        nuint used = (nuint)Lanes.Padded(_used), i = 0;
        for (; i + 64 <= used; i += 64)
        {
            low = Vector512.Min(low, Vector512.LoadUnsafe(ref row, i) + Vector512.LoadUnsafe(ref absent, i));
            low1 = Vector512.Min(low1, Vector512.LoadUnsafe(ref row, i + 16) + Vector512.LoadUnsafe(ref absent, i + 16));
            low2 = Vector512.Min(low2, Vector512.LoadUnsafe(ref row, i + 32) + Vector512.LoadUnsafe(ref absent, i + 32));
            low3 = Vector512.Min(low3, Vector512.LoadUnsafe(ref row, i + 48) + Vector512.LoadUnsafe(ref absent, i + 48));
        }
        for (; i < used; i += 16)
            low = Vector512.Min(low, Vector512.LoadUnsafe(ref row, i) + Vector512.LoadUnsafe(ref absent, i));
        low = Vector512.Min(Vector512.Min(low, low1), Vector512.Min(low2, low3));
        float least = low[0];
        for (int lane = 1; lane < Lanes.Count; lane++)
            least = Math.Min(least, low[lane]);
        if (!float.IsFinite(least))
            throw new ArgumentException($"the least distance of a cluster is {least}; expected finite ones, of magnitude below 1e19");
        if (preferred >= 0 && _distances[(slot * _stride) + preferred] <= least)
            return preferred;
        int nearest = -1;
        for (i = 0; i < used; i += 16)
        {
            ulong equal = Vector512.Equals(Vector512.LoadUnsafe(ref row, i) + Vector512.LoadUnsafe(ref absent, i), Vector512.Create(least)).ExtractMostSignificantBits();
            for (; equal != 0; equal &= equal - 1)
            {
                int found = (int)i + System.Numerics.BitOperations.TrailingZeroCount(equal);
                if (found != slot && (nearest < 0 || _row[found] < _row[nearest]))
                    nearest = found;
            }
        }
        return nearest;
    }

    /// <summary>
    /// Merges two clusters. Returns the rows that they were called by, and the height of the merge. Slots may move: those of <paramref name="kept"/> are changed.
    /// </summary>
    public (int X, int Y, double Height) Join(int x, int y, Span<int> kept)
    {
        ref float rowX = ref Row(x);
        ref float rowY = ref Row(y);
        float between = _distances[(x * _stride) + y];
        // Rounding may leave a cluster's merge a little below those within it.
        double height = Math.Max(_linkage == Linkage.Ward ? Math.Sqrt(between) : between, Math.Max(_heights[x], _heights[y]));
        (int First, int Second) called = (Math.Min(_row[x], _row[y]), Math.Max(_row[x], _row[y]));
        int slot = _used++;
        Update(ref rowX, ref rowY, ref _distances[slot * _stride], _sizes[x], _sizes[y], between, (nuint)Lanes.Padded(_used));
        _distances[(slot * _stride) + slot] = float.PositiveInfinity;
        _sizes[slot] = _sizes[x] + _sizes[y];
        (_absent[x], _absent[y], _absent[slot]) = (float.PositiveInfinity, float.PositiveInfinity, 0);
        (_row[slot], _heights[slot]) = (called.Second, height);
        (_slotOfRow[called.First], _slotOfRow[called.Second]) = (-1, slot);
        if (_used - _pending == Lanes.Count)
            WriteColumns();
        if (_used == _stride)
            Compact(kept);
        return (called.First, called.Second, height);
    }

    /// <summary>The formula of Lance and Williams for every slot; what it makes of slots without a cluster is never looked at.</summary>
    private void Update(ref float x, ref float y, ref float target, float sizeX, float sizeY, float between, nuint used)
    {
        ref float sizes = ref MemoryMarshal.GetArrayDataReference(_sizes);
        Vector512<float> ofX = Vector512.Create(sizeX), ofY = Vector512.Create(sizeY), both = ofX + ofY, height = Vector512.Create(between);
        for (nuint i = 0; i < used; i += 16)
        {
            Vector512<float> fromX = Vector512.LoadUnsafe(ref x, i), fromY = Vector512.LoadUnsafe(ref y, i);
            if (_linkage == Linkage.Average)
            {
                (((ofX * fromX) + (ofY * fromY)) / both).StoreUnsafe(ref target, i);
                continue;
            }
            Vector512<float> size = Vector512.LoadUnsafe(ref sizes, i);
            Vector512<float> sum = ((size + ofX) * fromX) + ((size + ofY) * fromY) - (size * height);
            Vector512.Max(Vector512<float>.Zero, sum / (size + both)).StoreUnsafe(ref target, i);
        }
    }

    /// <summary>A row with its distances from the newest clusters put in.</summary>
    private ref float Row(int slot)
    {
        for (int newer = Math.Max(_pending, slot + 1); newer < _used; newer++)
            _distances[(slot * _stride) + newer] = _distances[(newer * _stride) + slot];
        return ref _distances[slot * _stride];
    }

    private unsafe void WriteColumns()
    {
        fixed (float* start = _distances)
            LaneTranspose.Run(start + ((nint)_pending * _stride), _used - _pending, _pending, _stride, start + _pending, _stride);
        for (int slot = _pending; slot < _used; slot++)
            Row(slot);
        _pending = _used;
    }

    private void Compact(Span<int> kept)
    {
        WriteColumns();
        int[] alive = [.. Enumerable.Range(0, _used).Where(slot => _absent[slot] == 0)];
        var moved = new int[_used];
        for (int to = 0; to < alive.Length; to++)
        {
            int from = alive[to];
            moved[from] = to;
            int target = to * _stride, source = from * _stride;
            for (int column = 0; column < alive.Length; column++) // in place: what is read lies behind what is written
                _distances[target + column] = _distances[source + alive[column]];
            (_sizes[to], _row[to], _heights[to], _slotOfRow[_row[from]]) = (_sizes[from], _row[from], _heights[from], to);
        }
        for (int i = 0; i < kept.Length; i++)
            kept[i] = moved[kept[i]];
        Array.Fill(_absent, float.PositiveInfinity);
        _absent.AsSpan(0, alive.Length).Clear();
        _used = _pending = Lanes.Padded(alive.Length);
    }
}
