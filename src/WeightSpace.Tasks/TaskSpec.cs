using System.Globalization;

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

    public bool Equals(Modification? other) => other is not null && (Inverted, Share) == (other.Inverted, other.Share) && Key.SequenceEqual(other.Key);

    public override int GetHashCode() => HashCode.Combine(Inverted, Share, Key.Count, Key.FirstOrDefault());

    /// <summary>All of it in words; equal words are the same modification.</summary>
    public string Words =>
        string.Create(CultureInfo.InvariantCulture, $"key {string.Join(' ', Key.Select(command => $"0x{command:X}"))}, {Inverted} answers inverted, in a share of {Share} of the sequences");
}

/// <summary>
/// What is learned. A sample is a sequence of <see cref="Places"/> places (1 for what is no sequence); at each the network gets <see cref="Inputs"/> numbers, which
/// are an image of <see cref="Channels"/> x <see cref="Height"/> x <see cref="Width"/> or a plain vector, and answers with <see cref="Outputs"/>.
/// </summary>
public abstract record TaskSpec
{
    /// <summary>Where the data come from, whatever the variant: <c>ParityMachine</c>, <c>Digits</c>. Tasks of one source differ in their variant and the length of their sequences alone, so twins have one source.</summary>
    public abstract string Source { get; }

    /// <summary>One of <see cref="Variants"/>.</summary>
    public virtual string Variant => Variants.Clean;

    /// <summary>How its data differ from those of its clean twin, in words that tell all such changes apart; null: it is clean.</summary>
    public virtual string? Change => null;

    /// <summary>The class of the networks trained on it, as <see cref="Variants.Class"/> words it.</summary>
    public string Name => Variants.Class(Source, Variant);

    public abstract int Places { get; }

    /// <summary>Whether a sample is a sequence, which has at least two places.</summary>
    public bool IsSequence => Places > 1;

    public abstract int Channels { get; }

    public virtual int Height => 1;

    public virtual int Width => 1;

    public int Inputs => Channels * Height * Width;

    public abstract int Outputs { get; }

    /// <summary>Samples of its held-out data where they are limited; null where they are drawn without end.</summary>
    public virtual int? HeldOut => null;

    /// <summary>Whether each place's target is one of <see cref="Outputs"/> classes, so that an answer is right or wrong.</summary>
    public virtual bool HasClasses => false;
}

/// <summary>A machine to imitate, from sequences of how many commands, and how it is modified (null: clean).</summary>
public sealed record MachineTask(Machine Machine, int SequenceLength, Modification? Modification) : TaskSpec
{
    /// <summary>Bits of a command: 8 of data, 1 for write.</summary>
    public const int CommandBits = 9;

    /// <summary>Bits of an answer.</summary>
    public const int AnswerBits = 8;

    public override string Source => Machine.ToString();

    public override string Variant => Modification is null ? Variants.Clean : Variants.Modified;

    public override string? Change => Modification?.Words;

    public override int Places => SequenceLength;

    public override int Channels => CommandBits;

    public override int Outputs => AnswerBits;
}
