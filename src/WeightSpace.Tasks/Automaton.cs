using WeightSpace.Numerics;

namespace WeightSpace.Tasks;

/// <summary>
/// A random automaton to imitate: a Moore machine of <paramref name="States"/> states over an alphabet of <paramref name="Alphabet"/> symbols, each state with one of
/// <paramref name="OutputSymbols"/> outputs. It reads sequences of random symbols and gives, after each, the output of the state that it has come to. Inputs and targets
/// are one-hot.
/// </summary>
/// <param name="Seed">Of the automaton itself: equal sizes and seeds are the same automaton.</param>
public sealed record AutomatonTask(int States, int Alphabet, int OutputSymbols, ulong Seed, int SequenceLength) : TaskSpec
{
    /// <summary>The most states, symbols and outputs that an automaton may have.</summary>
    public const int MaxSize = 64;

    public override string Source => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Automaton-{States}-{Alphabet}-{OutputSymbols}-{Seed}");

    public override int Places => SequenceLength;

    public override int Channels => Alphabet;

    public override int Outputs => OutputSymbols;

    /// <summary>What keeps it from having an automaton, or null.</summary>
    public string? Problem()
    {
        if (OutputSymbols > States)
            return $"an automaton of {States} states cannot give {OutputSymbols} outputs, for a state gives one; declare at most as many outputs as states";
        return Automaton.Find(this) is not null ? null
            : $"of {Automaton.MaxAttempts} random automata with {States} states, {Alphabet} symbols, {OutputSymbols} outputs and seed {Seed} none was minimal and connected, so such automata are too rare to find by chance; declare fewer states or a larger alphabet";
    }
}

/// <summary>
/// A deterministic finite automaton with outputs (E. F. Moore, "Gedanken-experiments on sequential machines", Automata Studies, 1956). With two outputs it is an
/// acceptor: after each symbol it says whether the sequence so far belongs to its language.
/// </summary>
/// <remarks>
/// Every automaton here is connected (each state, the start too, is entered by some sequence) and minimal (of any two states some sequence of at least one symbol brings
/// different outputs). Its states are numbered in the order in which a breadth-first search from the start, symbol after symbol, comes to them; the start is 0. Two such
/// automata give the same outputs to all sequences exactly when they are equal: a minimal automaton is unique but for the names of its states (Myhill-Nerode; Hopcroft,
/// Motwani and Ullman, "Introduction to Automata Theory, Languages, and Computation", 4.4), and the numbering leaves no choice of names.
/// </remarks>
public sealed class Automaton : IEquatable<Automaton>
{
    /// <summary>Random automata that are looked at for one seed. Where fewer than one in a thousand fits, a seed without one soon comes up.</summary>
    public const int MaxAttempts = 10_000;

    private readonly int _alphabet;
    private readonly int[] _next, _outputs;

    private Automaton(int alphabet, int[] next, int[] outputs) => (_alphabet, _next, _outputs) = (alphabet, next, outputs);

    /// <summary>The states that follow, [state, symbol].</summary>
    public ReadOnlySpan<int> Next => _next;

    /// <summary>The output of each state.</summary>
    public ReadOnlySpan<int> Outputs => _outputs;

    public int States => _outputs.Length;

    public int Alphabet => _alphabet;

    /// <summary>The automaton of a task; the same on any machine. Throws <see cref="ArgumentException"/> where there is none.</summary>
    public static Automaton Of(AutomatonTask task) =>
        Find(task) ?? throw new ArgumentException($"task {task.Name}: {task.Problem()}", nameof(task));

    /// <summary>
    /// The first of the random automata of a task's seed that is connected and minimal; null where the first <see cref="MaxAttempts"/> are not. Every following state is
    /// drawn uniformly; states in a random order get one output each until every output occurs, and the others draw theirs.
    /// </summary>
    internal static Automaton? Find(AutomatonTask task)
    {
        (int states, int alphabet, int outputs) = (task.States, task.Alphabet, task.OutputSymbols);
        if (outputs > states)
            return null;
        int[] next = new int[states * alphabet], outputOf = new int[states], order = new int[states];
        for (uint attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var draw = new RandomStream(task.Seed, RandomPurpose.Automata, attempt);
            for (int i = 0; i < next.Length; i++)
                next[i] = draw.NextBelow(states);
            if (!IsConnected(next, alphabet, order))
                continue;
            int[] given = new int[states];
            draw.Permute(given);
            for (int i = 0; i < states; i++)
                outputOf[given[i]] = i < outputs ? i : draw.NextBelow(outputs);
            if (IsMinimal(next, outputOf, alphabet))
                return Renumbered(next, outputOf, alphabet, order);
        }
        return null;
    }

    /// <summary>The output after each symbol of a sequence from the start, [symbol].</summary>
    public void Run(ReadOnlySpan<int> symbols, Span<int> outputs)
    {
        int state = 0;
        for (int time = 0; time < symbols.Length; time++)
        {
            state = _next[(state * _alphabet) + symbols[time]];
            outputs[time] = _outputs[state];
        }
    }

    /// <summary>
    /// Whether every state is entered on the way from state 0, which too must be entered again, or its output would never show. Fills <paramref name="order"/> with the
    /// states as a breadth-first search comes to them.
    /// </summary>
    private static bool IsConnected(int[] next, int alphabet, int[] order)
    {
        int found = 1;
        bool isStartEntered = false;
        Span<bool> isFound = stackalloc bool[AutomatonTask.MaxSize];
        (order[0], isFound[0]) = (0, true);
        for (int at = 0; at < found; at++)
        {
            foreach (int state in next.AsSpan(order[at] * alphabet, alphabet))
            {
                isStartEntered |= state == 0;
                if (isFound[state])
                    continue;
                (order[found++], isFound[state]) = (state, true);
            }
        }
        return isStartEntered && found == order.Length;
    }

    /// <summary>
    /// Whether any two states are told apart by a sequence of at least one symbol. Moore's partition refinement: all states begin in one block, and a block is split where
    /// a symbol leads to different outputs or into different blocks, until nothing changes; so a round takes sequences of one more symbol into account.
    /// </summary>
    private static bool IsMinimal(int[] next, int[] outputOf, int alphabet)
    {
        int states = outputOf.Length, blocks = 1;
        int[] block = new int[states], refined = new int[states], example = new int[states];
        while (blocks < states)
        {
            int count = 0;
            for (int state = 0; state < states; state++)
            {
                int same = 0;
                while (same < count && !AreAlike(state, example[same]))
                    same++;
                if (same == count)
                    example[count++] = state;
                refined[state] = same;
            }
            if (count == blocks)
                return false;
            (blocks, block, refined) = (count, refined, block);
        }
        return true;

        bool AreAlike(int a, int b)
        {
            if (block[a] != block[b])
                return false;
            for (int symbol = 0; symbol < alphabet; symbol++)
            {
                (int nextA, int nextB) = (next[(a * alphabet) + symbol], next[(b * alphabet) + symbol]);
                if (outputOf[nextA] != outputOf[nextB] || block[nextA] != block[nextB])
                    return false;
            }
            return true;
        }
    }

    /// <summary>The same automaton with the i-th state of <paramref name="order"/> named i.</summary>
    private static Automaton Renumbered(int[] next, int[] outputOf, int alphabet, int[] order)
    {
        int[] number = new int[order.Length];
        for (int i = 0; i < order.Length; i++)
            number[order[i]] = i;
        int[] renumbered = new int[next.Length];
        for (int i = 0; i < renumbered.Length; i++)
            renumbered[i] = number[next[(order[i / alphabet] * alphabet) + (i % alphabet)]];
        return new Automaton(alphabet, renumbered, [.. order.Select(state => outputOf[state])]);
    }

    /// <summary>Whether both give the same outputs to all sequences.</summary>
    public bool Equals(Automaton? other) => other is not null && _alphabet == other._alphabet && _outputs.AsSpan().SequenceEqual(other._outputs) && _next.AsSpan().SequenceEqual(other._next);

    public override bool Equals(object? obj) => Equals(obj as Automaton);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int state in _next)
            hash.Add(state);
        foreach (int output in _outputs)
            hash.Add(output);
        return hash.ToHashCode();
    }
}
