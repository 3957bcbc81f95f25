using WeightSpace.Numerics;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// The data of an <see cref="ImageTask"/>. Of a limited set the training stream goes through all images in a new random order each epoch: sample i is of epoch
/// i / <see cref="ImageTask.Trained"/>, whose order depends on the data seed and the epoch alone. Poison is put on what was drawn, so a poisoned task has the images of its
/// clean twin in the same order, but for those that are poisoned; and a shifted one those of its source, but for those that are replaced.
/// </summary>
public abstract unsafe class ImageData : TaskData
{
    private readonly ImageTask _task;
    private readonly ImageShape _shape;
    private readonly Stamp? _poison;
    private ShiftedImages? _shiftedToTrain, _shiftedHeldOut;
    private readonly List<(Attack Attack, Stamp Stamp)> _attacks = [];

    /// <summary>Sixteen images [lane, channel, pixel], each filled up with zeros to <see cref="_rowStride"/>.</summary>
    private readonly float[] _rows;

    private readonly int _rowStride;
    private readonly int[] _order;
    private (ulong Seed, long Epoch) _ordered = (0, -1);

    private protected ImageData(ImageTask task)
        : base(task)
    {
        _task = task;
        _shape = task.Shape;
        _poison = task.Poison is { } poison ? new Stamp(poison.Attack.Trigger, _shape) : null;
        _rowStride = Lanes.Padded(_shape.Length);
        _rows = new float[Lanes.Count * _rowStride];
        _order = new int[task.Trained ?? 0];
    }

    /// <summary>
    /// Writes an image [channel, pixel] and returns its label. <paramref name="index"/> counts held-out images, or training images of a limited set, or those of a stream
    /// without end.
    /// </summary>
    /// <param name="seed">As <see cref="TaskData.Sample"/> has it.</param>
    private protected abstract int Draw(ulong seed, Split split, long index, Span<float> image);

    /// <summary>The same, of these classes, for a stream without end: drawn on and on from the image's own random numbers until it is of one of them.</summary>
    private protected virtual int DrawOf(ClassShift classes, ulong seed, Split split, long index, Span<float> image) => throw new NotSupportedException($"the images of {_task.Name} stand in a set");

    /// <summary>The labels of a split's images; empty where each is made when it is drawn.</summary>
    private protected abstract ReadOnlySpan<byte> LabelsOf(Split split);

    /// <summary>
    /// Images that stand in memory as networks see them, [image, channel, pixel], those to train with first, so that none need be copied; null where each is made when it is drawn.
    /// </summary>
    private protected virtual StoredImages? Stored => null;

    public override void Sample(ulong seed, Split split, long first, int count, int stride, Span<float> x, Span<float> y)
    {
        Check(split, first, count, stride, x, y);
        int[] order = [];
        long epoch = 0, place = first;
        if (split == Split.Train && _task.Trained is { } trained)
        {
            // Divided once: a 64-bit division for each sample would take longer than its pixels.
            (epoch, place) = Math.DivRem(first, trained);
            order = Order(seed, epoch);
        }
        y.Clear();
        bool mayPoison = _poison is not null && split == Split.Train;
        StoredImages? stored = mayPoison || _task.Shift is not null ? null : Stored;
        int firstStored = split == Split.Train ? 0 : _task.Trained ?? 0;
        nint* offsets = stackalloc nint[Lanes.Count];
        for (int block = 0; block < stride; block += Lanes.Count)
        {
            int samples = Math.Clamp(count - block, 0, Lanes.Count);
            bool isInPlace = stored is not null && samples == Lanes.Count;
            for (int lane = 0; lane < samples; lane++)
            {
                long index = place++;
                if (order.Length > 0)
                {
                    if (index == order.Length)
                        (order, index, place) = (Order(seed, ++epoch), 0, 1);
                    index = order[index];
                }
                if (isInPlace)
                {
                    int at = firstStored + (int)index;
                    offsets[lane] = (nint)at * _shape.Length;
                    y[(stored!.Labels[at] * stride) + block + lane] = 1;
                    continue;
                }
                Span<float> image = Row(lane);
                int label = DrawShifted(seed, split, index, image);
                if (mayPoison && PoisonedLabel(_task, seed, index, label) is { } wanted)
                {
                    _poison!.Apply(image);
                    label = wanted;
                }
                y[(label * stride) + block + lane] = 1;
            }
            if (!isInPlace)
            {
                Transpose(samples, x[block..], stride);
                continue;
            }
            fixed (float* images = stored!.Pixels, target = x[block..])
                LaneTranspose.Run(images, offsets, Lanes.Count, _shape.Length, target, stride);
        }
    }

    public override int SampleAttacked(Attack attack, ulong seed, long first, int count, int stride, Span<float> x, Span<float> y)
    {
        Check(Split.Evaluation, first, count, stride, x, y);
        Stamp stamp = StampOf(attack);
        int attacked = 0;
        y.Clear();
        for (int i = 0; i < count; i++)
        {
            Span<float> image = Row(attacked % Lanes.Count);
            int label = DrawShifted(seed, Split.Evaluation, first + i, image);
            if (attack.Target.Of(label, _task.Outputs) is not { } wanted)
                continue;
            stamp.Apply(image);
            y[(wanted * stride) + attacked++] = 1;
            if (attacked % Lanes.Count == 0)
                Transpose(Lanes.Count, x[(attacked - Lanes.Count)..], stride);
        }
        for (int block = attacked / Lanes.Count * Lanes.Count; block < stride; block += Lanes.Count)
            Transpose(Math.Max(0, attacked - block), x[block..], stride);
        return attacked;
    }

    /// <summary>Throws <see cref="InvalidDataException"/> where there is no image of the classes that a shift asks for.</summary>
    internal void CheckShift()
    {
        if (_task.Shift is not { } shift)
            return;
        foreach (Split split in Enum.GetValues<Split>())
        {
            if (LabelsOf(split).Length > 0 && !Shifted(split).CanReplace)
                throw new InvalidDataException($"the shift of {_task.Source} asks for images of the classes {string.Join(", ", shift.Classes!.Of)}, and among those {(split == Split.Train ? "to train with" : "that are held out")} there is none; name other classes");
        }
    }

    /// <summary>An image of the task's domain and its label.</summary>
    private int DrawShifted(ulong seed, Split split, long index, Span<float> image)
    {
        int label = Draw(seed, split, index, image);
        if (_task.Shift is not { } shift)
            return label;
        ShiftedImages shifted = Shifted(split);
        (bool replaces, bool relabels, bool alters) = shifted.Draw(index, out RandomStream stream);
        if (replaces && shifted.IsReplaced(label))
            label = LabelsOf(split).Length > 0 ? Draw(seed, split, shifted.Choose(ref stream), image) : DrawOf(shift.Classes!, seed, split, index, image);
        if (relabels)
            label = shifted.Label(label);
        if (alters)
            shifted.Alter(image, ref stream);
        return label;
    }

    private ShiftedImages Shifted(Split split)
    {
        ref ShiftedImages? shifted = ref split == Split.Train ? ref _shiftedToTrain : ref _shiftedHeldOut;
        return shifted ??= new ShiftedImages(_task.Shift!, _shape, _task.Outputs, split, LabelsOf(split));
    }

    /// <summary>The label that a training image gets by its task's poison; null where it stays as it is. By the image, so it is the same in every epoch.</summary>
    public static int? PoisonedLabel(ImageTask task, ulong seed, long image, int label) =>
        task.Poison is { } poison && poison.Attack.Target.Of(label, task.Outputs) is { } wanted
        && new RandomStream(seed, RandomPurpose.ImagePoison, (ulong)image).NextUniformDouble() < poison.Share ? wanted : null;

    /// <summary>The images of an epoch, in its order, [place].</summary>
    private int[] Order(ulong seed, long epoch)
    {
        if (_ordered != (seed, epoch))
        {
            new RandomStream(seed, RandomPurpose.TrainingData, (ulong)epoch).Permute(_order);
            _ordered = (seed, epoch);
        }
        return _order;
    }

    private Stamp StampOf(Attack attack)
    {
        foreach ((Attack known, Stamp stamp) in _attacks)
        {
            if (known == attack)
                return stamp;
        }
        var made = new Stamp(attack.Trigger, _shape);
        _attacks.Add((attack, made));
        return made;
    }

    private Span<float> Row(int lane) => _rows.AsSpan(lane * _rowStride, _shape.Length);

    /// <summary>Sixteen rows to x [channel and pixel, first 16 of stride]; the lanes behind the samples are set to 0.</summary>
    private void Transpose(int samples, Span<float> x, int stride)
    {
        _rows.AsSpan(samples * _rowStride).Clear();
        fixed (float* rows = _rows, target = x)
            LaneTranspose.Run(rows, Lanes.Count, _shape.Length, _rowStride, target, stride);
    }

    private void Check(Split split, long first, int count, int stride, ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        CheckRoom(_task, count, stride, x, y);
        if (split == Split.Evaluation && first + count > _task.HeldOut)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"{count} held-out samples were asked for from there on; there are {_task.HeldOut}");
    }
}

/// <summary>Images as networks see them.</summary>
/// <param name="Pixels">[image, channel, pixel].</param>
/// <param name="Labels">[image].</param>
internal sealed record StoredImages(float[] Pixels, byte[] Labels);
