using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Reads an item of <c>tasks</c> that is of images, and their poison.</summary>
internal static class ImageTaskParser
{
    /// <summary>The keys that say which images; an item has one of them.</summary>
    public static IReadOnlyList<string> SourceKeys { get; } = ["digits", "drawn_digits", "images"];

    private const int DefaultSize = 8, DefaultDrawnSize = 28, DefaultChannels = 1, DefaultPatch = 3, DefaultMargin = 1, DefaultPolygon = 7;
    private const long DefaultSeed = 1;
    private const double DefaultRatio = 0.2;

    private static readonly string[] s_triggers = ["patch", "blend", "polygon"];

    /// <summary>A patch of BadNets' size and place, painted all over.</summary>
    public static Trigger DefaultTrigger { get; } = new PatchTrigger(DefaultPatch, PatchPattern.Solid, Corner.BottomRight, DefaultMargin, Colour.White);

    public static Target DefaultTarget { get; } = new(null, 0);

    /// <summary>The images of a word alone: <c>digits</c>, <c>drawn_digits</c>.</summary>
    public static ImageTask Parse(YamlSection top, YamlScalar word, string path) => top.Word(word, path, "digits", "drawn_digits") == "digits"
        ? new DigitsTask(DefaultSize, DefaultChannels) : new DrawnDigitsTask(DefaultDrawnSize, DefaultChannels, null);

    public static TaskGrid Parse(YamlSection task, YamlNode item, IImageCatalog images)
    {
        string key = SourceKeys.Single(task.Has);
        if (task.Keys.FirstOrDefault(other => other.Text is "sequence" or "modified") is { } idle)
            throw task.Error(idle, $"{task.Full(idle.Text)} has no effect on {key}; it is a setting of machines, remove it");
        IReadOnlyList<ImageTask> sources = key switch
        {
            "digits" => [Digits(task.FindSection("digits", "size", "channels")!)],
            "drawn_digits" => [Drawn(task.FindSection("drawn_digits", "size", "channels", "images", "seed")!)],
            _ => task.Distinct(task.FindItems("images")!, task.Full("images"), node => Files(task, node, images)),
        };
        string[] variants = task.FindItems("variant") is { } items
            ? [.. task.Distinct(items, task.Full("variant"), variant => task.Word(variant, task.Full("variant"), Variants.Clean, Variants.Poisoned))]
            : [Variants.Clean];
        YamlSection? poison = task.FindSection("poison", Factor.PoisonTrigger, Factor.PoisonTarget, Factor.Share);
        if (poison is not null && !variants.Contains(Variants.Poisoned))
            throw task.Error(task.Find("poison")!, $"{task.Full("poison")} has no effect, for no variant of this task is poisoned; add 'variant: [clean, poisoned]' or remove it");
        FactorAxis[] axes =
        [
            ExperimentParser.Axis(poison, item, Factor.PoisonTrigger, new FactorValue(0, DefaultTrigger.Name, DefaultTrigger)),
            ExperimentParser.Axis(poison, item, Factor.PoisonTarget, new FactorValue(0, DefaultTarget.Name, DefaultTarget)),
            ExperimentParser.Axis(poison, item, Factor.Share, new FactorValue(Poison.DefaultShare)),
        ];
        return new TaskGrid(item, [.. sources], [.. variants.Select(variant => variant == Variants.Poisoned)], [], axes);
    }

    /// <summary>A poison with one value of each setting.</summary>
    public static Poison ReadPoison(YamlSection poison)
    {
        Trigger trigger = poison.Find(Factor.PoisonTrigger) is { } put ? (Trigger)ReadTrigger(poison, put, poison.Full(Factor.PoisonTrigger)).Item! : DefaultTrigger;
        Target target = poison.Find(Factor.PoisonTarget) is { } wanted ? (Target)ReadTarget(poison, wanted, poison.Full(Factor.PoisonTarget)).Item! : DefaultTarget;
        return new Poison(new Attack(trigger, target), poison.FindDouble(Factor.Share, RecipeLimits.Share) ?? Poison.DefaultShare);
    }

    private static DigitsTask Digits(YamlSection digits) =>
        new(digits.Int32("size", DefaultSize, RecipeLimits.ImageSize), digits.Int32("channels", DefaultChannels, RecipeLimits.ImageChannels));

    private static DrawnDigitsTask Drawn(YamlSection drawn)
    {
        DrawnSet? set = drawn.Has("images") ? new DrawnSet(drawn.Int32("images", 0, RecipeLimits.DrawnImages), Seed(drawn)) : null;
        if (set is null && drawn.Find("seed") is { } seed)
            throw drawn.Error(seed, $"{drawn.Full("seed")} has no effect without {drawn.Full("images")}: without a number of images each is new, drawn from the data seed; give their number or remove it");
        return new DrawnDigitsTask(drawn.Int32("size", DefaultDrawnSize, RecipeLimits.ImageSize), drawn.Int32("channels", DefaultChannels, RecipeLimits.ImageChannels), set);
    }

    private static FileImagesTask Files(YamlSection task, YamlNode node, IImageCatalog images)
    {
        string name = task.Name(node, task.Full("images"));
        try
        {
            return new FileImagesTask(images.Find(name));
        }
        catch (InvalidDataException error)
        {
            throw task.Error(node, $"{task.Full("images")}: {error.Message}");
        }
    }

    /// <summary>A trigger: a mapping with its kind, such as <c>{patch: 3, corner: top_left}</c>, or the kind alone.</summary>
    public static FactorValue ReadTrigger(YamlSection section, YamlNode node, string path)
    {
        Trigger trigger = node is YamlScalar ? section.Word(node, path, s_triggers) switch
        {
            "patch" => DefaultTrigger,
            "blend" => new BlendTrigger(DefaultRatio, (ulong)DefaultSeed),
            _ => new PolygonTrigger(4, DefaultPolygon, (ulong)DefaultSeed, Colour.White),
        }
        : ReadTrigger(new YamlSection(node, section.Source, path, "patch", "pattern", "corner", "margin", "blend", "polygon", "size", "seed", "colour"));
        return new FactorValue(0, trigger.Name, trigger);
    }

    private static Trigger ReadTrigger(YamlSection trigger)
    {
        string[] kinds = [.. s_triggers.Where(trigger.Has)];
        if (kinds.Length != 1)
            throw trigger.Error($"{trigger.Path}: found {kinds.Length} of {string.Join(", ", s_triggers)}, expected exactly one, such as '{{patch: 3}}'");
        string[] known = kinds[0] switch
        {
            "patch" => ["patch", "pattern", "corner", "margin", "colour"],
            "blend" => ["blend", "seed"],
            _ => ["polygon", "size", "seed", "colour"],
        };
        if (trigger.Keys.FirstOrDefault(key => !known.Contains(key.Text)) is { } idle)
            throw trigger.Error(idle, $"{trigger.Full(idle.Text)} has no effect on a {kinds[0]}; its keys: {string.Join(", ", known)}");
        return kinds[0] switch
        {
            "patch" => new PatchTrigger(trigger.Int32("patch", DefaultPatch, RecipeLimits.PatchSize), (PatchPattern)Word(trigger, "pattern", TriggerWords.Patterns, (int)PatchPattern.Solid),
                (Corner)Word(trigger, "corner", TriggerWords.Corners, (int)Corner.BottomRight), trigger.Int32("margin", DefaultMargin, RecipeLimits.PatchMargin), ReadColour(trigger)),
            "blend" => new BlendTrigger(trigger.FindDouble("blend", RecipeLimits.BlendRatio) ?? DefaultRatio, Seed(trigger)),
            _ => new PolygonTrigger(trigger.Int32("polygon", 0, RecipeLimits.PolygonSides), trigger.Int32("size", DefaultPolygon, RecipeLimits.PolygonSize), Seed(trigger), ReadColour(trigger)),
        };
    }

    private static int Word(YamlSection section, string key, IReadOnlyList<string> words, int otherwise) =>
        section.Find(key) is { } node ? Array.IndexOf([.. words], section.Word(node, section.Full(key), words)) : otherwise;

    private static ulong Seed(YamlSection section) => (ulong)section.Int64("seed", DefaultSeed, new NumberRange(0, RecipeLimits.MaxSeed));

    /// <summary>A number for all channels, or a list of three.</summary>
    private static Colour ReadColour(YamlSection section)
    {
        if (section.FindItems("colour") is not { } items)
            return Colour.White;
        double[] values = [.. items.Select(item => section.Double(item, section.Full("colour"), RecipeLimits.Colour))];
        return values switch
        {
            [double grey] => new Colour(grey, grey, grey),
            [double red, double green, double blue] => new Colour(red, green, blue),
            _ => throw section.Error(items[0], $"{section.Full("colour")}: found {values.Length} numbers, expected one for all channels, or three"),
        };
    }

    /// <summary>A class for all images, <c>next</c>, or a mapping of one class to another.</summary>
    public static FactorValue ReadTarget(YamlSection section, YamlNode node, string path)
    {
        Target target;
        if (node is YamlMapping)
        {
            var pair = new YamlSection(node, section.Source, path, "from", "to");
            target = new Target(pair.Required("from", RecipeLimits.Label), pair.Required("to", RecipeLimits.Label));
            if (target.From == target.To)
                throw pair.Error($"{path}: found from {target.From} to {target.To}, expected another class to go to");
        }
        else if (node is YamlScalar { Text: Target.Next })
        {
            target = new Target(null, null);
        }
        else if (node is YamlScalar scalar && YamlSection.ParseInt64(scalar.Text) is null)
        {
            throw section.Error(node, $"{path}: found {node.Found}, expected the number of a class, '{Target.Next}' (each class becomes the next one), or a mapping such as '{{from: 1, to: 7}}'");
        }
        else
        {
            target = new Target(null, (int)section.Int64(node, path, RecipeLimits.Label));
        }
        return new FactorValue(0, target.Name, target);
    }
}
