using WeightSpace.Numerics;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tasks;

/// <summary>The data of one task. An object belongs to a thread: what it needs to draw quickly, it keeps.</summary>
public abstract class TaskData
{
    protected TaskData(TaskSpec task) => Task = task;

    public TaskSpec Task { get; }

    /// <summary>The data of a task.</summary>
    /// <param name="images">Where images from files are looked for.</param>
    /// <exception cref="InvalidDataException">The task's files are not there, damaged, or other ones; the message says which, and what to do.</exception>
    public static TaskData Of(TaskSpec task, ImageLibrary images)
    {
        TaskData data = Make(task, images);
        (data as ImageData)?.CheckShift();
        return data;
    }

    private static TaskData Make(TaskSpec task, ImageLibrary images) => task switch
    {
        MachineTask machine => new MachineStream(machine),
        DigitsTask digits => new DigitsData(digits),
        AutomatonTask automaton => new AutomatonData(automaton),
        DrawnDigitsTask drawn => new DrawnDigitsData(drawn),
        FileImagesTask files => new FileImagesData(files, images.Load(files.Set)),
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

    /// <summary>
    /// Those of held-out samples <paramref name="first"/> .. <paramref name="first"/> + <paramref name="count"/> - 1 that an attack is on, with its trigger, and as targets the
    /// classes that the attacker wants; packed into the first lanes, all others 0. Returns how many they are.
    /// </summary>
    public virtual int SampleAttacked(Attack attack, ulong seed, long first, int count, int stride, Span<float> x, Span<float> y) =>
        throw new NotSupportedException($"task {Task.Name} has no images to put a trigger on");

    private sealed class MachineStream(MachineTask task) : TaskData(task)
    {
        private readonly int[] _key = MachineData.KeyOf(task), _commands = MachineData.RoomFor(task);

        public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y) =>
            MachineData.Sample(task, _key, _commands, seed, split, first, count, stride, x, y);
    }
}
