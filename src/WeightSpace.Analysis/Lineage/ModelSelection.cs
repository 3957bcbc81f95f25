using System.Globalization;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Lineage;

/// <summary>Which checkpoints of a network are its models.</summary>
public enum ModelChoice
{
    /// <summary>The last: what a network is published as.</summary>
    Last,

    /// <summary>Of a zoo with changes in mid-training: the checkpoint that a network's children part from, so that children descend from models that are there; the last where it has no children.</summary>
    Forks,

    /// <summary>Every one.</summary>
    All,
}

/// <summary>The models of a group of checkpoints, and what is known of their descent.</summary>
/// <param name="Items">Of <see cref="ICheckpointGroup.Items"/>, ascending.</param>
/// <param name="Origins">By name of the item; null where nothing is known of any.</param>
public sealed record ModelSelection(IReadOnlyList<int> Items, IReadOnlyDictionary<string, ModelOrigin>? Origins)
{
    /// <summary>Chooses the models of a group. In a folder of files each file is a model, whatever the choice; its origins stand in <see cref="LineageTable.FileName"/>.</summary>
    /// <exception cref="InputException">A checkpoint that children part from was not kept, or a table of origins is damaged.</exception>
    public static ModelSelection Of(CheckpointSet set, ICheckpointGroup group, ModelChoice choice)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(group);
        int[] all = [.. Enumerable.Range(0, group.Items.Count)];
        IReadOnlyDictionary<string, ModelOrigin>? table = set.Source == CheckpointSource.Files && Directory.Exists(set.Path) ? LineageTable.Read(set.Path) : null;
        if (set.Source == CheckpointSource.Files)
            return new ModelSelection(all, table);
        CheckpointItem[] items = [.. group.Items];
        IGrouping<string, int>[] networks = [.. all.GroupBy(i => items[i].Network ?? items[i].Name)];
        if (set.Source != CheckpointSource.Zoo)
            return new ModelSelection(choice == ModelChoice.All ? all : [.. networks.Select(network => network.Last())], null);
        return OfZoo(items, networks, choice);
    }

    private static ModelSelection OfZoo(CheckpointItem[] items, IGrouping<string, int>[] networks, ModelChoice choice)
    {
        var partings = new Dictionary<string, long>();
        foreach (IGrouping<string, int> network in networks)
        {
            if (Parent(items[network.First()]) is { } parent && ChangedAt(items[network.First()]) is { } step)
                partings[parent] = Math.Max(step, partings.GetValueOrDefault(parent));
        }
        var chosen = new Dictionary<string, int[]>();
        foreach (IGrouping<string, int> network in networks)
        {
            chosen[network.Key] = choice == ModelChoice.All ? [.. network]
                : choice == ModelChoice.Last || !partings.TryGetValue(network.Key, out long parting) ? [network.Last()]
                : network.Where(i => items[i].Step == parting).ToArray() is { Length: > 0 } there ? there
                : throw new InputException($"network {network.Key}: its children part from step {parting}, of which there is no checkpoint; add that step to `checkpoints` of the experiment, or take the last one of each network");
        }
        var origins = new Dictionary<string, ModelOrigin>();
        foreach (IGrouping<string, int> network in networks)
        {
            int[] models = chosen[network.Key];
            string? parent = Parent(items[models[0]]) is { } id && chosen.TryGetValue(id, out int[]? of) ? Before(items, of, ChangedAt(items[models[0]])) : null;
            for (int k = 0; k < models.Length; k++)
            {
                string? before = k == 0 ? parent : items[models[k - 1]].Name;
                origins[items[models[k]].Name] = new ModelOrigin(before, null, before is null ? ModelOrigin.Original : ModelOrigin.Trained);
            }
        }
        return new ModelSelection([.. chosen.Values.SelectMany(models => models).Order()], origins);
    }

    /// <summary>A parent's last model up to the step of the change, or else its first.</summary>
    private static string Before(CheckpointItem[] items, int[] models, long? step) => items[models.LastOrDefault(i => items[i].Step <= step, models[0])].Name;

    private static string? Parent(CheckpointItem item) => item.Metadata.GetValueOrDefault("parent");

    private static long? ChangedAt(CheckpointItem item) => long.TryParse(item.Metadata.GetValueOrDefault("changed_at"), NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
}
