using System.Security.Cryptography;
using System.Text;

namespace WeightSpace.Tests.Zoos;

/// <summary>Changes manifests as a hostile hand would: with a digest that matches.</summary>
internal static class Manifests
{
    private const int Digest = 64, Tail = 4;

    /// <summary>Changes the text of a <c>zoo.json</c>.</summary>
    public static void Change(string path, Func<string, string> change) => File.WriteAllBytes(path, Sign(change(File.ReadAllText(path))));

    /// <summary>Gives the text of a manifest the digest that fits.</summary>
    public static byte[] Sign(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(bytes.AsSpan(..^(Digest + Tail))))).CopyTo(bytes, bytes.Length - Digest - Tail);
        return bytes;
    }

    /// <summary>Lists a file of the zoo as it is now.</summary>
    public static void Update(string folder, string file)
    {
        byte[] content = File.ReadAllBytes(Path.Combine(folder, file));
        Change(Path.Combine(folder, "zoo.json"), text =>
        {
            int at = text.IndexOf($"\"path\": \"{file}\"", StringComparison.Ordinal), end = text.IndexOf("\"sha256\": \"", at, StringComparison.Ordinal) + 11;
            return text[..at] + $"\"path\": \"{file}\",\n      \"bytes\": {content.Length},\n      \"sha256\": \"{Convert.ToHexStringLower(SHA256.HashData(content))}" + text[(end + Digest)..];
        });
    }
}
