using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Reads a shift of images: <c>{inputs: {invert: 0.5}, labels: {swap: [3, 8], share: 0.2}, classes: {of: [0, 1], share: 0.5}, seed: 1}</c>.</summary>
internal static class ShiftParser
{
    private const string Share = "share";
    private static readonly string[] s_inputs = ["invert", "noise", "translate"], s_labels = ["swap", "rotate"];

    public static Shift Parse(YamlSection section)
    {
        InputShift? inputs = section.FindSection("inputs", [.. s_inputs, Share]) is { } look ? ReadInputs(look) : null;
        LabelShift? labels = section.FindSection("labels", [.. s_labels, Share]) is { } meaning ? ReadLabels(meaning) : null;
        ClassShift? classes = section.Find("classes") is { } node ? ReadClasses(section, node) : null;
        if (inputs is null && labels is null && classes is null)
            throw section.Error($"{section.Path}: found no shift, expected at least one of inputs, labels, classes, such as 'inputs: {{invert: 0.5}}'");
        var shift = new Shift(classes, labels, inputs, (ulong)section.Int64("seed", 1, new NumberRange(0, RecipeLimits.MaxSeed)));
        if (section.Find("seed") is { } seed && !shift.IsRandom)
            throw section.Error(seed, $"{section.Full("seed")} has no effect, for nothing of this shift is random; remove it");
        return shift.IsRandom ? shift : shift with { Seed = 0 };
    }

    private static double ReadShare(YamlSection section) => section.FindDouble(Share, RecipeLimits.ShiftShare) ?? 1;

    private static string Kind(YamlSection section, string[] kinds, string example)
    {
        string[] found = [.. kinds.Where(section.Has)];
        return found.Length == 1 ? found[0] : throw section.Error($"{section.Path}: found {found.Length} of {string.Join(", ", kinds)}, expected exactly one, such as '{example}'");
    }

    private static InputShift ReadInputs(YamlSection section)
    {
        double share = ReadShare(section);
        switch (Kind(section, s_inputs, "{invert: 0.5}"))
        {
            case "invert":
                return new InvertShift(section.FindDouble("invert", RecipeLimits.InvertStrength)!.Value, share);
            case "noise":
                return new NoiseShift(section.FindDouble("noise", RecipeLimits.NoiseDeviation)!.Value, share);
            default:
                IReadOnlyList<YamlNode> items = section.FindItems("translate")!;
                int[] pixels = [.. items.Select(item => (int)section.Int64(item, section.Full("translate"), RecipeLimits.Move))];
                if (pixels.Length > 2 || pixels.All(pixel => pixel == 0))
                    throw section.Error(items[0], $"{section.Full("translate")}: found {(pixels.Length > 2 ? $"{pixels.Length} numbers" : "no move")}, expected the pixels to the right and down, or [right, down], at least one of them not 0");
                return new TranslateShift(pixels[0], pixels[^1], share);
        }
    }

    private static LabelShift ReadLabels(YamlSection section)
    {
        double share = ReadShare(section);
        if (Kind(section, s_labels, "{swap: [3, 8]}") == "rotate")
            return new RotateLabels((int)section.Int64("rotate", 1, RecipeLimits.Rotation), share);
        IReadOnlyList<YamlNode> items = section.FindItems("swap")!;
        int[] classes = [.. items.Select(item => (int)section.Int64(item, section.Full("swap"), RecipeLimits.Label)).Order()];
        return classes.Length == 2 && classes[0] != classes[1] ? new SwapLabels(classes[0], classes[1], share)
            : throw section.Error(items[0], $"{section.Full("swap")}: found {string.Join(", ", classes)}, expected two classes, such as [3, 8]");
    }

    /// <summary>A list of classes, or a mapping with their share.</summary>
    private static ClassShift ReadClasses(YamlSection section, YamlNode node)
    {
        YamlSection? mapping = node is YamlMapping ? new YamlSection(node, section.Source, section.Full("classes"), "of", Share) : null;
        string path = mapping?.Full("of") ?? section.Full("classes");
        IReadOnlyList<YamlNode> items = section.Items(mapping?.Get("of", "the classes that others are replaced by") ?? node, path);
        List<int> classes = section.Distinct(items, path, item => (int)section.Int64(item, path, RecipeLimits.Label));
        return new ClassShift([.. classes.Order()], mapping is null ? 1 : ReadShare(mapping));
    }
}
