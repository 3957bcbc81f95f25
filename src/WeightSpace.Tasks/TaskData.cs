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
        _ => throw new ArgumentException($"task {task.Name} is of an unknown kind", nameof(task)),
    };

    /// <summary>
    /// Writes samples <paramref name="first"/>.. of a stream. <paramref name="x"/> is [place, inputs, stride] and <paramref name="y"/> [place, outputs, stride], where
    /// sample i stands in lane i of the first <paramref name="count"/>; the other lanes are set to 0.
    /// </summary>
    /// <param name="seed">Training data: the network's data seed. Held-out data: the seed of the evaluation.</param>
    public abstract void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y);

    private sealed class MachineStream(MachineTask task) : TaskData(task)
    {
        private readonly int[] _key = MachineData.KeyOf(task), _commands = MachineData.RoomFor(task);

        public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y) =>
            MachineData.Sample(task, _key, _commands, seed, split, first, count, stride, x, y);
    }
}
