using System.Security.Cryptography;
using System.Text.Json;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines;

/// <summary>
/// Some recipes as one file, which is all that a worker needs: JSON with the keys <c>format</c>, <c>format_version</c> and <c>recipes</c> (canonical recipes).
/// </summary>
/// <param name="Digest">SHA-256 of the file, 64 hexadecimal digits: a result names the unit that it is the result of.</param>
public sealed record WorkUnit(IReadOnlyList<Recipe> Recipes, string Digest)
{
    public const string Format = "weightspace-unit";
    public const int FormatVersion = 1;
    private const long MaxBytes = 256L << 20;

    /// <summary>Writes the unit of these recipes.</summary>
    public static WorkUnit Write(string path, IReadOnlyList<Recipe> recipes)
    {
        WrittenFile written = AtomicFile.Write(path, stream =>
        {
            using var writer = new Utf8JsonWriter(stream);
            writer.WriteStartObject();
            writer.WriteString("format", Format);
            writer.WriteNumber("format_version", FormatVersion);
            writer.WriteStartArray("recipes");
            foreach (Recipe recipe in recipes)
                writer.WriteRawValue(recipe.CanonicalJson);
            writer.WriteEndArray();
            writer.WriteEndObject();
        });
        return new WorkUnit(recipes, written.Sha256);
    }

    /// <summary>Reads a unit; throws <see cref="InputException"/> when it is not one, or is of a newer version.</summary>
    public static WorkUnit Read(string path)
    {
        byte[] bytes;
        try
        {
            if (Directory.Exists(path))
                throw new InputException($"{path}: this is a folder; a work unit (JSON) was expected");
            if (!File.Exists(path))
                throw new InputException($"{path}: there is no such file; expected a work unit");
            // By the length of the moment it was opened: a device or a growing file has no end.
            using FileStream file = File.OpenRead(path);
            if (file.Length > MaxBytes)
                throw new InputException($"{path}: {file.Length} bytes are more than a work unit may have ({MaxBytes})");
            bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            using JsonDocument document = JsonDocument.Parse(bytes);
            var root = new JsonReader(document.RootElement, path);
            if (root.String("format") is not Format and var format)
                throw new InputException($"{path}: format: found '{format}', expected {Format}");
            if (root.Int32("format_version") is not FormatVersion and var version)
                throw new InputException($"{path}: format_version: found {version}, this program reads {FormatVersion}; use the release that made the unit");
            Recipe[] recipes = [.. root.Items("recipes").Select(RecipeJson.Read)];
            root.Done();
            if (recipes.Length == 0)
                throw new InputException($"{path}: the unit holds no recipes; at least one was expected");
            return new WorkUnit(recipes, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or UnauthorizedAccessException or EndOfStreamException)
        {
            throw new InputException($"{path}: this is not a work unit that can be read: {error.Message}", error);
        }
    }
}
