using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tests.Tasks;

public sealed class AutomatonTests
{
    private static readonly (int[] Next, int[] Outputs) s_golden = ([1, 2, 3, 1, 2, 4, 4, 2, 2, 1, 3, 3, 0, 1, 0], [1, 2, 0, 1, 2]);

    private static AutomatonTask Task(int states, int alphabet, int outputs, ulong seed, int sequence = 16) => new(states, alphabet, outputs, seed, sequence);

    /// <summary>On any machine, for ever: a zoo's classes depend on it.</summary>
    [Fact]
    public void AnAutomatonOfASeedNeverChanges()
    {
        var automaton = Automaton.Of(Task(5, 3, 3, 17));
        Assert.Equal(s_golden.Next, automaton.Next.ToArray());
        Assert.Equal(s_golden.Outputs, automaton.Outputs.ToArray());
    }

    [Fact]
    public void ItIsTheFirstDrawThatIsConnectedAndMinimal()
    {
        int rejected = 0;
        foreach ((int states, int alphabet, int outputs) in ((int, int, int)[])[(2, 1, 2), (3, 2, 2), (4, 2, 4), (6, 2, 3), (8, 4, 4), (7, 3, 2), (20, 3, 5)])
        {
            for (ulong seed = 0; seed < 20; seed++)
            {
                var automaton = Automaton.Of(Task(states, alphabet, outputs, seed));
                (int[,] next, int[] output, int attempts) = FirstPlain(states, alphabet, outputs, seed);
                rejected += attempts;
                Assert.Equal((states, alphabet), (automaton.States, automaton.Alphabet));
                Assert.Equal(Enumerable.Range(0, outputs), output.Distinct().Order());
                // The same but for the names of the states, which follow from the order of a breadth-first search.
                int[] nameOf = BreadthFirst(next);
                for (int state = 0; state < states; state++)
                {
                    Assert.Equal(output[state], automaton.Outputs[nameOf[state]]);
                    for (int symbol = 0; symbol < alphabet; symbol++)
                        Assert.Equal(nameOf[next[state, symbol]], automaton.Next[(nameOf[state] * alphabet) + symbol]);
                }
            }
        }
        Assert.True(rejected > 200, $"only {rejected} draws were rejected, so little was tested");
    }

    /// <summary>All automata of two or three states: equal exactly where no sequence of up to twice as many symbols tells them apart, which is enough (Moore's bound).</summary>
    [Theory]
    [InlineData(2, 1, 2, 8)]
    [InlineData(2, 2, 2, 60)]
    [InlineData(3, 2, 2, 150)]
    public void TwoAreEqualExactlyWhereTheyGiveTheSameOutputsToAllSequences(int states, int alphabet, int outputs, int seeds)
    {
        Automaton[] automata = [.. Enumerable.Range(0, seeds).Select(seed => Automaton.Of(Task(states, alphabet, outputs, (ulong)seed)))];
        string[] behaviours = [.. automata.Select(automaton => Behaviour(automaton, 2 * states))];
        int equal = 0;
        for (int a = 0; a < seeds; a++)
        {
            for (int b = 0; b < a; b++)
            {
                Assert.Equal(behaviours[a] == behaviours[b], automata[a].Equals(automata[b]));
                if (automata[a].Equals(automata[b]))
                {
                    equal++;
                    Assert.Equal(automata[a].GetHashCode(), automata[b].GetHashCode());
                }
            }
        }
        Assert.True(equal > 3, $"{equal} pairs were equal, so little was tested");
        Assert.True(behaviours.Distinct().Count() > 1);
    }

    [Fact]
    public void SeedsAndSizesGiveDifferentAutomata()
    {
        Automaton[] automata = [.. Enumerable.Range(1, 200).Select(seed => Automaton.Of(Task(8, 4, 4, (ulong)seed)))];
        Assert.Equal(automata.Length, automata.Distinct().Count());
        Assert.NotEqual(Automaton.Of(Task(8, 4, 4, 1)), Automaton.Of(Task(8, 4, 3, 1)));
    }

    [Theory]
    [InlineData(3, 2, 4, "cannot give 4 outputs")]
    [InlineData(64, 1, 2, "too rare")]
    [InlineData(64, 2, 2, "10000 random automata")]
    public void WhereThereIsNoneItIsSaid(int states, int alphabet, int outputs, string named)
    {
        AutomatonTask task = Task(states, alphabet, outputs, 1);
        Assert.Contains(named, task.Problem(), StringComparison.Ordinal);
        Assert.Contains(named, Assert.Throws<ArgumentException>(() => TaskData.Of(task, ImageLibrary.Default)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, 1, 2)]
    [InlineData(64, 64, 64)]
    [InlineData(64, 8, 2)]
    [InlineData(8, 2, 8)]
    public void TheEndsOfTheRangeHaveAutomata(int states, int alphabet, int outputs) => Assert.Null(Task(states, alphabet, outputs, 1).Problem());

    /// <summary>Outputs of all sequences of up to so many symbols.</summary>
    private static string Behaviour(Automaton automaton, int length)
    {
        var text = new System.Text.StringBuilder();
        int total = 1;
        for (int count = 1; count <= length; count++)
        {
            total *= automaton.Alphabet;
            int[] symbols = new int[count], outputs = new int[count];
            for (int word = 0; word < total; word++)
            {
                for (int place = 0, rest = word; place < count; place++, rest /= automaton.Alphabet)
                    symbols[place] = rest % automaton.Alphabet;
                automaton.Run(symbols, outputs);
                text.Append(outputs[^1]);
            }
        }
        return text.ToString();
    }

    /// <summary>The draws one after the other, each looked at in the slowest and plainest way.</summary>
    private static (int[,] Next, int[] Output, int Attempts) FirstPlain(int states, int alphabet, int outputs, ulong seed)
    {
        for (int attempt = 0; ; attempt++)
        {
            var draw = new RandomStream(seed, RandomPurpose.Automata, (ulong)attempt);
            int[,] next = new int[states, alphabet];
            for (int state = 0; state < states; state++)
            {
                for (int symbol = 0; symbol < alphabet; symbol++)
                    next[state, symbol] = draw.NextBelow(states);
            }
            int[] order = new int[states], output = new int[states];
            draw.Permute(order);
            for (int i = 0; i < states; i++)
                output[order[i]] = i < outputs ? i : draw.NextBelow(outputs);
            if (IsEntered(next) && AllDiffer(next, output))
                return (next, output, attempt);
        }
    }

    /// <summary>Whether each state can be come to from the start by one symbol or more: the transitive closure.</summary>
    private static bool IsEntered(int[,] next)
    {
        int states = next.GetLength(0);
        bool[,] leads = new bool[states, states];
        for (int state = 0; state < states; state++)
        {
            for (int symbol = 0; symbol < next.GetLength(1); symbol++)
                leads[state, next[state, symbol]] = true;
        }
        for (int via = 0; via < states; via++)
        {
            for (int from = 0; from < states; from++)
            {
                for (int to = 0; to < states; to++)
                    leads[from, to] |= leads[from, via] && leads[via, to];
            }
        }
        return Enumerable.Range(0, states).All(state => leads[0, state]);
    }

    /// <summary>Whether from any two states some sequence leads to different outputs: a search through the pairs of states.</summary>
    private static bool AllDiffer(int[,] next, int[] output)
    {
        int states = next.GetLength(0);
        for (int a = 0; a < states; a++)
        {
            for (int b = 0; b < a; b++)
            {
                var seen = new HashSet<(int, int)> { (a, b) };
                var open = new Queue<(int A, int B)>(seen);
                bool differ = false;
                while (!differ && open.TryDequeue(out var pair))
                {
                    for (int symbol = 0; symbol < next.GetLength(1); symbol++)
                    {
                        (int A, int B) to = (next[pair.A, symbol], next[pair.B, symbol]);
                        differ |= output[to.A] != output[to.B];
                        if (seen.Add(to))
                            open.Enqueue(to);
                    }
                }
                if (!differ)
                    return false;
            }
        }
        return true;
    }

    private static int[] BreadthFirst(int[,] next)
    {
        int[] name = new int[next.GetLength(0)];
        Array.Fill(name, -1);
        name[0] = 0;
        var open = new Queue<int>([0]);
        int names = 1;
        while (open.TryDequeue(out int state))
        {
            for (int symbol = 0; symbol < next.GetLength(1); symbol++)
            {
                int to = next[state, symbol];
                if (name[to] >= 0)
                    continue;
                name[to] = names++;
                open.Enqueue(to);
            }
        }
        return name;
    }
}
