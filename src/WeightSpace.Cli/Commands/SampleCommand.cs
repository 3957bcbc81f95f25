using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Cli.Commands;

/// <summary>
/// <c>weightspace sample EXPERIMENT --task NAME | --network ID --split train|eval --count N --out FILE.npz</c>: the exact data that networks see, for anyone who
/// wants to check: <c>x</c> [place, sample, inputs] and <c>y</c> [place, sample, outputs]; an image is one place, its inputs [channel, row, column]. Of an automaton it
/// says the table too.
/// </summary>
internal static class SampleCommand
{
    private const long MaxBytes = 4L << 30;
    private const int MostNames = 20;

    public static Command Create(Func<ParseResult, CommandContext> context)
    {
        Argument<string> experiment = new Argument<string>("EXPERIMENT") { Description = "The experiment, a YAML file, or the folder of a zoo." }.AsPath();
        var task = new Option<string?>("--task") { Description = "The task: ParityMachine, ParityMachineModified, DrawnDigitsPoisoned, Automaton-8-4-4-1, ...; where several have the name, NAME:1, NAME:2, ... An automaton's table of states is printed too.", HelpName = "NAME" };
        var network = new Option<string?>("--network") { Description = "Instead of --task: the network, by its id, whose data it is, with its data seed.", HelpName = "ID" };
        var split = new Option<string>("--split") { Description = "train: the stream that networks learn from; eval: the held-out data.", Required = true };
        split.AcceptOnlyFromAmong("train", "eval");
        var count = new Option<int?>("--count") { Description = "Sequences; default: one batch (train), or all held-out sequences (eval).", HelpName = "N" };
        var step = new Option<long?>("--step") { Description = "With --network, for networks that change in mid-training: the data of this step; of the training stream, from the batch of that step on. Default: the stream from its beginning, as the network begins with it.", HelpName = "N" };
        var dataSeed = new Option<ulong?>("--data-seed") { Description = "Which network's stream (train only); default: that of --network, or the experiment's first data seed.", HelpName = "SEED" };
        Option<string> output = new Option<string>("--out") { Description = "The file to write.", Required = true, HelpName = "FILE.npz" }.AsPath();
        var command = new Command("sample", "Write the exact data of a task, as numpy arrays.") { experiment, task, network, split, count, step, dataSeed, output };
        command.SetAction(parsed => context(parsed).Run(run =>
        {
            string? id = parsed.GetValue(network);
            (Recipe recipe, TaskSpec spec) = (parsed.GetValue(task), id) switch
            {
                ({ } name, null) => Find(Open(parsed.GetRequiredValue(experiment), run.Images).Experiment, name),
                (null, { } asked) => FindNetwork(parsed.GetRequiredValue(experiment), run.Images, asked) is var found ? (found, found.Task) : default,
                _ => throw new InputException("sample: name either --task NAME or --network ID, and not both"),
            };
            bool train = parsed.GetRequiredValue(split) == "train";
            long first = 0;
            ulong dataSeedOfRecipe = recipe.DataSeed;
            if (parsed.GetValue(step) is { } at)
            {
                if (id is null)
                    throw new InputException("--step: it is a step of a network; name one with --network ID");
                if (at < 1 || at > recipe.Training.Stop.Steps)
                    throw new InputException($"--step: found {at}, expected 1 to {recipe.Training.Stop.Steps}, the steps that the network may take");
                TrainingPhase phase = recipe.PhaseAt(at);
                (spec, dataSeedOfRecipe, first) = (phase.Task, phase.DataSeed, train ? (at - 1) * recipe.Training.Batch : 0);
            }
            int sequences = parsed.GetValue(count) ?? (train ? recipe.Training.Batch : recipe.Training.Evaluation.Sequences);
            long most = MaxBytes / sizeof(float) / spec.Places / (spec.Inputs + spec.Outputs);
            if (!train && spec.HeldOut is { } heldOut)
                most = Math.Min(most, heldOut);
            if (sequences < 1 || sequences > most)
                throw new InputException($"--count: found {sequences}, expected 1 to {most}{(most == spec.HeldOut ? ", all that are held out" : "")}");
            if (!train && parsed.GetValue(dataSeed) is not null)
                throw new InputException("--data-seed: held-out data have the seed of the experiment (training.evaluation.seed); leave it out with --split eval");
            ulong seed = train ? parsed.GetValue(dataSeed) ?? dataSeedOfRecipe : recipe.Training.Evaluation.Seed;
            string path = parsed.GetRequiredValue(output);
            Write(path, spec, TaskSources.Open(spec, run.Images), seed, train ? Split.Train : Split.Evaluation, first, sequences);
            run.Text.WriteLine($"{path}: x [{spec.Places}, {sequences}, {spec.Inputs}] and y [{spec.Places}, {sequences}, {spec.Outputs}] of {spec.Name}, seed {seed}");
            var answer = new JsonObject { ["file"] = path, ["task"] = spec.Name, ["sequence"] = spec.Places, ["count"] = sequences, ["seed"] = seed, ["first"] = first, ["network"] = id, ["loss"] = id is null ? null : Losses.Word(recipe.Training.Loss) };
            if (spec is AutomatonTask automaton)
                answer["automaton"] = Describe(run.Text, Automaton.Of(automaton));
            return new Answer(answer);
        }));
        return command;
    }

    /// <summary>The experiment of a YAML file, or of a zoo.</summary>
    private static (Experiment Experiment, Zoo? Zoo) Open(string path, ImageLibrary images)
    {
        if (!Directory.Exists(path))
            return (Experiment.Load(path, images), null);
        Zoo zoo = Zoo.Open(path);
        return (zoo.Experiment, zoo);
    }

    private static Recipe FindNetwork(string path, ImageLibrary images, string id)
    {
        (Experiment experiment, Zoo? zoo) = Open(path, images);
        // A zoo knows its networks even where it is of an arithmetic whose ids cannot be computed here.
        return zoo is not null ? experiment.Networks[zoo.Network(id).Index].Recipe
            : experiment.Networks.Select(network => network.Recipe).FirstOrDefault(recipe => recipe.Id == id)
            ?? throw new InputException($"--network: found '{id}', which is no network of {path}; the ids stand in the networks.csv of its zoo");
    }

    /// <summary>The task of a name, and a network of it; where several have it, <c>NAME:2</c> is the second of them. Those that networks change to in mid-training are among them.</summary>
    private static (Recipe Recipe, TaskSpec Task) Find(Experiment experiment, string wanted)
    {
        (Recipe Recipe, TaskSpec Task)[] tasks = [.. experiment.Settings().SelectMany(setting => setting.Example.Phases, (setting, phase) => (setting.Example, phase.Task))
            .DistinctBy(pair => (pair.Task, pair.Example.Training.Evaluation.Sequences, pair.Example.Training.Evaluation.Seed))];
        int colon = wanted.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? wanted : wanted[..colon];
        (Recipe, TaskSpec Task)[] found = [.. tasks.Where(pair => pair.Task.Name == name)];
        if (found.Length == 0)
            throw new InputException($"--task: found '{wanted}', expected one of {Names(tasks.Select(pair => pair.Task.Name))}");
        if (colon < 0 && found.Length == 1)
            return found[0];
        return int.TryParse(wanted.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= found.Length && colon >= 0 ? found[number - 1]
            : throw new InputException($"--task: found '{wanted}', but the experiment has {found.Length} tasks of the name {name} with different settings or held-out data; choose one by its number in the order of the networks, from {name}:1 to {name}:{found.Length}");
    }

    private static string Names(IEnumerable<string> tasks)
    {
        string[] names = [.. tasks.Distinct()];
        return string.Join(", ", names.Take(MostNames)) + (names.Length > MostNames ? $", ... ({names.Length} in all)" : "");
    }

    /// <summary>What the network is to learn: a row for each state, the start first.</summary>
    private static JsonNode Describe(TextWriter text, Automaton automaton)
    {
        text.WriteLine($"{"state",5} {"output",7}  next state after symbol {string.Join(' ', Enumerable.Range(0, automaton.Alphabet).Select(symbol => $"{symbol,3}"))}");
        for (int state = 0; state < automaton.States; state++)
            text.WriteLine($"{state,5} {automaton.Outputs[state],7}  {"",23} {string.Join(' ', automaton.Next.Slice(state * automaton.Alphabet, automaton.Alphabet).ToArray().Select(next => $"{next,3}"))}");
        return JsonNode.Parse(RecipeWords.Automaton(automaton))!;
    }

    private static void Write(string path, TaskSpec task, TaskData data, ulong seed, Split split, long first, int count)
    {
        int stride = Lanes.Padded(count), length = task.Places;
        float[] x = new float[length * task.Inputs * stride], y = new float[length * task.Outputs * stride];
        data.Sample(seed, split, first, count, stride, x, y);
        TensorEntry[] arrays = [new("x", TensorType.F32, [length, count, task.Inputs]), new("y", TensorType.F32, [length, count, task.Outputs])];
        AtomicFile.Write(path, stream => Npz.Write(stream, arrays, (index, sink) =>
        {
            (float[] values, int features) = index == 0 ? (x, task.Inputs) : (y, task.Outputs);
            float[] row = new float[features];
            for (int time = 0; time < length; time++)
            {
                for (int sequence = 0; sequence < count; sequence++)
                {
                    for (int feature = 0; feature < features; feature++)
                        row[feature] = values[(((time * features) + feature) * stride) + sequence];
                    sink.Write(row);
                }
            }
        }));
    }
}
