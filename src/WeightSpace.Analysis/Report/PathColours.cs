using WeightSpace.Analysis.Trajectories.Ordering;

namespace WeightSpace.Analysis.Report;

/// <summary>The colours of found paths: one for each family, that is, what was forked from each other; one for each path where all are of one family.</summary>
internal sealed class PathColours
{
    private readonly int[] _colours;
    private readonly string[] _families;

    private PathColours(int[] colours, string[] families) => (_colours, _families) = (colours, families);

    public static PathColours Of(OrderResult result)
    {
        var pathOf = new Dictionary<string, int>();
        foreach (FoundCheckpoint checkpoint in result.Checkpoints)
            pathOf[checkpoint.Name] = (checkpoint.Trajectory ?? 0) - 1;
        int[] parents = [.. result.Trajectories.Select(path => path.ForkOf is { } parent ? pathOf.GetValueOrDefault(parent, -1) : -1)];
        // Large families first.
        IGrouping<int, FoundTrajectory>[] families = [.. result.Trajectories.Where(IsDrawn).GroupBy(path => Root(parents, path.Number - 1))
            .OrderByDescending(family => family.Sum(path => path.Checkpoints)).ThenBy(family => family.Key)];
        int[] colours = new int[result.Trajectories.Count];
        if (families.Length == 1)
        {
            int next = 0;
            foreach (FoundTrajectory path in families[0])
                colours[path.Number - 1] = next++ % Figure.Colours;
            return new PathColours(colours, []);
        }
        for (int i = 0; i < families.Length; i++)
        {
            foreach (FoundTrajectory path in families[i])
                colours[path.Number - 1] = i % Figure.Colours;
        }
        return new PathColours(colours, [.. families.Select(family => Words([.. family.Select(path => path.Number)]))]);
    }

    /// <summary>The style of a path, by its number from 1.</summary>
    public string this[int path] => $"m{_colours[path - 1]}";

    /// <summary>A checkpoint that stands alone is in no order with any other.</summary>
    public static bool IsDrawn(FoundTrajectory path) => path.Checkpoints > 1;

    /// <summary>What colours mean, as markup.</summary>
    public string Legend => _families.Length switch
    {
        0 => "",
        > Figure.Colours => $"<p class=\"legend\"><span>{Html.Count(_families.Length)} families share {Figure.Colours} colours: one colour stands for several.</span></p>",
        _ => $"<p class=\"legend\">{string.Concat(_families.Select((words, index) => Figure.Key($"m{index}", words)))}</p>",
    };

    private static int Root(int[] parents, int path)
    {
        // Forks go in no circle; were there one, the walk would end all the same.
        for (int left = parents.Length; left > 0 && parents[path] >= 0; left--)
            path = parents[path];
        return path;
    }

    private static string Words(int[] numbers)
    {
        const int listed = 4;
        string first = string.Join(", ", numbers.Take(listed));
        return numbers.Length == 1 ? $"network {first}" : $"networks {first}{(numbers.Length > listed ? $" and {Html.Count(numbers.Length - listed)} more" : "")}";
    }
}
