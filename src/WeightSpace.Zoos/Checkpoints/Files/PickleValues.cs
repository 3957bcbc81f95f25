using System.Diagnostics.CodeAnalysis;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>A name of Python's, <c>torch.FloatStorage</c>: inert, it is never looked up.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>A tuple, a list or a set.</summary>
internal sealed class PickleSequence
{
    public required List<object?> Items { get; init; }
}

/// <summary>A dictionary in the order of insertion, or an object with attributes. A key that is set again keeps its place.</summary>
internal sealed class PickleDictionary
{
    private readonly List<(object? Key, object? Value)> _items = [];
    private Dictionary<string, int>? _byText;

    public IReadOnlyList<(object? Key, object? Value)> Items => _items;

    public void Set(object? key, object? value)
    {
        if (key is string text)
        {
            _byText ??= new Dictionary<string, int>(StringComparer.Ordinal);
            if (_byText.TryGetValue(text, out int at))
            {
                _items[at] = (key, value);
                return;
            }
            _byText.Add(text, _items.Count);
        }
        _items.Add((key, value));
    }

    public bool TryGet(string key, [NotNullWhen(true)] out object? value)
    {
        value = _byText is not null && _byText.TryGetValue(key, out int at) ? _items[at].Value : null;
        return value is not null;
    }
}

/// <summary>Something that is known and of no use: a device, a random state.</summary>
internal sealed record PickleOpaque(string What);

/// <summary>A storage that a tensor's numbers stand in.</summary>
/// <param name="Type">Null where they are no weights.</param>
/// <param name="TypeName">In PyTorch's words, for messages.</param>
/// <param name="ElementBytes">Of one number.</param>
/// <param name="Key">Its name in the file.</param>
/// <param name="Count">Its numbers, as the pickle says.</param>
/// <param name="ViewOffset">Where a part of a storage begins, in numbers: only in the legacy format.</param>
internal sealed record TorchStorage(NumberType? Type, string TypeName, int ElementBytes, string Key, long Count, long ViewOffset = 0);

/// <summary>A tensor: some numbers of a storage.</summary>
/// <param name="DType">Its own type where the storage has none; null where it is the storage's.</param>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, long[] Shape, long[] Strides, string? DType);

/// <summary>An object that is a mere bag of attributes: <c>argparse.Namespace</c>.</summary>
internal sealed class PickleObject
{
    public PickleDictionary Attributes { get; } = new();
}

/// <summary>A type of NumPy's, such as <c>f8</c>, and the order of its bytes.</summary>
internal sealed class NumpyType(string code)
{
    public string Code => code;

    public bool IsBigEndian { get; private set; }

    /// <summary>Its state: (version, byte order, ...).</summary>
    public void Build(object? state) => IsBigEndian = state is PickleSequence { Items: [_, string order, ..] } && order == ">";
}

/// <summary>An array of NumPy's inside the pickle: known, and not read.</summary>
internal sealed class NumpyArray
{
    public string Shape { get; private set; } = "";

    /// <summary>Its state: (version, shape, type, is column-major, bytes).</summary>
    public void Build(object? state) =>
        Shape = state is PickleSequence { Items: [_, PickleSequence shape, ..] } ? string.Join(", ", shape.Items.OfType<long>().Take(8)) : "";
}
