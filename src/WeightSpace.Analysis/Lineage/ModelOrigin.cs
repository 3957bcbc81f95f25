using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Analysis.Lineage;

/// <summary>What a model is said to descend from.</summary>
/// <param name="Parent">The model that it was made from; null where it has none among the models.</param>
/// <param name="SecondParent">Of an average, the other one.</param>
/// <param name="Change">How it was made: <see cref="Original"/>, <see cref="Trained"/>, <see cref="Unknown"/>, or a change without training: <c>pruned-0.5</c>, <c>noisy-0.02</c>, <c>quantised-8</c>, <c>permuted</c>, <c>averaged</c>.</param>
public sealed record ModelOrigin(string? Parent, string? SecondParent, string Change)
{
    /// <summary>Begins a tree.</summary>
    public const string Original = "original";

    /// <summary>Trained further from its parent.</summary>
    public const string Trained = "trained";

    /// <summary>Nothing is known; no score counts it.</summary>
    public const string Unknown = "unknown";

    public const string Pruned = "pruned", Noisy = "noisy", Quantised = "quantised", Permuted = "permuted", Averaged = "averaged";

    /// <summary>The change without its number.</summary>
    public string Kind => Change.Split('-')[0];

    /// <summary>The number of the tree that each model stands in, from 0, by parents of all generations. Models whose parents are named in a circle are refused.</summary>
    /// <exception cref="InputException">A model descends from itself.</exception>
    public static IReadOnlyDictionary<string, int> Trees(IReadOnlyDictionary<string, ModelOrigin> origins)
    {
        ArgumentNullException.ThrowIfNull(origins);
        var roots = new Dictionary<string, string>();
        foreach (string model in origins.Keys)
        {
            string at = model;
            for (int generation = 0; origins.TryGetValue(at, out ModelOrigin? origin) && origin.Parent is { } parent; generation++, at = parent)
            {
                if (generation > origins.Count)
                    throw new InputException($"the model '{model}' descends from itself by the parents that are named; a parent is older than its children");
            }
            roots[model] = at;
        }
        string[] names = [.. roots.Values.Distinct()];
        return roots.ToDictionary(pair => pair.Key, pair => Array.IndexOf(names, pair.Value));
    }
}

/// <summary><c>lineage.csv</c>: which model descends from which, where that is known.</summary>
public static class LineageTable
{
    public const string FileName = "lineage.csv";

    private const int MaxRows = 1_000_000;

    private static readonly string[] s_columns = ["model", "parent", "second_parent", "change"];

    public static void Write(string path, IEnumerable<(string Model, ModelOrigin Origin)> rows) => AtomicFile.Write(path, stream =>
    {
        using var table = new CsvWriter(stream, s_columns);
        foreach ((string model, ModelOrigin origin) in rows)
            table.WriteRow(model, origin.Parent ?? "", origin.SecondParent ?? "", origin.Change);
    });

    /// <summary>Reads the table of a folder; null where there is none.</summary>
    /// <exception cref="InputException">The table is damaged, or contradicts itself.</exception>
    public static IReadOnlyDictionary<string, ModelOrigin>? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        using var table = new CsvReader(stream, path);
        table.ExpectColumns(s_columns);
        var origins = new Dictionary<string, ModelOrigin>(StringComparer.Ordinal);
        while (table.Read())
        {
            if (origins.Count == MaxRows)
                throw table.Error($"found more than {MaxRows} models, expected at most as many");
            string? Optional(int column) => table.String(column) is { Length: > 0 } text ? text : null;
            if (table.String(0).Length == 0)
                throw table.Wrong(0, "the name of a model");
            if (table.String(3).Length == 0)
                throw table.Wrong(3, $"how the model was made: {ModelOrigin.Original}, {ModelOrigin.Trained}, {ModelOrigin.Unknown} or a change");
            if (Optional(1) is null && Optional(2) is not null)
                throw table.Wrong(1, "a parent, for a second one is named");
            if (!origins.TryAdd(table.String(0), new ModelOrigin(Optional(1), Optional(2), table.String(3))))
                throw table.Wrong(0, "each model once");
        }
        ModelOrigin.Trees(origins);
        return origins;
    }
}
