using System.Security.Cryptography;
using System.Text.Json;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines;

/// <summary>
/// Some recipes as one file, which is all that a worker needs: JSON with the keys <c>format</c>, <c>format_version</c> and <c>recipes</c> (canonical recipes); with
/// <c>steps</c> where the unit ends after so many; and with <c>from</c> where the first recipe goes on from a snapshot.
/// </summary>
/// <param name="Steps">Steps of training that the unit does, over all its networks; what is not done by then is left to the next unit. Null: all are trained to their end.</param>
/// <param name="From">Where an earlier unit left the first network; null: it begins with its initial weights.</param>
/// <param name="Digest">SHA-256 of the file, 64 hexadecimal digits: a result names the unit that it is the result of.</param>
public sealed record WorkUnit(IReadOnlyList<Recipe> Recipes, long? Steps, Snapshot? From, string Digest)
{
    public const string Format = "weightspace-unit";
    public const int FormatVersion = 1;

    // The largest snapshot, in base64, has 256 MiB.
    private const long MaxBytes = 512L << 20;

    /// <summary>Writes the unit of these recipes.</summary>
    /// <param name="isDurable">As in <see cref="AtomicFile.Write"/>.</param>
    public static WorkUnit Write(string path, IReadOnlyList<Recipe> recipes, long? steps = null, Snapshot? from = null, bool isDurable = true)
    {
        WrittenFile written = AtomicFile.Write(path, stream =>
        {
            using var writer = new Utf8JsonWriter(stream);
            writer.WriteStartObject();
            writer.WriteString("format", Format);
            writer.WriteNumber("format_version", FormatVersion);
            if (steps is { } bound)
                writer.WriteNumber("steps", bound);
            if (from is not null)
                WriteSnapshot(writer, from);
            writer.WriteStartArray("recipes");
            foreach (Recipe recipe in recipes)
                writer.WriteRawValue(recipe.CanonicalJson);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }, isDurable);
        return new WorkUnit(recipes, steps, from, written.Sha256);
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
            if (recipes.Length == 0)
                throw new InputException($"{path}: the unit holds no recipes; at least one was expected");
            long? steps = root.Has("steps") ? root.Int64("steps", RecipeLimits.Steps) : null;
            Snapshot? from = root.Has("from") ? ReadSnapshot(root.Child("from"), recipes[0]) : null;
            root.Done();
            return new WorkUnit(recipes, steps, from, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
        catch (Exception error) when (error is JsonException or InvalidDataException or UnauthorizedAccessException or EndOfStreamException)
        {
            throw new InputException($"{path}: this is not a work unit that can be read: {error.Message}", error);
        }
    }

    /// <summary>Writes <c>from</c>: the snapshot's step and loss, and the weights and the optimizer's slots as little-endian float32 in base64.</summary>
    private static void WriteSnapshot(Utf8JsonWriter writer, Snapshot from)
    {
        writer.WriteStartObject("from");
        writer.WriteNumber("step", from.Step);
        if (from.TrainLoss is { } loss)
            writer.WriteNumber("train_loss", loss);
        else
            writer.WriteNull("train_loss");
        writer.WriteBase64String("weights", LittleEndian.Bytes(from.Weights));
        writer.WriteBase64String("optimizer", LittleEndian.Bytes(from.OptimizerState));
        writer.WriteEndObject();
    }

    private static Snapshot ReadSnapshot(JsonReader json, Recipe recipe)
    {
        int parameters = recipe.Architecture.Parameters.Count;
        // A step that training never ends at would have it go on for ever.
        var snapshot = new Snapshot(json.Int64("step", new NumberRange(0, recipe.Training.Stop.Steps - 1)), (float?)json.OptionalDouble("train_loss"),
            json.Floats("weights", parameters), json.Floats("optimizer", parameters * recipe.Training.Optimizer.Slots.Count));
        json.Done();
        return snapshot;
    }
}
