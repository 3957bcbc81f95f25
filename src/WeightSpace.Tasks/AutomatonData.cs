using System.Runtime.Intrinsics;
using WeightSpace.Numerics;

namespace WeightSpace.Tasks;

/// <summary>
/// The data of an automaton, made on the fly: sequences of symbols, each drawn uniformly, and the outputs that the automaton gives to them. As with machines a sequence's
/// symbols depend on the seed, the split and the sequence's index alone: with the same data seed all automata over one alphabet see the same symbols.
/// </summary>
public sealed class AutomatonData : TaskData
{
    private readonly AutomatonTask _task;
    private readonly int[] _next, _outputs;

    internal AutomatonData(AutomatonTask task)
        : base(task)
    {
        _task = task;
        var automaton = Automaton.Of(task);
        (_next, _outputs) = (automaton.Next.ToArray(), automaton.Outputs.ToArray());
    }

    public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y)
    {
        CheckRoom(Task, count, stride, x, y);
        int length = _task.SequenceLength, alphabet = _task.Alphabet, outputs = _task.OutputSymbols;
        uint purpose = (uint)(split == Split.Train ? RandomPurpose.TrainingData : RandomPurpose.EvaluationData);
        // Sixteen sequences at a time, side by side.
        Span<int> states = stackalloc int[Lanes.Count], symbols = stackalloc int[Lanes.Count], given = stackalloc int[Lanes.Count];
        for (int block = 0; block < stride; block += Lanes.Count)
        {
            Vector512<int> isSequence = Vector512.LessThan(Vector512.CreateSequence(0, 1), Vector512.Create(count - block));
            states.Clear();
            for (int time = 0; time < length; time += 4)
            {
                (Vector512<uint> w0, Vector512<uint> w1, Vector512<uint> w2, Vector512<uint> w3) = Philox.Blocks((uint)time / 4, (ulong)(first + block), purpose, seed);
                for (int word = 0; word < 4 && time + word < length; word++)
                {
                    Vector512<int> drawn = Symbols(word switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 }, (uint)alphabet);
                    drawn.CopyTo(symbols);
                    for (int lane = 0; lane < Lanes.Count; lane++)
                    {
                        states[lane] = _next[(states[lane] * alphabet) + symbols[lane]];
                        given[lane] = _outputs[states[lane]];
                    }
                    WriteOneHot(drawn, alphabet, isSequence, stride, x[(((time + word) * alphabet * stride) + block)..]);
                    WriteOneHot(Vector512.Create<int>(given), outputs, isSequence, stride, y[(((time + word) * outputs * stride) + block)..]);
                }
            }
        }
    }

    /// <summary>
    /// The upper 32 bits of word x alphabet: uniform but for a bias of less than alphabet / 2^32. In two halves, for there is no wider product of lanes; the alphabet has
    /// fewer than 16 bits.
    /// </summary>
    private static Vector512<int> Symbols(Vector512<uint> words, uint alphabet)
    {
        Vector512<uint> size = Vector512.Create(alphabet);
        return ((((words >> 16) * size) + (((words & Vector512.Create(0xFFFFU)) * size) >> 16)) >> 16).AsInt32();
    }

    /// <summary>target[feature, first 16 of stride] = 1 where a sequence has that value, 0 elsewhere and where there is no sequence.</summary>
    private static void WriteOneHot(Vector512<int> values, int features, Vector512<int> isSequence, int stride, Span<float> target)
    {
        for (int feature = 0; feature < features; feature++)
        {
            Vector512<int> isValue = Vector512.Equals(values, Vector512.Create(feature)) & isSequence;
            (isValue.AsSingle() & Vector512<float>.One).CopyTo(target[(feature * stride)..]);
        }
    }
}
