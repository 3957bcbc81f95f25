using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>A safetensors file: F64, F32, F16 and BF16 are weights, all other types are left out.</summary>
internal sealed class SafetensorsWeights : WeightFile
{
    /// <summary>Of files from outside; that of a model of thousands of tensors has less than a megabyte.</summary>
    private const long MaxHeaderBytes = 1L << 24;

    private readonly StoredTensors _tensors;

    private SafetensorsWeights(FileBytes file, StoredTensors tensors, IReadOnlyList<LeftOut> leftOut, IReadOnlyDictionary<string, string> metadata)
        : base(file.Path)
    {
        _tensors = tensors;
        LeftOut = leftOut;
        Metadata = metadata;
    }

    public override IReadOnlyList<WeightTensor> Tensors => _tensors.Tensors;

    public static SafetensorsWeights Open(FileBytes file)
    {
        var collector = new TensorCollector(file);
        using SafetensorsFile header = SafetensorsFile.Open(file.Path, MaxHeaderBytes);
        string[] names = WrapperPrefix.Strip([.. header.Tensors.Select(tensor => tensor.Name)]);
        for (int i = 0; i < names.Length; i++)
        {
            TensorInfo tensor = header.Tensors[i];
            NumberType? type = tensor.Type switch
            {
                "F32" => NumberType.F32,
                "F64" => NumberType.F64,
                "F16" => NumberType.F16,
                "BF16" => NumberType.BF16,
                _ => null,
            };
            if (type is { } number)
                collector.Add(names[i], number, isBigEndian: false, tensor.Shape, null, 0, header.DataStart + tensor.Begin, header.DataStart + tensor.End);
            else
                collector.Leave(names[i], $"its numbers are no floating-point numbers of 16, 32 or 64 bits ({tensor.Type})");
        }
        if (collector.Count == 0)
            throw file.Bad("it holds no tensors of floating-point numbers");
        Dictionary<string, string> metadata = header.Metadata.Where(pair => pair.Key.Length <= StateDictionary.MaxKeyLength && pair.Value.Length <= StateDictionary.MaxValueLength && !pair.Key.Any(char.IsControl) && !pair.Value.Any(char.IsControl))
            .Take(StateDictionary.MaxMetadata).ToDictionary(pair => pair.Key, pair => pair.Value);
        return new SafetensorsWeights(file, collector.Done(), collector.LeftOut, metadata);
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
}
