using System.Buffers.Binary;
using System.Numerics;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// A checkpoint of PyTorch's: the zip format of torch.save since 1.6 (a stored zip with <c>data.pkl</c> and <c>data/KEY</c>), and the one before it (a magic number, some pickles, then the
/// storages one behind the other). See torch/serialization.py.
/// </summary>
internal sealed class TorchFile : WeightFile
{
    private static readonly BigInteger s_magic = BigInteger.Parse("119547037146038801333356", System.Globalization.CultureInfo.InvariantCulture);

    private readonly StoredTensors _tensors;

    private TorchFile(FileBytes file, StoredTensors tensors, StateDictionary state, IReadOnlyList<LeftOut> leftOut, IReadOnlyDictionary<string, string> metadata)
        : base(file.Path)
    {
        _tensors = tensors;
        LeftOut = [.. state.LeftOut, .. leftOut];
        Metadata = metadata;
    }

    public override IReadOnlyList<WeightTensor> Tensors => _tensors.Tensors;

    public static TorchFile Open(FileBytes file)
    {
        if (ZipDirectory.IsZip(file))
            return OpenZip(file);
        byte[] first = new byte[(int)Math.Min(265, file.Length)];
        file.Read(0, first);
        if (first.Length >= 262 && first.AsSpan(257, 5).SequenceEqual("ustar"u8))
            throw file.Bad("this is a tar file, as PyTorch wrote them before 0.1.10; load it with torch.load and save it again");
        if (first.Length < 2 || first[0] != 0x80)
            throw file.Bad("this is no PyTorch checkpoint: it begins neither as a zip archive nor as a pickle");
        return OpenLegacy(file);
    }

    public override void Read(int tensor, long first, Span<float> values)
    {
        CheckRange(Tensors[tensor], first, values.Length);
        _tensors.Read(tensor, first, values);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _tensors.Dispose();
    }

    private static TorchFile OpenZip(FileBytes file)
    {
        IReadOnlyList<ZipItem> items = ZipDirectory.Read(file);
        ZipItem[] pickles = [.. items.Where(item => item.Name == "data.pkl" || item.Name.EndsWith("/data.pkl", StringComparison.Ordinal))];
        if (pickles.Length != 1)
            throw file.Bad($"this is no PyTorch checkpoint: the archive has {pickles.Length} files named data.pkl, expected 1");
        string root = pickles[0].Name[..^"data.pkl".Length];
        if (items.Any(item => item.Name == root + "constants.pkl"))
            throw file.Bad("this is a TorchScript archive, which holds a program; save the model's state_dict() with torch.save instead");
        if (items.FirstOrDefault(item => item.IsDeflated) is { } packed)
            throw file.Bad($"'{Shown.Of(packed.Name)}' in it is compressed; torch.save stores without compression, so the archive was packed by something else");
        bool isBigEndian = ReadByteOrder(file, items.FirstOrDefault(item => item.Name == root + "byteorder"));
        var pickle = new TorchPickle(file, new ByteReader(file, pickles[0].Begin, pickles[0].End));
        object? value = pickle.Read();
        Dictionary<string, ZipItem> storages = items.Where(item => item.Name.StartsWith(root + "data/", StringComparison.Ordinal)).ToDictionary(item => item.Name[(root.Length + "data/".Length)..]);
        return Make(file, value, isBigEndian, storage => storages.TryGetValue(storage.Key, out ZipItem? item) ? (item.Begin, item.End)
            : storage.Count == 0 ? (0, 0) : throw file.Bad($"the storage 'data/{Shown.Of(storage.Key)}' is missing in the archive: it was cut off or packed again"));
    }

    private static bool ReadByteOrder(FileBytes file, ZipItem? item)
    {
        if (item is null)
            return false;
        byte[] order = new byte[(int)Math.Min(item.Bytes, 8)];
        file.Read(item.Begin, order);
        return order.AsSpan().SequenceEqual("big"u8) || (order.AsSpan().SequenceEqual("little"u8) ? false : throw file.Bad("its byteorder is neither 'little' nor 'big'"));
    }

    private static TorchFile OpenLegacy(FileBytes file)
    {
        var bytes = new ByteReader(file, 0, file.Length);
        object? magic = new TorchPickle(file, bytes).Read();
        if (magic is not BigInteger number || number != s_magic)
            throw file.Bad("this is a pickle and no PyTorch checkpoint: the number that those begin with is missing");
        if (new TorchPickle(file, bytes).Read() is not 1001L)
            throw file.Bad("it is of another version of PyTorch's legacy format than 1001, the only one");
        bool isBigEndian = new TorchPickle(file, bytes).Read() is PickleDictionary system && system.TryGet("little_endian", out object? little) && little is false;
        var pickle = new TorchPickle(file, bytes);
        object? value = pickle.Read();
        var keys = new TorchPickle(file, bytes).Read() as PickleSequence ?? throw file.Bad("the list of its storages is missing");
        var places = new Dictionary<string, (long Begin, long End)>();
        byte[] head = new byte[8];
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !pickle.Storages.TryGetValue(key, out TorchStorage? storage))
                throw file.Bad("it lists a storage that no tensor has");
            bytes.Read(head);
            long count = isBigEndian ? BinaryPrimitives.ReadInt64BigEndian(head) : BinaryPrimitives.ReadInt64LittleEndian(head);
            if (count != storage.Count)
                throw file.Bad($"the storage '{Shown.Of(key)}' has {count} numbers, expected {storage.Count}, as its tensors say: it was cut off or damaged");
            if (count > bytes.Left / storage.ElementBytes)
                throw file.Bad($"the storage '{Shown.Of(key)}' has {count} numbers of {storage.ElementBytes} bytes, and the file only {bytes.Left} bytes more: it was cut off");
            long begin = bytes.Position;
            bytes.Skip(count * storage.ElementBytes);
            if (!places.TryAdd(key, (begin, bytes.Position)))
                throw file.Bad($"it lists the storage '{Shown.Of(key)}' twice");
        }
        return Make(file, value, isBigEndian, storage => places.TryGetValue(storage.Key, out (long Begin, long End) place) ? place
            : throw file.Bad($"the storage '{Shown.Of(storage.Key)}' is missing: the file was cut off"));
    }

    private static TorchFile Make(FileBytes file, object? value, bool isBigEndian, Func<TorchStorage, (long Begin, long End)> place)
    {
        StateDictionary state = StateDictionary.Find(file, value);
        var collector = new TensorCollector(file);
        Add(file, collector, state.Tensors, isBigEndian, place);
        if (collector.Count == 0)
            throw file.Bad($"it holds no tensors of floating-point numbers{(collector.LeftOut.Count > 0 ? $", only {collector.LeftOut.Count} others" : "")}");
        // Losses and accuracies are often tensors of one number.
        var numbers = new TensorCollector(file);
        Add(file, numbers, state.Numbers, isBigEndian, place);
        Dictionary<string, string> metadata = new(state.Metadata);
        StoredTensors read = numbers.Done();
        Span<float> one = stackalloc float[1];
        for (int i = 0; i < read.Tensors.Count && metadata.Count < StateDictionary.MaxMetadata; i++)
        {
            read.Read(i, 0, one);
            metadata.TryAdd(read.Tensors[i].Name, one[0].ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        return new TorchFile(file, collector.Done(), state, collector.LeftOut, metadata);
    }

    private static void Add(FileBytes file, TensorCollector collector, IReadOnlyList<(string Name, TorchTensor Tensor)> tensors, bool isBigEndian, Func<TorchStorage, (long Begin, long End)> place)
    {
        foreach ((string name, TorchTensor tensor) in tensors)
        {
            NumberType? type = tensor.DType is null ? tensor.Storage.Type : tensor.DType switch
            {
                "torch.float32" => NumberType.F32,
                "torch.float64" => NumberType.F64,
                "torch.float16" => NumberType.F16,
                "torch.bfloat16" => NumberType.BF16,
                _ => null,
            };
            if (type is not { } number)
            {
                collector.Leave(name, $"its numbers are no floating-point numbers ({tensor.DType ?? tensor.Storage.TypeName})");
                continue;
            }
            (long begin, long end) = place(tensor.Storage);
            if (end - begin < (Int128)tensor.Storage.Count * tensor.Storage.ElementBytes)
                throw file.Bad($"the storage '{Shown.Of(tensor.Storage.Key)}' has {end - begin} bytes, expected {tensor.Storage.Count} numbers of {tensor.Storage.ElementBytes} bytes: it was cut off or damaged");
            collector.Add(name, number, isBigEndian, tensor.Shape, tensor.Strides, (Int128)tensor.Offset + tensor.Storage.ViewOffset, begin, end);
        }
    }
}
