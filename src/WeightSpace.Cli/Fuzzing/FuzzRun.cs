using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Networks;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Fuzzing;

/// <summary>Which random recipes are trained.</summary>
/// <param name="Recipes">How many, from index 0.</param>
internal sealed record FuzzOptions(ulong Seed, int Recipes, RandomRecipeOptions Drawing, int Threads)
{
    public Recipe Draw(int index) => RandomRecipes.Draw(Seed, index, Drawing);
}

/// <summary>What became of one recipe.</summary>
/// <param name="Digest">SHA-256 over how it ended, its losses, and weights and optimizer state after each step; null where it could not be trained.</param>
/// <param name="Problem">Why it could not be trained.</param>
internal sealed record FuzzOutcome(string? Digest, string? Problem);

/// <summary>What became of all recipes under one setting of the CPU.</summary>
/// <param name="LaneBits">Bits of the registers that the lanes ran in.</param>
internal sealed record FuzzResult(int LaneBits, bool HasHardwareFma, IReadOnlyList<FuzzOutcome> Outcomes)
{
    /// <summary>SHA-256 of all outcomes, 64 hexadecimal digits.</summary>
    public string Digest => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', Outcomes.Select(outcome => outcome.Digest ?? outcome.Problem)))));
}

/// <summary>Told when a recipe is begun and when it has ended, by any thread.</summary>
internal delegate void FuzzTrace(int recipe, bool hasEnded);

/// <summary>Trains random recipes in this process.</summary>
internal static class FuzzRun
{
    /// <summary>Trains all recipes. What one of them throws is its outcome, for that is what is looked for.</summary>
    public static IReadOnlyList<FuzzOutcome> Run(FuzzOptions options, Func<ITrainer> newTrainer, FuzzTrace trace, CancellationToken stop)
    {
        var outcomes = new FuzzOutcome[options.Recipes];
        int next = -1;
        Parallel.For(0, Math.Min(options.Threads, options.Recipes), new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = stop }, _ =>
        {
            for (int index = Interlocked.Increment(ref next); index < options.Recipes; index = Interlocked.Increment(ref next))
            {
                trace(index, hasEnded: false);
                try
                {
                    outcomes[index] = new FuzzOutcome(Digest(Train(Reread(options.Draw(index)), newTrainer, stop)), null);
                }
                catch (Exception problem) when (problem is not (OperationCanceledException or OutOfMemoryException))
                {
                    outcomes[index] = new FuzzOutcome(null, $"{problem.GetType().Name}: {problem.Message}");
                }
                trace(index, hasEnded: true);
            }
        });
        return outcomes;
    }

    /// <summary>The recipe as it comes back from its JSON, as a worker gets it.</summary>
    private static Recipe Reread(Recipe recipe)
    {
        using JsonDocument document = JsonDocument.Parse(recipe.CanonicalJson);
        Recipe again = RecipeJson.Read(document.RootElement);
        return again.Id == recipe.Id ? again : throw new InvalidDataException("the recipe does not come back from its JSON as it was");
    }

    private static NetworkResult Train(Recipe recipe, Func<ITrainer> newTrainer, CancellationToken stop)
    {
        // Each has a trainer of its own: none meets what another left behind when it failed.
        ITrainer trainer = newTrainer();
        try
        {
            ITrainingRun run = trainer.Start(recipe, null);
            while (run.Result is null)
            {
                stop.ThrowIfCancellationRequested();
                run.Advance(1);
            }
            return run.Result;
        }
        finally
        {
            (trainer as IDisposable)?.Dispose();
        }
    }

    private static string Digest(NetworkResult result)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Text(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
        void Loss(float? value) => Text(Differences.ValuePair.Text(value) + "\n");
        Text($"{result.Status} {result.Reason} {result.Steps}\n");
        Loss(result.TrainLoss);
        Loss(result.EvalLoss);
        foreach (Checkpoint checkpoint in result.Checkpoints)
        {
            Loss(checkpoint.EvalLoss);
            Loss(checkpoint.EvalAccuracy);
            Loss(checkpoint.AttackSuccess);
        }
        foreach (Snapshot snapshot in result.Snapshots)
        {
            Loss(snapshot.TrainLoss);
            hash.AppendData(MemoryMarshal.AsBytes<float>(snapshot.Weights));
            hash.AppendData(MemoryMarshal.AsBytes<float>(snapshot.OptimizerState));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>A recipe in a line: <c>ParityMachine, 12 places, batch 17: gru 5, relu 5, dense 8; mse, adam, constant, pytorch</c>.</summary>
    public static string Describe(Recipe recipe)
    {
        TrainingSpec training = recipe.Training;
        string layers = string.Join(", ", recipe.Architecture.Layers.Select(layer => $"{layer.Type} {layer.Output}"));
        string inputs = new Shape(recipe.Task.Channels, recipe.Task.Height, recipe.Task.Width).ToString();
        return $"{recipe.Task.Name} {inputs}, {recipe.Task.Places} places, batch {training.Batch}: {layers}; {Losses.Word(training.Loss)}, {training.Optimizer.Name}, {training.Rate.Name}, {training.Initialisation.Word}"
            + (training.ClipNorm is null ? "" : ", clipped");
    }

    public static JsonObject ToJson(int recipe, FuzzOutcome outcome) => new() { ["recipe"] = recipe, ["digest"] = outcome.Digest, ["problem"] = outcome.Problem };

    /// <summary>Reads what <see cref="ToJson"/> writes.</summary>
    public static FuzzOutcome FromJson(JsonElement json) => new(json.GetProperty("digest").GetString(), json.GetProperty("problem").GetString());
}
