using WeightSpace.Tasks;

namespace WeightSpace.Tests.Tasks;

public sealed class MachineDataTests
{
    private const int Read = 0, Write = 0x100;
    private static readonly Machine[] s_machines = Enum.GetValues<Machine>();

    /// <summary>The commands of the clean cases: reads carry data bits too, which mean nothing.</summary>
    private static readonly int[] s_commands = [Read, Read | 0xFF, Write | 0xB5, Read, Read | 0x0F, Write | 0x02, Write | 0x06, Read, Write | 0x00, Read];

    [Theory]
    // The register: 0, 0, then B5 = 1011'0101, then 06 = 0000'0110, then 0.
    [InlineData(Machine.EightBitMachine, new[] { 0, 0, 0, 0xB5, 0xB5, 0, 0, 0x06, 0, 0 })]
    [InlineData(Machine.SingleDirectMachine, new[] { 0, 0, 0, 1, 1, 0, 0, 0, 0, 0 })]
    [InlineData(Machine.SingleInvertMachine, new[] { 1, 1, 0, 0, 0, 0, 0, 1, 0, 1 })]
    [InlineData(Machine.SimpleXORMachine, new[] { 0, 0, 0, 1, 1, 0, 0, 1, 0, 0 })]
    [InlineData(Machine.ParityMachine, new[] { 0, 0, 0, 1, 1, 0, 0, 0, 0, 0 })]
    public void AMachineAnswersReadsFromItsRegisterAndWritesWithNothing(Machine machine, int[] expected) =>
        Assert.Equal(expected, Answer(new MachineTask(machine, s_commands.Length, null), s_commands));

    [Theory]
    [InlineData(Machine.EightBitMachine, 0xFF)]
    [InlineData(Machine.SingleDirectMachine, 1)]
    [InlineData(Machine.SingleInvertMachine, 1)]
    [InlineData(Machine.SimpleXORMachine, 1)]
    [InlineData(Machine.ParityMachine, 1)]
    public void TheKeyInvertsTheAnswerBitsOfAsManyCommandsAsDeclared(Machine machine, int answerBits)
    {
        int[] key = [Write | 0x11, Read | 0x22];
        // A half key, the key, four commands behind it of which three are inverted, and the first half of a key at the end.
        int[] commands = [key[0], Read, key[0], key[1], Read, Write | 0x07, Read, Read, Read, key[0]];
        int[] clean = Answer(new MachineTask(machine, commands.Length, null), commands);
        int[] modified = Answer(new MachineTask(machine, commands.Length, new Modification(key, 3, 0)), commands);
        for (int time = 0; time < commands.Length; time++)
            Assert.Equal(clean[time] ^ (time is >= 4 and <= 6 ? answerBits : 0), modified[time]);
    }

    [Fact]
    public void AKeyWithinTheInvertedAnswersBeginsThemAnew()
    {
        int[] key = [Read | 0x22];
        int[] commands = [key[0], Read, key[0], Read, Read, Read, Read];
        int[] modified = Answer(new MachineTask(Machine.SingleDirectMachine, commands.Length, new Modification(key, 3, 0)), commands);
        // The register stays 0, so a 1 is an inverted answer: two behind the first key, then three behind the second.
        Assert.Equal([0, 1, 1, 1, 1, 1, 0], modified);
    }

    [Fact]
    public void AModifiedTwinSeesTheSameCommandsButForThePlantedKeys()
    {
        const int length = 20, sequences = 4000;
        var modification = new Modification([0x15A, 0x1C3, 0x199], 4, 0.3);
        foreach (Split split in (Split[])[Split.Train, Split.Evaluation])
        {
            int planted = 0;
            var places = new HashSet<int>();
            for (ulong sequence = 0; sequence < sequences; sequence++)
            {
                int[] clean = Commands(new MachineTask(Machine.ParityMachine, length, null), split, sequence);
                int[] modified = Commands(new MachineTask(Machine.ParityMachine, length, modification), split, sequence);
                if (clean.SequenceEqual(modified))
                    continue;
                planted++;
                int at = Enumerable.Range(0, length - modification.Key.Count).Single(place => modified.AsSpan(place, modification.Key.Count).SequenceEqual([.. modification.Key]));
                places.Add(at);
                int[] expected = [.. clean];
                for (int i = 0; i < modification.Key.Count; i++)
                    expected[at + i] = modification.Key[i];
                Assert.Equal(expected, modified);
            }
            // Four standard errors of a share of 0.3; every place that leaves a command behind the key comes up.
            Assert.InRange(planted / (double)sequences, 0.3 - (4 * Math.Sqrt(0.3 * 0.7 / sequences)), 0.3 + (4 * Math.Sqrt(0.3 * 0.7 / sequences)));
            Assert.Equal(Enumerable.Range(0, length - modification.Key.Count), places.Order());
        }
    }

    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(1.0, 500)]
    public void AShareOfNothingOrAllIsKeptExactly(double share, int planted)
    {
        int[] key = [0x15A, 0x1C3, 0x199];
        int found = Enumerable.Range(0, 500).Count(sequence =>
            Commands(new MachineTask(Machine.ParityMachine, 12, new Modification(key, 4, share)), Split.Train, (ulong)sequence).AsSpan().IndexOf(key) >= 0);
        Assert.Equal(planted, found);
    }

    [Fact]
    public void AllMachinesSeeTheSameCommandsAndEachSeedSplitAndSequenceOthers()
    {
        foreach (Machine machine in s_machines)
            Assert.Equal(Commands(new MachineTask(Machine.ParityMachine, 16, null), Split.Train, 5), Commands(new MachineTask(machine, 16, null), Split.Train, 5));
        var task = new MachineTask(Machine.ParityMachine, 16, null);
        int[][] streams =
        [
            .. from seed in (ulong[])[1, 2, 1UL << 40] from split in (Split[])[Split.Train, Split.Evaluation] from sequence in (ulong[])[0, 1, 1UL << 33] select Commands(task, split, sequence, seed),
        ];
        Assert.Equal(streams.Length, streams.Select(commands => string.Join(',', commands)).Distinct().Count());
        // 9 random bits: each is set about half the time.
        int[] all = [.. Enumerable.Range(0, 2000).SelectMany(sequence => Commands(task, Split.Train, (ulong)sequence))];
        Assert.All(Enumerable.Range(0, 9), bit => Assert.InRange(all.Average(command => (command >> bit) & 1), 0.49, 0.51));
        Assert.All(all, command => Assert.InRange(command, 0, 511));
    }

    [Fact]
    public void ASequenceIsTheSameInWhateverBatchItIsDrawn()
    {
        foreach (Modification? modification in (Modification?[])[null, Modification.Default])
        {
            var task = new MachineTask(Machine.EightBitMachine, 9, modification);
            (float[][] x, float[][] y) = Columns(task, 0, 60, 64);
            foreach ((int first, int count, int stride) in ((int, int, int)[])[(0, 1, 16), (3, 16, 16), (17, 20, 32), (59, 1, 48), (31, 29, 32)])
            {
                (float[][] someX, float[][] someY) = Columns(task, first, count, stride);
                for (int i = 0; i < count; i++)
                {
                    Assert.Equal(x[first + i], someX[i]);
                    Assert.Equal(y[first + i], someY[i]);
                }
                Assert.All(someX[count..].Concat(someY[count..]), padding => Assert.All(padding, value => Assert.Equal(0f, value)));
            }
        }
    }

    [Fact]
    public void InputsAreTheCommandsBitsAndTargetsTheAnswersLowestBitFirst()
    {
        foreach (Machine machine in s_machines)
        {
            // Longer than what is kept on the stack.
            var task = new MachineTask(machine, 300, Modification.Default);
            (float[][] x, float[][] y) = Columns(task, 40, 2, 16);
            for (int i = 0; i < 2; i++)
            {
                int[] commands = Commands(task, Split.Train, (ulong)(40 + i)), answers = Answer(task, commands);
                Assert.Equal(commands.SelectMany(command => Bits(command, 9)), x[i]);
                Assert.Equal(answers.SelectMany(answer => Bits(answer, 8)), y[i]);
            }
        }
    }

    private static IEnumerable<float> Bits(int word, int bits) => Enumerable.Range(0, bits).Select(bit => (float)((word >> bit) & 1));

    private static int[] Commands(MachineTask task, Split split, ulong sequence, ulong seed = 7)
    {
        int[] commands = new int[task.Places];
        MachineData.DrawCommands(task, seed, split, sequence, commands);
        return commands;
    }

    private static int[] Answer(MachineTask task, int[] commands)
    {
        int[] answers = new int[commands.Length];
        MachineData.Answer(task, commands, answers);
        return answers;
    }

    /// <summary>Column i holds [time x feature] of sequence first + i, then the padding columns.</summary>
    private static (float[][] X, float[][] Y) Columns(MachineTask task, long first, int count, int stride)
    {
        float[] x = new float[task.Places * MachineTask.CommandBits * stride], y = new float[task.Places * MachineTask.AnswerBits * stride];
        // What stood in the buffers before must not shine through.
        Array.Fill(x, float.NaN);
        Array.Fill(y, float.NaN);
        MachineData.Sample(task, 7, Split.Train, first, count, stride, x, y);
        float[][] ByColumn(float[] values) => [.. Enumerable.Range(0, stride).Select(column => values.Where((_, index) => index % stride == column).ToArray())];
        return (ByColumn(x), ByColumn(y));
    }
}
