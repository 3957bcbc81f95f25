using WeightSpace.Tasks;

namespace WeightSpace.Analysis.Divergence;

/// <summary>
/// Two members to compare. <paramref name="Stratum"/> is shared by the pairs of different initial seeds that differ by the very same change of
/// data, so that their displacements can be compared.
/// </summary>
internal readonly record struct TwinPair(int First, int Second, int Stratum);

/// <summary>All pairs of one kind.</summary>
internal sealed record PairSet(string Name, string Title, string Explanation, IReadOnlyList<TwinPair> Pairs);

/// <summary>Finds the twins in a population: networks that share all but one declared factor.</summary>
internal static class TwinPairs
{
    public const string Reorder = "reorder";
    public const string OtherInit = "other-init";
    public const string Moved = "moved";

    /// <summary>The variant that a kind of pairs compares with clean networks: that of <c>modified</c>, of <c>poisoned-2</c>; null for the other kinds.</summary>
    public static string? VariantOf(string kind) => Variants.Changed.FirstOrDefault(variant => kind.StartsWith(variant, StringComparison.Ordinal));

    public static bool IsChange(string kind) => VariantOf(kind) is not null;

    /// <summary>Up to this many data seeds of one initial seed all pairs are taken; of more, each with the next.</summary>
    private const int MostFullyPaired = 6;

    /// <summary>The kinds of pairs that the cohort holds, and a sentence for each kind it has none of.</summary>
    public static (IReadOnlyList<PairSet> Kinds, IReadOnlyList<string> Notes) Find(Cohort cohort)
    {
        var kinds = new List<PairSet>();
        var notes = new List<string>();
        for (int i = 0; i < cohort.Changes.Length; i++)
        {
            string treatment = Cohort.Treatment(cohort.Population.Networks.First(network => network.Task.Change == cohort.Changes[i]).Task, cohort.Changes);
            IReadOnlyList<TwinPair> pairs = ChangedPairs(cohort, treatment);
            string name = treatment.Replace(' ', '-');
            if (pairs.Count > 0)
                kinds.Add(new PairSet(name, $"changed data ({treatment})", $"Clean and {treatment} network of one machine with the same initial weights and the same data seed: only the change of the data ({cohort.Changes[i]}) tells them apart.", pairs));
            else
                notes.Add($"There are no {treatment} twins: no {treatment} network has a clean one with the same machine, initial seed and data seed.");
        }
        if (cohort.Changes.Length == 0)
            notes.Add("There are no modified twins: the analysed networks were all trained on clean data.");
        Add(new PairSet(Reorder, "another draw of the same data", "Two networks of one class with the same initial weights that saw another random draw of the same kind of data. This is the control: a change of data means something only where it moves a network more, or in a more common direction, than this.", ReorderPairs(cohort)),
            "There are no reorder twins, so there is no control for the effect of a data change: no two networks of one class share the initial seed and differ in the data seed.");
        Add(new PairSet(OtherInit, "other initial weights", "Two networks of one class with the same data seed and other initial weights.", OtherInitPairs(cohort)),
            "No two networks of one class share the data seed and differ in the initial seed.");
        bool[] clean = [.. cohort.Networks.Select(network => network.Task.Change is null)];
        var moved = Enumerable.Range(0, cohort.Networks.Length).Where(member => clean[member] || !clean.Contains(true))
            .Where(member => cohort.CheckpointAt(member, 0) >= 0).Select(member => new TwinPair(member, member, 0)).ToList();
        Add(new PairSet(Moved, "from its own start", "How far a clean network has moved from its initial weights.", moved),
            "Initial weights were not kept, so how far networks moved from them is not shown.");
        return (kinds, notes);

        void Add(PairSet set, string otherwise)
        {
            if (set.Pairs.Count > 0)
                kinds.Add(set);
            else
                notes.Add(otherwise);
        }
    }

    private static List<TwinPair> ChangedPairs(Cohort cohort, string treatment)
    {
        var pairs = new List<TwinPair>();
        var strata = new Dictionary<(string, string, int), int>();
        foreach (var family in Families(cohort))
        {
            Dictionary<ulong, int> changed = family.Where(member => cohort.Treatments[member] == treatment)
                .GroupBy(member => cohort.Networks[member].DataSeed).ToDictionary(group => group.Key, group => group.First());
            int rank = 0;
            foreach (int clean in family.Where(member => cohort.Treatments[member] == Variants.Clean).OrderBy(member => cohort.Networks[member].DataSeed))
            {
                if (changed.TryGetValue(cohort.Networks[clean].DataSeed, out int other))
                    pairs.Add(new TwinPair(clean, other, Number(strata, (family.Key.Setting, family.Key.Machine, rank++))));
            }
        }
        return pairs;
    }

    /// <summary>Among clean networks where the machine has any, so that changed twins are compared with the same starting point.</summary>
    private static List<TwinPair> ReorderPairs(Cohort cohort)
    {
        var pairs = new List<TwinPair>();
        var strata = new Dictionary<(string, string, string, int, int), int>();
        var cleanMachines = Enumerable.Range(0, cohort.Networks.Length).Where(member => cohort.Treatments[member] == Variants.Clean)
            .Select(member => cohort.Machines[member]).ToHashSet();
        foreach (var family in Families(cohort))
        {
            foreach (var group in family.GroupBy(member => cohort.Treatments[member]).OrderBy(group => group.Key, StringComparer.Ordinal))
            {
                if (group.Key != Variants.Clean && cleanMachines.Contains(family.Key.Machine))
                    continue;
                int[] members = [.. group.OrderBy(member => cohort.Networks[member].DataSeed).DistinctBy(member => cohort.Networks[member].DataSeed)];
                for (int first = 0; first < members.Length; first++)
                {
                    for (int second = first + 1; second < members.Length; second++)
                    {
                        if (members.Length <= MostFullyPaired || second == first + 1)
                            pairs.Add(new TwinPair(members[first], members[second], Number(strata, (family.Key.Setting, family.Key.Machine, group.Key, first, second))));
                    }
                }
            }
        }
        return pairs;
    }

    /// <summary>In a ring over the initial seeds, so that each network is in two pairs at most.</summary>
    private static List<TwinPair> OtherInitPairs(Cohort cohort)
    {
        var pairs = new List<TwinPair>();
        bool hasClean = cohort.Treatments.Contains(Variants.Clean);
        foreach (var group in Enumerable.Range(0, cohort.Networks.Length)
            .Where(member => !hasClean || cohort.Treatments[member] == Variants.Clean)
            .GroupBy(member => (cohort.Networks[member].Setting, Class: cohort.Classes[member], cohort.Networks[member].DataSeed))
            .OrderBy(group => group.Key.Setting, StringComparer.Ordinal).ThenBy(group => group.Key.Class, StringComparer.Ordinal).ThenBy(group => group.Key.DataSeed))
        {
            int[] members = [.. group.OrderBy(member => cohort.Networks[member].InitSeed).DistinctBy(member => cohort.Networks[member].InitSeed)];
            for (int i = 0; i < members.Length - (members.Length == 2 ? 1 : 0) && members.Length > 1; i++)
                pairs.Add(new TwinPair(members[i], members[(i + 1) % members.Length], 0));
        }
        return pairs;
    }

    /// <summary>Members by setting, machine and initial seed, in one fixed order.</summary>
    private static IEnumerable<IGrouping<(string Setting, string Machine, ulong InitSeed), int>> Families(Cohort cohort) =>
        Enumerable.Range(0, cohort.Networks.Length)
            .GroupBy(member => (cohort.Networks[member].Setting, Machine: cohort.Machines[member], cohort.Networks[member].InitSeed))
            .OrderBy(group => group.Key.Setting, StringComparer.Ordinal).ThenBy(group => group.Key.Machine, StringComparer.Ordinal).ThenBy(group => group.Key.InitSeed);

    private static int Number<T>(Dictionary<T, int> numbers, T key) where T : notnull
    {
        if (!numbers.TryGetValue(key, out int number))
            numbers.Add(key, number = numbers.Count);
        return number;
    }
}
