using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace version</c>: the program, its arithmetic, and how this CPU computes the 16 lanes.</summary>
internal static class VersionCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        var command = new Command("version", "Say which program this is and how this CPU computes.");
        command.SetAction(parsed => context(parsed).Run(Run));
        return command;
    }

    private static Answer Run(CommandContext context)
    {
        string version = typeof(Zoo).Assembly.GetName().Version!.ToString(3);
        context.Text.WriteLine($"weightspace {version}, arithmetic {Recipe.Arithmetic}, on {RuntimeInformation.FrameworkDescription}");
        context.Text.WriteLine($"16 lanes in {Lanes.HardwareBits}-bit registers, fused multiply-add {(Lanes.HasHardwareFma ? "in hardware" : "emulated (some 300 times slower)")}, {Environment.ProcessorCount} cores");
        return new Answer(new JsonObject
        {
            ["version"] = version,
            ["arithmetic"] = Recipe.Arithmetic,
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["lane_bits"] = Lanes.HardwareBits,
            ["hardware_fma"] = Lanes.HasHardwareFma,
            ["cores"] = Environment.ProcessorCount,
        });
    }
}
