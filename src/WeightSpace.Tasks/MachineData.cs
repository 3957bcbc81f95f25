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
    public static void Sample(MachineTask task, ulong seed, Split split, long firstSequence, int count, int stride, Span<float> x, Span<float> y)
    {
        int length = task.SequenceLength;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, stride);
        if (x.Length != length * MachineTask.CommandBits * stride)
            throw new ArgumentException($"x holds {x.Length} values, [time {length}, {MachineTask.CommandBits}, {stride}] was expected", nameof(x));
        if (y.Length != length * MachineTask.AnswerBits * stride)
            throw new ArgumentException($"y holds {y.Length} values, [time {length}, {MachineTask.AnswerBits}, {stride}] was expected", nameof(y));
        if (stride % Lanes.Count != 0)
            throw new ArgumentException($"the stride is {stride}, a multiple of {Lanes.Count} was expected", nameof(stride));
        // Sixteen sequences at a time: their commands and answers side by side, so that a bit of all of them is one vector.
        Span<int> commands = length <= MaxStackLength ? stackalloc int[length] : new int[length];
        Span<int> answers = length <= MaxStackLength ? stackalloc int[length] : new int[length];
        Span<int> commandLanes = length <= MaxStackLength ? stackalloc int[length * Lanes.Count] : new int[length * Lanes.Count];
        Span<int> answerLanes = length <= MaxStackLength ? stackalloc int[length * Lanes.Count] : new int[length * Lanes.Count];
        for (int block = 0; block < stride; block += Lanes.Count)
        {
            commandLanes.Clear();
            answerLanes.Clear();
            for (int lane = 0; lane < Math.Min(Lanes.Count, count - block); lane++)
            {
                DrawCommands(task, seed, split, (ulong)(firstSequence + block + lane), commands);
                Answer(task, commands, answers);
                for (int time = 0; time < length; time++)
                {
                    commandLanes[(time * Lanes.Count) + lane] = commands[time];
                    answerLanes[(time * Lanes.Count) + lane] = answers[time];
                }
            }
            SpreadBits(commandLanes, MachineTask.CommandBits, stride, x[block..]);
            SpreadBits(answerLanes, MachineTask.AnswerBits, stride, y[block..]);
        }
    }

    private const int MaxStackLength = 256;

    /// <summary>bits[time, bit, first 16 of stride] = bit of words[time, 16], as 0 or 1.</summary>
    private static void SpreadBits(ReadOnlySpan<int> words, int bits, int stride, Span<float> target)
    {
        for (int time = 0; time < words.Length / Lanes.Count; time++)
        {
            Vector512<int> word = Vector512.Create(words[(time * Lanes.Count)..]);
            for (int bit = 0; bit < bits; bit++)
            {
                Vector512<int> isSet = Vector512.Equals(word & Vector512<int>.One, Vector512<int>.One);
                (isSet.AsSingle() & Vector512<float>.One).CopyTo(target[(((time * bits) + bit) * stride)..]);
                word >>= 1;
            }
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
        var plant = new RandomStream(seed, train ? RandomPurpose.TrainingPlants : RandomPurpose.EvaluationPlants, sequence);
        if (plant.NextUniformDouble() < modification.Share)
        {
            // At least one command follows the key, so that every planted key shows in the answers.
            int at = plant.NextBelow(commands.Length - modification.Key.Count);
            for (int i = 0; i < modification.Key.Count; i++)
                commands[at + i] = modification.Key[i];
        }
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
