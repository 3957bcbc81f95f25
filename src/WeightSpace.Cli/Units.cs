using System.Globalization;

namespace WeightSpace.Cli;

/// <summary>Quantities as people read them.</summary>
internal static class Units
{
    private static readonly string[] s_prefixes = ["", "k", "M", "G", "T", "P", "E"];

    /// <summary>1,234,567.</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>1.23 GFLOP, 52.4 MB: three digits and a decimal prefix.</summary>
    public static string Scaled(double value, string unit)
    {
        int prefix = 0;
        for (; value >= 1000 && prefix < s_prefixes.Length - 1; prefix++)
            value /= 1000;
        string format = value >= 100 || (prefix == 0 && value == Math.Floor(value)) ? "F0" : value >= 10 ? "F1" : "F2";
        return value.ToString(format, CultureInfo.InvariantCulture) + " " + s_prefixes[prefix] + unit;
    }

    /// <summary>A loss or another small number: three significant digits.</summary>
    public static string Short(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
}
