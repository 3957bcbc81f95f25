using System.Globalization;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>What is added up over the networks of a group, one after the other: cosines between updates, and the steps of single tensors.</summary>
internal sealed class PathFolds(ICheckpointGroup group, Func<CheckpointMeasures, int, double> at)
{
    /// <summary>Rows and columns of a matrix that is written and drawn; of a longer path, updates are averaged into cells.</summary>
    public const int MostCells = 96;

    private const int MostGrids = 16, MostTensors = 16, MostPoints = 512;

    /// <summary>Networks with checkpoints at the same steps.</summary>
    private sealed class Grid(double[] places)
    {
        public double[] Places => places;

        public int Networks { get; set; }

        public double[,] Sums { get; } = new double[places.Length, places.Length];

        public int[,] Counts { get; } = new int[places.Length, places.Length];
    }

    private readonly Dictionary<string, Grid> _grids = [];
    private readonly int[] _tensors = [.. Enumerable.Range(0, group.Tensors.Count).OrderByDescending(tensor => group.Tensors[tensor].Elements).Take(MostTensors).Order()];
    private readonly SortedDictionary<double, (int Count, double[] Sums)> _changes = [];
    private CosineMatrix? _example;

    /// <summary>Adds a network; those that diverged or failed, or have no path, count for nothing.</summary>
    public void Add(TrackedNetwork network, PathGeometry? geometry)
    {
        if (geometry is null || geometry.Count < 2 || !network.IsSound)
            return;
        double[] places = [.. network.Rows.Select((row, number) => (row, number)).Where(one => one.row.StepLength is not null).Select(one => at(one.row, one.number))];
        double?[,] cosines = TrajectoryMeasures.UpdateCosines(geometry);
        int count = places.Length;
        _example ??= Matrix(network.Network, 1, places, (i, j) => cosines[i, j]);
        string key = string.Join(',', places.Select(place => place.ToString("R", CultureInfo.InvariantCulture)));
        if (!_grids.TryGetValue(key, out Grid? grid) && _grids.Count < MostGrids)
            _grids.Add(key, grid = new Grid(places));
        if (grid is not null)
        {
            grid.Networks++;
            for (int i = 0; i < count; i++)
            {
                for (int j = 0; j < count; j++)
                {
                    if (cosines[i, j] is { } cosine)
                        (grid.Sums[i, j], grid.Counts[i, j]) = (grid.Sums[i, j] + cosine, grid.Counts[i, j] + 1);
                }
            }
        }
        for (int row = 0; row < network.Rows.Count; row++)
        {
            double place = at(network.Rows[row], row);
            if (network.SquaredLengths[row] is not { } lengths || (!_changes.TryGetValue(place, out (int Count, double[] Sums) sums) && _changes.Count == MostPoints))
                continue;
            sums = (sums.Count + 1, sums.Sums ?? new double[_tensors.Length]);
            for (int t = 0; t < _tensors.Length; t++)
                sums.Sums[t] += Math.Sqrt(lengths[_tensors[t]] / Math.Max(1, group.Tensors[_tensors[t]].Elements));
            _changes[place] = sums;
        }
    }

    /// <summary>Of the first sound network.</summary>
    public CosineMatrix? ExampleCosines() => _example;

    /// <summary>Mean over the networks with the most common steps; null where that is a single network.</summary>
    public CosineMatrix? MeanCosines()
    {
        Grid? grid = _grids.Values.MaxBy(one => one.Networks); // the first of equal ones
        return grid is { Networks: > 1 } ? Matrix("mean", grid.Networks, grid.Places, (i, j) => grid.Counts[i, j] > 0 ? grid.Sums[i, j] / grid.Counts[i, j] : null) : null;
    }

    /// <summary>The largest tensors, in their order.</summary>
    public IReadOnlyList<TensorCurve> TensorCurves() =>
    [
        .. _tensors.Select((tensor, t) => new TensorCurve(group.Tensors[tensor].Name, group.Tensors[tensor].Elements,
            [.. _changes.Select(change => new TensorPoint(change.Key, change.Value.Sums[t] / change.Value.Count))])).Where(curve => curve.Points.Count > 0),
    ];

    private static CosineMatrix Matrix(string of, int networks, double[] places, Func<int, int, double?> cosine)
    {
        int pool = (places.Length + MostCells - 1) / MostCells, cells = (places.Length + pool - 1) / pool;
        double? Cell(int row, int column)
        {
            (double sum, int count) = (0, 0);
            for (int i = row * pool; i < Math.Min(places.Length, (row + 1) * pool); i++)
            {
                for (int j = column * pool; j < Math.Min(places.Length, (column + 1) * pool); j++)
                {
                    if (cosine(i, j) is { } value)
                        (sum, count) = (sum + value, count + 1);
                }
            }
            return count > 0 ? sum / count : null;
        }
        return new CosineMatrix(of, networks, pool, [.. Enumerable.Range(0, cells).Select(cell => places[cell * pool])],
            [.. Enumerable.Range(0, cells).Select(row => (IReadOnlyList<double?>)[.. Enumerable.Range(0, cells).Select(column => Cell(row, column))])]);
    }
}
