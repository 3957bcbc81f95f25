using WeightSpace.Networks;

namespace WeightSpace.Tests.Networks;

/// <summary>The masks that dropout layers get, asked for sample by sample.</summary>
internal static class DropoutMasks
{
    /// <summary>Of each dropout layer by its place among the layers: [sample][place][feature].</summary>
    public static unsafe IReadOnlyDictionary<int, double[][][]> Of(Architecture architecture, int places, ulong seed, long first, int samples)
    {
        const int stride = 16;
        var masks = new Dictionary<int, double[][][]>();
        for (int layer = 0; layer < architecture.Layers.Count; layer++)
        {
            if (architecture.Layers[layer] is not DropoutSpec dropout)
                continue;
            int features = dropout.Outputs;
            float[] mask = GC.AllocateArray<float>((places * features * stride) + 16, pinned: true);
            double[][][] all = new double[samples][][];
            fixed (float* start = mask)
            {
                float* aligned = (float*)(((nint)start + 63) & ~63);
                for (int sample = 0; sample < samples; sample++)
                {
                    DropoutMask.Fill(seed, layer, first + sample, 1, places, features, stride, (float)(1 / (1 - dropout.Probability)), DropoutMask.Threshold(dropout.Probability), aligned);
                    all[sample] = new double[places][];
                    for (int place = 0; place < places; place++)
                    {
                        all[sample][place] = new double[features];
                        for (int feature = 0; feature < features; feature++)
                            all[sample][place][feature] = aligned[((place * features) + feature) * stride];
                    }
                }
            }
            masks.Add(layer, all);
        }
        return masks;
    }
}
