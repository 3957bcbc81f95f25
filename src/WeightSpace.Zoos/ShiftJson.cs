using System.Text.Json;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos;

/// <summary>Shifts of images as they stand in recipes: keys in ordinal order, what is not shifted left out, and the seed where nothing is random.</summary>
internal static class ShiftJson
{
    /// <summary>Writes the property <c>shift</c> of a task.</summary>
    public static void Write(Utf8JsonWriter json, Shift shift)
    {
        json.WriteStartObject("shift"u8);
        if (shift.Classes is { } classes)
        {
            json.WriteStartObject("classes"u8);
            json.WriteStartArray("of"u8);
            foreach (int label in classes.Of)
                json.WriteNumberValue(label);
            json.WriteEndArray();
            json.WriteNumber("share"u8, classes.Share);
            json.WriteEndObject();
        }
        if (shift.Inputs is { } inputs)
            WriteInputs(json, inputs);
        if (shift.Labels is { } labels)
            WriteLabels(json, labels);
        if (shift.IsRandom)
            json.WriteNumber("seed"u8, shift.Seed);
        json.WriteEndObject();
    }

    private static void WriteInputs(Utf8JsonWriter json, InputShift inputs)
    {
        json.WriteStartObject("inputs"u8);
        switch (inputs)
        {
            case InvertShift invert:
                json.WriteNumber("share"u8, invert.Share);
                json.WriteNumber("strength"u8, invert.Strength);
                json.WriteString("type"u8, "invert"u8);
                break;
            case NoiseShift noise:
                json.WriteNumber("deviation"u8, noise.Deviation);
                json.WriteNumber("share"u8, noise.Share);
                json.WriteString("type"u8, "noise"u8);
                break;
            case TranslateShift move:
                json.WriteNumber("down"u8, move.Down);
                json.WriteNumber("right"u8, move.Right);
                json.WriteNumber("share"u8, move.Share);
                json.WriteString("type"u8, "translate"u8);
                break;
            default:
                throw new ArgumentException($"unknown shift {inputs}", nameof(inputs));
        }
        json.WriteEndObject();
    }

    private static void WriteLabels(Utf8JsonWriter json, LabelShift labels)
    {
        json.WriteStartObject("labels"u8);
        switch (labels)
        {
            case SwapLabels swap:
                json.WriteNumber("first"u8, swap.First);
                json.WriteNumber("second"u8, swap.Second);
                json.WriteNumber("share"u8, swap.Share);
                json.WriteString("type"u8, "swap"u8);
                break;
            case RotateLabels rotate:
                json.WriteNumber("by"u8, rotate.By);
                json.WriteNumber("share"u8, rotate.Share);
                json.WriteString("type"u8, "rotate"u8);
                break;
            default:
                throw new ArgumentException($"unknown shift {labels}", nameof(labels));
        }
        json.WriteEndObject();
    }

    public static Shift Read(JsonReader json)
    {
        ClassShift? classes = json.Has("classes") ? ReadClasses(json.Child("classes")) : null;
        LabelShift? labels = json.Has("labels") ? ReadLabels(json.Child("labels")) : null;
        InputShift? inputs = json.Has("inputs") ? ReadInputs(json.Child("inputs")) : null;
        var shift = new Shift(classes, labels, inputs, json.Has("seed") ? RecipeJson.ReadSeed(json, "seed") : 0);
        json.Done();
        if (classes is null && labels is null && inputs is null)
            throw new InvalidDataException($"{json.Path}: found no shift, expected at least one of classes, inputs, labels");
        // The same network has one form.
        return json.Has("seed") == shift.IsRandom ? shift
            : throw new InvalidDataException($"{json.Path}.seed: {(shift.IsRandom ? "it is missing; the seed of what is random was expected" : "nothing is random, so no seed was expected")}");
    }

    private static ClassShift ReadClasses(JsonReader json)
    {
        int[] of = [.. json.Int64Array("of", RecipeLimits.Label).Select(label => (int)label)];
        if (of.Length == 0 || !of.SequenceEqual(of.Distinct().Order()))
            throw new InvalidDataException($"{json.Path}.of: found [{string.Join(", ", of.Take(8))}], expected ascending classes, at least one");
        var classes = new ClassShift(of, json.Double("share", RecipeLimits.ShiftShare));
        json.Done();
        return classes;
    }

    private static InputShift ReadInputs(JsonReader json)
    {
        double share = json.Double("share", RecipeLimits.ShiftShare);
        InputShift inputs = json.Word("type", ["invert", "noise", "translate"]) switch
        {
            0 => new InvertShift(json.Double("strength", RecipeLimits.InvertStrength), share),
            1 => new NoiseShift(json.Double("deviation", RecipeLimits.NoiseDeviation), share),
            _ => new TranslateShift(json.Int32("right", RecipeLimits.Move), json.Int32("down", RecipeLimits.Move), share),
        };
        json.Done();
        return inputs is not TranslateShift { Right: 0, Down: 0 } ? inputs : throw new InvalidDataException($"{json.Path}: found a move by 0 and 0 pixels, expected at least one that is not 0");
    }

    private static LabelShift ReadLabels(JsonReader json)
    {
        double share = json.Double("share", RecipeLimits.ShiftShare);
        LabelShift labels = json.Word("type", ["rotate", "swap"]) == 0 ? new RotateLabels(json.Int32("by", RecipeLimits.Rotation), share)
            : new SwapLabels(json.Int32("first", RecipeLimits.Label), json.Int32("second", RecipeLimits.Label), share);
        json.Done();
        return labels is not SwapLabels swap || swap.First < swap.Second ? labels
            : throw new InvalidDataException($"{json.Path}: found {swap.First} and {swap.Second}, expected the smaller class first");
    }
}
