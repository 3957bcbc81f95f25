namespace WeightSpace.Tasks.Images;

/// <summary>An image set that people may want: where to get it, under which licence.</summary>
/// <param name="Name">In experiments; for files the folder that they are looked for in.</param>
/// <param name="Files">What to put there; none where the program has the images.</param>
/// <param name="From">Where to get the files: the official page, then where they lie.</param>
public sealed record KnownImageSet(string Name, string Title, string Licence, IReadOnlyList<string> Files, IReadOnlyList<string> From);

public static class KnownImageSets
{
    private static IReadOnlyList<string> Idx { get; } = [.. IdxFiles.Names.Select(name => name + ImageFile.Packed)];

    /// <summary>Those that come with the program first.</summary>
    public static IReadOnlyList<KnownImageSet> All { get; } =
    [
        new("digits", "1,438 + 359 handwritten digits of 8x8 pixels, enlarged to what is asked for (Optical Recognition of Handwritten Digits, Alpaydin and Kaynak, 1998)",
            "CC BY 4.0", [], ["https://doi.org/10.24432/C50P49"]),
        new("drawn_digits", "digits drawn with strokes, as many as are wanted", "none needed: the program draws them", [], []),
        new("mnist", "60,000 + 10,000 handwritten digits of 28x28 pixels (LeCun, Cortes and Burges, 1998)",
            "its authors state none on its page; many copies say CC BY-SA 3.0", Idx, ["http://yann.lecun.com/exdb/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"]),
        new("fashion-mnist", "60,000 + 10,000 pictures of clothes of 28x28 pixels (Xiao, Rasul and Vollgraf, arXiv 1708.07747)",
            "MIT", Idx, ["https://github.com/zalandoresearch/fashion-mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]),
        new("cifar-10", "50,000 + 10,000 photographs of 3x32x32 pixels (Krizhevsky, 2009)",
            "its author states none", CifarFiles.Names, ["https://www.cs.toronto.edu/~kriz/cifar.html", "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"]),
    ];

    /// <summary>Whose the digits are that come with the program, as the licence asks.</summary>
    public static string DigitsNotice
    {
        get
        {
            using Stream resource = typeof(KnownImageSets).Assembly.GetManifestResourceStream("optdigits.NOTICE") ?? throw new InvalidDataException("the notice of the digits is missing; build or install the program anew");
            using var reader = new StreamReader(resource);
            return reader.ReadToEnd();
        }
    }
}
