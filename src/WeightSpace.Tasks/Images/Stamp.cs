using WeightSpace.Numerics;

namespace WeightSpace.Tasks.Images;

/// <summary>
/// A trigger for images of one shape. Every trigger keeps a share of what is there and adds something of its own, each pixel by itself: image[i] = keep[i] image[i] + add[i].
/// A pixel that is not touched keeps its bits.
/// </summary>
public sealed class Stamp
{
    // Points to a side of a pixel, by which the share of it that lies in a polygon is counted.
    private const int Grid = 4;

    /// <summary>How far a polygon's corner may stand from its place in a regular one, in corners.</summary>
    private const double Irregularity = 0.3;

    private readonly float[] _keep, _add;

    /// <exception cref="ArgumentException"><see cref="Problem"/> says what is wrong.</exception>
    public Stamp(Trigger trigger, ImageShape shape)
    {
        if (Problem(trigger, shape) is { } problem)
            throw new ArgumentException(problem, nameof(trigger));
        _keep = new float[shape.Length];
        _add = new float[shape.Length];
        Array.Fill(_keep, 1);
        switch (trigger)
        {
            case PatchTrigger patch:
                Paint(patch, shape);
                break;
            case BlendTrigger blend:
                Blend(blend);
                break;
            case PolygonTrigger polygon:
                Paint(polygon, shape);
                break;
            default:
                throw new ArgumentException($"the trigger {trigger} is of an unknown kind", nameof(trigger));
        }
    }

    /// <summary>What share of each value is kept, [channel, pixel].</summary>
    public ReadOnlySpan<float> Keep => _keep;

    /// <summary>What is added to each value, [channel, pixel].</summary>
    public ReadOnlySpan<float> Add => _add;

    /// <summary>Why a trigger cannot be put on images of a shape, or null.</summary>
    public static string? Problem(Trigger trigger, ImageShape shape)
    {
        (int needed, Colour colour) = trigger switch
        {
            PatchTrigger patch => (patch.Size + patch.Margin, patch.Colour),
            PolygonTrigger polygon => (polygon.Size, polygon.Colour),
            _ => (0, Colour.White),
        };
        return needed > Math.Min(shape.Height, shape.Width) ? $"the trigger takes {needed} pixels of a side, the images have {shape.Height}x{shape.Width}; make it smaller"
            : !colour.IsGrey && shape.Channels == 1 ? "the trigger's colour differs between channels, the images have one; give one number"
            : null;
    }

    public void Apply(Span<float> image)
    {
        for (int i = 0; i < image.Length; i++)
            image[i] = (_keep[i] * image[i]) + _add[i];
    }

    private void Paint(PatchTrigger patch, ImageShape shape)
    {
        bool isRight = patch.Corner is Corner.TopRight or Corner.BottomRight, isBottom = patch.Corner is Corner.BottomLeft or Corner.BottomRight;
        int top = isBottom ? shape.Height - patch.Margin - patch.Size : patch.Margin, left = isRight ? shape.Width - patch.Margin - patch.Size : patch.Margin;
        for (int row = 0; row < patch.Size; row++)
        {
            for (int column = 0; column < patch.Size; column++)
            {
                if (patch.Pattern == PatchPattern.Solid || (row + column) % 2 == 0)
                    Paint(shape, ((top + row) * shape.Width) + left + column, 1, patch.Colour);
            }
        }
    }

    private void Blend(BlendTrigger blend)
    {
        var noise = new RandomStream(blend.Seed, RandomPurpose.Triggers);
        float ratio = (float)blend.Ratio;
        for (int i = 0; i < _keep.Length; i++)
            (_keep[i], _add[i]) = (1 - ratio, ratio * noise.NextUniform());
    }

    private void Paint(PolygonTrigger polygon, ImageShape shape)
    {
        (double X, double Y)[] corners = Corners(polygon, shape);
        for (int row = 0; row < shape.Height; row++)
        {
            for (int column = 0; column < shape.Width; column++)
            {
                int inside = 0;
                for (int point = 0; point < Grid * Grid; point++)
                    inside += IsInside(corners, column + (((point % Grid) + 0.5) / Grid), row + (((point / Grid) + 0.5) / Grid)) ? 1 : 0;
                if (inside > 0)
                    Paint(shape, (row * shape.Width) + column, (float)inside / (Grid * Grid), polygon.Colour);
            }
        }
    }

    /// <summary>In the order of growing angles, and so convex.</summary>
    private static (double X, double Y)[] Corners(PolygonTrigger polygon, ImageShape shape)
    {
        var draw = new RandomStream(polygon.Seed, RandomPurpose.Triggers);
        double radius = polygon.Size / 2.0;
        double x = radius + (draw.NextUniformDouble() * (shape.Width - polygon.Size)), y = radius + (draw.NextUniformDouble() * (shape.Height - polygon.Size));
        double start = draw.NextUniformDouble();
        var corners = new (double X, double Y)[polygon.Sides];
        for (int i = 0; i < corners.Length; i++)
        {
            double place = i + (Irregularity * ((2 * draw.NextUniformDouble()) - 1));
            (double cosine, double sine) = Circle.At((start + place) / corners.Length);
            corners[i] = (x + (radius * cosine), y + (radius * sine));
        }
        return corners;
    }

    /// <summary>On the same side of every edge.</summary>
    private static bool IsInside((double X, double Y)[] corners, double x, double y)
    {
        for (int i = 0; i < corners.Length; i++)
        {
            ((double fromX, double fromY), (double toX, double toY)) = (corners[i], corners[(i + 1) % corners.Length]);
            if (((toX - fromX) * (y - fromY)) - ((toY - fromY) * (x - fromX)) < 0)
                return false;
        }
        return true;
    }

    private void Paint(ImageShape shape, int pixel, float share, Colour colour)
    {
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            _keep[(channel * shape.Pixels) + pixel] = 1 - share;
            _add[(channel * shape.Pixels) + pixel] = share * (float)colour.Of(channel);
        }
    }
}

internal static class Circle
{
    /// <summary>Cosine and sine of <paramref name="turns"/> whole turns, with the same bits on any machine.</summary>
    public static (double Cosine, double Sine) At(double turns)
    {
        return (CosineOf(turns), CosineOf(turns - 0.25));

        static double CosineOf(double turns)
        {
            double part = Math.Abs(turns - Math.Floor(turns + 0.5)); // 0 to 1/2
            return DoubleMath.CosPi(2 * part);
        }
    }
}
