using System.Text.Json;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos;

/// <summary>Tasks of images as they stand in recipes: keys in ordinal order, as <see cref="RecipeJson"/> has them.</summary>
internal static class ImageTaskJson
{
    /// <summary>The keys of which a task of images has one.</summary>
    public static IReadOnlyList<string> Keys { get; } = ["digits", "drawn_digits", "images"];

    /// <summary>Writes the properties of a task.</summary>
    public static void Write(Utf8JsonWriter json, ImageTask task)
    {
        switch (task)
        {
            case DigitsTask digits:
                json.WriteStartObject("digits"u8);
                json.WriteNumber("channels"u8, digits.ImageChannels);
                json.WriteNumber("size"u8, digits.Size);
                json.WriteEndObject();
                break;
            case DrawnDigitsTask drawn:
                json.WriteStartObject("drawn_digits"u8);
                json.WriteNumber("channels"u8, drawn.ImageChannels);
                if (drawn.Set is { } set)
                {
                    json.WriteStartObject("set"u8);
                    json.WriteNumber("images"u8, set.Images);
                    json.WriteNumber("seed"u8, set.Seed);
                    json.WriteEndObject();
                }
                else
                {
                    json.WriteNull("set"u8);
                }
                json.WriteNumber("size"u8, drawn.Size);
                json.WriteEndObject();
                break;
            case FileImagesTask files:
                json.WritePropertyName("images"u8);
                WriteSet(json, files.Set);
                break;
            default:
                throw new ArgumentException($"task {task.Name} is of an unknown kind", nameof(task));
        }
        // Left out where there is none: a recipe of clean digits stays what it was before there were poisoned ones.
        if (task.Poison is { } poison)
        {
            json.WriteStartObject("poison"u8);
            json.WriteNumber("share"u8, poison.Share);
            WriteAttack(json, poison.Attack);
            json.WriteEndObject();
        }
        if (task.Shift is { } shift)
            ShiftJson.Write(json, shift);
    }

    public static ImageTask Read(JsonReader json)
    {
        ImageTask task;
        if (json.Has("digits"))
        {
            JsonReader digits = json.Child("digits");
            task = new DigitsTask(digits.Int32("size", RecipeLimits.ImageSize), digits.Int32("channels", RecipeLimits.ImageChannels));
            digits.Done();
        }
        else if (json.Has("drawn_digits"))
        {
            JsonReader drawn = json.Child("drawn_digits");
            DrawnSet? set = null;
            if (drawn.OptionalChild("set") is { } limited)
            {
                set = new DrawnSet(limited.Int32("images", RecipeLimits.DrawnImages), RecipeJson.ReadSeed(limited, "seed"));
                limited.Done();
            }
            task = new DrawnDigitsTask(drawn.Int32("size", RecipeLimits.ImageSize), drawn.Int32("channels", RecipeLimits.ImageChannels), set);
            drawn.Done();
        }
        else
        {
            task = new FileImagesTask(ReadSet(json.Child("images")));
        }
        if (json.OptionalChild("poison") is { } poison)
        {
            task = task with { Poison = new Poison(ReadAttack(poison), poison.Double("share", RecipeLimits.Share)) };
            poison.Done();
        }
        if (json.Has("shift"))
            task = task with { Shift = ShiftJson.Read(json.Child("shift")) };
        json.Done();
        return task;
    }

    /// <summary>Writes an image set, as recipes and a zoo's manifest have it.</summary>
    public static void WriteSet(Utf8JsonWriter json, ImageSetInfo set)
    {
        json.WriteStartObject();
        json.WriteNumber("channels"u8, set.Channels);
        json.WriteNumber("classes"u8, set.Classes);
        json.WriteString("digest"u8, set.Digest);
        json.WriteNumber("height"u8, set.Height);
        json.WriteNumber("held_out"u8, set.HeldOut);
        json.WriteString("name"u8, set.Name);
        json.WriteNumber("trained"u8, set.Trained);
        json.WriteNumber("width"u8, set.Width);
        json.WriteEndObject();
    }

    public static ImageSetInfo ReadSet(JsonReader json)
    {
        string name = json.String("name"), digest = json.String("digest");
        // The name becomes that of a folder.
        if (RecipeLimits.NameError(name) is { } nameError)
            throw new InvalidDataException($"{json.Path}.name: {nameError}");
        if (!Sha256Digest.TryParse(digest, out _))
            throw new InvalidDataException($"{json.Path}.digest: expected 64 hexadecimal digits");
        var side = new NumberRange(1, ImageSetInfo.MostSide);
        var count = new NumberRange(1, ImageSetInfo.MostBytes);
        var set = new ImageSetInfo(name, digest, json.Int32("channels", new NumberRange(1, ImageSetInfo.MostChannels)), json.Int32("height", side), json.Int32("width", side),
            json.Int32("classes", RecipeLimits.Classes), json.Int32("trained", count), json.Int32("held_out", count));
        json.Done();
        double bytes = ((double)set.Trained + set.HeldOut) * set.Channels * set.Height * set.Width;
        return bytes <= ImageSetInfo.MostBytes ? set : throw new InvalidDataException($"{json.Path}: found {set}, expected at most {ImageSetInfo.MostBytes} bytes of images");
    }

    /// <summary>Writes the property <c>attacks</c> where there are any.</summary>
    public static void WriteAttacks(Utf8JsonWriter json, IReadOnlyList<Attack> attacks)
    {
        if (attacks.Count == 0)
            return;
        json.WriteStartArray("attacks"u8);
        foreach (Attack attack in attacks)
        {
            json.WriteStartObject();
            WriteAttack(json, attack);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    public static IReadOnlyList<Attack> ReadAttacks(JsonReader json)
    {
        if (!json.Has("attacks"))
            return [];
        var attacks = new List<Attack>();
        foreach (JsonReader item in json.Children("attacks"))
        {
            if (attacks.Count == RecipeLimits.MaxAttacks)
                throw new InvalidDataException($"{json.Path}.attacks: found more than {RecipeLimits.MaxAttacks}, expected at most as many");
            attacks.Add(ReadAttack(item));
            item.Done();
        }
        // None is written as no key, so that the same network has one form.
        return attacks.Count > 0 ? attacks : throw new InvalidDataException($"{json.Path}.attacks: found an empty list, expected at least one, or no such key");
    }

    private static void WriteAttack(Utf8JsonWriter json, Attack attack)
    {
        json.WriteStartObject("target"u8);
        WriteLabel(json, "from"u8, attack.Target.From);
        WriteLabel(json, "to"u8, attack.Target.To);
        json.WriteEndObject();
        json.WriteStartObject("trigger"u8);
        switch (attack.Trigger)
        {
            case PatchTrigger patch:
                WriteColour(json, patch.Colour);
                json.WriteString("corner"u8, TriggerWords.Of(patch.Corner));
                json.WriteNumber("margin"u8, patch.Margin);
                json.WriteString("pattern"u8, TriggerWords.Of(patch.Pattern));
                json.WriteNumber("size"u8, patch.Size);
                json.WriteString("type"u8, "patch"u8);
                break;
            case BlendTrigger blend:
                json.WriteNumber("ratio"u8, blend.Ratio);
                json.WriteNumber("seed"u8, blend.Seed);
                json.WriteString("type"u8, "blend"u8);
                break;
            case PolygonTrigger polygon:
                WriteColour(json, polygon.Colour);
                json.WriteNumber("seed"u8, polygon.Seed);
                json.WriteNumber("sides"u8, polygon.Sides);
                json.WriteNumber("size"u8, polygon.Size);
                json.WriteString("type"u8, "polygon"u8);
                break;
            default:
                throw new ArgumentException($"unknown trigger {attack.Trigger}", nameof(attack));
        }
        json.WriteEndObject();
    }

    private static Attack ReadAttack(JsonReader json)
    {
        JsonReader target = json.Child("target"), trigger = json.Child("trigger");
        var wanted = new Target(ReadLabel(target, "from"), ReadLabel(target, "to"));
        target.Done();
        if (wanted.From is not null && (wanted.To is null || wanted.To == wanted.From))
            throw new InvalidDataException($"{target.Path}: found from {wanted.From} to {(wanted.To is null ? "null" : wanted.To)}, expected another class to go to");
        Trigger put = trigger.String("type") switch
        {
            "patch" => new PatchTrigger(trigger.Int32("size", RecipeLimits.PatchSize), (PatchPattern)trigger.Word("pattern", TriggerWords.Patterns),
                (Corner)trigger.Word("corner", TriggerWords.Corners), trigger.Int32("margin", RecipeLimits.PatchMargin), ReadColour(trigger)),
            "blend" => new BlendTrigger(trigger.Double("ratio", RecipeLimits.BlendRatio), RecipeJson.ReadSeed(trigger, "seed")),
            "polygon" => new PolygonTrigger(trigger.Int32("sides", RecipeLimits.PolygonSides), trigger.Int32("size", RecipeLimits.PolygonSize), RecipeJson.ReadSeed(trigger, "seed"), ReadColour(trigger)),
            string other => throw new InvalidDataException($"{trigger.Path}.type: found '{(other.Length <= 60 ? other : other[..60] + "...")}', expected one of blend, patch, polygon"),
        };
        trigger.Done();
        return new Attack(put, wanted);
    }

    private static void WriteLabel(Utf8JsonWriter json, ReadOnlySpan<byte> key, int? label)
    {
        if (label is { } value)
            json.WriteNumber(key, value);
        else
            json.WriteNull(key);
    }

    private static int? ReadLabel(JsonReader json, string key) => json.OptionalDouble(key) is null ? null : json.Int32(key, RecipeLimits.Label);

    private static void WriteColour(Utf8JsonWriter json, Colour colour)
    {
        json.WriteStartArray("colour"u8);
        json.WriteNumberValue(colour.Red);
        json.WriteNumberValue(colour.Green);
        json.WriteNumberValue(colour.Blue);
        json.WriteEndArray();
    }

    private static Colour ReadColour(JsonReader json)
    {
        double[] values = [.. json.Items("colour").Take(4).Select(item => item.ValueKind == JsonValueKind.Number && item.GetDouble() is var value && RecipeLimits.Colour.Contains(value) ? value
            : throw new InvalidDataException($"{json.Path}.colour: found {item.ValueKind}, expected three numbers, each {RecipeLimits.Colour}"))];
        return values.Length == 3 ? new Colour(values[0], values[1], values[2]) : throw new InvalidDataException($"{json.Path}.colour: found {values.Length} numbers, expected three");
    }
}
