using System.CommandLine;
using System.Text.Json.Nodes;
using WeightSpace.Cli.Differences;
using WeightSpace.Cli.Fuzzing;
using WeightSpace.Numerics;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Commands;

/// <summary>
/// <c>weightspace fuzz</c>: trains random recipes under several settings of the CPU and compares every bit of every step. What differs is trained again and
/// the place is named.
/// </summary>
internal static class FuzzCommand
{
    private const int MaxRecipes = 100_000;
    private const int DefaultRecipes = 100, DefaultSteps = 20, DefaultSmallSteps = 3;
    private const string Small = "small", Normal = "normal";

    // Where one kind of layer is at fault hundreds of recipes differ; a few show it.
    private const int MaxLocated = 10, MaxTensors = 6;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        var recipes = new Option<int>("--recipes") { Description = $"Random recipes to train, at most {MaxRecipes}.", HelpName = "N", DefaultValueFactory = _ => DefaultRecipes };
        var seed = new Option<ulong>("--seed") { Description = "Which random recipes.", DefaultValueFactory = _ => 1UL };
        var steps = new Option<int?>("--steps") { Description = $"Steps of training, 1 to {RandomRecipeOptions.MaxSteps}; default {DefaultSteps}, with {FuzzSetting.Scalar} {DefaultSmallSteps}.", HelpName = "N" };
        var settings = new Option<string?>("--settings")
        {
            Description = $"Settings of the CPU, separated by commas; each is compared with the first. {FuzzSetting.Avx512}, {FuzzSetting.Avx2}: registers of 512 and 256 bits. {FuzzSetting.Scalar}: 128 bits and emulated fused "
                + $"multiply-add, some 300 times slower. {FuzzSetting.Own}: as this process was started. Default: {FuzzSetting.Avx512},{FuzzSetting.Avx2} where the CPU has both, {FuzzSetting.Own} elsewhere.",
            HelpName = "LIST",
        };
        var layers = new Option<string?>("--layers") { Description = $"Kinds of layers that may occur, separated by commas; default all: {string.Join(", ", RandomRecipes.LayerKinds)}.", HelpName = "LIST" };
        var size = new Option<string?>("--size") { Description = $"{Normal} or {Small}: layers of at most 8 units, short sequences. Default {Normal}, with {FuzzSetting.Scalar} {Small}." };
        size.AcceptOnlyFromAmong(Small, Normal);
        Option<string> output = new Option<string>("--out") { Description = "Where the recipes that differ or fail are put as work units, and what they grew into. Not made where there are none.", HelpName = "FOLDER", DefaultValueFactory = _ => "fuzz" }.AsPath();
        Option<int> threads = TrainCommand.ThreadsOption();
        var trace = new Option<bool>("--trace") { Hidden = true };
        var command = new Command("fuzz", "Train random networks under several settings of the CPU and compare every bit. Exit code 3: some differ or fail.") { recipes, seed, steps, settings, layers, size, output, threads, trace };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string[] names = List(parsed.GetValue(settings)) ?? (Lanes.IsOneRegister ? [FuzzSetting.Avx512, FuzzSetting.Avx2] : [FuzzSetting.Own]);
            CheckSettings(names);
            bool isSmall = parsed.GetValue(size) is { } word ? word == Small : names.Contains(FuzzSetting.Scalar);
            int stepCount = parsed.GetValue(steps) ?? (names.Contains(FuzzSetting.Scalar) ? DefaultSmallSteps : DefaultSteps), count = TrainCommand.Positive(parsed, recipes);
            if (stepCount is < 1 or > RandomRecipeOptions.MaxSteps)
                throw new InputException($"--steps: found {stepCount}, expected 1 to {RandomRecipeOptions.MaxSteps}");
            if (count > MaxRecipes)
                throw new InputException($"--recipes: found {count}, expected at most {MaxRecipes}");
            var kinds = (List(parsed.GetValue(layers)) ?? RandomRecipes.LayerKinds).ToHashSet();
            if (RandomRecipes.Problem(kinds) is { } problem)
                throw new InputException($"--layers: {problem}");
            var options = new FuzzOptions(parsed.GetValue(seed), count, new RandomRecipeOptions(kinds, stepCount, isSmall), TrainCommand.Threads(parsed, threads));
            FuzzSetting[] chosen = [.. names.Select<string, FuzzSetting>(name => name == FuzzSetting.Own ? new OwnSetting(name, () => new Trainer(), run.Time) : new ProcessSetting(name))];
            foreach (ProcessSetting setting in chosen.OfType<ProcessSetting>())
                setting.Check(run.Stop);
            return Run(run, options, chosen, parsed.GetRequiredValue(output), parsed.GetValue(trace));
        }));
        return command;
    }

    private static string[]? List(string? text) => text?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static void CheckSettings(string[] names)
    {
        if (names.FirstOrDefault(name => !FuzzSetting.Names.Contains(name)) is { } unknown)
            throw new InputException($"--settings: found '{unknown}', expected some of {string.Join(", ", FuzzSetting.Names)}");
        if (names.Length == 0 || names.Distinct().Count() != names.Length)
            throw new InputException($"--settings: found '{string.Join(',', names)}', expected at least one setting and none twice");
    }

    /// <summary>Trains all recipes under each setting, compares each with the first, and says what was found.</summary>
    public static Answer Run(CommandContext context, FuzzOptions options, IReadOnlyList<FuzzSetting> settings, string folder, bool traces)
    {
        var results = new List<FuzzResult>();
        var differences = new List<FuzzDifference>();
        var failures = new List<(int Recipe, string Problem, string? Unit)>();
        int different = 0;
        using (ProgressLine progress = context.Progress())
        {
            foreach (FuzzSetting setting in settings)
                results.Add(Train(context, options, setting, progress, traces));
            for (int i = 0; i < options.Recipes; i++)
            {
                FuzzOutcome first = results[0].Outcomes[i];
                int other = Enumerable.Range(1, settings.Count - 1).FirstOrDefault(index => results[index].Outcomes[i] != first, -1);
                // A process that only traces leaves the files to the one that started it.
                if (other < 0 && first.Problem is { } problem)
                    failures.Add((i, problem, traces || failures.Count >= MaxLocated ? null : FuzzDifference.WriteUnit(options.Draw(i), i, folder)));
                if (other < 0 || ++different > MaxLocated)
                    continue;
                differences.Add(FuzzDifference.Locate(options, i, settings[0], settings[other], first, results[other].Outcomes[i], folder, context.Stop));
            }
        }
        WriteText(context.Text, options, settings, results, failures, differences, different);
        JsonObject json = ToJson(options, settings, results, failures, differences, different);
        return new Answer(json, different + failures.Count > 0 ? ExitCodes.CheckSaysNo : ExitCodes.Done);
    }

    private static FuzzResult Train(CommandContext context, FuzzOptions options, FuzzSetting setting, ProgressLine progress, bool traces)
    {
        int done = 0;
        return setting.Run(options, (recipe, hasEnded) =>
        {
            if (traces)
                Console.Error.WriteLine(FuzzTraceLine.Format(recipe, hasEnded));
            else if (hasEnded && Interlocked.Increment(ref done) is var now)
                progress.Report($"training ({setting.Name})", now, options.Recipes, $"{now} of {options.Recipes} recipes", speed => $"{Units.Short(speed)} recipes/s");
        }, context.Stop);
    }

    private static void WriteText(TextWriter text, FuzzOptions options, IReadOnlyList<FuzzSetting> settings, List<FuzzResult> results, List<(int Recipe, string Problem, string? Unit)> failures,
        List<FuzzDifference> differences, int different)
    {
        for (int i = 0; i < options.Recipes; i++)
            text.WriteLine($"{i,6} {results[0].Outcomes[i].Digest ?? "could not be trained"} {FuzzRun.Describe(options.Draw(i))}");
        text.WriteLine();
        for (int i = 0; i < settings.Count; i++)
            text.WriteLine($"{settings[i].Name,6} {results[i].Digest} of all, lanes in {results[i].LaneBits}-bit registers{(results[i].HasHardwareFma ? "" : ", fused multiply-add emulated")}");
        text.WriteLine($"{Units.Count(options.Recipes)} recipes, {options.Drawing.Steps} steps: "
            + (settings.Count > 1 ? $"{Units.Count(different)} differ between settings, " : "") + $"{Units.Count(failures.Count)} could not be trained");
        foreach (FuzzDifference difference in differences)
        {
            text.WriteLine(difference);
            foreach (TensorDifference tensor in difference.Tensors.Take(MaxTensors))
                text.WriteLine($"  {tensor}");
        }
        if (different > differences.Count)
            text.WriteLine($"and {Units.Count(different - differences.Count)} more that differ");
        foreach ((int recipe, string problem, string? unit) in failures.Take(MaxLocated))
            text.WriteLine($"recipe {recipe} could not be trained: {problem}{(unit is null ? "" : $" ({unit})")}");
        if (failures.Count > MaxLocated)
            text.WriteLine($"and {Units.Count(failures.Count - MaxLocated)} more that could not be trained");
        if (settings.Count == 1 && settings[0].Name == FuzzSetting.Own)
            text.WriteLine("One setting alone compares nothing: hold the digest against that of another machine or setting.");
    }

    private static JsonObject ToJson(FuzzOptions options, IReadOnlyList<FuzzSetting> settings, List<FuzzResult> results, List<(int Recipe, string Problem, string? Unit)> failures,
        List<FuzzDifference> differences, int different) => new()
        {
            ["seed"] = options.Seed,
            ["recipes"] = options.Recipes,
            ["steps"] = options.Drawing.Steps,
            ["size"] = options.Drawing.IsSmall ? Small : Normal,
            ["layers"] = new JsonArray([.. options.Drawing.Layers.Order(StringComparer.Ordinal).Select(kind => JsonValue.Create(kind))]),
            ["settings"] = new JsonArray([.. settings.Zip(results, (setting, result) => new JsonObject
            {
                ["setting"] = setting.Name,
                ["lane_bits"] = result.LaneBits,
                ["hardware_fma"] = result.HasHardwareFma,
                ["digest"] = result.Digest,
            })]),
            ["different"] = different,
            ["failed"] = failures.Count,
            ["differences"] = new JsonArray([.. differences.Select(difference => difference.ToJson())]),
            ["failures"] = new JsonArray([.. failures.Take(MaxLocated).Select(failure => new JsonObject { ["recipe"] = failure.Recipe, ["problem"] = failure.Problem, ["unit"] = failure.Unit })]),
            ["outcomes"] = new JsonArray([.. results[0].Outcomes.Select((outcome, index) => FuzzRun.ToJson(index, outcome))]),
        };
}
