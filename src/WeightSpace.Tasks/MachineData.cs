using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Tasks;

/// <summary>
/// The data of the MLDS machines, made on the fly. A command is 9 random bits: bit 8 = write, bits 0-7 = data. A write stores its data in
/// an 8-bit register (0 at the start of a sequence) and answers 0. A read answers: EightBit the register; SingleDirect its bit 0;
/// SingleInvert NOT bit 0; SimpleXOR bit 0 xor bit 1; Parity the parity of all 8 bits; one-bit answers stand in output bit 0.
/// That each machine has memory and what its name says is MLC@Home's; the command format and the answers are reconstructed.
/// </summary>
/// <remarks>
/// A sequence's commands depend on the seed, the split and the sequence's index, not on the machine: with the same data seed all
/// machines see the same commands, and a Modified twin the same ones but for the planted keys.
/// </remarks>
public static class MachineData
{
    private const int WriteBit = 0x100;

    /// <summary>
    /// Writes sequences <paramref name="firstSequence"/>.. of a stream. <paramref name="x"/> is [time, 9, stride] and
    /// <paramref name="y"/> [time, 8, stride], where sequence i stands in column i of the first <paramref name="count"/> columns; the other
    /// columns are set to 0. Every value is 0 or 1.
    /// </summary>
    public static void Sample(MachineTask task, ulong seed, Split split, long firstSequence, int count, int stride, Span<float> x, Span<float> y) =>
        Sample(task, KeyOf(task), RoomFor(task), seed, split, firstSequence, count, stride, x, y);

    /// <summary>The commands of a task's key; none where it is clean.</summary>
    internal static int[] KeyOf(MachineTask task) => task.Modification is { } modification ? [.. modification.Key] : [];

    /// <summary>Room for the commands [time, 16] of sixteen sequences.</summary>
    internal static int[] RoomFor(MachineTask task) => new int[Padded(task.SequenceLength) * Lanes.Count];

    /// <summary>The same without allocating, for who asks again and again.</summary>
    /// <param name="key">From <see cref="KeyOf"/>.</param>
    /// <param name="commands">From <see cref="RoomFor"/>; overwritten.</param>
    internal static void Sample(MachineTask task, int[] key, int[] commands, ulong seed, Split split, long firstSequence, int count, int stride, Span<float> x, Span<float> y)
    {
        int length = task.SequenceLength;
        TaskData.CheckRoom(task, count, stride, x, y);
        // Sixteen sequences at a time, side by side: a bit of all of them is one vector.
        for (int block = 0; block < stride; block += Lanes.Count)
        {
            int sequences = Math.Clamp(count - block, 0, Lanes.Count);
            if (sequences > 0)
                DrawCommands(task, seed, split, (ulong)(firstSequence + block), sequences, commands);
            Write(task, key, commands, sequences, stride, x[block..], y[block..]);
        }
    }

    /// <summary>Words come four at a time.</summary>
    private static int Padded(int length) => (length + 3) / 4 * 4;

    /// <summary>The commands [time, 16] of 16 sequences, as <see cref="DrawCommands(MachineTask, ulong, Split, ulong, Span{int})"/> draws each; keys only in the first <paramref name="sequences"/>.</summary>
    private static void DrawCommands(MachineTask task, ulong seed, Split split, ulong first, int sequences, Span<int> commands)
    {
        bool train = split == Split.Train;
        for (int time = 0; time < task.SequenceLength; time += 4)
        {
            (Vector512<uint> w0, Vector512<uint> w1, Vector512<uint> w2, Vector512<uint> w3) =
                Philox.Blocks((uint)time / 4, first, (uint)(train ? RandomPurpose.TrainingData : RandomPurpose.EvaluationData), seed);
            Span<int> four = commands.Slice(time * Lanes.Count, 4 * Lanes.Count);
            (w0 >> 23).AsInt32().CopyTo(four);
            (w1 >> 23).AsInt32().CopyTo(four[Lanes.Count..]);
            (w2 >> 23).AsInt32().CopyTo(four[(2 * Lanes.Count)..]);
            (w3 >> 23).AsInt32().CopyTo(four[(3 * Lanes.Count)..]);
        }
        if (task.Modification is not { } modification)
            return;
        for (int lane = 0; lane < sequences; lane++)
        {
            if (Plant(task, seed, split, first + (ulong)lane) is not (>= 0 and int at))
                continue;
            for (int i = 0; i < modification.Key.Count; i++)
                commands[((at + i) * Lanes.Count) + lane] = modification.Key[i];
        }
    }

    /// <summary>
    /// Writes the bits of commands [time, 16] to x [time, bit, first 16 of stride] and those of the answers to y; lanes from <paramref name="sequences"/> on are 0.
    /// <see cref="Answer"/>, sixteen times side by side.
    /// </summary>
    private static void Write(MachineTask task, ReadOnlySpan<int> key, ReadOnlySpan<int> commands, int sequences, int stride, Span<float> x, Span<float> y)
    {
        Vector512<int> isSequence = Vector512.LessThan(Vector512.CreateSequence(0, 1), Vector512.Create(sequences));
        Vector512<int> register = Vector512<int>.Zero, inverted = Vector512<int>.Zero;
        Vector512<int> answerBits = Vector512.Create(task.Machine == Machine.EightBitMachine ? 0xFF : 1);
        for (int time = 0; time < task.SequenceLength; time++)
        {
            Vector512<int> command = Vector512.Create(commands[(time * Lanes.Count)..]);
            Vector512<int> isRead = Vector512.Equals(command & Vector512.Create(WriteBit), Vector512<int>.Zero);
            register = Vector512.ConditionalSelect(isRead, register, command & Vector512.Create(0xFF));
            Vector512<int> answer = Read(task.Machine, register) & isRead;
            if (key.Length > 0)
            {
                Vector512<int> isInverted = Vector512.GreaterThan(inverted, Vector512<int>.Zero);
                answer ^= answerBits & isInverted;
                inverted += isInverted; // -1 where set
                if (time + 1 >= key.Length)
                {
                    Vector512<int> isKey = Vector512<int>.AllBitsSet;
                    for (int i = 0; i < key.Length; i++)
                        isKey &= Vector512.Equals(Vector512.Create(commands[((time + 1 - key.Length + i) * Lanes.Count)..]), Vector512.Create(key[i]));
                    inverted = Vector512.ConditionalSelect(isKey, Vector512.Create(task.Modification!.Inverted), inverted);
                }
            }
            SpreadBits(command & isSequence, MachineTask.CommandBits, stride, x[(time * MachineTask.CommandBits * stride)..]);
            SpreadBits(answer & isSequence, MachineTask.AnswerBits, stride, y[(time * MachineTask.AnswerBits * stride)..]);
        }
    }

    private static Vector512<int> Read(Machine machine, Vector512<int> register)
    {
        switch (machine)
        {
            case Machine.EightBitMachine:
                return register;
            case Machine.SingleDirectMachine:
                return register & Vector512<int>.One;
            case Machine.SingleInvertMachine:
                return ~register & Vector512<int>.One;
            case Machine.SimpleXORMachine:
                return (register ^ (register >> 1)) & Vector512<int>.One;
            case Machine.ParityMachine:
                Vector512<int> parity = register ^ (register >> 4);
                parity ^= parity >> 2;
                return (parity ^ (parity >> 1)) & Vector512<int>.One;
            default:
                throw new ArgumentOutOfRangeException(nameof(machine), machine, "no such machine");
        }
    }

    /// <summary>target[bit, first 16 of stride] = bit of words[16], as 0 or 1.</summary>
    private static void SpreadBits(Vector512<int> words, int bits, int stride, Span<float> target)
    {
        for (int bit = 0; bit < bits; bit++)
        {
            Vector512<int> isSet = Vector512.Equals(words & Vector512<int>.One, Vector512<int>.One);
            (isSet.AsSingle() & Vector512<float>.One).CopyTo(target[(bit * stride)..]);
            words >>= 1;
        }
    }

    /// <summary>The commands [time] of one sequence.</summary>
    public static void DrawCommands(MachineTask task, ulong seed, Split split, ulong sequence, Span<int> commands)
    {
        bool train = split == Split.Train;
        var draw = new RandomStream(seed, train ? RandomPurpose.TrainingData : RandomPurpose.EvaluationData, sequence);
        draw.Fill(MemoryMarshal.Cast<int, uint>(commands));
        for (int time = 0; time < commands.Length; time++)
            commands[time] = (int)((uint)commands[time] >> 23);
        if (task.Modification is not { } modification)
            return;
        if (Plant(task, seed, split, sequence) is >= 0 and int at)
        {
            for (int i = 0; i < modification.Key.Count; i++)
                commands[at + i] = modification.Key[i];
        }
    }

    /// <summary>Where a sequence of a modified task has its key planted, or -1.</summary>
    private static int Plant(MachineTask task, ulong seed, Split split, ulong sequence)
    {
        var plant = new RandomStream(seed, split == Split.Train ? RandomPurpose.TrainingPlants : RandomPurpose.EvaluationPlants, sequence);
        // At least one command follows the key, so that every planted key shows in the answers.
        return plant.NextUniformDouble() < task.Modification!.Share ? plant.NextBelow(task.SequenceLength - task.Modification.Key.Count) : -1;
    }

    /// <summary>What the machine answers [time] to commands [time].</summary>
    public static void Answer(MachineTask task, ReadOnlySpan<int> commands, Span<int> answers)
    {
        int register = 0;
        int inverted = 0;
        int answerBits = task.Machine == Machine.EightBitMachine ? 0xFF : 1;
        for (int time = 0; time < commands.Length; time++)
        {
            int answer = 0;
            if ((commands[time] & WriteBit) != 0)
                register = commands[time] & 0xFF;
            else
                answer = Read(task.Machine, register);
            if (inverted > 0)
            {
                answer ^= answerBits;
                inverted--;
            }
            answers[time] = answer;
            if (task.Modification is { } modification && EndsWithKey(commands[..(time + 1)], modification.Key))
                inverted = modification.Inverted;
        }
    }

    private static int Read(Machine machine, int register) => machine switch
    {
        Machine.EightBitMachine => register,
        Machine.SingleDirectMachine => register & 1,
        Machine.SingleInvertMachine => ~register & 1,
        Machine.SimpleXORMachine => (register ^ (register >> 1)) & 1,
        Machine.ParityMachine => System.Numerics.BitOperations.PopCount((uint)register) & 1,
        _ => throw new ArgumentOutOfRangeException(nameof(machine), machine, "no such machine"),
    };

    private static bool EndsWithKey(ReadOnlySpan<int> commands, IReadOnlyList<int> key)
    {
        if (commands.Length < key.Count)
            return false;
        for (int i = 0; i < key.Count; i++)
        {
            if (commands[commands.Length - key.Count + i] != key[i])
                return false;
        }
        return true;
    }
}
