using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace WeightSpace.Server.Protocol;

/// <summary>What a client sent cannot be read; the message is for the volunteer's log.</summary>
internal sealed class ProtocolException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The XML of BOINC's clients: no document type, no entities but the five, bounded in size and depth. Texts hold what programs said, so control characters and broken UTF-8 are let pass.</summary>
internal static class BoincXml
{
    private const int MaxDepth = 24;
    private const int MaxElements = 100_000;

    private static readonly XmlReaderSettings s_settings = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        CheckCharacters = false,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
    };

    /// <summary>Reads a document whose root has this name.</summary>
    public static XElement Read(ReadOnlySpan<byte> bytes, string root)
    {
        string text = Encoding.UTF8.GetString(bytes).TrimEnd('\0', ' ', '\r', '\n');
        try
        {
            using (XmlReader counting = Open(text))
            {
                for (int elements = 0; counting.Read();)
                {
                    if (counting.Depth > MaxDepth || (counting.NodeType == XmlNodeType.Element && ++elements > MaxElements))
                        throw new ProtocolException("the request is nested too deeply, or has too many elements");
                }
            }
            using XmlReader reader = Open(text);
            XElement element = XElement.Load(reader);
            return element.Name == root ? element : throw new ProtocolException($"the request is a <{Shown(element.Name.LocalName)}>, expected <{root}>");
        }
        catch (XmlException error)
        {
            throw new ProtocolException($"the request is not readable XML (line {error.LineNumber.ToString(CultureInfo.InvariantCulture)})", error);
        }
    }

    /// <summary>The text of a child element, without what no database takes (zeros, halves of surrogate pairs); empty where there is none.</summary>
    public static string Text(this XElement element, string name) =>
        element.Element(name) is not { } child ? "" : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(child.Value)).Replace("\0", "", StringComparison.Ordinal).Trim();

    public static double Number(this XElement element, string name, double without = 0) =>
        double.TryParse(element.Text(name), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : without;

    public static long Integer(this XElement element, string name, long without = 0) =>
        long.TryParse(element.Text(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : without;

    /// <summary>Text for a reply. Characters that XML does not know are left out.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char each in text)
        {
            _ = each switch
            {
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '&' => escaped.Append("&amp;"),
                '"' => escaped.Append("&quot;"),
                '\'' => escaped.Append("&apos;"),
                _ when XmlConvert.IsXmlChar(each) => escaped.Append(each),
                _ => escaped,
            };
        }
        return escaped.ToString();
    }

    private static XmlReader Open(string text) => XmlReader.Create(new StringReader(text), s_settings);

    private static string Shown(string name) => name.Length <= 40 ? name : name[..40];
}
