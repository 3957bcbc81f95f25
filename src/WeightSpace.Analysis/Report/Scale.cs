using System.Globalization;

namespace WeightSpace.Analysis.Report;

internal enum ScaleKind
{
    Linear,
    Logarithmic,
    /// <summary>log(1 + value): steps of training, which begin at 0.</summary>
    Steps,
}

/// <summary>From values to pixels along one axis of a figure.</summary>
internal sealed record Scale(double From, double To, double PixelFrom, double PixelTo, ScaleKind Kind)
{
    public double At(double value)
    {
        double low = Bend(From), high = Bend(To);
        double share = high > low ? (Bend(value) - low) / (high - low) : 0.5;
        return PixelFrom + (Math.Clamp(share, -0.02, 1.02) * (PixelTo - PixelFrom));
    }

    /// <summary>A linear scale that holds all values, with a little room around.</summary>
    public static Scale Padded(IEnumerable<double> values, double pixelFrom, double pixelTo)
    {
        (double low, double high) = (double.PositiveInfinity, double.NegativeInfinity);
        foreach (double value in values)
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        double margin = high > low ? 0.05 * (high - low) : 1;
        return new Scale(low - margin, high + margin, pixelFrom, pixelTo, ScaleKind.Linear);
    }

    /// <summary>Round values to mark on the axis, with their texts.</summary>
    public IReadOnlyList<(double Value, string Text)> Ticks()
    {
        var ticks = new List<(double, string)>();
        if (Kind == ScaleKind.Linear)
        {
            double step = NiceStep((To - From) / 4);
            for (double i = Math.Ceiling((From / step) - 1e-9); (i * step) <= To + (1e-9 * step); i++)
                ticks.Add((i * step, i == 0 ? "0" : (i * step).ToString("0.##", CultureInfo.InvariantCulture).Replace('-', '\u2212')));
            return ticks;
        }
        if (Kind == ScaleKind.Steps && From <= 0)
            ticks.Add((0, "0"));
        int first = Kind == ScaleKind.Steps ? 0 : (int)Math.Ceiling(Math.Log10(From) - 1e-9);
        int last = (int)Math.Floor(Math.Log10(Math.Max(To, 1e-300)) + 1e-9);
        if (Kind == ScaleKind.Logarithmic && last - first < 1)
            return LogarithmicTicksOfOneDecade();
        int stride = Math.Max(1, (last - first + 4) / 6);
        for (int power = first; power <= last; power += stride)
        {
            if (Math.Pow(10, power) >= From)
                ticks.Add((Math.Pow(10, power), power is >= -3 and <= 5 ? Math.Pow(10, power).ToString("#,0.###", CultureInfo.InvariantCulture) : $"1e{power}"));
        }
        return ticks;
    }

    private List<(double, string)> LogarithmicTicksOfOneDecade()
    {
        var ticks = new List<(double, string)>();
        for (int power = (int)Math.Floor(Math.Log10(From)); power <= (int)Math.Ceiling(Math.Log10(To)); power++)
        {
            foreach (int digit in new[] { 1, 2, 5 })
            {
                double value = digit * Math.Pow(10, power);
                if (value >= From && value <= To)
                    ticks.Add((value, Html.Quantity(value)));
            }
        }
        return ticks;
    }

    private double Bend(double value) => Kind switch
    {
        ScaleKind.Linear => value,
        ScaleKind.Logarithmic => Math.Log10(Math.Max(value, 1e-300)),
        _ => Math.Log10(1 + Math.Max(value, 0)),
    };

    private static double NiceStep(double rough)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(rough, 1e-300))));
        double digit = rough / power;
        return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    }
}
