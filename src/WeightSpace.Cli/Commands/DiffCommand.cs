using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Cli.Differences;
using WeightSpace.Engines;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary>
/// <c>weightspace diff A B</c>: where two zoos, or two results of one work unit, part. Tables and their digests tell which networks differ and from which step on;
/// weights are read only where digests differ, and only of the networks that are shown.
/// </summary>
internal static class DiffCommand
{
    private const string ById = "id", ByPosition = "position";
    private const int DefaultShown = 10;

    // A terminal's worth; JSON has all of them.
    private const int MaxTensors = 6, MaxSteps = 12;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> a = new Argument<string>("A") { Description = "The folder of a zoo, or, with --unit, the result of a work unit." }.AsPath();
        Argument<string> b = new Argument<string>("B") { Description = "What it is compared with: another of the same kind." }.AsPath();
        Option<string?> unit = new Option<string?>("--unit") { Description = "A work unit: A and B are two results of it (complete, or the .partial of one that was stopped).", HelpName = "UNIT" }.AsPath();
        var match = new Option<string>("--match")
        {
            Description = "Which networks are compared. id: those of the same recipe. position: those of the same task, variant, architecture (by name), seeds and common factors, whatever else "
                + "their recipes and their version of the arithmetic have differently; then only the networks decide the exit code, and steps that one side did not keep are left out.",
            DefaultValueFactory = _ => ById,
        };
        match.AcceptOnlyFromAmong(ById, ByPosition);
        var show = new Option<int>("--show") { Description = "Networks that are shown one by one, from the earliest step on.", HelpName = "K", DefaultValueFactory = _ => DefaultShown };
        var values = new Option<bool>("--values") { Description = "Read every byte of both zoos too, so that nothing rests on a digest that was not checked." };
        var command = new Command("diff", "Say where two zoos part: the first network, step, layer and tensor, and by how much. Exit code 0: they are equal; 3: they differ.") { a, b, unit, match, show, values };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            int shown = TrainCommand.Positive(parsed, show);
            WorkUnit? work = parsed.GetValue(unit) is { } path ? WorkUnit.Read(path) : null;
            Side left = Side.Open(parsed.GetRequiredValue(a), work), right = Side.Open(parsed.GetRequiredValue(b), work);
            return Run(run, left, right, parsed.GetValue(match) == ByPosition, shown, parsed.GetValue(values));
        }));
        return command;
    }

    private static Answer Run(CommandContext context, Side a, Side b, bool byPosition, int shown, bool readsAll)
    {
        using ProgressLine progress = context.Progress();
        if (readsAll)
        {
            foreach (ZooSide side in new[] { a, b }.OfType<ZooSide>())
            {
                double bytes = side.Zoo.Manifest.Files.Sum(file => (double)file.Bytes) * 2;
                side.Zoo.CheckDigests(done => progress.Report($"reading {side.Path}", done, bytes, Units.Scaled(done, "B"), speed => Units.Scaled(speed, "B/s")), context.Stop);
            }
        }
        Matching matching = byPosition ? Matching.ByPosition(a, b) : Matching.ById(a, b);
        var differences = new List<NetworkDifference>();
        var ends = new Tally();
        var settings = new Tally();
        for (int i = 0; i < matching.Pairs.Count; i++)
        {
            context.Stop.ThrowIfCancellationRequested();
            (int left, int right) = matching.Pairs[i];
            bool isSameRecipe = true;
            if (byPosition)
            {
                Recipe recipeA = a.RecipeOf(left), recipeB = b.RecipeOf(right);
                isSameRecipe = recipeA.CanonicalJson.AsSpan().SequenceEqual(recipeB.CanonicalJson);
                if (!isSameRecipe)
                    settings.Add(recipeA, recipeB);
            }
            if (NetworkDifference.Find(a, left, b, right, isSameRecipe) is { } difference)
            {
                differences.Add(difference);
                foreach ((string what, string endA, string endB) in NetworkDifference.Ends(a.Networks[left], b.Networks[right]))
                    ends.Add(what, endA, endB);
            }
            progress.Report("comparing tables", i + 1, matching.Pairs.Count, $"{Units.Count(i + 1)} of {Units.Count(matching.Pairs.Count)} networks", speed => $"{Units.Short(speed)} networks/s");
        }
        // Networks that only one side has are most often those of the other with a setting changed: say which.
        foreach ((int left, int right) in byPosition ? [] : Matching.ByPosition(a, matching.OnlyInA.Select(index => a.Networks[index]), b, matching.OnlyInB.Select(index => b.Networks[index])).Pairs)
        {
            context.Stop.ThrowIfCancellationRequested();
            settings.Add(a.RecipeOf(left), b.RecipeOf(right));
        }
        // The smallest step tells most: what parts later may only follow from it.
        differences.Sort((left, right) => (left.Step, left.A).CompareTo((right.Step, right.A)));
        var seen = new List<Seen>();
        foreach (NetworkDifference difference in differences.Take(shown))
        {
            context.Stop.ThrowIfCancellationRequested();
            seen.Add(new Seen(difference, difference.Tensors(a, b)));
            progress.Report("reading weights", seen.Count, Math.Min(shown, differences.Count), $"{seen.Count} networks", null);
        }
        (List<ManifestDifference> manifest, List<string> files) = a is ZooSide zooA && b is ZooSide zooB
            ? (ManifestDifference.Find(zooA.Zoo.Manifest, zooB.Zoo.Manifest), ManifestDifference.Files(zooA.Zoo.Manifest, zooB.Zoo.Manifest)) : ([], []);

        bool differ = differences.Count + matching.OnlyInA.Count + matching.OnlyInB.Count > 0 || (!byPosition && manifest.Count + files.Count > 0);
        var report = new Report(a, b, byPosition, matching, differences, seen, ends, settings, manifest, files, shown);
        report.Write(context.Text, differ);
        return new Answer(report.ToJson(differ), differ ? ExitCodes.CheckSaysNo : ExitCodes.Done);
    }

    /// <summary>A difference whose weights were read.</summary>
    private sealed record Seen(NetworkDifference Place, IReadOnlyList<TensorDifference> Tensors);

    /// <summary>Counts networks by what they have differently, with the values of the first.</summary>
    private sealed class Tally
    {
        private readonly SortedDictionary<string, (int Networks, string A, string B)> _counts = new(StringComparer.Ordinal);

        public void Add(string what, string a, string b) =>
            _counts[what] = _counts.TryGetValue(what, out (int Networks, string A, string B) known) ? known with { Networks = known.Networks + 1 } : (1, a, b);

        public void Add(Recipe a, Recipe b)
        {
            foreach (SettingDifference setting in SettingDifference.Find(a, b))
                Add(setting.Setting, setting.A, setting.B);
        }

        public void Write(TextWriter text, string title)
        {
            if (_counts.Count > 0)
                text.WriteLine(title);
            foreach ((string what, (int networks, string a, string b)) in _counts)
                text.WriteLine($"  {what}: {Units.Count(networks)} networks, the first {a} in A and {b} in B");
        }

        public JsonArray ToJson() => [.. _counts.Select(count => new JsonObject { ["what"] = count.Key, ["networks"] = count.Value.Networks, ["a"] = count.Value.A, ["b"] = count.Value.B })];
    }

    /// <summary>All that was found, for people and as JSON.</summary>
    private sealed record Report(Side A, Side B, bool ByPosition, Matching Matching, List<NetworkDifference> Differences, List<Seen> Shown, Tally Ends, Tally Settings,
        List<ManifestDifference> Manifest, List<string> Files, int MaxShown)
    {
        private (long Step, int Networks)[] Steps => [.. Differences.GroupBy(difference => difference.Step).Select(group => (group.Key, group.Count()))];

        private int Equal => Matching.Pairs.Count - Differences.Count;

        public void Write(TextWriter text, bool differ)
        {
            text.WriteLine($"{A.Path} and {B.Path}: {(differ ? "they differ" : "they are equal")}; {Units.Count(Equal)} networks equal, {Units.Count(Differences.Count)} part, "
                + $"{Units.Count(Matching.OnlyInA.Count)} only in A, {Units.Count(Matching.OnlyInB.Count)} only in B");
            if (!ByPosition && Matching.Pairs.Count == 0 && A.Networks.Count > 0 && B.Networks.Count > 0)
                text.WriteLine("No recipe is in both; --match position compares networks of the same task, architecture and seeds.");
            if (Shown.Count > 0)
                WriteNetworks(text);
            Ends.Write(text, "How they ended differs in");
            Settings.Write(text, ByPosition ? "Their recipes differ in" : "Networks only in A and only in B that are at the same position differ in");
            foreach (ManifestDifference difference in Manifest)
                text.WriteLine($"{ZooManifest.FileName}: {difference.What}: {difference.A} in A, {difference.B} in B");
            if (Files.Count > 0)
                text.WriteLine($"{Units.Count(Files.Count)} files differ: {string.Join(", ", Files.Take(MaxTensors))}{(Files.Count > MaxTensors ? ", ..." : "")}");
        }

        private void WriteNetworks(TextWriter text)
        {
            text.WriteLine();
            text.WriteLine($"They part first in {Describe(Shown[0].Place)}{(Shown[0].Tensors.Count > 0 ? $": {Shown[0].Tensors[0]}" : "")}");
            text.WriteLine();
            text.WriteLine($"{"first at step",15} {"networks",9}");
            foreach ((long step, int networks) in Steps.Take(MaxSteps))
                text.WriteLine($"{step,15} {networks,9}");
            if (Steps.Length > MaxSteps)
                text.WriteLine($"{"later",15} {Steps.Skip(MaxSteps).Sum(step => step.Networks),9}");
            text.WriteLine();
            foreach ((NetworkDifference place, IReadOnlyList<TensorDifference> tensors) in Shown)
            {
                text.WriteLine(Describe(place));
                if (place.Weights is { } weights && tensors.Count > 0)
                    text.WriteLine($"  at step {weights.Step}, {(weights.IsSnapshot ? "snapshot" : "checkpoint")}:");
                foreach (TensorDifference tensor in tensors.Take(MaxTensors))
                    text.WriteLine($"  {tensor}");
                if (tensors.Count > MaxTensors)
                    text.WriteLine($"  and {tensors.Count - MaxTensors} tensors more");
            }
            if (Differences.Count > Shown.Count)
                text.WriteLine($"and {Units.Count(Differences.Count - Shown.Count)} networks more (--show K shows more of them)");
        }

        private string Describe(NetworkDifference place)
        {
            NetworkRow a = A.Networks[place.A], b = B.Networks[place.B];
            return $"network {a.Id}{(a.Id == b.Id ? "" : $" (in B {b.Id})")}, {a.Class}, {a.Architecture}, step {place.Step}: {place.What}";
        }

        public JsonObject ToJson(bool differ) => new()
        {
            ["a"] = A.Path,
            ["b"] = B.Path,
            ["match"] = ByPosition ? DiffCommand.ByPosition : ById,
            ["equal"] = !differ,
            ["networks"] = new JsonObject
            {
                ["a"] = A.Networks.Count,
                ["b"] = B.Networks.Count,
                ["equal"] = Equal,
                ["different"] = Differences.Count,
                ["only_in_a"] = Matching.OnlyInA.Count,
                ["only_in_b"] = Matching.OnlyInB.Count,
            },
            ["first"] = Shown.Count == 0 ? null : Describe(Shown[0], 1),
            ["steps"] = new JsonArray([.. Steps.Select(step => new JsonObject { ["step"] = step.Step, ["networks"] = step.Networks })]),
            ["different"] = new JsonArray([.. Shown.Select(seen => Describe(seen, int.MaxValue))]),
            ["only_in_a"] = new JsonArray([.. Matching.OnlyInA.Take(MaxShown).Select(index => JsonValue.Create(A.Networks[index].Id))]),
            ["only_in_b"] = new JsonArray([.. Matching.OnlyInB.Take(MaxShown).Select(index => JsonValue.Create(B.Networks[index].Id))]),
            ["ends"] = Ends.ToJson(),
            ["settings"] = Settings.ToJson(),
            ["manifest"] = new JsonArray([.. Manifest.Select(difference => new JsonObject { ["what"] = difference.What, ["a"] = difference.A, ["b"] = difference.B })]),
            ["files"] = new JsonArray([.. Files.Select(file => JsonValue.Create(file))]),
        };

        private JsonObject Describe(Seen seen, int maxTensors) => new()
        {
            ["network"] = A.Networks[seen.Place.A].Id,
            ["network_in_b"] = B.Networks[seen.Place.B].Id,
            ["step"] = seen.Place.Step,
            ["what"] = seen.Place.What,
            ["weights_step"] = seen.Place.Weights?.Step,
            ["weights_in"] = seen.Place.Weights is { } weights ? weights.IsSnapshot ? "snapshot" : "checkpoint" : null,
            ["tensors"] = new JsonArray([.. seen.Tensors.Take(maxTensors).Select(tensor => tensor.ToJson())]),
        };
    }
}
