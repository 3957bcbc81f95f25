using System.Globalization;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// How the images of a domain differ from those of their source, to train with and held out alike: which classes they are of, what their labels are, what they look like. First images are replaced
/// (<paramref name="Classes"/>), then labels changed (<paramref name="Labels"/>), then pixels (<paramref name="Inputs"/>); a trigger goes on top. What is random depends on the
/// seed and the image's number in its set (or in the stream) alone, so it is the same in every epoch, and for every network of a set. Null: stays as it is.
/// </summary>
/// <param name="Seed">Which images, and which noise; 0 where nothing is random.</param>
public sealed record Shift(ClassShift? Classes, LabelShift? Labels, InputShift? Inputs, ulong Seed)
{
    /// <summary>Whether anything of it is drawn at random.</summary>
    public bool IsRandom => Classes is not null || Labels?.Share < 1 || Inputs is NoiseShift || Inputs?.Share < 1;

    /// <summary>All of it in words; equal words are the same shift.</summary>
    public string Words => string.Join(", ", new[] { Classes?.Words, Labels?.Words, Inputs?.Words, IsRandom ? Text($"drawn by seed {Seed}") : null }.OfType<string>());

    /// <summary>What keeps it from images of a shape and so many classes, or null.</summary>
    public string? Problem(ImageShape shape, int classes)
    {
        if (Classes is not null && Classes.Of[^1] >= classes)
            return $"classes: found class {Classes.Of[^1]}, there are {classes}, from 0";
        if (Classes?.Of.Count == classes)
            return $"classes: all {classes} classes are named, so nothing is shifted; name fewer";
        if (Labels is SwapLabels swap && swap.Second >= classes)
            return $"labels: found class {swap.Second}, there are {classes}, from 0";
        if (Labels is RotateLabels rotate && rotate.By >= classes)
            return $"labels: found a rotation by {rotate.By} of {classes} classes, expected 1 to {classes - 1}";
        return Inputs is TranslateShift move && (Math.Abs(move.Right) >= shape.Width || Math.Abs(move.Down) >= shape.Height)
            ? $"inputs: moved by {move.Right} and {move.Down} pixels nothing is left of images of {shape.Width}x{shape.Height}; move them by less" : null;
    }

    internal static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Another prior of the classes: a share of the images of all other classes is replaced by images of these.</summary>
/// <param name="Of">Ascending.</param>
public sealed record ClassShift(IReadOnlyList<int> Of, double Share)
{
    public string Words => Shift.Text($"a share of {Share} of the images of other classes than {string.Join(' ', Of)} replaced by images of these");

    public bool Contains(int label) => Of.Contains(label);

    public bool Equals(ClassShift? other) => other is not null && Share == other.Share && Of.SequenceEqual(other.Of);

    public override int GetHashCode() => HashCode.Combine(Share, Of.Count, Of[0]);
}

/// <summary>Another meaning of the labels, in a share of the images.</summary>
public abstract record LabelShift(double Share)
{
    public abstract string Words { get; }

    /// <summary>The label that an image of a class gets.</summary>
    public abstract int Of(int label, int classes);

    private protected string InShare => Share < 1 ? Shift.Text($" in a share of {Share} of the images") : "";
}

/// <summary>Two classes change names.</summary>
/// <param name="Second">Above <paramref name="First"/>.</param>
public sealed record SwapLabels(int First, int Second, double Share) : LabelShift(Share)
{
    public override string Words => Shift.Text($"labels {First} and {Second} swapped{InShare}");

    public override int Of(int label, int classes) => label == First ? Second : label == Second ? First : label;
}

/// <summary>Each class is called by the name of the one so many further, the last ones by those of the first.</summary>
/// <param name="By">At least 1, below the number of classes.</param>
public sealed record RotateLabels(int By, double Share) : LabelShift(Share)
{
    public override string Words => Shift.Text($"labels rotated by {By}{InShare}");

    public override int Of(int label, int classes) => (label + By) % classes;
}

/// <summary>Another look of the images, in a share of them.</summary>
public abstract record InputShift(double Share)
{
    public abstract string Words { get; }

    private protected string InShare => Share < 1 ? Shift.Text($" in a share of {Share} of them") : "";
}

/// <summary>Mixed with its negative: (1 - strength) v + strength (1 - v).</summary>
/// <param name="Strength">Above 0, at most 1, which is the negative.</param>
public sealed record InvertShift(double Strength, double Share) : InputShift(Share)
{
    public override string Words => Shift.Text($"images inverted by {Strength}{InShare}");
}

/// <summary>Normal noise added to each pixel and channel, the sum kept within 0 and 1.</summary>
/// <param name="Deviation">Standard deviation of the noise.</param>
public sealed record NoiseShift(double Deviation, double Share) : InputShift(Share)
{
    public override string Words => Shift.Text($"noise of deviation {Deviation} on images{InShare}");
}

/// <summary>Moved by so many pixels, at least one of them not 0; what comes in from outside is 0.</summary>
public sealed record TranslateShift(int Right, int Down, double Share) : InputShift(Share)
{
    public override string Words => Shift.Text($"images moved {Right} right and {Down} down{InShare}");
}
