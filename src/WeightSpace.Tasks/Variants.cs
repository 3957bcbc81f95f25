namespace WeightSpace.Tasks;

/// <summary>The words for how a task's data stand to those of its clean twin.</summary>
public static class Variants
{
    public const string Clean = "clean", Modified = "modified", Poisoned = "poisoned", Shifted = "shifted";

    /// <summary>All but <see cref="Clean"/>.</summary>
    public static IReadOnlyList<string> Changed { get; } = [Modified, Poisoned, Shifted];

    /// <summary>The class of the networks of a variant, in MLDS's words: <c>ParityMachine</c>, <c>ParityMachineModified</c>.</summary>
    public static string Class(string source, string variant) => variant == Clean ? source : $"{source}{char.ToUpperInvariant(variant[0])}{variant[1..]}";
}
