using System.Globalization;
using System.Runtime.CompilerServices;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>The checkpoints of one network in a group, in the order of its path.</summary>
/// <param name="Network">Its name.</param>
/// <param name="Class">What it was trained for, as far as anything says so.</param>
/// <param name="Unit">What it shares with the networks that it is not independent of: its initial seed, or itself.</param>
/// <param name="IsSound">Whether its training ended as it should, as far as anything says so.</param>
/// <param name="Items">Indices in the group.</param>
public sealed record PathItems(string Network, string Class, string Unit, bool IsSound, IReadOnlyList<int> Items)
{
    /// <summary>The class of networks of which nothing says what they were trained for.</summary>
    public const string NoClass = "all networks";

    private static readonly ConditionalWeakTable<ICheckpointGroup, Dictionary<string, int>> s_names = [];

    /// <summary>
    /// The networks of a group in the order in which they first appear; their checkpoints by step, those without a step in the order of the group. Checkpoints that nothing says a network of are
    /// one path, named after the group.
    /// </summary>
    public static IReadOnlyList<PathItems> Of(ICheckpointGroup group) =>
    [
        .. Enumerable.Range(0, group.Items.Count).GroupBy(index => group.Items[index].Network ?? group.Name).Select(items =>
        {
            IReadOnlyDictionary<string, string> facts = group.Items[items.First()].Metadata;
            return new PathItems(items.Key, facts.GetValueOrDefault("class") ?? facts.GetValueOrDefault("task") ?? NoClass, facts.TryGetValue("init_seed", out string? seed) ? $"seed {seed}" : items.Key,
                facts.GetValueOrDefault("status") is null or "finished", [.. items.OrderBy(index => group.Items[index].Step ?? long.MinValue)]);
        }),
    ];

    /// <summary>What a checkpoint says of itself.</summary>
    internal static CheckpointMeasures Known(CheckpointItem item) =>
        new(item.Name, item.Step, item.Metadata.TryGetValue("epoch", out string? text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double epoch) && double.IsFinite(epoch) ? epoch : null);

    /// <summary>Why a checkpoint has no numbers.</summary>
    internal static string Problem(NotFinite found) => $"'{found.Tensor}' holds {(float.IsNaN(found.Value) ? "NaN" : found.Value > 0 ? "infinity" : "minus infinity")}";

    /// <summary>Where a checkpoint stands in a group; null where it is not there.</summary>
    internal static int? IndexOf(ICheckpointGroup group, string name)
    {
        Dictionary<string, int> names = s_names.GetValue(group, static key =>
        {
            var places = new Dictionary<string, int>(StringComparer.Ordinal);
            for (int i = 0; i < key.Items.Count; i++)
                places[key.Items[i].Name] = i;
            return places;
        });
        return names.TryGetValue(name, out int index) ? index : null;
    }
}
