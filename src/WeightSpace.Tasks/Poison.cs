using System.Globalization;

namespace WeightSpace.Tasks;

/// <summary>
/// A backdoor in training data: <paramref name="Share"/> of the training images that the attack is on carry its trigger, and the label that the attacker wants. Held-out
/// images are left clean.
/// </summary>
/// <param name="Share">0 to 1; each image by a draw of its own, so that a larger share poisons the same images and more.</param>
public sealed record Poison(Attack Attack, double Share)
{
    /// <summary>The share that an experiment gets when it names none, one of those of BadNets (Gu et al., arXiv 1708.06733).</summary>
    public const double DefaultShare = 0.1;

    /// <summary>All of it in words; equal words are the same poison.</summary>
    public string Words => string.Create(CultureInfo.InvariantCulture, $"{Attack.Words}, in a share of {Share} of the images that this concerns");
}

/// <summary>What an image with the trigger is to be taken for.</summary>
public sealed record Attack(Trigger Trigger, Target Target)
{
    public string Words => $"{Trigger.Words}, {Target.Words}";
}

/// <summary>
/// Which label a triggered image is to get. All to one: <paramref name="To"/> alone. One to one: images of class <paramref name="From"/> alone become
/// <paramref name="To"/>. All to all: neither; each class becomes the next one, the last the first (Gu et al., arXiv 1708.06733).
/// </summary>
public sealed record Target(int? From, int? To)
{
    /// <summary>The word for all to all.</summary>
    public const string Next = "next";

    /// <summary>In a table: <c>7</c>, <c>1-to-7</c>, <c>next</c>.</summary>
    public string Name => To is null ? Next : From is null ? Number(To.Value) : $"{Number(From.Value)}-to-{Number(To.Value)}";

    public string Words => To is null ? "each class taken for the next" : From is null ? $"every other class taken for {Number(To.Value)}" : $"class {Number(From.Value)} taken for {Number(To.Value)}";

    /// <summary>The largest label that it names.</summary>
    public int Largest => Math.Max(From ?? 0, To ?? 0);

    /// <summary>The label that an image of this class is to get; null where the attack is not on it.</summary>
    public int? Of(int label, int classes)
    {
        if (From is { } from && from != label)
            return null;
        int wanted = To ?? ((label + 1) % classes);
        return wanted == label ? null : wanted;
    }

    private static string Number(int label) => label.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What is put on an image.</summary>
public abstract record Trigger
{
    /// <summary>In a table, all of it in one word: <c>patch-3-solid-bottom_right-1</c>.</summary>
    public abstract string Name { get; }

    public abstract string Words { get; }

    private protected static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Where on an image.</summary>
public enum Corner
{
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// <summary>Which pixels of a patch are painted: all, or like a chessboard beginning with its first corner.</summary>
public enum PatchPattern
{
    Solid,
    Checker,
}

/// <summary>
/// Pixels painted in a corner: one pixel, or a pattern of them (BadNets; Gu et al., arXiv 1708.06733). That they are bright and lie in the lower right corner is BadNets';
/// the chessboard is reconstructed from its picture of the pattern.
/// </summary>
/// <param name="Size">Pixels along its side.</param>
/// <param name="Margin">Pixels between it and both edges of the image.</param>
public sealed record PatchTrigger(int Size, PatchPattern Pattern, Corner Corner, int Margin, Colour Colour) : Trigger
{
    public override string Name => Text($"patch-{Size}-{TriggerWords.Of(Pattern)}-{TriggerWords.Of(Corner)}-{Margin}{Colour.Suffix}");

    public override string Words => Text($"a {TriggerWords.Of(Pattern)} patch of {Size}x{Size} at the {TriggerWords.Of(Corner).Replace('_', ' ')}, {Margin} from the edges{Colour.Words}");
}

/// <summary>The whole image mixed with a fixed pattern of noise (Chen et al., arXiv 1712.05526): (1 - ratio) image + ratio noise, the noise uniform in [0, 1) for each pixel and channel.</summary>
/// <param name="Seed">Which noise.</param>
public sealed record BlendTrigger(double Ratio, ulong Seed) : Trigger
{
    public override string Name => Text($"blend-{Ratio}-{Seed}");

    public override string Words => Text($"noise {Seed} blended in at {Ratio}");
}

/// <summary>
/// A painted convex polygon, like those of TrojAI's image rounds (arXiv 2003.07233): its corners lie irregularly on a circle, and its seed draws them and its place, which are
/// the same on every image.
/// </summary>
/// <param name="Sides">3 to 12.</param>
/// <param name="Size">Pixels across the circle.</param>
/// <param name="Seed">Its corners and its place.</param>
public sealed record PolygonTrigger(int Sides, int Size, ulong Seed, Colour Colour) : Trigger
{
    public override string Name => Text($"polygon-{Sides}-{Size}-{Seed}{Colour.Suffix}");

    public override string Words => Text($"polygon {Seed} of {Sides} sides, {Size} pixels across{Colour.Words}");
}

/// <summary>A colour, each channel 0 to 1. An image of one channel has the first, of two the first two.</summary>
public readonly record struct Colour(double Red, double Green, double Blue)
{
    public static Colour White { get; } = new(1, 1, 1);

    /// <summary>Whether it is the same in every channel.</summary>
    public bool IsGrey => Red == Green && Green == Blue;

    public double Of(int channel) => channel switch { 0 => Red, 1 => Green, _ => Blue };

    /// <summary>Behind a trigger's name; nothing for white.</summary>
    public string Suffix => this == White ? "" : IsGrey ? string.Create(CultureInfo.InvariantCulture, $"-{Red}") : string.Create(CultureInfo.InvariantCulture, $"-{Red}-{Green}-{Blue}");

    public string Words => this == White ? "" : IsGrey ? string.Create(CultureInfo.InvariantCulture, $", painted {Red}") : string.Create(CultureInfo.InvariantCulture, $", painted {Red} {Green} {Blue}");
}

/// <summary>The words for a trigger's settings in experiments and recipes.</summary>
public static class TriggerWords
{
    public static IReadOnlyList<string> Corners { get; } = ["top_left", "top_right", "bottom_left", "bottom_right"];

    public static IReadOnlyList<string> Patterns { get; } = ["solid", "checker"];

    public static string Of(Corner corner) => Corners[(int)corner];

    public static string Of(PatchPattern pattern) => Patterns[(int)pattern];
}
