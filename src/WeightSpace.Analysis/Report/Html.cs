using System.Globalization;
using System.Text;

namespace WeightSpace.Analysis.Report;

/// <summary>Text and numbers as they stand in a report.</summary>
internal static class Html
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <summary>Text for element content and attribute values; characters that XML has no place for become U+FFFD.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                escaped.Append(c).Append(text[++i]);
                continue;
            }
            escaped.Append(c switch
            {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\t' or '\n' or '\r' => c.ToString(),
                < ' ' or '\uFFFE' or '\uFFFF' => "\uFFFD",
                _ when char.IsSurrogate(c) => "\uFFFD",
                _ => c.ToString(),
            });
        }
        return escaped.ToString();
    }

    /// <summary>A score: two digits, a true minus sign, no minus zero.</summary>
    public static string Score(double value)
    {
        string text = value.ToString("0.00", Culture);
        return text == "-0.00" ? "0.00" : text.Replace('-', '\u2212');
    }

    /// <summary>A score with its interval: <c>0.87 [0.82, 0.91]</c>.</summary>
    public static string Score(Estimate? estimate) => estimate is null ? "\u2013"
        : estimate is { Low: { } low, High: { } high } ? $"{Score(estimate.Value)} [{Score(low)}, {Score(high)}]" : Score(estimate.Value);

    /// <summary>A quantity with three significant digits: <c>0.0123</c>, <c>1.23e-5</c>.</summary>
    public static string Quantity(double value)
    {
        double size = Math.Abs(value);
        if (size == 0)
            return "0";
        if (size is < 1e-3 or >= 1e5)
            return value.ToString("0.##e0", Culture).Replace('-', '\u2212');
        int digits = Math.Max(0, 2 - (int)Math.Floor(Math.Log10(size)));
        return value.ToString("F" + digits.ToString(Culture), Culture).Replace('-', '\u2212');
    }

    public static string Quantity(Estimate? estimate) => estimate is null ? "\u2013"
        : estimate is { Low: { } low, High: { } high } ? $"{Quantity(estimate.Value)} [{Quantity(low)}, {Quantity(high)}]" : Quantity(estimate.Value);

    public static string PValue(double? value) => value is not { } p ? "\u2013" : p < 0.001 ? p.ToString("0.0000", Culture) : p.ToString("0.000", Culture);

    public static string Count(long value) => value.ToString("N0", Culture);

    /// <summary>A coordinate in a drawing.</summary>
    public static string Pixel(double value)
    {
        string text = value.ToString("0.#", Culture);
        return text == "-0" ? "0" : text;
    }

    /// <summary>An element's id from a name.</summary>
    public static string Id(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));
}
