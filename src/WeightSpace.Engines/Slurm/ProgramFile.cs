using System.Security.Cryptography;
using WeightSpace.Zoos;

namespace WeightSpace.Engines.Slurm;

/// <summary>The program as one file in the shared folder, by its digest: an update in mid-run mixes no versions, as each batch names the one that it was submitted with.</summary>
public static class ProgramFile
{
    /// <summary>Copies the program to where the nodes run it, unless it is there; its path.</summary>
    public static string Install(string program, SlurmFolder folder)
    {
        using FileStream source = Open(program);
        string digest = Convert.ToHexStringLower(SHA256.HashData(source));
        string path = Path.Combine(folder.Programs, digest, "weightspace");
        if (File.Exists(path) && new FileInfo(path).Length == source.Length)
            return path;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = path + ".tmp";
        source.Position = 0;
        using (var copy = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            source.CopyTo(copy);
            copy.Flush(flushToDisk: true);
        }
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(temporary, (UnixFileMode)0b111_101_101);
        File.Move(temporary, path, overwrite: true);
        return path;
    }

    private static FileStream Open(string program)
    {
        try
        {
            return new FileStream(program, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            throw new InputException($"{program}: the program for the nodes cannot be read: {error.Message}", error);
        }
    }
}
