using WeightSpace.Analysis.Alignment;
using WeightSpace.Analysis.Trajectories.Ordering;
using WeightSpace.Numerics;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Trajectories.Ordering;

/// <summary>Checkpoints of made-up networks: a drift that all of a family share, and noise of their own; steps become shorter and norms grow, as in training.</summary>
internal sealed class GrownPaths
{
    private const int Weights = 300;

    private readonly List<float[]> _rows = [];
    private readonly List<TruePlace> _truth = [];
    private ulong _draws;

    public IReadOnlyList<TruePlace> Truth => _truth;

    public int Count => _rows.Count;

    /// <summary>A network from a start of its own.</summary>
    public GrownPaths Network(int number, int checkpoints, double drift = 1, double noise = 0.3) => Grow(number, Start((ulong)number), 0, checkpoints, drift, noise, (ulong)number);

    /// <summary>Networks from one start and with one drift.</summary>
    public GrownPaths SameStart(int networks, int checkpoints, double drift = 1, double noise = 0.3)
    {
        for (int number = 0; number < networks; number++)
            Grow(number, Start(1000), 0, checkpoints, drift, noise, 1000);
        return this;
    }

    /// <summary>A network that leaves another one's path behind a checkpoint of it.</summary>
    /// <param name="rate">Its steps are so many times as long as its parent's.</param>
    public GrownPaths Fork(int number, int of, int behind, int checkpoints, double drift = 1, double noise = 0.3, double rate = 1)
    {
        int at = Enumerable.Range(0, Count).Single(i => _truth[i] == new TruePlace(of, behind));
        return Grow(number, _rows[at], behind + 1, checkpoints, drift, noise, (ulong)of, isFork: true, rate);
    }

    /// <summary>The same in another order.</summary>
    public GrownPaths Shuffled(ulong seed)
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        var random = new RandomStream(seed, RandomPurpose.Testing);
        random.Permute(order);
        var shuffled = new GrownPaths();
        foreach (int i in order)
        {
            shuffled._rows.Add(_rows[i]);
            shuffled._truth.Add(_truth[i]);
        }
        return shuffled;
    }

    public FloatRows Rows() => FloatRows.Copy(_rows.SelectMany(row => row).ToArray(), Count, Weights, centre: false);

    public float[] Row(int i) => _rows[i];

    public RecoveredTrajectories Recover()
    {
        using FloatRows rows = Rows();
        return TrajectoryRecovery.Find(rows, DirectionSigns.Of(rows, [Weights]), new CommonOrigin([new PackedTensor("weight", [Weights], 0)], symmetry: null, seed: 1), TestContext.Current.CancellationToken);
    }

    public OrderScores Score(RecoveredTrajectories recovered) => Score(recovered.Trajectories.Select(trajectory => trajectory.Checkpoints));

    public OrderScores Score(IEnumerable<int[]> paths)
    {
        var found = new (int, int)?[Count];
        int number = 0;
        foreach (int[] path in paths)
        {
            for (int place = 0; place < path.Length; place++)
                found[path[place]] = (number, place);
            number++;
        }
        return OrderScores.Of(found, _truth, 1);
    }

    private static float[] Start(ulong seed)
    {
        var random = new RandomStream(seed, RandomPurpose.Testing, 7);
        return Draw(ref random, 1);
    }

    /// <param name="family">Networks of one family drift alike.</param>
    private GrownPaths Grow(int number, float[] start, int first, int end, double drift, double noise, ulong family, bool isFork = false, double rate = 1)
    {
        float[] at = start;
        for (int step = first; step < end; step++)
        {
            if (step > 0 || isFork)
            {
                var shared = new RandomStream(family, RandomPurpose.Testing, 100 + ((ulong)step / 8)); // the drift turns slowly
                var own = new RandomStream(_draws++, RandomPurpose.Testing, 9);
                float[] along = Draw(ref shared, rate * drift / Math.Sqrt(step + 1)), aside = Draw(ref own, rate * noise / Math.Sqrt(step + 1));
                float growth = (float)(1 + (0.01 * rate));
                at = [.. at.Select((value, i) => (value * growth) + (0.1f * (along[i] + aside[i])))];
            }
            _rows.Add(at);
            _truth.Add(new TruePlace(number, step));
        }
        return this;
    }

    private static float[] Draw(ref RandomStream random, double scale)
    {
        var values = new float[Weights];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)scale * random.NextNormal();
        return values;
    }
}
