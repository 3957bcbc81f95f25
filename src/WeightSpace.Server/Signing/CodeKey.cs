using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Signing;

/// <summary>
/// The public half of a project's code signing key. A volunteer's client keeps the first one that it sees, and runs no program without a signature by it. Key and signature have the
/// form that BOINC's client reads: hexadecimal, 32 bytes to a line, ended by a full stop; RSA of 1,024 bits, the most that it reads.
/// </summary>
public sealed class PublicCodeKey
{
    internal const int Bytes = 128;

    private const string Bits = "1024";

    private readonly BigInteger _modulus, _exponent;

    internal PublicCodeKey(BigInteger modulus, BigInteger exponent)
    {
        (_modulus, _exponent) = (modulus, exponent);
        Text = Bits + "\n" + HexLines(ToBytes(modulus)) + HexLines(ToBytes(exponent)) + ".\n";
    }

    /// <summary>The key as clients are given it.</summary>
    public string Text { get; }

    /// <summary>Reads what <see cref="Text"/> is. Throws <see cref="InputException"/> naming <paramref name="source"/> where it is no such key.</summary>
    public static PublicCodeKey Parse(string text, string source)
    {
        string[] words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 3 || words[0] != Bits || words[^1] != "." || FromHex(string.Concat(words[1..^1])) is not { Length: 2 * Bytes } bytes)
            throw new InputException($"{source}: this is not a code signing key: expected {Bits}, then {2 * Bytes} bytes in hexadecimal, then a full stop; `weightspace sign` makes one");
        return new PublicCodeKey(new BigInteger(bytes.AsSpan(0, Bytes), isUnsigned: true, isBigEndian: true), new BigInteger(bytes.AsSpan(Bytes), isUnsigned: true, isBigEndian: true));
    }

    /// <summary>Whether <paramref name="signature"/>, as <see cref="PrivateCodeKey.Sign"/> writes it, is this key's over a file of this MD5 (32 hexadecimal digits).</summary>
    public bool Verify(string md5, string signature)
    {
        string[] words = signature.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2 || words[^1] != "." || FromHex(string.Concat(words[..^1])) is not { Length: Bytes } bytes)
            return false;
        var number = new BigInteger(bytes, isUnsigned: true, isBigEndian: true);
        return number < _modulus && ToBytes(BigInteger.ModPow(number, _exponent, _modulus)).AsSpan().SequenceEqual(Pad(md5));
    }

    internal static string HexLines(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        for (int i = 0; i < bytes.Length; i += 32)
            text.Append(Convert.ToHexStringLower(bytes.Slice(i, Math.Min(32, bytes.Length - i)))).Append('\n');
        return text.ToString();
    }

    internal static byte[] ToBytes(BigInteger number)
    {
        byte[] shortest = number.ToByteArray(isUnsigned: true, isBigEndian: true), bytes = new byte[Bytes];
        shortest.CopyTo(bytes, Bytes - shortest.Length);
        return bytes;
    }

    /// <summary>PKCS #1 version 1.5, block type 1, over the MD5's hexadecimal digits themselves: 00 01 FF ... FF 00 digits.</summary>
    internal static byte[] Pad(string md5)
    {
        byte[] digits = Encoding.ASCII.GetBytes(md5), block = new byte[Bytes];
        block.AsSpan(2, Bytes - 3 - digits.Length).Fill(0xFF);
        block[1] = 1;
        digits.CopyTo(block, Bytes - digits.Length);
        return block;
    }

    private static byte[]? FromHex(string digits)
    {
        try
        {
            return Convert.FromHexString(digits);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}

/// <summary>A project's code signing key: who has it can run programs on every volunteer's machine, so it is kept away from the server.</summary>
public sealed class PrivateCodeKey
{
    private readonly BigInteger _modulus, _exponent;

    private PrivateCodeKey(RSAParameters key)
    {
        _modulus = new BigInteger(key.Modulus, isUnsigned: true, isBigEndian: true);
        _exponent = new BigInteger(key.D, isUnsigned: true, isBigEndian: true);
        Public = new PublicCodeKey(_modulus, new BigInteger(key.Exponent, isUnsigned: true, isBigEndian: true));
    }

    public PublicCodeKey Public { get; }

    /// <summary>Reads a key in PEM, or makes one and writes it, readable for its owner alone. Throws <see cref="InputException"/> where the file is something else.</summary>
    public static PrivateCodeKey ReadOrMake(string path, out bool isNew)
    {
        isNew = false;
        using var rsa = RSA.Create(PublicCodeKey.Bytes * 8);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var file = new FileStream(path, options);
            file.Write(Encoding.ASCII.GetBytes(rsa.ExportPkcs8PrivateKeyPem() + "\n"));
            file.Flush(flushToDisk: true);
            isNew = true;
            return new PrivateCodeKey(rsa.ExportParameters(includePrivateParameters: true));
        }
        try
        {
            if (new FileInfo(path).Length > 1 << 16)
                throw new InputException($"{path}: the file is too large for a key; expected an RSA private key in PEM");
            rsa.ImportFromPem(File.ReadAllText(path));
            RSAParameters key = rsa.ExportParameters(includePrivateParameters: true);
            if (key.Modulus!.Length != PublicCodeKey.Bytes)
                throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{path}: found an RSA key of {key.Modulus.Length * 8} bits, expected {PublicCodeKey.Bytes * 8}: volunteers' clients read no longer one"));
            return new PrivateCodeKey(key);
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            throw new InputException($"{path}: this is not an RSA private key in PEM: {error.Message}; name another file, and one will be made", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InputException($"{path}: the key cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The signature over a file of this MD5, 32 hexadecimal digits.</summary>
    public string Sign(string md5) =>
        PublicCodeKey.HexLines(PublicCodeKey.ToBytes(BigInteger.ModPow(new BigInteger(PublicCodeKey.Pad(md5), isUnsigned: true, isBigEndian: true), _exponent, _modulus))) + ".\n";
}
