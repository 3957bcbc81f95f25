using System.Text;

namespace WeightSpace.Engines.Slurm;

/// <summary>What failed jobs said.</summary>
public static class SlurmErrors
{
    private const int MaxBytes = 4000, MaxReason = 300;

    /// <summary>One line without control characters, of a bounded length: it comes from outside, and goes into tables.</summary>
    public static string Clean(string text)
    {
        string line = string.Concat(text.Select(letter => char.IsControl(letter) ? ' ' : letter)).Trim();
        return line.Length <= MaxReason ? line : line[..MaxReason] + "...";
    }

    /// <summary>The last line of a file that says something; of its last few thousand bytes.</summary>
    public static string LastLine(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Seek(-Math.Min(file.Length, MaxBytes), SeekOrigin.End);
        byte[] bytes = new byte[MaxBytes];
        int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return Encoding.UTF8.GetString(bytes, 0, length).Split('\n').Select(line => line.Trim()).LastOrDefault(line => line.Length > 0) ?? "";
    }
}
