using WeightSpace.Numerics;

namespace WeightSpace.Tasks;

/// <summary>The data of one task. An object belongs to a thread: what it needs to draw quickly, it keeps.</summary>
public abstract class TaskData
{
    protected TaskData(TaskSpec task) => Task = task;

    public TaskSpec Task { get; }

    /// <summary>The data of a task.</summary>
    public static TaskData Of(TaskSpec task) => task switch
    {
        MachineTask machine => new MachineStream(machine),
        DigitsTask digits => new DigitsData(digits),
        AutomatonTask automaton => new AutomatonData(automaton),
        _ => throw new ArgumentException($"task {task.Name} is of an unknown kind", nameof(task)),
    };

    /// <summary>
    /// Writes samples <paramref name="first"/>.. of a stream. <paramref name="x"/> is [place, inputs, stride] and <paramref name="y"/> [place, outputs, stride], where
    /// sample i stands in lane i of the first <paramref name="count"/>; the other lanes are set to 0.
    /// </summary>
    /// <param name="seed">Training data: the network's data seed. Held-out data: the seed of the evaluation.</param>
    public abstract void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y);

    /// <summary>Throws <see cref="ArgumentException"/> where samples, strides and buffers do not fit each other.</summary>
    internal static void CheckRoom(TaskSpec task, int count, int stride, ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, stride);
        if (stride % Lanes.Count != 0)
            throw new ArgumentException($"the stride is {stride}, a multiple of {Lanes.Count} was expected", nameof(stride));
        if (x.Length != task.Places * task.Inputs * stride)
            throw new ArgumentException($"x holds {x.Length} values, [place {task.Places}, {task.Inputs}, {stride}] was expected", nameof(x));
        if (y.Length != task.Places * task.Outputs * stride)
            throw new ArgumentException($"y holds {y.Length} values, [place {task.Places}, {task.Outputs}, {stride}] was expected", nameof(y));
    }

    private sealed class MachineStream(MachineTask task) : TaskData(task)
    {
        private readonly int[] _key = MachineData.KeyOf(task), _commands = MachineData.RoomFor(task);

        public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y) =>
            MachineData.Sample(task, _key, _commands, seed, split, first, count, stride, x, y);
    }
}
