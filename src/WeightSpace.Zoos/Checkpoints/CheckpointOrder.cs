using System.Globalization;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>A checkpoint file that was looked at: what its path and its content say.</summary>
/// <param name="Path">Relative to what was opened, with <c>/</c>.</param>
/// <param name="Written">When it was last written, in UTC ticks.</param>
internal sealed record FoundFile(string Path, string FullPath, long Length, long Written, CheckpointName Name, IReadOnlyDictionary<string, string> Metadata);

/// <summary>Puts the checkpoints of a group in order: by network, and those of a network by what the caller chose, or what all of them have.</summary>
internal static class CheckpointOrder
{
    /// <summary>Under what names files keep their step and their epoch, the likeliest first.</summary>
    private static readonly string[] s_steps = ["global_step", "step", "training_iteration", "iteration", "iter", "num_updates", "total_steps", "current_step"];

    private static readonly string[] s_epochs = ["epoch", "current_epoch", "epochs"];

    /// <summary>What may say where in its training a checkpoint was written, in the order in which <c>auto</c> asks.</summary>
    private static readonly Func<FoundFile, double?>[] s_sources =
    [
        file => FromMetadata(file, s_steps),
        file => file.Name.Step,
        file => FromMetadata(file, s_epochs),
        file => file.Name.Epoch,
        file => file.Name.Number,
    ];

    /// <summary>The files as checkpoints in their order, each with its place in <paramref name="files"/>.</summary>
    /// <param name="refuse">Is told files that do not have what they are to be put in order by.</param>
    public static IReadOnlyList<(CheckpointItem Item, int File)> Sort(IReadOnlyList<FoundFile> files, string orderBy, string? ownName, Action<FoundFile, string> refuse)
    {
        var sorted = new List<(CheckpointItem Item, int File)>();
        foreach (IGrouping<string, int> network in Enumerable.Range(0, files.Count).GroupBy(index => files[index].Name.Network ?? ownName ?? "").OrderBy(group => group.Key, NaturalOrder.Instance))
        {
            int[] members = [.. network];
            double?[] keys = Keys([.. members.Select(index => files[index])], orderBy, out bool isPlace);
            var known = new List<(double Key, int File)>();
            for (int i = 0; i < members.Length; i++)
            {
                if (keys[i] is { } key)
                    known.Add((key, members[i]));
                else
                    refuse(files[members[i]], $"it has no number '{orderBy}' that it could be put in order by; it has {Known(files[members[i]])}");
            }
            (double Key, int File)[] inOrder = [.. known.OrderBy(pair => pair.Key).ThenBy(pair => files[pair.File].Path, NaturalOrder.Instance)];
            bool areSteps = !isPlace && inOrder.All(pair => pair.Key == Math.Floor(pair.Key) && Math.Abs(pair.Key) < 1L << 53);
            // Where auto found nothing, the names are in order and no step is made up.
            bool isUnknown = orderBy == CheckpointOptions.Auto && isPlace;
            for (int place = 0; place < inOrder.Length; place++)
            {
                FoundFile file = files[inOrder[place].File];
                long? step = isUnknown ? null : areSteps ? (long)inOrder[place].Key : place;
                sorted.Add((new CheckpointItem(file.Path, network.Key.Length == 0 ? null : network.Key, step, file.Metadata), inOrder[place].File));
            }
        }
        return sorted;
    }

    /// <summary>What each file of a network is put in order by; null where it does not have it.</summary>
    /// <param name="isPlace">The keys are mere places, not steps.</param>
    private static double?[] Keys(IReadOnlyList<FoundFile> files, string orderBy, out bool isPlace)
    {
        isPlace = false;
        switch (orderBy)
        {
            case CheckpointOptions.Auto:
                double?[][] all = [.. s_sources.Select(source => files.Select(source).ToArray()).Where(keys => keys.All(key => key is not null))];
                if ((all.FirstOrDefault(keys => keys.Distinct().Count() == keys.Length) ?? all.FirstOrDefault()) is { } found)
                    return found;
                goto case CheckpointOptions.ByName;
            case CheckpointOptions.ByName:
                isPlace = true;
                int[] order = [.. Enumerable.Range(0, files.Count).OrderBy(index => files[index].Path, NaturalOrder.Instance)];
                var places = new double?[files.Count];
                for (int place = 0; place < order.Length; place++)
                    places[order[place]] = place;
                return places;
            case CheckpointOptions.ByTime:
                isPlace = true;
                return [.. files.Select(file => (double?)file.Written)];
            case CheckpointOptions.ByStep:
                return [.. files.Select(file => FromMetadata(file, s_steps) ?? file.Name.Step ?? file.Name.Number)];
            case CheckpointOptions.ByEpoch:
                return [.. files.Select(file => FromMetadata(file, s_epochs) ?? file.Name.Epoch ?? file.Name.Number)];
            default:
                return [.. files.Select(file => FromMetadata(file, [orderBy]))];
        }
    }

    private static double? FromMetadata(FoundFile file, string[] keys)
    {
        foreach (string key in keys)
        {
            if (file.Metadata.TryGetValue(key, out string? text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
                return value;
        }
        return null;
    }

    private static string Known(FoundFile file) => file.Metadata.Count == 0 ? "none of its own" : string.Join(", ", file.Metadata.Keys.Take(12).Select(key => $"'{Files.Shown.Of(key)}'"));
}
