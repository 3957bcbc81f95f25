using System.Globalization;
using System.Text.Json;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Differences;

/// <summary>Which network of A is compared with which of B: indices.</summary>
/// <param name="OnlyInA">Networks of A that match none of B, in A's order; <paramref name="OnlyInB"/> likewise.</param>
internal sealed record Matching(IReadOnlyList<(int A, int B)> Pairs, IReadOnlyList<int> OnlyInA, IReadOnlyList<int> OnlyInB)
{
    /// <summary>Networks of one recipe: those with the same id.</summary>
    public static Matching ById(Side a, Side b) => By(a.Networks, b.Networks, network => network.Id, network => network.Id);

    /// <summary>
    /// Networks at the same place of two experiments: of the same task, variant, architecture (by name), seeds, and factors as far as both experiments have
    /// them. Where several are, the first is compared with the first, and so on.
    /// </summary>
    public static Matching ByPosition(Side a, Side b) => ByPosition(a, a.Networks, b, b.Networks);

    /// <summary>The same among some networks of each side.</summary>
    public static Matching ByPosition(Side a, IEnumerable<NetworkRow> networksA, Side b, IEnumerable<NetworkRow> networksB)
    {
        string[] factors = [.. a.FactorNames.Intersect(b.FactorNames)];
        return By(networksA, networksB, Position(a, factors), Position(b, factors));
    }

    private static Func<NetworkRow, string> Position(Side side, string[] factors)
    {
        int[] columns = [.. factors.Select(factor => side.FactorNames.ToList().IndexOf(factor))];
        var taken = new Dictionary<string, int>();
        return network =>
        {
            string place = string.Join('\n', [network.Task, network.Variant, network.Architecture, .. columns.Select(column => network.Factors[column]),
                network.InitSeed.ToString(CultureInfo.InvariantCulture), network.DataSeed.ToString(CultureInfo.InvariantCulture)]);
            int earlier = taken.GetValueOrDefault(place);
            taken[place] = earlier + 1;
            return $"{place}\n{earlier}";
        };
    }

    private static Matching By(IEnumerable<NetworkRow> networksA, IEnumerable<NetworkRow> networksB, Func<NetworkRow, string> keyA, Func<NetworkRow, string> keyB)
    {
        Dictionary<string, int> left = networksB.ToDictionary(keyB, network => network.Index);
        var pairs = new List<(int, int)>();
        var onlyInA = new List<int>();
        foreach (NetworkRow network in networksA)
        {
            if (left.Remove(keyA(network), out int other))
                pairs.Add((network.Index, other));
            else
                onlyInA.Add(network.Index);
        }
        return new Matching(pairs, onlyInA, [.. left.Values.Order()]);
    }
}

/// <summary>A setting that recipes have differently, with the values of the first pair of networks.</summary>
/// <param name="Setting">Its path in the recipe: <c>training.optimizer.learning_rate</c>.</param>
internal sealed record SettingDifference(string Setting, string A, string B)
{
    /// <summary>The settings in which two recipes differ, in the order of their names; <c>none</c> where one of them does not have one.</summary>
    public static IEnumerable<SettingDifference> Find(Recipe a, Recipe b)
    {
        SortedDictionary<string, string> left = Settings(a), right = Settings(b);
        foreach (string setting in left.Keys.Union(right.Keys).Order(StringComparer.Ordinal))
        {
            string valueA = left.GetValueOrDefault(setting, "none"), valueB = right.GetValueOrDefault(setting, "none");
            if (valueA != valueB)
                yield return new SettingDifference(setting, valueA, valueB);
        }
    }

    private static SortedDictionary<string, string> Settings(Recipe recipe)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        using JsonDocument document = JsonDocument.Parse(recipe.CanonicalJson);
        Add(document.RootElement, "");
        return settings;

        void Add(JsonElement value, string path)
        {
            if (value.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty property in value.EnumerateObject())
                    Add(property.Value, path.Length == 0 ? property.Name : $"{path}.{property.Name}");
            }
            else if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Any(item => item.ValueKind == JsonValueKind.Object))
            {
                int index = 0;
                foreach (JsonElement item in value.EnumerateArray())
                    Add(item, $"{path}[{index++}]");
            }
            else
            {
                settings[path] = value.GetRawText();
            }
        }
    }
}
