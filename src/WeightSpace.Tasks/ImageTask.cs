using System.Globalization;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tasks;

/// <summary>Images to tell the class of, values 0 to 1; targets are one-hot. A sample is one image.</summary>
public abstract record ImageTask : TaskSpec
{
    /// <summary>How some training images are changed; null: none is.</summary>
    public Poison? Poison { get; init; }

    /// <summary>How its images differ from those of its source, held-out ones too; null: they do not.</summary>
    public Shift? Shift { get; init; }

    /// <summary>Images to train with, an epoch of the stream; null where each is drawn anew, without end.</summary>
    public abstract int? Trained { get; }

    public sealed override string Variant => Poison is not null ? Variants.Poisoned : Shift is not null ? Variants.Shifted : Variants.Clean;

    public sealed override string? Change => Poison is null || Shift is null ? Poison?.Words ?? Shift?.Words : $"{Poison.Words}; {Shift.Words}";

    public sealed override int Places => 1;

    public sealed override bool HasClasses => true;

    /// <summary>An image's shape.</summary>
    public ImageShape Shape => new(Channels, Height, Width);
}

/// <summary>
/// Handwritten digits: the 1,797 8x8 images of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, UCI Machine Learning Repository, 1998), grey
/// values 0 to 1, enlarged to <paramref name="Size"/> x <paramref name="Size"/> and repeated in each of <paramref name="ImageChannels"/> channels.
/// </summary>
public sealed record DigitsTask(int Size, int ImageChannels) : ImageTask
{
    public override string Source => "Digits";

    public override int Channels => ImageChannels;

    public override int Height => Size;

    public override int Width => Size;

    public override int Outputs => DigitImages.Classes;

    public override int? Trained => DigitImages.Trained;

    public override int? HeldOut => DigitImages.HeldOut;
}

/// <summary>Digits drawn with strokes (<see cref="DrawnDigits"/>), repeated in each of <paramref name="ImageChannels"/> channels.</summary>
/// <param name="Set">The set that is drawn once for all networks; null: each training image is new, drawn from the data seed.</param>
public sealed record DrawnDigitsTask(int Size, int ImageChannels, DrawnSet? Set) : ImageTask
{
    /// <summary>Each set is a source of its own, as each set of images from files is: <c>DrawnDigits-2000-3</c> for 2,000 images of seed 3.</summary>
    public override string Source => Set is null ? "DrawnDigits" : string.Create(CultureInfo.InvariantCulture, $"DrawnDigits-{Set.Images}-{Set.Seed}");

    public override int Channels => ImageChannels;

    public override int Height => Size;

    public override int Width => Size;

    public override int Outputs => DrawnDigits.Classes;

    public override int? Trained => Set?.Images;
}

/// <summary>Drawn images that are the same for every network: how many, from which seed.</summary>
public sealed record DrawnSet(int Images, ulong Seed);

/// <summary>Images from files, named by what is in them: wherever the files lie, the same digest is the same images.</summary>
public sealed record FileImagesTask(ImageSetInfo Set) : ImageTask
{
    public override string Source => Set.Name;

    public override int Channels => Set.Channels;

    public override int Height => Set.Height;

    public override int Width => Set.Width;

    public override int Outputs => Set.Classes;

    public override int? Trained => Set.Trained;

    public override int? HeldOut => Set.HeldOut;
}
