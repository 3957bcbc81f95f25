using WeightSpace.Networks;
using WeightSpace.Networks.Passes;
using WeightSpace.Tasks;

namespace WeightSpace.Tests.Networks;

/// <summary>The answers of the fast network.</summary>
internal static class Passing
{
    /// <summary>[sample, place, output] for the training samples <paramref name="first"/>.. of a batch of this size.</summary>
    public static unsafe float[] Outputs(Architecture architecture, int places, int batch, RandomData data, float[] weights, bool isTraining, ulong seed, long first)
    {
        using var pass = new NetworkPass(architecture, places, batch);
        pass.Load(weights);
        int outputs = architecture.Outputs, stride = pass.Stride;
        float[] all = new float[batch * places * outputs], targets = new float[places * outputs * stride];
        for (int index = 0; index < pass.Chunks; index++)
        {
            int start = index * pass.ChunkSamples;
            var chunk = new Chunk(index, first + start, Math.Min(pass.ChunkSamples, batch - start), isTraining, seed);
            data.Sample(seed, Split.Train, chunk.FirstSample, chunk.Samples, stride, new Span<float>(pass.Input, places * architecture.Inputs * stride), targets);
            pass.Forward(chunk);
            for (int sample = 0; sample < chunk.Samples; sample++)
            {
                for (int i = 0; i < places * outputs; i++)
                    all[((start + sample) * places * outputs) + i] = pass.Output[(i * stride) + sample];
            }
        }
        return all;
    }
}
