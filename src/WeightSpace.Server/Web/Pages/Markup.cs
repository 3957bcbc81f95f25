using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace WeightSpace.Server.Web.Pages;

/// <summary>
/// A piece of a page. It is made of interpolated text alone (<see cref="Of"/>), in which every value but another piece is encoded, so what a stranger called an account or a host never becomes markup.
/// </summary>
internal readonly record struct Markup(string Text)
{
    public static readonly Markup Empty = new("");

    public static Markup Of(MarkupText text) => new(text.ToString());

    public static Markup Join(IEnumerable<Markup> pieces) => new(string.Concat(pieces.Select(piece => piece.Text)));

    /// <summary>What people called something: its direction of writing does not reach beyond it.</summary>
    public static Markup Name(string name) => Of($"<bdi>{name}</bdi>");

    public static Markup When(bool isSo, Func<Markup> piece) => isSo ? piece() : Empty;

    public override string ToString() => Text;
}

/// <summary>Interpolated text of a page. Numbers are written for people, without a culture.</summary>
[InterpolatedStringHandler]
internal readonly struct MarkupText
{
    private readonly StringBuilder _text;

    public MarkupText(int literalLength, int formattedCount) => _text = new StringBuilder(literalLength + (16 * formattedCount));

    public void AppendLiteral(string literal) => _text.Append(literal);

    public void AppendFormatted(Markup piece) => _text.Append(piece.Text);

    public void AppendFormatted(IEnumerable<Markup> pieces)
    {
        foreach (Markup piece in pieces)
            _text.Append(piece.Text);
    }

    public void AppendFormatted(string? value)
    {
        // Control characters have no place in a page.
        string shown = string.Concat((value ?? "").Select(each => char.IsControl(each) && each != '\n' ? '\uFFFD' : each));
        _text.Append(WebUtility.HtmlEncode(shown));
    }

    public void AppendFormatted(long value) => _text.Append(value.ToString("N0", CultureInfo.InvariantCulture));

    public void AppendFormatted(double value, string format) => _text.Append(value.ToString(format, CultureInfo.InvariantCulture));

    public override string ToString() => _text.ToString();
}
