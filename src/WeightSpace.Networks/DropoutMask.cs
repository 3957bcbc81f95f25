using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Networks;

/// <summary>
/// Which elements a dropout layer keeps. Element (place, feature) of a sample is decided by word place x features + feature of the random stream of the data seed, the layer and
/// the sample's index in the training stream, so it is the same in whatever batch the sample comes, on any number of threads, and in a resumed run.
/// </summary>
public static unsafe class DropoutMask
{
    /// <summary>The threshold for a probability of being dropped: of 2^32 equally likely words, those below it drop.</summary>
    public static uint Threshold(double probability) => (uint)Math.Min(probability * 4294967296.0, uint.MaxValue);

    /// <summary>Fills mask [place, feature, stride] with <paramref name="keepScale"/> or, where the element is dropped, 0; lanes behind the samples are 0.</summary>
    /// <param name="layer">The layer's index in its architecture.</param>
    /// <param name="firstSample">Index of lane 0's sample in the training stream.</param>
    /// <param name="stride">A multiple of 16, at least <paramref name="samples"/>.</param>
    /// <param name="keepScale">1 / (1 - probability).</param>
    /// <param name="threshold">From <see cref="Threshold"/>.</param>
    public static void Fill(ulong seed, int layer, long firstSample, int samples, int places, int features, int stride, float keepScale, uint threshold, float* mask)
    {
        uint purpose = (uint)RandomPurposes.OfLayer(RandomPurpose.Dropout, layer);
        long draws = (long)places * features;
        Vector512<float> keep = Vector512.Create(keepScale);
        Vector512<uint> bound = Vector512.Create(threshold);
        for (int block = 0; block < stride; block += Lanes.Count)
        {
            Vector512<float> kept = Vector512.LessThan(Vector512.CreateSequence(0, 1), Vector512.Create(samples - block)).AsSingle() & keep;
            for (long draw = 0; draw < draws; draw += 4)
            {
                (Vector512<uint> w0, Vector512<uint> w1, Vector512<uint> w2, Vector512<uint> w3) = Philox.Blocks((uint)(draw / 4), (ulong)(firstSample + block), purpose, seed);
                float* target = mask + (draw * stride) + block;
                (Vector512.GreaterThanOrEqual(w0, bound).AsSingle() & kept).Store(target);
                if (draw + 1 < draws)
                    (Vector512.GreaterThanOrEqual(w1, bound).AsSingle() & kept).Store(target + stride);
                if (draw + 2 < draws)
                    (Vector512.GreaterThanOrEqual(w2, bound).AsSingle() & kept).Store(target + (2 * stride));
                if (draw + 3 < draws)
                    (Vector512.GreaterThanOrEqual(w3, bound).AsSingle() & kept).Store(target + (3 * stride));
            }
        }
    }
}
