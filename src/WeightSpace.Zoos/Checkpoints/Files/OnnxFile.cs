using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// The initialisers of an ONNX model (onnx/onnx.proto3): ModelProto.graph.initializer, read as protocol buffers by hand. Nothing else of the model is looked at. Numbers may stand in other
/// files of the same folder.
/// </summary>
internal sealed class OnnxFile : WeightFile
{
    /// <summary>float16 and bfloat16 may stand as numbers of variable length, which are kept in memory; of a file at most so many.</summary>
    private const long MaxUnpacked = 1L << 23;

    private const int MaxName = 1000;

    private const int Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5;

    private readonly List<WeightTensor> _tensors = [];
    private readonly List<(TensorCollector In, int Index, float[]? Values)> _places = [];
    private readonly List<FileBytes> _files = [];
    private readonly Dictionary<string, TensorCollector> _collectors = [];
    private readonly Dictionary<TensorCollector, StoredTensors> _done = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private long _unpacked;

    private OnnxFile(FileBytes file)
        : base(file.Path)
    {
        _files.Add(file);
        _collectors.Add("", new TensorCollector(file));
    }

    public override IReadOnlyList<WeightTensor> Tensors => _tensors;

    public static OnnxFile Open(FileBytes file)
    {
        var onnx = new OnnxFile(file);
        try
        {
            onnx.ReadModel(file);
            onnx.Finish(file);
            return onnx;
        }
        catch
        {
            // The first is the caller's.
            onnx._files[1..].ForEach(other => other.Dispose());
            throw;
        }
    }

    public override void Read(int tensor, long first, Span<float> values)
    {
        CheckRange(_tensors[tensor], first, values.Length);
        if (_places[tensor].Values is { } known)
            known.AsSpan((int)first, values.Length).CopyTo(values);
        else
            _done[_places[tensor].In].Read(_places[tensor].Index, first, values);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _files.ForEach(file => file.Dispose());
    }

    /// <summary>One field of a message: its number, and where its content stands, or its number where it has one.</summary>
    private readonly record struct Field(int Number, int Wire, ulong Value, long Begin, long End);

    /// <summary>The parts of a TensorProto that say where its numbers stand.</summary>
    private sealed class Initialiser
    {
        public List<long> Shape { get; } = [];

        public long Type { get; set; }

        public string Name { get; set; } = "";

        public bool IsExternal { get; set; }

        /// <summary>By the number of the field: raw_data, float_data, int32_data, double_data.</summary>
        public Dictionary<int, (long Begin, long End)> Data { get; } = [];

        public Dictionary<string, string> External { get; } = [];
    }

    private void ReadModel(FileBytes file)
    {
        var metadata = new Dictionary<string, string>();
        var reader = new ByteReader(file, 0, file.Length);
        bool hasGraph = false;
        foreach (Field field in Fields(file, reader, file.Length))
        {
            if (field is { Number: 7, Wire: Delimited })
            {
                hasGraph = true;
                foreach (Field inGraph in Fields(file, reader, field.End))
                {
                    if (inGraph is { Number: 5, Wire: Delimited })
                        Add(file, ReadInitialiser(file, reader, inGraph.End));
                    else if (inGraph is { Number: 15, Wire: Delimited })
                        _collectors[""].Leave($"sparse initialiser {_tensors.Count}", "it is sparse");
                }
            }
            else if (field is { Number: 14, Wire: Delimited })
            {
                (string key, string value) = ReadPair(file, reader, field.End);
                if (metadata.Count < StateDictionary.MaxMetadata && key.Length is > 0 and <= StateDictionary.MaxKeyLength && value.Length <= StateDictionary.MaxValueLength && !key.Any(char.IsControl) && !value.Any(char.IsControl))
                    metadata.TryAdd(key, value);
            }
        }
        Metadata = metadata;
        if (!hasGraph)
            throw Bad(file, "it has no graph");
    }

    private static Initialiser ReadInitialiser(FileBytes file, ByteReader reader, long end)
    {
        var tensor = new Initialiser();
        foreach (Field field in Fields(file, reader, end))
        {
            switch (field.Number)
            {
                case 1 when field.Wire == Varint:
                    AddSize(file, tensor, (long)field.Value);
                    break;
                case 1 when field.Wire == Delimited:
                    while (reader.Position < field.End)
                        AddSize(file, tensor, (long)ReadVarint(file, reader));
                    break;
                case 2 when field.Wire == Varint:
                    tensor.Type = (long)field.Value;
                    break;
                case 3:
                    throw Bad(file, "it has a tensor in segments, which is not read");
                case 4 or 5 or 9 or 10 when field.Wire == Delimited:
                    if (!tensor.Data.TryAdd(field.Number, (field.Begin, field.End)))
                        throw Bad(file, "a tensor has its numbers in several parts, expected one");
                    break;
                case 4 or 5 or 10:
                    throw Bad(file, "a tensor has its numbers one by one, expected them packed; save the model again with a current version of onnx");
                case 8 when field.Wire == Delimited:
                    tensor.Name = ReadText(file, reader, field);
                    break;
                case 13 when field.Wire == Delimited:
                    (string key, string value) = ReadPair(file, reader, field.End);
                    tensor.External[key] = tensor.External.Count < 16 ? value : throw Bad(file, "a tensor says more than 16 things of the file that it stands in");
                    break;
                case 14 when field.Wire == Varint:
                    tensor.IsExternal = field.Value == 1;
                    break;
            }
        }
        return tensor;
    }

    private static void AddSize(FileBytes file, Initialiser tensor, long size)
    {
        if (tensor.Shape.Count == MaxDimensions)
            throw Bad(file, $"a tensor has more than {MaxDimensions} dimensions");
        tensor.Shape.Add(size);
    }

    private void Add(FileBytes file, Initialiser tensor)
    {
        // TensorProto.DataType.
        NumberType? type = tensor.Type switch
        {
            1 => NumberType.F32,
            10 => NumberType.F16,
            11 => NumberType.F64,
            16 => NumberType.BF16,
            _ => null,
        };
        if (type is not { } number)
        {
            _collectors[""].Leave(tensor.Name, $"its numbers are no floating-point numbers of 16, 32 or 64 bits (type {tensor.Type})");
            return;
        }
        long elements = TensorCollector.Elements(file, tensor.Name, tensor.Shape);
        if (tensor.Name.Length == 0 || !_names.Add(tensor.Name))
            throw Bad(file, tensor.Name.Length == 0 ? "a tensor has no name" : $"two tensors are named '{Shown.Of(tensor.Name)}'");
        float[]? values = null;
        TensorCollector collector = _collectors[""];
        if (tensor.IsExternal)
        {
            (collector, long begin, long end) = OpenExternal(file, tensor, elements * (Int128)NumberTypes.SizeOf(number));
            collector.Add(tensor.Name, number, isBigEndian: false, tensor.Shape, null, 0, begin, end);
        }
        else if (tensor.Data.TryGetValue(5, out (long Begin, long End) coded) && number is NumberType.F16 or NumberType.BF16 && !tensor.Data.ContainsKey(9))
        {
            values = Decode(file, tensor, number, coded.Begin, coded.End, elements);
        }
        else
        {
            int expected = tensor.Data.ContainsKey(9) ? 9 : number == NumberType.F32 ? 4 : number == NumberType.F64 ? 10 : 9;
            (long begin, long end) = tensor.Data.GetValueOrDefault(expected);
            if (end - begin != elements * (Int128)NumberTypes.SizeOf(number))
                throw Bad(file, $"the tensor '{Shown.Of(tensor.Name)}' of shape [{Shown.Of(tensor.Shape)}] has {end - begin} bytes of numbers, expected {elements * (Int128)NumberTypes.SizeOf(number)}");
            collector.Add(tensor.Name, number, isBigEndian: false, tensor.Shape, null, 0, begin, end);
        }
        _tensors.Add(new WeightTensor(tensor.Name, NumberTypes.Word(number), tensor.Shape));
        _places.Add((collector, values is null ? collector.Count - 1 : -1, values));
    }

    /// <summary>The bytes of a tensor that stands in another file of the same folder.</summary>
    private (TensorCollector Collector, long Begin, long End) OpenExternal(FileBytes file, Initialiser tensor, Int128 bytes)
    {
        string name = tensor.External.GetValueOrDefault("location", "");
        if (name.Length is 0 or > 255 || name.AsSpan().ContainsAny("/\\:\0") || name is "." or "..")
            throw Bad(file, $"the tensor '{Shown.Of(tensor.Name)}' is said to stand in '{Shown.Of(name)}', expected the name of a file in the same folder");
        long Number(string key, long otherwise) => !tensor.External.TryGetValue(key, out string? text) ? otherwise
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : throw Bad(file, $"the {key} of the tensor '{Shown.Of(tensor.Name)}' is '{Shown.Of(text)}', expected a whole number");
        if (!_collectors.TryGetValue(name, out TensorCollector? collector))
        {
            if (_files.Count > 1000)
                throw Bad(file, "its tensors stand in more than 1,000 files");
            FileBytes other = FileBytes.Open(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(file.Path) ?? "", name));
            _files.Add(other);
            _collectors.Add(name, collector = new TensorCollector(other));
        }
        FileBytes of = _files.First(known => System.IO.Path.GetFileName(known.Path) == name);
        long begin = Number("offset", 0), length = Number("length", Math.Max(0, of.Length - begin));
        if (length != bytes || begin > of.Length - length)
            throw Bad(file, $"the tensor '{Shown.Of(tensor.Name)}' is said to stand in {length} bytes from byte {begin} on of '{Shown.Of(name)}', which has {of.Length}; it needs {bytes}");
        return (collector, begin, begin + length);
    }

    /// <summary>Numbers of 16 bits that stand as numbers of variable length.</summary>
    private float[] Decode(FileBytes file, Initialiser tensor, NumberType type, long begin, long end, long elements)
    {
        _unpacked += elements;
        if (elements > end - begin || _unpacked > MaxUnpacked)
            throw Bad(file, $"the tensor '{Shown.Of(tensor.Name)}' is said to have {elements} numbers in {end - begin} bytes, expected no more than one a byte and {MaxUnpacked} in all; save the model with raw data");
        var reader = new ByteReader(file, begin, end);
        float[] values = new float[elements];
        byte[] raw = new byte[2];
        for (int i = 0; i < values.Length; i++)
        {
            ulong bits = ReadVarint(file, reader);
            if (bits > ushort.MaxValue)
                throw Bad(file, $"the tensor '{Shown.Of(tensor.Name)}' has the number {bits}, expected 16 bits");
            BinaryPrimitives.WriteUInt16LittleEndian(raw, (ushort)bits);
            NumberTypes.ToFloats(type, isBigEndian: false, raw, values.AsSpan(i, 1));
        }
        return reader.Left == 0 ? values : throw Bad(file, $"the tensor '{Shown.Of(tensor.Name)}' has more numbers than its shape [{Shown.Of(tensor.Shape)}] says");
    }

    private void Finish(FileBytes file)
    {
        if (_tensors.Count == 0)
            throw file.Bad($"it has no initialisers of floating-point numbers{(_collectors[""].LeftOut.Count > 0 ? $", only {_collectors[""].LeftOut.Count} others" : "")}; a model whose weights are constants of its graph is not read");
        foreach (TensorCollector collector in _collectors.Values)
            _done.Add(collector, collector.Done());
        LeftOut = _collectors[""].LeftOut;
    }

    /// <summary>The fields of a message that ends at <paramref name="end"/>. What the caller does not read of a field's content is passed over.</summary>
    private static IEnumerable<Field> Fields(FileBytes file, ByteReader reader, long end)
    {
        while (reader.Position < end)
        {
            ulong tag = ReadVarint(file, reader);
            (ulong number, int wire) = (tag >> 3, (int)(tag & 7));
            if (number is 0 or > 0x1FFFFFFF)
                throw Bad(file, $"found the field {number} before byte {reader.Position}");
            ulong value = 0;
            long until;
            switch (wire)
            {
                case Varint:
                    value = ReadVarint(file, reader);
                    until = reader.Position;
                    break;
                case Fixed64 or Fixed32:
                    until = reader.Position + (wire == Fixed64 ? 8 : 4);
                    break;
                case Delimited:
                    ulong length = ReadVarint(file, reader);
                    if (length > (ulong)Math.Max(0, end - reader.Position))
                        throw Bad(file, $"a field is said to have {length} bytes from byte {reader.Position} on, and what it stands in ends at byte {end}: it was cut off or damaged");
                    until = reader.Position + (long)length;
                    break;
                default:
                    throw Bad(file, $"found a field of the kind {wire} before byte {reader.Position}, which ONNX has not");
            }
            yield return new Field((int)number, wire, value, reader.Position, until);
            if (reader.Position > until || until > end)
                throw Bad(file, $"a field before byte {until} does not end where it should: it was cut off or damaged");
            reader.Skip(until - reader.Position);
        }
        if (reader.Position != end)
            throw Bad(file, $"a message does not end at byte {end}, where it should: it was damaged");
    }

    private static (string Key, string Value) ReadPair(FileBytes file, ByteReader reader, long end)
    {
        (string key, string value) = ("", "");
        foreach (Field field in Fields(file, reader, end))
        {
            if (field is { Number: 1, Wire: Delimited })
                key = ReadText(file, reader, field);
            else if (field is { Number: 2, Wire: Delimited } && field.End - field.Begin <= MaxName)
                value = ReadText(file, reader, field);
        }
        return (key, value);
    }

    private static string ReadText(FileBytes file, ByteReader reader, Field field)
    {
        if (field.End - field.Begin > MaxName)
            throw Bad(file, $"a name has {field.End - field.Begin} bytes, expected at most {MaxName}");
        byte[] text = new byte[field.End - field.Begin];
        reader.Read(text);
        return Encoding.UTF8.GetString(text);
    }

    private static ulong ReadVarint(FileBytes file, ByteReader reader)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = reader.Byte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
        throw Bad(file, $"found a number of more than 64 bits before byte {reader.Position}");
    }

    private static InputException Bad(FileBytes file, string what) => file.Bad($"this is not a sound ONNX model: {what}");
}
