using System.Buffers.Binary;
using System.Text;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// The pickle of a PyTorch checkpoint. The functions that it may ask to call are those below, which describe tensors, dictionaries and numbers; their meaning is built in, and no other
/// is known. What a name stands for otherwise (a class in a dictionary) is kept as a name.
/// </summary>
internal sealed class TorchPickle(FileBytes file, ByteReader bytes) : PickleReader(file, bytes)
{
    private const int TensorCost = 200;

    private static readonly Dictionary<string, (NumberType? Type, int Bytes)> s_storages = new()
    {
        ["FloatStorage"] = (NumberType.F32, 4),
        ["DoubleStorage"] = (NumberType.F64, 8),
        ["HalfStorage"] = (NumberType.F16, 2),
        ["BFloat16Storage"] = (NumberType.BF16, 2),
        ["LongStorage"] = (null, 8),
        ["IntStorage"] = (null, 4),
        ["ShortStorage"] = (null, 2),
        ["CharStorage"] = (null, 1),
        ["ByteStorage"] = (null, 1),
        ["BoolStorage"] = (null, 1),
        ["ComplexFloatStorage"] = (null, 8),
        ["ComplexDoubleStorage"] = (null, 16),
        ["QInt8Storage"] = (null, 1),
        ["QUInt8Storage"] = (null, 1),
        ["QInt32Storage"] = (null, 4),
        ["UntypedStorage"] = (null, 1),
        ["_UntypedStorage"] = (null, 1),
    };

    private static readonly string[] s_storageModules = ["torch.", "torch.cuda.", "torch.storage."];

    /// <summary>For messages: what may be called.</summary>
    private const string Known = "tensors, parameters, dictionaries, sets, sizes, devices, argparse.Namespace and NumPy's numbers";

    /// <summary>Every storage that a tensor was made of, by its key.</summary>
    public Dictionary<string, TorchStorage> Storages { get; } = [];

    protected override object? Call(PickleGlobal function, IReadOnlyList<object?> arguments)
    {
        switch (function.Name)
        {
            case "torch._utils._rebuild_tensor" or "torch._utils._rebuild_tensor_v2":
                return Tensor(arguments, null);
            case "torch._utils._rebuild_tensor_v3":
                return Tensor(arguments, (arguments.ElementAtOrDefault(6) as PickleGlobal)?.Name ?? throw Wrong(function, "a type as its seventh argument"));
            case "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state" or "torch.nn.parameter.Parameter" or "torch.Tensor":
                return arguments is [TorchTensor parameter, ..] ? parameter : throw Wrong(function, "a tensor");
            case "torch._tensor._rebuild_from_type_v2":
                return arguments is [PickleGlobal inner, PickleGlobal { Name: "torch.Tensor" or "torch.nn.parameter.Parameter" }, PickleSequence of, ..] && inner.Name.StartsWith("torch._utils._rebuild_", StringComparison.Ordinal)
                    ? Call(inner, of.Items) : throw Wrong(function, "the parts of a tensor");
            case "collections.OrderedDict" or "collections.Counter" or "builtins.dict" or "__builtin__.dict":
                return Dictionary(function, arguments, 0);
            case "collections.defaultdict":
                return Dictionary(function, arguments, 1);
            case "builtins.set" or "__builtin__.set" or "builtins.frozenset" or "__builtin__.frozenset" or "builtins.list" or "__builtin__.list" or "builtins.tuple" or "__builtin__.tuple" or "torch.Size":
                return arguments.Count == 0 ? new PickleSequence { Items = [] } : arguments is [PickleSequence items] ? Copy(items) : throw Wrong(function, "a list");
            case "argparse.Namespace" or "types.SimpleNamespace":
                Charge(TensorCost);
                return new PickleObject();
            case "pytorch_lightning.utilities.parsing.AttributeDict" or "lightning_fabric.utilities.data.AttributeDict" or "lightning.fabric.utilities.data.AttributeDict":
                return Dictionary(function, arguments, 0);
            case "torch.device":
                return new PickleOpaque("a device");
            case "numpy.dtype":
                return arguments is [string code, ..] ? new NumpyType(code) : throw Wrong(function, "the name of a type");
            case "numpy.core.multiarray.scalar" or "numpy._core.multiarray.scalar":
                return arguments is [NumpyType type, byte[] value] ? Scalar(type, value) : throw Wrong(function, "a type and its bytes");
            case "numpy.core.multiarray._reconstruct" or "numpy._core.multiarray._reconstruct":
                Charge(TensorCost);
                return new NumpyArray();
            case "_codecs.encode":
                return arguments is [string text, string and ("latin1" or "latin-1" or "iso-8859-1")] ? Latin1(text) : throw Wrong(function, "a text and latin1");
            default:
                throw Refused(function);
        }
    }

    protected override object? Persistent(object? id)
    {
        if (id is not PickleSequence { Items: ["storage", PickleGlobal type, string key, _, long count, ..] parts })
        {
            throw id is PickleSequence { Items: ["module", ..] } ? Bad("it holds a whole model with its code, which is not read; save its state_dict() instead")
                : Bad("it refers to something outside of it that is no storage");
        }
        string? name = s_storageModules.Where(module => type.Name.StartsWith(module, StringComparison.Ordinal)).Select(module => type.Name[module.Length..]).FirstOrDefault(s_storages.ContainsKey);
        if (name is null)
            throw Bad($"it has a storage of the type {Shown.Of(type.Name)}, which is not known");
        if (count < 0)
            throw Bad($"a storage is said to have {count} numbers");
        (NumberType? number, int size) = s_storages[name];
        Charge(TensorCost);
        var storage = new TorchStorage(number, name, size, key, count);
        if (Storages.TryGetValue(key, out TorchStorage? known) && known != storage)
            throw Bad($"the storage '{Shown.Of(key)}' is described twice, each time differently");
        Storages[key] = storage;
        if (parts.Count < 6 || parts[5] is null)
            return storage;
        return parts[5] is PickleSequence { Items: [_, long offset, long length] } && offset >= 0 && length >= 0 && offset <= count - length
            ? storage with { ViewOffset = offset } : throw Bad($"the storage '{Shown.Of(key)}' has a part that lies outside of it");
    }

    private TorchTensor Tensor(IReadOnlyList<object?> arguments, string? type)
    {
        if (arguments is not [TorchStorage storage, long offset, PickleSequence size, PickleSequence stride, ..])
            throw Bad("it makes a tensor of something else than a storage, an offset, a shape and strides");
        if (offset < 0)
            throw Bad($"it makes a tensor that begins {offset} numbers into a storage");
        Charge(TensorCost + (16L * (size.Items.Count + stride.Items.Count)));
        return new TorchTensor(storage, offset, Numbers(size), Numbers(stride), type);
    }

    private long[] Numbers(PickleSequence sequence) => [.. sequence.Items.Select(item => item is long number ? number : throw Bad("it makes a tensor whose shape or strides are no whole numbers"))];

    /// <summary>A dictionary, of pairs or another dictionary where there are any.</summary>
    private PickleDictionary Dictionary(PickleGlobal function, IReadOnlyList<object?> arguments, int first)
    {
        Charge(TensorCost);
        var dictionary = new PickleDictionary();
        switch (arguments.ElementAtOrDefault(first))
        {
            case null:
                break;
            case PickleDictionary other:
                Charge(40L * other.Items.Count);
                foreach ((object? key, object? value) in other.Items)
                    dictionary.Set(key, value);
                break;
            case PickleSequence pairs:
                Charge(40L * pairs.Items.Count);
                foreach (object? pair in pairs.Items)
                {
                    if (pair is not PickleSequence { Items: [var key, var value] })
                        throw Wrong(function, "pairs");
                    dictionary.Set(key, value);
                }
                break;
            default:
                throw Wrong(function, "pairs or a dictionary");
        }
        return dictionary;
    }

    private PickleSequence Copy(PickleSequence items)
    {
        Charge(TensorCost + (8L * items.Items.Count));
        return new PickleSequence { Items = [.. items.Items] };
    }

    private byte[] Latin1(string text)
    {
        Charge(text.Length);
        return Encoding.Latin1.GetBytes(text);
    }

    /// <summary>A number of NumPy's; null where it is of another type.</summary>
    private static object? Scalar(NumpyType type, byte[] value)
    {
        byte[] little = [.. value];
        if (type.IsBigEndian)
            Array.Reverse(little);
        return (type.Code, little.Length) switch
        {
            ("f8", 8) => BinaryPrimitives.ReadDoubleLittleEndian(little),
            ("f4", 4) => (double)BinaryPrimitives.ReadSingleLittleEndian(little),
            ("f2", 2) => (double)BinaryPrimitives.ReadHalfLittleEndian(little),
            ("i8", 8) => BinaryPrimitives.ReadInt64LittleEndian(little),
            ("i4", 4) => (long)BinaryPrimitives.ReadInt32LittleEndian(little),
            ("u4", 4) => (long)BinaryPrimitives.ReadUInt32LittleEndian(little),
            ("i2", 2) => (long)BinaryPrimitives.ReadInt16LittleEndian(little),
            ("b1", 1) => little[0] != 0,
            _ => null,
        };
    }

    private InputException Refused(PickleGlobal function)
    {
        string name = Shown.Of(function.Name);
        if (name.StartsWith("__torch__.", StringComparison.Ordinal) || name.StartsWith("torch.jit.", StringComparison.Ordinal))
            return Bad($"it is a TorchScript archive (it asks to call {name}), which holds a program; save the model's state_dict() with torch.save instead");
        return Bad($"it asks to call {name}; only {Known} are read. Nothing was executed. If it holds a whole model or objects of its own, load it where you trust it and save its state_dict() instead");
    }

    private InputException Wrong(PickleGlobal function, string expected) => Bad($"it asks to call {function.Name} with other arguments than {expected}");
}
