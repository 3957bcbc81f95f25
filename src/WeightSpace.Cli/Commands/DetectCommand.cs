using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Analysis;
using WeightSpace.Analysis.Trojans;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary>
/// <c>weightspace detect fit ZOO --out FILE</c>: learns from weights which networks saw changed data, and says how well. <c>weightspace detect score FILE ZOO</c>: says it of
/// other networks.
/// </summary>
internal static class DetectCommand
{
    // More are in the JSON answer.
    private const int MostListed = 30;

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static Command Create(Func<ParseResult, CommandContext> context) =>
        new("detect", "Tell from the weights which networks carry a trojan, or saw otherwise changed data.") { CreateFit(context), CreateScore(context) };

    private static Command CreateFit(Func<ParseResult, CommandContext> context)
    {
        var defaults = new DetectionOptions();
        Argument<string> folder = new Argument<string>("ZOO") { Description = "The folder of a zoo with clean and changed networks." }.AsPath();
        Option<string> output = new Option<string>("--out") { Description = "The file for the detector.", Required = true, HelpName = "FILE" }.AsPath();
        var view = new Option<string>("--view") { Description = "What it sees of the weights: each tensor's weights in order of size, their statistics, singular values, what reordering hidden units cannot change, or all as they are.", DefaultValueFactory = _ => TrojanDetector.Views[0].Name };
        view.AcceptOnlyFromAmong([.. TrojanDetector.Views.Select(view => view.Name)]);
        var features = new Option<int>("--features") { Description = "Features that it selects at most.", HelpName = "N", DefaultValueFactory = _ => defaults.Features };
        var permutations = new Option<int>("--permutations") { Description = "Permutations of the labels behind its baseline; 0 for none.", HelpName = "N", DefaultValueFactory = _ => defaults.Permutations };
        var seed = new Option<ulong>("--seed") { Description = "Seed of everything drawn at random: folds, permutations, resampling.", DefaultValueFactory = _ => defaults.Seed };
        Option<string?> architecture = ArchitectureOption(), step = StepOption();
        var command = new Command("fit", "Learn from a zoo's weights which networks saw changed data.") { folder, output, view, features, permutations, seed, architecture, step };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            Population population = ZooPopulation.Of(Zoo.Open(parsed.GetRequiredValue(folder)));
            var options = new DetectionOptions
            {
                Seed = parsed.GetValue(seed),
                Features = TrainCommand.Positive(parsed, features),
                Permutations = parsed.GetValue(permutations) is var count and >= 0 ? count : throw new InputException($"--permutations: found {parsed.GetValue(permutations)}, expected 0 or more"),
            };
            TrojanDetector detector;
            DetectionScore score;
            using (ProgressLine progress = run.Progress())
                (detector, score) = TrojanDetector.Learn(population, parsed.GetRequiredValue(view), parsed.GetValue(architecture), Step(parsed.GetValue(step)), options, new AnalysisReporter(progress), run.Stop);
            string path = parsed.GetRequiredValue(output);
            byte[] bytes = DetectorFile.Write(detector, score, population.Title);
            AtomicFile.Write(path, stream => stream.Write(bytes));
            Tell(run.Text, score, path);
            return new Answer(new JsonObject { ["detector"] = path, ["score"] = JsonSerializer.SerializeToNode(score, s_json) });
        }));
        return command;
    }

    private static Command CreateScore(Func<ParseResult, CommandContext> context)
    {
        Argument<string> file = new Argument<string>("DETECTOR") { Description = "The file that detect fit wrote." }.AsPath();
        Argument<string> folder = new Argument<string>("ZOO") { Description = "The folder of a zoo with the networks to judge." }.AsPath();
        var gate = new Option<double?>("--gate") { Description = "End with exit code 3 if any network has at least this probability, or is unlike all that the detector knows.", HelpName = "P" };
        Option<string?> architecture = ArchitectureOption(), step = StepOption();
        var command = new Command("score", "Judge networks by a fitted detector: the probability that they saw changed data, or that they are unlike all that it knows.") { file, folder, gate, architecture, step };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            if (parsed.GetValue(gate) is { } limit && !(limit is >= 0 and <= 1))
                throw new InputException($"--gate: found {limit}, expected a probability from 0 to 1");
            string path = parsed.GetRequiredValue(file);
            TrojanDetector detector = DetectorFile.Read(ReadAll(path), path);
            IReadOnlyList<DetectorAnswer> answers = detector.Answer(ZooPopulation.Of(Zoo.Open(parsed.GetRequiredValue(folder))), parsed.GetValue(architecture), Step(parsed.GetValue(step)), run.Stop);
            Tell(run.Text, answers);
            bool isStopped = parsed.GetValue(gate) is { } least && answers.Any(answer => answer.Probability >= least || answer.Answer == TrojanDetector.Unlike);
            return new Answer(new JsonObject { ["networks"] = JsonSerializer.SerializeToNode(answers, s_json) }, isStopped ? ExitCodes.CheckSaysNo : ExitCodes.Done);
        }));
        return command;
    }

    private static Option<string?> ArchitectureOption() => new("--architecture") { Description = "The architecture; default: the zoo's only one.", HelpName = "NAME" };

    private static Option<string?> StepOption() => new("--step") { Description = "The step whose checkpoints are taken; default: each network's last.", HelpName = "N" };

    private static long? Step(string? text) => text is null or "end" ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : throw new InputException($"--step: found '{text}', expected a whole number or end");

    private static byte[] ReadAll(string path)
    {
        var info = new FileInfo(path);
        if (!info.Exists)
            throw new InputException($"{path}: there is no such file; a detector, as `weightspace detect fit` writes it, was expected");
        return info.Length <= DetectorFile.MaxBytes ? File.ReadAllBytes(path) : throw new InputException($"{path}: found {info.Length} bytes, a detector has at most {DetectorFile.MaxBytes}");
    }

    private static void Tell(TextWriter text, DetectionScore score, string path)
    {
        text.WriteLine($"{Units.Count(score.Changed)} of {Units.Count(score.Networks)} networks saw changed data; {Units.Count(score.Selected)} of {Units.Count(score.Features)} features ({score.View})");
        text.WriteLine($"area under the ROC curve, on networks with other initial weights: {Of(score.Auc)} (chance 0.50)");
        text.WriteLine($"cross-entropy of its probabilities: {Of(score.CrossEntropy)} (chance {Number(score.ChanceCrossEntropy)})");
        if (score.Permuted is { } permuted)
            text.WriteLine($"on permuted labels: {Number(permuted.Mean)}, 95th percentile {Number(permuted.Percentile95)}, p = {permuted.PValue.ToString("0.000", CultureInfo.InvariantCulture)}");
        foreach (NamedAuc plain in score.Plain)
            text.WriteLine($"{plain.Name} alone: {Of(plain.Auc)}{(plain.Unseen is { } within ? $", mean within the data of each change {Of(within)}" : "")}");
        text.WriteLine($"each tensor divided by its norm: {Of(score.ByShape)}");
        if (score.UnseenChanges is { } unseen)
            text.WriteLine($"fitted without the change that it is asked about, mean over {score.ByChange.Count} changes: {Of(unseen)}");
        foreach (NamedAuc change in score.ByChange)
            text.WriteLine($"{change.Name} ({Units.Count(change.Networks)} networks): {Of(change.Auc)}{(change.Unseen is { } without ? $", fitted without it {Of(without)}" : "")}");
        if (score.AttackTest is { } attack)
            text.WriteLine($"the attack's own test, which needs the trigger: {Of(attack)}");
        text.WriteLine($"{path}: the detector; `weightspace detect score` judges other networks by it");
    }

    private static void Tell(TextWriter text, IReadOnlyList<DetectorAnswer> answers)
    {
        foreach (DetectorAnswer answer in answers.OrderByDescending(answer => answer.Probability).Take(MostListed))
            text.WriteLine($"{answer.Id[..Math.Min(12, answer.Id.Length)]}  {answer.Answer,-8} probability {Number(answer.Probability)}, as far out as {Number(100 * answer.Likeness)} % of the known ones");
        if (answers.Count > MostListed)
            text.WriteLine($"... {Units.Count(answers.Count - MostListed)} more with --json");
        text.WriteLine(string.Join(", ", answers.GroupBy(answer => answer.Answer).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{Units.Count(group.Count())} {group.Key}")));
    }

    private static string Of(Estimate estimate) => estimate is { Low: { } low, High: { } high } ? $"{Number(estimate.Value)} [{Number(low)}, {Number(high)}]" : Number(estimate.Value);

    private static string Number(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
