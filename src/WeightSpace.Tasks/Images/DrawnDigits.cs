using System.Collections.Concurrent;
using WeightSpace.Numerics;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// Digits drawn with a pen: each has a few strokes through control points, and each drawing moves the points, and scales, slants, turns and shifts the whole by its own random
/// numbers. Grey values are multiples of 1/255. The proportions (a digit of 20 pixels in an image of 28) are MNIST's; the strokes are our own.
/// </summary>
public static class DrawnDigits
{
    public const int Classes = 10;

    /// <summary>The largest set of images that is drawn once for all networks and held in memory.</summary>
    public const int MostInSet = 1_000_000;

    // A digit's box as a share of the image's side.
    private const double Box = 20.0 / 28;

    // Pieces of straight line that a curve between two points is drawn with.
    private const int Pieces = 4;

    // By how much each drawing may differ, as shares of the box unless said otherwise.
    private const double PointJitter = 0.045, MostSlant = 0.3, MostTurn = 0.03 /* whole turns */, MostShift = 0.08, LeastWidth = 0.62, LeastHeight = 0.85,
        ThinPen = 0.045, ThickPen = 0.085, FaintestInk = 0.75;

    private static readonly ConcurrentDictionary<(int Size, DrawnSet Set), Lazy<(byte[] Pixels, byte[] Labels)>> s_sets = new();

    /// <summary>A line through points of the unit square, y downwards; smooth (a Catmull-Rom spline) or straight from point to point.</summary>
    private sealed record Stroke(bool IsSmooth, params (double X, double Y)[] Points);

    /// <summary>The ways of writing each digit, [digit][way][stroke].</summary>
    private static readonly Stroke[][][] s_digits =
    [
        [[Curve((0.52, 0.04), (0.22, 0.22), (0.16, 0.55), (0.30, 0.90), (0.56, 0.95), (0.82, 0.70), (0.82, 0.34), (0.62, 0.07), (0.48, 0.05))]],
        [
            [Line((0.52, 0.04), (0.50, 0.96))],
            [Line((0.34, 0.24), (0.55, 0.04), (0.55, 0.96))],
            [Line((0.34, 0.22), (0.54, 0.05), (0.54, 0.94)), Line((0.32, 0.95), (0.76, 0.95))],
        ],
        [
            [Curve((0.20, 0.26), (0.38, 0.06), (0.66, 0.08), (0.76, 0.30), (0.58, 0.58), (0.20, 0.93)), Line((0.20, 0.93), (0.82, 0.93))],
            [Curve((0.22, 0.24), (0.42, 0.05), (0.70, 0.10), (0.74, 0.36), (0.52, 0.68), (0.26, 0.86), (0.24, 0.72), (0.44, 0.76), (0.62, 0.92), (0.84, 0.86))],
        ],
        [
            [Curve((0.22, 0.16), (0.48, 0.04), (0.74, 0.18), (0.66, 0.40), (0.42, 0.47)), Curve((0.42, 0.47), (0.72, 0.54), (0.80, 0.76), (0.54, 0.95), (0.20, 0.86))],
            [Line((0.24, 0.06), (0.76, 0.06), (0.46, 0.42)), Curve((0.46, 0.42), (0.74, 0.50), (0.80, 0.74), (0.54, 0.95), (0.20, 0.86))],
        ],
        [
            [Line((0.30, 0.06), (0.20, 0.56), (0.84, 0.56)), Line((0.70, 0.10), (0.66, 0.96))],
            [Line((0.86, 0.64), (0.14, 0.64), (0.64, 0.05), (0.64, 0.96))],
        ],
        [[Line((0.78, 0.06), (0.32, 0.06), (0.28, 0.44)), Curve((0.28, 0.44), (0.54, 0.38), (0.80, 0.56), (0.74, 0.84), (0.48, 0.96), (0.20, 0.86))]],
        [[Curve((0.70, 0.05), (0.40, 0.26), (0.22, 0.62), (0.34, 0.92), (0.64, 0.94), (0.78, 0.72), (0.62, 0.53), (0.38, 0.58), (0.24, 0.76))]],
        [
            [Line((0.18, 0.07), (0.82, 0.07), (0.42, 0.96))],
            [Line((0.18, 0.10), (0.80, 0.07), (0.44, 0.96)), Line((0.34, 0.50), (0.78, 0.48))],
        ],
        [[Curve((0.70, 0.14), (0.46, 0.04), (0.26, 0.20), (0.40, 0.42), (0.66, 0.58), (0.76, 0.80), (0.50, 0.96), (0.24, 0.80), (0.36, 0.58), (0.62, 0.40), (0.74, 0.20), (0.66, 0.10))]],
        [
            [Curve((0.76, 0.24), (0.54, 0.04), (0.28, 0.16), (0.26, 0.40), (0.50, 0.52), (0.74, 0.34), (0.76, 0.22)), Line((0.76, 0.24), (0.70, 0.96))],
            [Curve((0.74, 0.26), (0.54, 0.05), (0.28, 0.16), (0.26, 0.40), (0.50, 0.52), (0.74, 0.32), (0.78, 0.52), (0.66, 0.86), (0.34, 0.94))],
        ],
    ];

    /// <summary>Draws the next digit of a stream of random numbers into <paramref name="image"/> [size x size]. Returns which it is, 0 to 9.</summary>
    /// <param name="distances">Room for [size x size]; overwritten.</param>
    public static int Draw(ref RandomStream stream, int size, Span<byte> image, Span<double> distances)
    {
        int digit = stream.NextBelow(Classes);
        Stroke[][] ways = s_digits[digit];
        Stroke[] strokes = ways[stream.NextBelow(ways.Length)];
        double box = size * Box;
        double width = box * Between(ref stream, LeastWidth, 1), height = box * Between(ref stream, LeastHeight, 1);
        double slant = Between(ref stream, -MostSlant, MostSlant);
        (double cosine, double sine) = Circle.At(Between(ref stream, -MostTurn, MostTurn));
        double x = (size / 2.0) + (box * Between(ref stream, -MostShift, MostShift)), y = (size / 2.0) + (box * Between(ref stream, -MostShift, MostShift));
        double pen = Math.Max(0.5, box * Between(ref stream, ThinPen, ThickPen)), ink = Between(ref stream, FaintestInk, 1);
        // Squares of the distances to the nearest stroke; what is far from all stays at this.
        distances.Fill(double.PositiveInfinity);
        Span<(double X, double Y)> points = stackalloc (double, double)[16];
        foreach (Stroke stroke in strokes)
        {
            for (int i = 0; i < stroke.Points.Length; i++)
            {
                double across = (stroke.Points[i].X - 0.5 + Between(ref stream, -PointJitter, PointJitter)) * width;
                double down = (stroke.Points[i].Y - 0.5 + Between(ref stream, -PointJitter, PointJitter)) * height;
                across -= slant * down;
                points[i] = (x + (cosine * across) - (sine * down), y + (sine * across) + (cosine * down));
            }
            Trace(points[..stroke.Points.Length], stroke.IsSmooth, size, pen, distances);
        }
        for (int i = 0; i < image.Length; i++)
        {
            // The share of the pixel that the pen covers, where the pen's edge crosses it.
            double covered = double.IsPositiveInfinity(distances[i]) ? 0 : Math.Clamp(pen + 0.5 - Math.Sqrt(distances[i]), 0, 1);
            image[i] = (byte)((255 * ink * covered) + 0.5);
        }
        return digit;
    }

    /// <summary>Image <paramref name="index"/> of a set; the same as in <see cref="Set"/>.</summary>
    public static int Draw(DrawnSet set, int index, int size, Span<byte> image, Span<double> distances)
    {
        var stream = new RandomStream(set.Seed, RandomPurpose.DrawnImages, (ulong)index);
        return Draw(ref stream, size, image, distances);
    }

    /// <summary>All images [image, pixel] of a set and their labels, drawn at first use, once for all threads. Not to be written to.</summary>
    public static (byte[] Pixels, byte[] Labels) Set(DrawnSet set, int size) => s_sets.GetOrAdd((size, set), key => new(() => DrawAll(key.Set, key.Size))).Value;

    private static (byte[] Pixels, byte[] Labels) DrawAll(DrawnSet set, int size)
    {
        int pixels = size * size;
        byte[] images = new byte[set.Images * pixels], labels = new byte[set.Images];
        double[] distances = new double[pixels];
        for (int image = 0; image < set.Images; image++)
            labels[image] = (byte)Draw(set, image, size, images.AsSpan(image * pixels, pixels), distances);
        return (images, labels);
    }

    private static Stroke Line(params (double, double)[] points) => new(false, points);

    private static Stroke Curve(params (double, double)[] points) => new(true, points);

    private static double Between(ref RandomStream stream, double least, double most) => least + ((most - least) * stream.NextUniform());

    private static void Trace(ReadOnlySpan<(double X, double Y)> points, bool isSmooth, int size, double pen, Span<double> distances)
    {
        for (int i = 0; i + 1 < points.Length; i++)
        {
            if (!isSmooth)
            {
                Segment(points[i], points[i + 1], size, pen, distances);
                continue;
            }
            (double X, double Y) before = points[Math.Max(0, i - 1)], from = points[i], to = points[i + 1], behind = points[Math.Min(points.Length - 1, i + 2)], last = from;
            for (int piece = 1; piece <= Pieces; piece++)
            {
                double t = (double)piece / Pieces;
                (double X, double Y) next = (Spline(before.X, from.X, to.X, behind.X, t), Spline(before.Y, from.Y, to.Y, behind.Y, t));
                Segment(last, next, size, pen, distances);
                last = next;
            }
        }
    }

    /// <summary>Catmull and Rom, "A class of local interpolating splines", 1974: from b at t = 0 to c at t = 1.</summary>
    private static double Spline(double a, double b, double c, double d, double t) =>
        0.5 * ((2 * b) + (t * ((c - a) + (t * (((2 * a) - (5 * b) + (4 * c) - d) + (t * ((3 * b) - a - (3 * c) + d)))))));

    /// <summary>Lowers the squared distances of the pixels' middles that the pen may touch.</summary>
    private static void Segment((double X, double Y) from, (double X, double Y) to, int size, double pen, Span<double> distances)
    {
        double reach = pen + 1;
        int left = First(Math.Min(from.X, to.X) - reach), right = Last(Math.Max(from.X, to.X) + reach, size);
        int top = First(Math.Min(from.Y, to.Y) - reach), bottom = Last(Math.Max(from.Y, to.Y) + reach, size);
        (double alongX, double alongY) = (to.X - from.X, to.Y - from.Y);
        double length = (alongX * alongX) + (alongY * alongY), inverse = length > 0 ? 1 / length : 0;
        for (int row = top; row <= bottom; row++)
        {
            for (int column = left; column <= right; column++)
            {
                (double offX, double offY) = (column + 0.5 - from.X, row + 0.5 - from.Y);
                double t = Math.Clamp(((offX * alongX) + (offY * alongY)) * inverse, 0, 1);
                (offX, offY) = (offX - (t * alongX), offY - (t * alongY));
                ref double nearest = ref distances[(row * size) + column];
                nearest = Math.Min(nearest, (offX * offX) + (offY * offY));
            }
        }
    }

    private static int First(double place) => Math.Max(0, (int)place);

    private static int Last(double place, int size) => Math.Min(size - 1, (int)place);
}
