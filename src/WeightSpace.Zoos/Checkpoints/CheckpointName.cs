using System.Globalization;
using System.Text.RegularExpressions;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>
/// What the path of a checkpoint says: the network that it is of, and where in its training it was written. <c>run1/step_100.pt</c> is step 100 of <c>run1</c>, <c>epoch=3-step=500.ckpt</c> step
/// 500 in epoch 3, <c>a/checkpoint_000012/checkpoints</c> step 12 of <c>a</c>, <c>model-3.pth</c> number 3 of <c>model</c>.
/// </summary>
/// <param name="Network">Null where the path says none.</param>
/// <param name="Number">A number at the end of the name that nothing is said of.</param>
public sealed partial record CheckpointName(string? Network, long? Step, long? Epoch, long? Number)
{
    /// <summary>Words that say that a file is a checkpoint, and not of which network.</summary>
    private static readonly HashSet<string> s_plain = new(StringComparer.OrdinalIgnoreCase)
    {
        "", "model", "models", "checkpoint", "checkpoints", "ckpt", "weights", "state", "state_dict", "pytorch_model", "adapter_model", "net", "network", "params", "best", "last", "final", "latest", "iter", "it",
    };

    /// <param name="path">Relative, with <c>/</c>.</param>
    public static CheckpointName Parse(string path)
    {
        string[] parts = path.Split('/');
        string stem = Stem(parts[^1]);
        (string rest, CheckpointName found) = ParsePart(stem);
        int folders = parts.Length - 1;
        // A folder for each checkpoint: checkpoint-500/model.safetensors.
        if (found is { Step: null, Epoch: null, Number: null } && s_plain.Contains(rest) && folders > 0 && ParsePart(parts[folders - 1]) is var (folderRest, inFolder) && (inFolder.Step ?? inFolder.Epoch) is not null)
            (found, rest, folders) = (inFolder, folderRest, folders - 1);
        string network = string.Join('/', parts[..folders]);
        if (!s_plain.Contains(rest))
            network = network.Length == 0 ? rest : $"{network}/{rest}";
        else if (network.Length == 0 && rest.Length > 0)
            network = rest;
        return found with { Network = network.Length == 0 ? null : network };
    }

    /// <summary>A file's name without its ending; <c>model.safetensors.index.json</c> is <c>model</c>.</summary>
    private static string Stem(string file)
    {
        if (file.EndsWith(Files.WeightFormats.IndexSuffix, StringComparison.OrdinalIgnoreCase))
            file = file[..^Files.WeightFormats.IndexSuffix.Length];
        return Path.GetFileNameWithoutExtension(file);
    }

    private static (string Before, CheckpointName Found) ParsePart(string name)
    {
        long? step = null, epoch = null, number = null;
        int first = name.Length;
        foreach (Match match in Pair().Matches(name))
        {
            if (!long.TryParse(match.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out long value))
                continue;
            if (match.Groups[1].Value.StartsWith("ep", StringComparison.OrdinalIgnoreCase))
                epoch = value;
            else
                step = value;
            first = Math.Min(first, match.Index);
        }
        if (step is null && epoch is null && Last().Match(name) is { Success: true } last && !Identity().IsMatch(name[..last.Groups[1].Index])
            && long.TryParse(last.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out long only))
        {
            number = only;
            first = last.Groups[1].Index;
        }
        return (name[..first].TrimEnd('-', '_', '.', ' ', '='), new CheckpointName(null, step, epoch, number));
    }

    /// <summary>A word and its number: <c>step_100</c>, <c>epoch=3</c>, <c>ckpt12</c>.</summary>
    [GeneratedRegex("(?<![A-Za-z])(global_step|steps?|iteration|iter|it|epochs?|ep|checkpoint|ckpt)[-_=. ]*([0-9]{1,18})(?![0-9])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Pair();

    /// <summary>A number at the end, or nothing but a number.</summary>
    [GeneratedRegex("(^|[-_=. ])([0-9]{1,18})$", RegexOptions.CultureInvariant)]
    private static partial Regex Last();

    /// <summary>Words whose number says which network it is.</summary>
    [GeneratedRegex("(seed|run|trial|fold|rank|split|id|net|network|version|v|size|width|depth)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Identity();
}

/// <summary>Orders names as people do: numbers in them by value, <c>run2</c> before <c>run10</c>.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        (x, y) = (x ?? "", y ?? "");
        int i = 0, j = 0;
        while (i < x.Length && j < y.Length)
        {
            if (char.IsAsciiDigit(x[i]) && char.IsAsciiDigit(y[j]))
            {
                ReadOnlySpan<char> left = Digits(x, ref i), right = Digits(y, ref j);
                int order = left.Length != right.Length ? left.Length.CompareTo(right.Length) : left.SequenceCompareTo(right);
                if (order != 0)
                    return order;
                continue;
            }
            if (x[i] != y[j])
                return x[i].CompareTo(y[j]);
            i++;
            j++;
        }
        int rest = (x.Length - i).CompareTo(y.Length - j);
        return rest != 0 ? rest : string.CompareOrdinal(x, y);
    }

    /// <summary>A number's digits without leading zeros.</summary>
    private static ReadOnlySpan<char> Digits(string text, ref int at)
    {
        int begin = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
            at++;
        return text.AsSpan(begin, at - begin).TrimStart('0');
    }
}
