using System.Text;

namespace WeightSpace.Analysis.Report;

/// <summary>One value along a curve, with the bounds of its band where it has one.</summary>
internal readonly record struct CurvePoint(double X, double Y, double? Low = null, double? High = null);

/// <summary>
/// One panel of a figure, drawn into SVG: axes, curves with bands, markers. Colours come from the page's CSS variables, so that a figure
/// follows light and dark.
/// </summary>
internal sealed class Chart
{
    private readonly StringBuilder _svg;
    private readonly List<(double Y, string Text, string Class)> _labels = [];

    public Chart(StringBuilder svg, Scale x, Scale y)
    {
        _svg = svg;
        X = x;
        Y = y;
    }

    public Scale X { get; }

    public Scale Y { get; }

    /// <summary>The frame: grid lines, ticks and the two axes' titles.</summary>
    public void Axes(string title, string xTitle, string yTitle, bool xTicks = true)
    {
        double left = X.PixelFrom, right = X.PixelTo, bottom = Y.PixelFrom, top = Y.PixelTo;
        foreach ((double value, string text) in Y.Ticks())
        {
            string at = Html.Pixel(Y.At(value));
            _svg.Append($"<line class=\"grid\" x1=\"{Html.Pixel(left)}\" x2=\"{Html.Pixel(right)}\" y1=\"{at}\" y2=\"{at}\"/>");
            _svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left - 6)}\" y=\"{Html.Pixel(Y.At(value) + 4)}\" text-anchor=\"end\">{Html.Escape(text)}</text>");
        }
        _svg.Append($"<line class=\"axis\" x1=\"{Html.Pixel(left)}\" x2=\"{Html.Pixel(right)}\" y1=\"{Html.Pixel(bottom)}\" y2=\"{Html.Pixel(bottom)}\"/>");
        if (xTicks)
        {
            foreach ((double value, string text) in X.Ticks())
                Tick(X.At(value), text);
        }
        if (title.Length > 0)
            _svg.Append($"<text class=\"panel\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top - 22)}\">{Html.Escape(title)}</text>");
        _svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(left)}\" y=\"{Html.Pixel(top - 8)}\">{Html.Escape(yTitle)}</text>");
        _svg.Append($"<text class=\"tick\" x=\"{Html.Pixel((left + right) / 2)}\" y=\"{Html.Pixel(bottom + 34)}\" text-anchor=\"middle\">{Html.Escape(xTitle)}</text>");
    }

    /// <summary>A mark with its text below the horizontal axis.</summary>
    public void Tick(double pixel, string text)
    {
        double bottom = Y.PixelFrom;
        _svg.Append($"<line class=\"axis\" x1=\"{Html.Pixel(pixel)}\" x2=\"{Html.Pixel(pixel)}\" y1=\"{Html.Pixel(bottom)}\" y2=\"{Html.Pixel(bottom + 4)}\"/>");
        _svg.Append($"<text class=\"tick\" x=\"{Html.Pixel(pixel)}\" y=\"{Html.Pixel(bottom + 17)}\" text-anchor=\"middle\">{Html.Escape(text)}</text>");
    }

    /// <summary>A curve with its band; <paramref name="style"/> is a class of the page's style sheet. Its name stands at its right end.</summary>
    public void Curve(IReadOnlyList<CurvePoint> points, string style, string? name, bool withBand = true)
    {
        CurvePoint[] banded = [.. points.Where(point => point.Low is not null && point.High is not null)];
        if (withBand && banded.Length > 1)
        {
            IEnumerable<string> outline = banded.Select(point => At(point.X, point.High!.Value)).Concat(banded.Reverse().Select(point => At(point.X, point.Low!.Value)));
            _svg.Append($"<polygon class=\"band {style}\" points=\"{string.Join(' ', outline)}\"/>");
        }
        if (points.Count > 1)
            _svg.Append($"<polyline class=\"curve {style}\" points=\"{string.Join(' ', points.Select(point => At(point.X, point.Y)))}\"/>");
        if (points.Count == 1)
            _svg.Append($"<circle class=\"dot {style}\" cx=\"{Html.Pixel(X.At(points[0].X))}\" cy=\"{Html.Pixel(Y.At(points[0].Y))}\" r=\"3.5\"/>");
        if (name is not null && points.Count > 0)
            _labels.Add((Y.At(points[^1].Y), name, style));
    }

    /// <summary>Points with upright bars for their intervals.</summary>
    public void Bars(IReadOnlyList<CurvePoint> points, string style, double shift)
    {
        foreach (CurvePoint point in points)
        {
            string x = Html.Pixel(X.At(point.X) + shift);
            if (point.Low is { } low && point.High is { } high)
                _svg.Append($"<line class=\"bar {style}\" x1=\"{x}\" x2=\"{x}\" y1=\"{Html.Pixel(Y.At(low))}\" y2=\"{Html.Pixel(Y.At(high))}\"/>");
            _svg.Append($"<circle class=\"dot {style}\" cx=\"{x}\" cy=\"{Html.Pixel(Y.At(point.Y))}\" r=\"3.5\"/>");
        }
    }

    /// <summary>A level across the panel, such as chance.</summary>
    public void Level(double value, string? text)
    {
        string y = Html.Pixel(Y.At(value));
        _svg.Append($"<line class=\"level\" x1=\"{Html.Pixel(X.PixelFrom)}\" x2=\"{Html.Pixel(X.PixelTo)}\" y1=\"{y}\" y2=\"{y}\"/>");
        if (text is not null)
            _labels.Add((Y.At(value), text, "level"));
    }

    /// <summary>Writes the names of the curves at their right ends, moved apart where they would overlap.</summary>
    public void Labels()
    {
        const double height = 14;
        (double Y, string Text, string Class)[] sorted = [.. _labels.OrderBy(label => label.Y).ThenBy(label => label.Text, StringComparer.Ordinal)];
        var places = new double[sorted.Length];
        for (int i = 0; i < sorted.Length; i++)
            places[i] = i == 0 ? sorted[i].Y : Math.Max(sorted[i].Y, places[i - 1] + height);
        double excess = sorted.Length == 0 ? 0 : places[^1] - Y.PixelFrom;
        for (int i = sorted.Length - 1; i >= 0 && excess > 0; i--)
        {
            double most = i == sorted.Length - 1 ? Y.PixelFrom : places[i + 1] - height;
            places[i] = Math.Min(places[i], most);
        }
        for (int i = 0; i < sorted.Length; i++)
            _svg.Append($"<text class=\"name {sorted[i].Class}\" x=\"{Html.Pixel(X.PixelTo + 8)}\" y=\"{Html.Pixel(places[i] + 4)}\">{Html.Escape(sorted[i].Text)}</text>");
    }

    private string At(double x, double y) => $"{Html.Pixel(X.At(x))},{Html.Pixel(Y.At(y))}";
}
