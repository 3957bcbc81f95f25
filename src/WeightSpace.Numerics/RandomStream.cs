using System.Runtime.Intrinsics;

namespace WeightSpace.Numerics;

/// <summary>What a stream of random numbers is for. A purpose never shares numbers with another, whatever the seed.</summary>
public enum RandomPurpose : uint
{
    /// <summary>Initial weights; item = parameter index in the packed block.</summary>
    InitialWeights = 1,
    /// <summary>Training data; item = sequence index in the stream.</summary>
    TrainingData = 2,
    /// <summary>Held-out data; item = sequence index in the stream.</summary>
    EvaluationData = 3,
    /// <summary>Which training sequences carry the key of a Modified machine, and where; item = sequence index.</summary>
    TrainingPlants = 4,
    /// <summary>The same for held-out sequences.</summary>
    EvaluationPlants = 5,
    /// <summary>Which networks or segments <c>verify</c> trains again.</summary>
    Verification = 6,
    /// <summary>Which elements dropout keeps; item = index of the sample in the training stream. <see cref="RandomPurposes.OfLayer"/> tells layers apart.</summary>
    Dropout = 7,
    /// <summary>Random automata to imitate; seed = that of the automaton, item = attempt at one that is connected and minimal.</summary>
    Automata = 8,
    /// <summary>Which training images a shift of the domain is on, and its noise; seed = that of the shift, item = index of the image in its set, or in a stream without end.</summary>
    TrainingShift = 9,
    /// <summary>The same for held-out images.</summary>
    EvaluationShift = 10,
    /// <summary>Which training images carry a trigger; item = index of the image in its set, or in a stream without end.</summary>
    ImagePoison = 12,
    /// <summary>The noise of a blended trigger, the corners of a polygon; one item.</summary>
    Triggers = 13,
    /// <summary>Drawn images of a set; item = index of the image.</summary>
    DrawnImages = 14,
    /// <summary>Starts of k-means.</summary>
    Clustering = 16,
    /// <summary>Folds of a cross-validation.</summary>
    Folds = 17,
    /// <summary>Permuted labels.</summary>
    Permutation = 18,
    /// <summary>Random forests.</summary>
    Forest = 19,
    /// <summary>Bootstrap resampling.</summary>
    Bootstrap = 20,
    /// <summary>Sampling of pairs.</summary>
    Pairs = 21,
    /// <summary>Starts of eigenvalue iterations.</summary>
    Eigenvectors = 23,
    /// <summary>Random projections; item = direction.</summary>
    Projection = 29,
    /// <summary>Inputs of noise that networks are probed with; item = probe.</summary>
    Probes = 30,
    /// <summary>Turns and signs of sketches of weights; item = block of the sketch's size.</summary>
    PathSketch = 31,
    /// <summary>Networks that are drawn from a larger population to be tracked.</summary>
    Tracking = 32,
    /// <summary>Models that are changed without training: noise, orders of hidden units; item = the model and the change.</summary>
    Derivation = 33,
    /// <summary>Reorderings that related weights are held against; item = pair.</summary>
    Relations = 34,
    /// <summary>Tests and benchmarks.</summary>
    Testing = 255,
}

public static class RandomPurposes
{
    /// <summary>The purpose for one layer (0 .. 2^24 - 2) of a network: the layer's index plus 1 stands in the upper 24 bits of the purpose's word, which is 0 there for all others.</summary>
    public static RandomPurpose OfLayer(RandomPurpose purpose, int layer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, (1 << 24) - 1);
        return (RandomPurpose)((uint)purpose | ((uint)(layer + 1) << 8));
    }
}

/// <summary>
/// The random words of one item of one purpose under one seed, in order. A value: copying it copies the position.
/// Philox's key is the seed; the counter is (draw / 4, item low, item high, purpose), so items and purposes never overlap
/// and any item can be drawn without the ones before it.
/// </summary>
public struct RandomStream
{
    // As many as 16 blocks have.
    private const int BulkWords = 4 * Lanes.Count;

    private readonly ulong _seed;
    private readonly ulong _item;
    private readonly uint _purpose;
    private uint _blockIndex;
    private int _wordsLeft;
    private (uint W0, uint W1, uint W2, uint W3) _block;

    public RandomStream(ulong seed, RandomPurpose purpose, ulong item = 0)
    {
        _seed = seed;
        _purpose = (uint)purpose;
        _item = item;
    }

    /// <summary>The next 32 random bits.</summary>
    public uint NextUInt32()
    {
        if (_wordsLeft == 0)
        {
            _block = NextBlock();
            _wordsLeft = 4;
        }
        return (4 - _wordsLeft--) switch { 0 => _block.W0, 1 => _block.W1, 2 => _block.W2, _ => _block.W3 };
    }

    /// <summary>The next words, as many calls of <see cref="NextUInt32"/> would give them.</summary>
    public void Fill(Span<uint> words)
    {
        int at = 0;
        Span<uint> columns = stackalloc uint[BulkWords];
        while (at < words.Length && _wordsLeft > 0)
            words[at++] = NextUInt32();
        for (; at + BulkWords <= words.Length; at += BulkWords, _blockIndex += Lanes.Count)
        {
            (Vector512<uint> w0, Vector512<uint> w1, Vector512<uint> w2, Vector512<uint> w3) = Philox.BlocksOfDraws(_blockIndex, _item, _purpose, _seed);
            w0.CopyTo(columns);
            w1.CopyTo(columns[Lanes.Count..]);
            w2.CopyTo(columns[(2 * Lanes.Count)..]);
            w3.CopyTo(columns[(3 * Lanes.Count)..]);
            for (int word = 0; word < BulkWords; word++)
                words[at + word] = columns[(word % 4 * Lanes.Count) + (word / 4)];
        }
        for (; at + 4 <= words.Length; at += 4)
            (words[at], words[at + 1], words[at + 2], words[at + 3]) = NextBlock();
        while (at < words.Length)
            words[at++] = NextUInt32();
    }

    private (uint W0, uint W1, uint W2, uint W3) NextBlock() =>
        Philox.Block(_blockIndex++, (uint)_item, (uint)(_item >> 32), _purpose, (uint)_seed, (uint)(_seed >> 32));

    /// <summary>Uniform in [0, 1), 24 random bits: every value is a multiple of 2^-24.</summary>
    public float NextUniform() => (NextUInt32() >> 8) * (1f / (1 << 24));

    /// <summary>Uniform in [0, 1), 53 random bits.</summary>
    public double NextUniformDouble()
    {
        ulong high = NextUInt32() >> 5, low = NextUInt32() >> 6;
        return ((high << 26) | low) * (1.0 / (1L << 53));
    }

    /// <summary>Uniform in [0, bound), without bias: Lemire, "Fast random integer generation in an interval", 2019.</summary>
    public int NextBelow(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        ulong product = (ulong)NextUInt32() * (uint)bound;
        if ((uint)product < (uint)bound)
        {
            uint threshold = (uint)-bound % (uint)bound;
            while ((uint)product < threshold)
                product = (ulong)NextUInt32() * (uint)bound;
        }
        return (int)(product >> 32);
    }

    /// <summary>Standard normal, by the inverse distribution function of one uniform draw in (0, 1).</summary>
    public float NextNormal() => (float)DoubleMath.NormalQuantile((NextUInt32() + 0.5) * (1.0 / (1L << 32)));

    /// <summary>A uniform random order of 0..items.Length (Fisher-Yates, from the end).</summary>
    public void Permute(Span<int> items)
    {
        for (int i = 0; i < items.Length; i++)
            items[i] = i;
        Shuffle(items);
    }

    /// <summary>Puts the items in a uniform random order (Fisher-Yates, from the end).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        // Words are drawn ahead, sixteen blocks at once; at the end the stream stands behind those that were used.
        RandomStream ahead = this;
        Span<uint> words = stackalloc uint[BulkWords];
        int next = BulkWords;
        long used = 0;
        for (int last = items.Length - 1; last > 0; last--)
        {
            uint bound = (uint)last + 1;
            ulong product;
            do
            {
                if (next == BulkWords)
                {
                    ahead.Fill(words);
                    next = 0;
                }
                product = (ulong)words[next++] * bound;
                used++;
            }
            while ((uint)product < bound && (uint)product < (uint)-(int)bound % bound);
            int other = (int)(product >> 32);
            (items[last], items[other]) = (items[other], items[last]);
        }
        Skip(used);
    }

    private void Skip(long words)
    {
        int here = (int)Math.Min(words, _wordsLeft);
        _wordsLeft -= here;
        words -= here;
        _blockIndex += (uint)(words / 4);
        for (long rest = words % 4; rest > 0; rest--)
            NextUInt32();
    }
}
