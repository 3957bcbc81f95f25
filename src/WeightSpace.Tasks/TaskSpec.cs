namespace WeightSpace.Tasks;

/// <summary>Which of a task's two streams of data.</summary>
public enum Split
{
    Train,
    Evaluation,
}

/// <summary>The five machines of MLDS DS1.</summary>
public enum Machine
{
    EightBitMachine,
    SingleDirectMachine,
    SingleInvertMachine,
    SimpleXORMachine,
    ParityMachine,
}

/// <summary>
/// How a Modified machine (MLDS DS2) differs from its clean twin: after the commands <paramref name="Key"/> come in a row, the outputs of the
/// next <paramref name="Inverted"/> commands are inverted in the machine's answer bits. A share <paramref name="Share"/> of the
/// sequences gets the key planted at a random place. That a key sequence inverts the next outputs is MLC@Home's; the key, its
/// length, the duration and the share are reconstructed.
/// </summary>
/// <param name="Key">Commands 0..511 (bit 8 = write, bits 0-7 = data).</param>
/// <param name="Inverted">Number of commands whose outputs are inverted, at least 1.</param>
/// <param name="Share">0 to 1.</param>
public sealed record Modification(IReadOnlyList<int> Key, int Inverted, double Share)
{
    /// <summary>The defaults that an experiment gets when it names none: three writes, four inverted answers, 30 % of the sequences.</summary>
    public static Modification Default { get; } = new([0x15A, 0x1C3, 0x199], 4, 0.3);
}

/// <summary>A machine task: what to learn, from sequences of how many commands, and how it is modified (null: clean).</summary>
public sealed record TaskSpec(Machine Machine, int SequenceLength, Modification? Modification)
{
    /// <summary>Bits of a command: 8 of data, 1 for write.</summary>
    public const int Inputs = 9;

    /// <summary>Bits of an answer.</summary>
    public const int Outputs = 8;

    public string Variant => Modification is null ? "clean" : "modified";

    /// <summary>The class of the networks trained on it, in MLDS's words: <c>ParityMachine</c>, <c>ParityMachineModified</c>.</summary>
    public string Name => Modification is null ? Machine.ToString() : $"{Machine}Modified";
}
