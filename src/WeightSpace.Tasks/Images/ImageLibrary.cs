using System.Collections.Concurrent;

namespace WeightSpace.Tasks.Images;

/// <summary>Tells what an image set is by its name.</summary>
public interface IImageCatalog
{
    /// <exception cref="InvalidDataException">There is no such set, or it is damaged; the message says what, and what to do.</exception>
    ImageSetInfo Find(string name);
}

/// <summary>
/// The folder in which images from files lie, each set in a folder of its own name. A set is read once for all threads, when it is first asked for.
/// </summary>
public sealed class ImageLibrary(string folder) : IImageCatalog
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string Variable = "WEIGHTSPACE_DATA";

    private readonly ConcurrentDictionary<string, Lazy<ImageSet>> _sets = new();

    /// <summary>The folder that <see cref="Variable"/> names, or <c>weightspace/data</c> in the user's data folder (<c>~/.local/share</c> on Linux).</summary>
    public static ImageLibrary Default { get; } = new(DefaultFolder());

    public string Folder => folder;

    public ImageSetInfo Find(string name) => Load(name).Info;

    /// <summary>Reads a set.</summary>
    /// <exception cref="InvalidDataException">It is not there, or damaged.</exception>
    public ImageSet Load(string name)
    {
        try
        {
            return _sets.GetOrAdd(name, key => new Lazy<ImageSet>(() => Read(key, Path.Combine(folder, key)))).Value;
        }
        catch (InvalidDataException)
        {
            // It may be put right while the program runs.
            _sets.TryRemove(name, out _);
            throw;
        }
    }

    /// <summary>Reads the set that a recipe was made with.</summary>
    /// <exception cref="InvalidDataException">It is not there, damaged, or another one of the same name.</exception>
    public ImageSet Load(ImageSetInfo expected)
    {
        ImageSet set = Load(expected.Name);
        return set.Info == expected ? set : throw new InvalidDataException(
            $"{Path.Combine(folder, expected.Name)}: these are other images than the recipe's: found {set.Info} with digest {set.Info.Digest}, expected {expected} with digest {expected.Digest}; put the recipe's images there, or name another data folder (--data, {Variable})");
    }

    /// <summary>Reads the set in a folder, whatever its format.</summary>
    /// <exception cref="InvalidDataException">It is not there, or damaged.</exception>
    public static ImageSet Read(string name, string path)
    {
        if (!Directory.Exists(path))
            throw new InvalidDataException($"{path}: there is no such folder; images of '{name}' were expected there (`weightspace data` says where to get them, --data or {Variable} names another data folder)");
        string unpacked = Path.Combine(path, CifarFiles.UnpackedFolder);
        string cifar = Directory.Exists(unpacked) ? unpacked : path;
        if (CifarFiles.Names.Any(file => File.Exists(Path.Combine(cifar, file))))
            return CifarFiles.Read(name, cifar);
        if (IdxFiles.Names.Any(file => FindFile(path, file) is not null))
            return IdxFiles.Read(name, path);
        throw new InvalidDataException($"{path}: found no images, expected {IdxFiles.Names[0]} and its three companions (plain or {ImageFile.Packed}), or {CifarFiles.Names[0]} and its five");
    }

    /// <summary>Whether a folder has any file of a set.</summary>
    public static bool HasFiles(string path) =>
        IdxFiles.Names.Any(file => FindFile(path, file) is not null) || CifarFiles.Names.Any(file => File.Exists(Path.Combine(path, file)) || File.Exists(Path.Combine(path, CifarFiles.UnpackedFolder, file)));

    /// <summary>The path of a file, plain or packed; null where there is neither.</summary>
    internal static string? FindFile(string folder, string name) =>
        File.Exists(Path.Combine(folder, name)) ? Path.Combine(folder, name)
        : File.Exists(Path.Combine(folder, name + ImageFile.Packed)) ? Path.Combine(folder, name + ImageFile.Packed)
        : null;

    private static string DefaultFolder() => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "weightspace", "data");
}
