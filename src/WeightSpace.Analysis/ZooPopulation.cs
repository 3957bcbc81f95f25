using System.Globalization;
using WeightSpace.Tasks;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Analysis;

/// <summary>A zoo on disk as a population to analyse.</summary>
public static class ZooPopulation
{
    /// <summary>Factors that are part of the change of data, and so of the variant.</summary>
    private static readonly string[] ChangeFactors = ["share", "inverted", "trigger", "target"];

    /// <summary>Reads the zoo's tables; weights stay on disk until they are asked for, and their digests are checked then.</summary>
    public static Population Of(Zoo zoo)
    {
        var networks = new List<PopulationNetwork>(zoo.Networks.Count);
        var checkpoints = new List<IReadOnlyList<CheckpointRow>>(zoo.Networks.Count);
        for (int i = 0; i < zoo.Networks.Count; i++)
        {
            NetworkRow row = zoo.Networks[i];
            PlannedNetwork planned = zoo.Experiment.Networks[i];
            Recipe recipe = planned.Recipe;
            IReadOnlyList<CheckpointRow> trajectory = zoo.CheckpointsOf(row.Id);
            checkpoints.Add(trajectory);
            var factors = new Dictionary<string, string>();
            for (int factor = 0; factor < zoo.Experiment.FactorNames.Count; factor++)
            {
                string name = zoo.Experiment.FactorNames[factor];
                if (!ChangeFactors.Contains(name))
                    factors.Add(name, row.Factors[factor].Length > 0 ? row.Factors[factor] : name is "change" or "changed_at" ? "(unchanged)" : "(does not apply)");
            }
            networks.Add(new PopulationNetwork(
                row.Id, zoo.ArchitectureOf(row), recipe.PhaseAt(row.Steps).Task, Setting(planned), row.InitSeed, row.DataSeed, row.Status, row.Reason, row.Steps, row.TrainLoss, row.EvalLoss, factors,
                [.. trajectory.Select(checkpoint => new PopulationCheckpoint(checkpoint.Step, checkpoint.TrainLoss, checkpoint.EvalLoss))])
            {
                Parent = row.Parent,
                EvalAccuracy = row.EvalAccuracy,
                AttackSuccess = row.AttackSuccess,
            });
        }
        return new Population(zoo.Manifest.Name, networks, Provenance(zoo), (places, weights) =>
            zoo.ReadWeights([.. places.Select(place => checkpoints[place.Network][place.Checkpoint])], weights));
    }

    /// <summary>
    /// All that can move a weight, beside the kind of task and the seeds, in words. Of a network that goes on with another task also the one that it began with, for its own is the one that it
    /// ended with.
    /// </summary>
    private static string Setting(PlannedNetwork planned)
    {
        if (planned.ChangeWords.Length == 0)
            return Setting(planned.Recipe);
        TaskSpec began = planned.Recipe.Task;
        string from = planned.Recipe.Changes.All(change => change.Task is null) ? "" : $"begun with {began.Name}{(began.Change is { } change ? $" ({change})" : "")}, ";
        return $"{Setting(planned.Recipe)}; {from}{planned.ChangeWords}";
    }

    private static string Setting(Recipe recipe)
    {
        string training = RecipeWords.Training(recipe.Training);
        return recipe.Task switch
        {
            { IsSequence: true } task => string.Create(CultureInfo.InvariantCulture, $"{training}; sequences of {task.Places}"),
            DrawnDigitsTask { Set: { } set } => string.Create(CultureInfo.InvariantCulture, $"{training}; {set.Images} images from seed {set.Seed}"),
            _ => training,
        };
    }

    private static List<Fact> Provenance(Zoo zoo)
    {
        ZooManifest manifest = zoo.Manifest;
        var facts = new List<Fact> { new("zoo", manifest.Name) };
        if (manifest.Description is { } description)
            facts.Add(new Fact("description", description.Trim()));
        facts.Add(new Fact("licence", manifest.Licence ?? "not stated"));
        facts.Add(new Fact("grown by", $"weightspace {manifest.Version}, arithmetic version {manifest.Arithmetic.ToString(CultureInfo.InvariantCulture)}"));
        facts.Add(new Fact("holds", string.Create(CultureInfo.InvariantCulture, $"{manifest.Totals.Networks:N0} networks, {manifest.Totals.Checkpoints:N0} checkpoints")));
        facts.Add(new Fact("training", string.Join(" | ", zoo.Experiment.Settings().Select(setting => Setting(setting.Example)).Distinct().Take(8))));
        foreach (TaskSpec task in zoo.Experiment.Settings().SelectMany(setting => setting.Example.Phases.Select(phase => phase.Task)).Where(task => task.Change is not null).DistinctBy(task => task.Change).Take(8))
            facts.Add(new Fact(task.Variant == Variants.Modified ? "modification" : task.Variant, task.Change!));
        return facts;
    }
}
