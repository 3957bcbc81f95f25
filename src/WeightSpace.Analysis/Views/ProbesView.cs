using WeightSpace.Networks;
using WeightSpace.Networks.Passes;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// What the network answers to a few fixed inputs, which are the same for every network and taken from no data: the function alone, sampled at few places. Probing with inputs that do not
/// depend on the network ("non-interactive probing") is that of Herrmann, Faccio and Schmidhuber, "Learning Useful Representations of Recurrent Neural Network Weight Matrices"
/// (arXiv 2403.11998); that fixed probes hold their own against methods that read weights, Kahana et al., "Deep Linear Probe Generators" (arXiv 2410.10811), found. They learn their probes;
/// these are impulses, as one takes them to a system of which nothing is known.
/// </summary>
/// <remarks>
/// The first probe is zero. Up to <see cref="MostImpulses"/> inputs there follows for each input a 1 in that input at the first place of the sequence, and zeros; beyond, where single pixels say
/// little, <see cref="NoisyProbes"/> probes of uniform numbers from 0 to 1. Recurrent networks answer at <see cref="Lags"/> places, all others at one. Features are the outputs of the
/// last layer [probe, place, output]. Dropout is off; running means and variances are the network's own.
/// </remarks>
public sealed class ProbesView : IView
{
    private const int Lags = 4, MostImpulses = 64, NoisyProbes = 32;

    public string Name => "probes";

    public string Title => "Answers to probes";

    public string Short => "probes";

    public string Explanation => "What the network answers to a few fixed inputs, impulses in each input or noise: its function, sampled without any data.";

    public bool IsStandardised => true;

    public string[] FeatureNames(Architecture architecture) => FeatureSink.NamesOf(architecture, Write);

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features) =>
        FeatureSink.Compute(architecture, weights, features, Write);

    /// <summary>The answers, as features <c>probe.zero</c>, <c>probe.impulse[input]</c> and <c>probe.noise[number]</c>, with place and output behind them.</summary>
    internal static unsafe void Write(Architecture architecture, ReadOnlyMemory<float> weights, FeatureSink sink)
    {
        int inputs = architecture.Inputs, places = architecture.Layers.Any(layer => layer is RecurrentSpec) ? Lags : 1;
        bool isImpulse = inputs <= MostImpulses;
        int probes = 1 + (isImpulse ? inputs : NoisyProbes);
        using var pass = new NetworkPass(architecture, places, probes);
        if (sink.Names is null)
            pass.Load(weights.Span);
        for (int first = 0; first < probes; first += pass.ChunkSamples)
        {
            int count = Math.Min(pass.ChunkSamples, probes - first);
            if (sink.Names is null)
            {
                var input = new Span<float>(pass.Input, places * inputs * pass.Stride);
                input.Clear();
                for (int lane = 0; lane < count; lane++)
                    Fill(input, lane, pass.Stride, inputs, first + lane - 1, isImpulse);
                pass.Forward(new Chunk(0, first, count, IsTraining: false, Seed: 0));
            }
            for (int lane = 0; lane < count; lane++)
            {
                int probe = first + lane - 1;
                for (int answer = 0; answer < places * architecture.Outputs; answer++)
                    sink.Add("probe", Part(sink, probe, isImpulse, answer / architecture.Outputs), answer % architecture.Outputs, "", pass.Output[(answer * pass.Stride) + lane]);
            }
        }
    }

    /// <summary>Probe <paramref name="probe"/>, -1 for zero, at the first place of <paramref name="input"/> [place, inputs, stride].</summary>
    private static void Fill(Span<float> input, int lane, int stride, int inputs, int probe, bool isImpulse)
    {
        if (probe < 0)
            return;
        if (isImpulse)
        {
            input[(probe * stride) + lane] = 1;
            return;
        }
        var draw = new RandomStream(0, RandomPurpose.Probes, (ulong)probe);
        for (int i = 0; i < inputs; i++)
            input[(i * stride) + lane] = draw.NextUniform();
    }

    private static string Part(FeatureSink sink, int probe, bool isImpulse, int place) => sink.Names is null ? "" : probe < 0 ? $"zero.place{place}" : $"{(isImpulse ? "impulse" : "noise")}{probe}.place{place}";
}
