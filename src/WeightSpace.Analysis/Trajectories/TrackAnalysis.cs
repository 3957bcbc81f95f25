using System.Runtime.ExceptionServices;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>What is tracked, and how.</summary>
public sealed record TrackOptions
{
    /// <summary>Seed of the draw of networks and of resampling. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Resamples behind a bootstrap interval. Default 1,000.</summary>
    public int Resamples { get; init; } = 1000;

    /// <summary>Networks of one group that are tracked; of a larger one so many are drawn, as equally many of each class as there are. Default 2,000.</summary>
    public int MaxNetworks { get; init; } = 2000;

    /// <summary>Beginnings of the names of the networks that are tracked; none: all.</summary>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>Values of weights in memory at once for each network that is being read. Default 2^22: 16 MiB.</summary>
    public int ChunkValues { get; init; } = 1 << 22;

    /// <summary>Bytes that the positions of reference networks may take in memory. Default 256 MiB.</summary>
    public long ReferenceBytes { get; init; } = 1L << 28;
}

/// <summary>
/// The paths of populations of networks: every checkpoint is read once; a group's networks are measured some at a time, first those that the others are compared with. The same networks give the
/// same result whatever the number of threads.
/// </summary>
public static class TrackAnalysis
{
    public const int FormatVersion = 1;

    /// <summary>Networks that positions are kept of: as a reference, and to be drawn in one projection.</summary>
    internal const int MostKept = 256;

    private const int Batch = 64;

    /// <summary>From this many weights on one network at a time is read, and cores share it.</summary>
    internal const long LargeNetwork = 1 << 20;

    /// <summary>Tracks every group.</summary>
    /// <param name="title">What was opened, for people.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="reference">Groups of networks that distances are measured from, with their title; null: the tracked networks themselves.</param>
    /// <param name="state">Paths that go on where they stood; null: every path anew, exactly.</param>
    /// <param name="options">What and how.</param>
    /// <param name="progress">Told millions of weights.</param>
    /// <param name="cancellation">Checked while reading.</param>
    /// <exception cref="InputException">A network that was asked for is not there, or a path cannot go on.</exception>
    public static TrackResult Run(
        string title, IReadOnlyList<ICheckpointGroup> groups, (string Title, IReadOnlyList<ICheckpointGroup> Groups)? reference, TrackState? state, TrackOptions options,
        IProgress<AnalysisProgress>? progress = null, CancellationToken cancellation = default)
    {
        string? unknown = options.Networks.FirstOrDefault(name => !groups.Any(group => PathItems.Of(group).Any(path => path.Network.StartsWith(name, StringComparison.Ordinal))));
        if (unknown is not null)
        {
            string known = string.Join(", ", groups.SelectMany(PathItems.Of).Select(path => path.Network).Take(5));
            throw new InputException($"--network: there is no network '{unknown}' in {title}; found {(known.Length == 0 ? "none" : known + ", ...")}; the beginning of a name is enough");
        }
        var results = new List<TrackedGroup>();
        foreach (ICheckpointGroup group in groups)
        {
            IReadOnlyList<PathItems> paths = [.. PathItems.Of(group).Where(path => options.Networks.Count == 0 || options.Networks.Any(name => path.Network.StartsWith(name, StringComparison.Ordinal)))];
            if (paths.Count > 0)
                results.Add(new GroupTracking(group, paths, reference, state, options, progress, cancellation).Run());
        }
        return new TrackResult(FormatVersion, title, new TrackSettings(options.Seed, options.Resamples, options.MaxNetworks, TrackedPath.DefaultSketch, reference?.Title, state is not null), results);
    }

    /// <summary>The numbers of the paths that are taken, a class at a time in turn, each class in a random order.</summary>
    internal static int[] Draw(IReadOnlyList<PathItems> paths, int most, ulong seed)
    {
        var random = new RandomStream(seed, RandomPurpose.Tracking);
        int[] order = new int[paths.Count];
        random.Permute(order);
        var turns = new Dictionary<string, int>();
        return [.. order.Select(index => (Index: index, Turn: turns[paths[index].Class] = turns.GetValueOrDefault(paths[index].Class) + 1)).OrderBy(one => one.Turn).Select(one => one.Index).Take(most)];
    }

    /// <summary>One group's networks.</summary>
    private sealed class GroupTracking(
        ICheckpointGroup group, IReadOnlyList<PathItems> all, (string Title, IReadOnlyList<ICheckpointGroup> Groups)? reference, TrackState? state, TrackOptions options,
        IProgress<AnalysisProgress>? progress, CancellationToken cancellation)
    {
        private const string Others = "the other networks of the same group";

        private readonly RotatedSketch _sketch = TrackedPath.SketchFor(group.Count);
        private readonly List<string> _notes = [];
        private readonly bool _hasSteps = group.Items.All(item => item.Step is not null);

        /// <summary>What is held of a network while its group is measured.</summary>
        private sealed record Measured(TrackedNetwork Network, PathGeometry? Geometry, float[]?[] Positions);

        /// <summary>Whether the tracked networks are all there are, and so the reference of each other.</summary>
        private bool IsOwnReference => reference is null && options.Networks.Count == 0;

        public TrackedGroup Run()
        {
            IReadOnlyList<PathItems> paths = all;
            if (all.Count > options.MaxNetworks)
            {
                paths = [.. Draw(all, options.MaxNetworks, options.Seed).Order().Select(index => all[index])];
                _notes.Add($"{paths.Count:N0} of {all.Count:N0} networks were drawn, equally many of each class as far as there are; --max-networks takes more.");
            }
            foreach (PathItems path in paths)
            {
                if (path.Items.Count > PathPass.MostCheckpoints)
                    throw new InputException($"{group.Name}: the network {path.Network} has {path.Items.Count:N0} checkpoints; track compares at most {PathPass.MostCheckpoints:N0} of one network, so keep every n-th in a folder of their own");
            }
            foreach (PathItems path in paths)
                state?.PathOf(group, path.Network, _sketch); // in their order, whichever thread comes first
            // Networks that were chosen are compared with those that were not, too.
            ReferencePopulation others = reference is { } from ? Read(from.Title, from.Groups) : IsOwnReference ? new ReferencePopulation(Others) : Read(Others, [group]);
            var counted = new CountedGroup(group, Values(paths), progress);
            int[] kept = Draw(paths, KeptNetworks(paths.Max(path => path.Items.Count)), options.Seed);
            bool[] isKept = new bool[paths.Count];
            foreach (int index in kept)
                isKept[index] = true;

            var members = new TrackedNetwork[paths.Count];
            var positions = new float[]?[paths.Count][];
            var folds = new PathFolds(group, At);
            int[] order = [.. kept.Order(), .. Enumerable.Range(0, paths.Count).Where(index => !isKept[index])];
            // The positions of all reference networks must be there before the first of the others is compared with them.
            foreach (int[] batch in order[..kept.Length].Chunk(Batch).Concat(order[kept.Length..].Chunk(Batch)))
            {
                var measured = new Measured[batch.Length];
                var parallel = new ParallelOptions { MaxDegreeOfParallelism = group.Count >= LargeNetwork ? 1 : Environment.ProcessorCount, CancellationToken = cancellation };
                try
                {
                    Parallel.For(0, batch.Length, parallel, i => measured[i] = Measure(counted, paths[batch[i]]));
                }
                catch (AggregateException problems)
                {
                    ExceptionDispatchInfo.Throw(problems.Flatten().InnerExceptions[0]); // the first says what is wrong
                }
                for (int i = 0; i < batch.Length; i++)
                {
                    int index = batch[i];
                    members[index] = measured[i].Network;
                    folds.Add(measured[i].Network, measured[i].Geometry);
                    positions[index] = measured[i].Positions;
                    if (isKept[index] && IsOwnReference && paths[index].IsSound)
                        AddTo(others, measured[i].Network, measured[i].Positions);
                    if (!isKept[index])
                        (members[index], positions[index]) = (Scored(members[index], positions[index], others), []);
                }
            }
            foreach (int index in kept)
                members[index] = Scored(members[index], positions[index], others);
            return Result(members, paths, kept, positions, folds, others);
        }

        private TrackedGroup Result(TrackedNetwork[] members, IReadOnlyList<PathItems> paths, int[] kept, float[]?[][] positions, PathFolds folds, ReferencePopulation others)
        {
            int notMeasured = members.Sum(member => member.Rows.Count(row => row.Problem is not null)), unsound = members.Count(member => !member.IsSound);
            if (unsound > 0)
                _notes.Add($"{unsound:N0} network{(unsound == 1 ? " that diverged or failed has its" : "s that diverged or failed have their")} rows in the tables, but no part in means, intervals and figures.");
            if (notMeasured > 0)
                _notes.Add($"{notMeasured:N0} checkpoint{(notMeasured == 1 ? " holds" : "s hold")} values that are not finite; the paths go on from the last sound checkpoint before, and the table says which.");
            int estimated = members.Sum(member => member.Rows.Count(row => row.IsEstimated));
            if (estimated > 0)
                _notes.Add($"{estimated:N0} checkpoint{(estimated == 1 ? " was" : "s were")} compared with earlier ones that are gone: their lengths and angles are estimates from sketches, and the table says which.");
            if (!_hasSteps)
                _notes.Add("Not every checkpoint has a step: curves run over the number of the checkpoint, and the order is that of the steps where there are some, or of the names.");
            bool hasScores = members.Any(member => member.Rows.Any(row => row.ReferenceDistance is not null));
            bool isWhole = _sketch.Size >= group.Count;
            if (!isWhole && (hasScores || kept.Length > 1))
                _notes.Add($"Positions in the projection and distances from the reference come from sketches of {_sketch.Size:N0} numbers: lengths are off by {100 / Math.Sqrt(2.0 * _sketch.Size):0.0} % (one standard deviation, at most).");
            return new TrackedGroup(
                group.Name, group.Count, members.Length, members.Sum(member => member.Checkpoints), notMeasured, _hasSteps ? "step" : "checkpoint", _notes,
                state is null || isWhole ? 0 : RotatedSketch.CosineDeviation(_sketch.Size, 1),
                hasScores ? new ReferenceSummary(others.Title, others.Networks) : null,
                TrackPopulations.Of(members, paths, At, options), members, folds.TensorCurves(), folds.MeanCosines(), folds.ExampleCosines(),
                PathProjections.Of([.. kept.Select(index => (members[index], positions[index]))]))
            {
                AllTensors = [.. group.Tensors.Select(tensor => new TrackedTensor(tensor.Name, tensor.Elements))],
            };
        }

        /// <summary>Where a row stands on the axis of curves.</summary>
        private double At(CheckpointMeasures row, int number) => _hasSteps && row.Step is { } step ? step : number;

        private Measured Measure(ICheckpointGroup source, PathItems path) => state is null ? MeasureAnew(source, path) : GoOn(source, path, state);

        private Measured MeasureAnew(ICheckpointGroup source, PathItems path)
        {
            WholePath whole = WholePath.Measure(source, path.Items, new PathPassOptions { ChunkValues = options.ChunkValues, Sketch = _sketch }, cancellation);
            float[]?[] positions = [.. whole.Sketches.Select(sketch => sketch is null ? null : Narrow(sketch))];
            var network = new TrackedNetwork(path.Network, path.Class, path.IsSound, whole.Rows.Count, whole.Geometry is null ? null : TrajectoryMeasures.Summary(whole.Geometry)) { Rows = whole.Rows, SquaredLengths = whole.SquaredLengths };
            return new Measured(network, whole.Geometry, positions);
        }

        /// <summary>The checkpoints of a network that its path does not have yet.</summary>
        private Measured GoOn(ICheckpointGroup source, PathItems path, TrackState known)
        {
            TrackedPath tracked = known.PathOf(group, path.Network, _sketch);
            HashSet<string> names = [.. tracked.Rows.Select(row => row.Name)];
            long last = tracked.Rows.LastOrDefault()?.Step ?? long.MinValue;
            foreach (int item in path.Items.Where(item => !names.Contains(group.Items[item].Name)))
            {
                CheckpointItem info = group.Items[item];
                if (info.Step < last)
                    throw new InputException($"{known.Path}: the path of {path.Network} has come to step {last}, and the checkpoint '{info.Name}' of step {info.Step} is not in it; a path goes forward only, so name another --state FILE to begin anew");
                if (names.Count == PathPass.MostCheckpoints)
                    throw new InputException($"{known.Path}: the path of {path.Network} has {names.Count:N0} checkpoints, as many as track compares; name another --state FILE to begin anew");
                tracked.Add(source, item, cancellation);
                names.Add(info.Name);
                last = info.Step ?? last;
            }
            PathGeometry? geometry = tracked.Geometry();
            return new Measured(
                new TrackedNetwork(path.Network, path.Class, path.IsSound, tracked.Points.Count, geometry is null ? null : TrajectoryMeasures.Summary(geometry))
                {
                    Rows = [.. tracked.Rows],
                    SquaredLengths = [.. tracked.Points.Select(point => point.SquaredLengths)],
                },
                geometry, [.. tracked.Points.Select(point => point.Row.Problem is null ? Narrow(point.Sketch) : null)]);
        }

        private int KeptNetworks(int checkpoints) => (int)Math.Clamp(options.ReferenceBytes / (4L * _sketch.Size * checkpoints), 1, MostKept);

        private void AddTo(ReferencePopulation others, TrackedNetwork network, float[]?[] positions)
        {
            for (int i = 0; i < positions.Length; i++)
            {
                if (positions[i] is { } position)
                    others.Add(network.Network, At(network.Rows[i], i), position);
            }
        }

        private TrackedNetwork Scored(TrackedNetwork network, float[]?[] positions, ReferencePopulation others)
        {
            var rows = new CheckpointMeasures[network.Rows.Count];
            for (int i = 0; i < rows.Length; i++)
            {
                (double Distance, double Tail)? score = positions[i] is { } position ? others.Score(network.Network, At(network.Rows[i], i), position) : null;
                rows[i] = network.Rows[i] with { ReferenceDistance = score?.Distance, ReferenceTail = score?.Tail };
            }
            return network with { Rows = rows };
        }

        /// <summary>The positions of the reference networks that can be compared with this group.</summary>
        private ReferencePopulation Read(string title, IReadOnlyList<ICheckpointGroup> groups)
        {
            var population = new ReferencePopulation(title);
            ICheckpointGroup? source = groups.FirstOrDefault(other => other.Count == group.Count && other.Tensors.Count == group.Tensors.Count
                && other.Tensors.Zip(group.Tensors).All(pair => pair.First.Name == pair.Second.Name && pair.First.Shape.SequenceEqual(pair.Second.Shape)));
            if (source is null)
            {
                _notes.Add($"{title} has no networks with the tensors of '{group.Name}', so there is no distance from a reference.");
                return population;
            }
            IReadOnlyList<PathItems> paths = [.. PathItems.Of(source).Where(path => path.IsSound)];
            if (paths.Count == 0)
                return population;
            int[] drawn = Draw(paths, KeptNetworks(paths.Max(path => path.Items.Count)), options.Seed);
            var counted = new CountedGroup(source, drawn.Sum(index => paths[index].Items.Count * source.Count), progress);
            var pass = new PathPassOptions { ChunkValues = options.ChunkValues, Sketch = _sketch };
            foreach (int index in drawn.Order())
            {
                for (int number = 0; number < paths[index].Items.Count; number++)
                {
                    int item = paths[index].Items[number];
                    if (PathPass.Run(counted, [item], pass, cancellation).Sums is { } sums && (!_hasSteps || source.Items[item].Step is not null))
                        population.Add(paths[index].Network, _hasSteps ? source.Items[item].Step!.Value : number, Narrow(sums.Sketches[0]!));
                }
            }
            return population;
        }

        private double Values(IReadOnlyList<PathItems> paths) => state is null ? paths.Sum(path => (double)path.Items.Count * group.Count)
            : paths.Sum(path => path.Items.Count(item => !state.Has(group, path.Network, group.Items[item].Name)) * Math.Min(4.0, path.Items.Count) * group.Count);

        private static float[] Narrow(double[] values)
        {
            var narrow = new float[values.Length];
            DenseVectors.Narrow(values, narrow);
            return narrow;
        }
    }

    /// <summary>A group that tells how much of it has been read.</summary>
    private sealed class CountedGroup(ICheckpointGroup inner, double total, IProgress<AnalysisProgress>? progress) : ICheckpointGroup
    {
        private long _read;

        public string Name => inner.Name;

        public IReadOnlyList<PackedTensor> Tensors => inner.Tensors;

        public long Count => inner.Count;

        public Networks.ParameterLayout? Symmetry => inner.Symmetry;

        public IReadOnlyList<CheckpointItem> Items => inner.Items;

        public void Read(int item, long first, Span<float> values)
        {
            inner.Read(item, first, values);
            long read = Interlocked.Add(ref _read, values.Length);
            progress?.Report(new AnalysisProgress("millions of weights", (int)Math.Min(read / 1e6, int.MaxValue), (int)Math.Min(Math.Max(read, total) / 1e6, int.MaxValue)));
        }
    }
}
