using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary><c>weightspace info ZOO</c>: what is in a zoo.</summary>
internal static class InfoCommand
{
    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> folder = new Argument<string>("ZOO") { Description = "The folder of a zoo." }.AsPath();
        var command = new Command("info", "Say what is in a zoo.") { folder };
        command.SetAction(parsed => context(parsed).Run(run => Run(run, parsed.GetRequiredValue(folder))));
        return command;
    }

    private static Answer Run(CommandContext context, string folder)
    {
        Zoo zoo = Zoo.Open(folder);
        ZooManifest manifest = zoo.Manifest;
        TextWriter text = context.Text;
        long bytes = manifest.Files.Sum(file => file.Bytes);
        text.WriteLine($"{manifest.Name}: {Units.Count(manifest.Totals.Networks)} networks, {Units.Count(manifest.Totals.Checkpoints)} checkpoints, {Units.Count(manifest.Totals.Snapshots)} snapshots, {Units.Scaled(bytes, "B")}");
        if (manifest.Description is not null)
            text.WriteLine(manifest.Description);
        if (manifest.NetworksPerClass is { } perClass)
            text.WriteLine($"a subset: the first {Units.Count(perClass)} networks of each class (those that differ in nothing but their seeds)");
        text.WriteLine($"licence {manifest.Licence ?? "not stated"}; grown by weightspace {manifest.Version}, arithmetic {manifest.Arithmetic}");
        foreach (WeightSpace.Networks.Architecture architecture in manifest.Architectures)
            text.WriteLine($"architecture {architecture.Name}: {architecture.Layers.Count} layers, {Units.Count(architecture.Parameters.Count)} parameters");
        text.WriteLine();
        // Networks that change are told apart from those that do not, and among each other by what becomes of them and when.
        int changedAt = zoo.Experiment.HasChanges ? zoo.Experiment.FactorNames.Count - 2 : -1;
        var groups = zoo.Networks.GroupBy(network => (network.Class, At: changedAt < 0 ? "" : network.Factors[changedAt], Change: changedAt < 0 ? "" : network.Factors[changedAt + 1])).ToList();
        string Title((string Class, string At, string Change) key) => key.At.Length == 0 ? key.Class : $"{key.Class}, {key.Change} at {key.At}";
        int width = Math.Max(30, groups.Max(group => Title(group.Key).Length));
        text.WriteLine($"{"class".PadRight(width)} {"networks",9} {"finished",9} {"threshold",10} {"budget",7} {"diverged",9} {"failed",7} {"steps",15} {"held-out loss: least, median, most",36}{(zoo.Networks.Any(network => network.EvalAccuracy is not null) ? $" {"accuracy",9} {"attack",7}" : "")}");
        var classes = new JsonArray();
        foreach (var group in groups)
        {
            float[] losses = [.. group.Where(network => network.EvalLoss is not null).Select(network => network.EvalLoss!.Value).Order()];
            int Count(NetworkStatus status) => group.Count(network => network.Status == status);
            int Ended(string reason) => group.Count(network => network.Status == NetworkStatus.Finished && network.Reason == reason);
            long least = group.Min(network => network.Steps), most = group.Max(network => network.Steps);
            string range = losses.Length == 0 ? "none" : $"{Units.Short(losses[0])}, {Units.Short(losses[losses.Length / 2])}, {Units.Short(losses[^1])}";
            float? accuracy = Median(group.Select(network => network.EvalAccuracy)), attack = Median(group.Select(network => network.AttackSuccess));
            text.WriteLine($"{Title(group.Key).PadRight(width)} {group.Count(),9} {Count(NetworkStatus.Finished),9} {Ended(EndReasons.Threshold),10} {Ended(EndReasons.Budget),7} {Count(NetworkStatus.Diverged),9} {Count(NetworkStatus.Failed),7} {(least == most ? $"{most}" : $"{least}..{most}"),15} {range,36}{(accuracy is null ? "" : $" {Percent(accuracy),9} {Percent(attack),7}")}");
            classes.Add(new JsonObject
            {
                ["class"] = group.Key.Class,
                ["changed_at"] = group.Key.At.Length == 0 ? null : long.Parse(group.Key.At, System.Globalization.CultureInfo.InvariantCulture),
                ["change"] = group.Key.Change.Length == 0 ? null : group.Key.Change,
                ["networks"] = group.Count(),
                ["finished"] = Count(NetworkStatus.Finished),
                ["reached_threshold"] = Ended(EndReasons.Threshold),
                ["reached_budget"] = Ended(EndReasons.Budget),
                ["diverged"] = Count(NetworkStatus.Diverged),
                ["failed"] = Count(NetworkStatus.Failed),
                ["min_steps"] = least,
                ["max_steps"] = most,
                ["min_eval_loss"] = losses.Length == 0 ? null : losses[0],
                ["median_eval_loss"] = losses.Length == 0 ? null : losses[losses.Length / 2],
                ["max_eval_loss"] = losses.Length == 0 ? null : losses[^1],
                ["median_eval_accuracy"] = accuracy,
                ["median_attack_success"] = attack,
            });
        }
        return new Answer(new JsonObject
        {
            ["zoo"] = folder,
            ["name"] = manifest.Name,
            ["licence"] = manifest.Licence,
            ["version"] = manifest.Version,
            ["arithmetic"] = manifest.Arithmetic,
            ["networks_per_class"] = manifest.NetworksPerClass,
            ["networks"] = manifest.Totals.Networks,
            ["checkpoints"] = manifest.Totals.Checkpoints,
            ["snapshots"] = manifest.Totals.Snapshots,
            ["bytes"] = bytes,
            ["architectures"] = new JsonArray([.. manifest.Architectures.Select(a => new JsonObject { ["name"] = a.Name, ["parameters"] = a.Parameters.Count })]),
            ["classes"] = classes,
        });
    }

    private static float? Median(IEnumerable<float?> values) => values.OfType<float>().Order().ToArray() is { Length: > 0 } sorted ? sorted[sorted.Length / 2] : null;

    private static string Percent(float? share) => share?.ToString("P1", System.Globalization.CultureInfo.InvariantCulture) ?? "";
}
