using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Cli;

/// <summary>Training rests on fused multiply-add. A CPU without it computes the same bytes by emulation, but so slowly that only a trial makes sense.</summary>
internal static class FusedMultiplyAdd
{
    /// <summary>About a minute of emulated training.</summary>
    private const double MostEmulatedFlops = 6e9;

    /// <summary>
    /// Warns where fused multiply-add is emulated, and throws <see cref="InputException"/> where the training of these networks would take longer than a trial.
    /// </summary>
    public static void Check(CommandContext context, double flops) => Check(context, flops, Lanes.HasHardwareFma);

    internal static void Check(CommandContext context, double flops, bool hasHardwareFma)
    {
        if (hasHardwareFma)
            return;
        if (flops > MostEmulatedFlops)
        {
            throw new InputException(
                $"this CPU (or a DOTNET_Enable... setting) has no fused multiply-add in hardware; emulated, training is exact but some 300 times slower, and these networks need {Units.Scaled(flops, "FLOP")} "
                + $"(at most {Units.Scaled(MostEmulatedFlops, "FLOP")} are emulated). Train them on an x86-64 CPU with FMA and AVX2 (Intel since 2013, AMD since 2015) or on 64-bit ARM");
        }
        context.Text.WriteLine("This CPU (or these settings) has no fused multiply-add: the results will be exact, but some 300 times slower.");
    }
}
