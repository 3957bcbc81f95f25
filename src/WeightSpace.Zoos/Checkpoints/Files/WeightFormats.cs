namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>Which files are read as checkpoints, and by which reader.</summary>
internal static class WeightFormats
{
    /// <summary>What stands behind the name of an index of parts: <c>model.safetensors.index.json</c>.</summary>
    public const string IndexSuffix = ".index.json";

    private static readonly string[] s_torch = [".pt", ".pth", ".bin", ".ckpt"];

    /// <summary>For messages and help.</summary>
    public const string Known = ".pt, .pth, .bin, .ckpt (PyTorch), .safetensors, .safetensors.index.json, .npz, .npy, .onnx";

    /// <summary>Whether a file may be a checkpoint, by its name.</summary>
    public static bool IsKnown(string path) => ReaderOf(path) is not null || IsIndex(path);

    public static bool IsIndex(string path) => path.EndsWith(".safetensors" + IndexSuffix, StringComparison.OrdinalIgnoreCase) || path.EndsWith(".bin" + IndexSuffix, StringComparison.OrdinalIgnoreCase);

    public static WeightFile Open(string path)
    {
        if (Directory.Exists(path))
            throw new InputException($"{path}: this is a folder; a checkpoint's file was expected");
        if (IsIndex(path))
            return ShardedFile.Open(path);
        Func<FileBytes, WeightFile> reader = ReaderOf(path) ?? throw new InputException($"{path}: the format of a checkpoint is told by its ending; known are {Known}");
        FileBytes file = FileBytes.Open(path);
        try
        {
            return reader(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Func<FileBytes, WeightFile>? ReaderOf(string path)
    {
        string ending = Path.GetExtension(path).ToLowerInvariant();
        return ending switch
        {
            ".safetensors" => SafetensorsWeights.Open,
            ".onnx" => OnnxFile.Open,
            ".npz" or ".npy" => NumpyFile.Open,
            // Ray Tune's folders, checkpoint_000012/checkpoints.
            "" when Path.GetFileName(path) == "checkpoints" => TorchFile.Open,
            _ => s_torch.Contains(ending) ? TorchFile.Open : null,
        };
    }
}
