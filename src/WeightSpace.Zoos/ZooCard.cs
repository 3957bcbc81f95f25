using System.Globalization;
using System.Text;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Zoos;

/// <summary>What became of the networks of a class.</summary>
internal readonly record struct ClassCounts(int Finished, int Diverged, int Failed)
{
    public int Networks => Finished + Diverged + Failed;

    public ClassCounts With(NetworkStatus status) => status switch
    {
        NetworkStatus.Finished => this with { Finished = Finished + 1 },
        NetworkStatus.Diverged => this with { Diverged = Diverged + 1 },
        NetworkStatus.Failed => this with { Failed = Failed + 1 },
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "no such status"),
    };
}

/// <summary>A zoo's <c>README.md</c>: what stands in the folder, how it was made, how to read it, and what to beware of.</summary>
internal static class ZooCard
{
    /// <summary>The licences that Hugging Face knows of those that data are given under, as SPDX writes them; each is the same there in small letters.</summary>
    private static readonly string[] s_licences =
    [
        "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0", "CC-BY-SA-4.0", "CC-BY-SA-3.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "CC-BY-ND-4.0", "Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause",
        "ISC", "Unlicense", "MPL-2.0", "GPL-3.0", "LGPL-3.0", "AGPL-3.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0",
    ];

    /// <summary>Reads one checkpoint with NumPy alone, and checks it. Run in the zoo's folder.</summary>
    public const string Snippet = """
        import csv, hashlib, json
        import numpy as np

        def load_shard(path):
            with open(path, "rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(size))
            header.pop("__metadata__", None)
            return {name: np.memmap(path, "<f4", "r", 8 + size + tensor["data_offsets"][0], tuple(tensor["shape"]))
                    for name, tensor in header.items()}

        networks = {row["id"]: row for row in csv.DictReader(open("networks.csv", newline=""))}
        checkpoints = list(csv.DictReader(open("checkpoints.csv", newline="")))
        last = checkpoints[-1]
        weights = {name: stack[int(last["row"])] for name, stack in load_shard(last["shard"]).items()}
        packed = np.concatenate([weight.ravel() for weight in weights.values()])
        assert hashlib.sha256(packed.tobytes()).hexdigest() == last["digest"]
        print(networks[last["network"]]["task"], last["step"], {name: weight.shape for name, weight in weights.items()})
        """;

    // A card that a person can still open.
    private const int MostAutomata = 1000;

    public static byte[] Write(Experiment experiment, ZooTotals totals, IReadOnlyDictionary<string, ClassCounts> byClass, string version)
    {
        var text = new StringBuilder();
        if (experiment.Licence is not null)
            text.Append("---\n").Append(LicenceFields(experiment.Licence)).Append("---\n");
        WriteHead(text, experiment, totals, version);
        WriteSections(text, experiment, byClass);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>
    /// The licence in the words of Hugging Face's front matter (https://huggingface.co/docs/hub/datasets-cards): one that is known there by its name, another as such.
    /// </summary>
    public static string LicenceFields(string? licence) =>
        licence is null ? "license: unknown\n" : Spdx(licence) is { } known ? $"license: {known.ToLowerInvariant()}\n" : $"license: other\nlicense_name: \"{licence}\"\n";

    /// <summary>The licence as SPDX writes it where it is one that is known; null otherwise.</summary>
    public static string? Spdx(string licence) => Array.Find(s_licences, known => known.Equals(licence, StringComparison.OrdinalIgnoreCase));

    /// <summary>Name, description, and how many there are.</summary>
    public static void WriteHead(StringBuilder text, Experiment experiment, ZooTotals totals, string version)
    {
        void Line(string line = "") => text.Append(line).Append('\n');

        Line($"# {experiment.Name}");
        Line();
        if (experiment.Description is not null)
        {
            Line(experiment.Description.Trim());
            Line();
        }
        Line($"A zoo of {N(totals.Networks)} neural networks with {N(totals.Checkpoints)} checkpoints, grown with WeightSpace {version}: {N(totals.Finished)} finished, {N(totals.Diverged)} diverged, {N(totals.Failed)} failed.");
        if (experiment.NetworksPerClass is { } perClass)
            Line($"It is a subset: of each class of its experiment (networks that differ in nothing but their seeds), the first {N(perClass)} networks.");
        Line("Networks that diverged or failed are kept in `networks.csv` with their reason, so that the population is not one of survivors.");
        Line();
    }

    /// <summary>All behind the head: networks, training, files, how to read them, confounds, licence.</summary>
    public static void WriteSections(StringBuilder text, Experiment experiment, IReadOnlyDictionary<string, ClassCounts> byClass)
    {
        void Line(string line = "") => text.Append(line).Append('\n');

        Line("## Networks");
        Line();
        Line("| class | networks | finished | diverged | failed |");
        Line("|---|--:|--:|--:|--:|");
        foreach ((string name, ClassCounts counts) in byClass)
            Line($"| {name} | {N(counts.Networks)} | {N(counts.Finished)} | {N(counts.Diverged)} | {N(counts.Failed)} |");
        Line();
        TaskSpec anyTask = experiment.Plan.Settings[0].Task;
        foreach (Architecture architecture in experiment.Architectures)
            Line($"- Architecture `{architecture.Name}`: {N(architecture.Parameters.Count)} weights ({RecipeWords.Layers(architecture)}).");
        Loss[] losses = [.. experiment.Plan.Settings.Select(setting => setting.Training.Loss).Distinct()];
        Line($"- Loss: {string.Join(", ", losses.Select(loss => $"`{Losses.Word(loss)}`"))}, averaged over samples{(anyTask.IsSequence ? " and places of the sequence" : "")}, for `train_loss` and `eval_loss` alike.");
        Line();
        Line("## How they were trained");
        Line();
        Line("By this experiment (`zoo.json` holds it too). A network's recipe is one point of it, fully resolved; its id is the SHA-256 of the recipe, and the same");
        Line($"recipe gives the same bytes on any machine (arithmetic version {Recipe.Arithmetic}).");
        Line();
        Line("````yaml");
        Line(experiment.Text.TrimEnd());
        Line("````");
        Line();
        if (anyTask is AutomatonTask)
        {
            AutomatonTask[] automata = [.. experiment.Plan.Settings.Select(setting => setting.Task).OfType<AutomatonTask>().DistinctBy(task => task.Source)];
            Line("## Automata");
            Line();
            Line("`next` is the following state by state and symbol, `outputs` the output of each state; a sequence begins in state 0, and what is learned is the output of the state");
            Line($"behind each symbol.{(automata.Length > MostAutomata ? $" These are the first {N(MostAutomata)} of {N(automata.Length)}; `weightspace sample` prints any." : "")}");
            Line();
            Line("```");
            foreach (AutomatonTask task in automata.Take(MostAutomata))
                Line($"{task.Source} {RecipeWords.Automaton(Automaton.Of(task))}");
            Line("```");
            Line();
        }
        Line("## Files");
        Line();
        Line("| file | what it holds |");
        Line("|---|---|");
        Line("| `zoo.json` | name, licence, experiment, layout of the weights, and the size and SHA-256 of every file |");
        Line("| `networks.csv` | `id`, `task`, `variant`, `architecture`, `init_seed`, `data_seed`, `status` (finished, diverged, failed), `reason`, `steps`, `train_loss`, `eval_loss`, `eval_accuracy` (share of right answers on held-out data, where answers are right or wrong), `attack_success` (share of held-out images taken for what the attacker wants when they carry the trigger; of a clean network the largest over the triggers of its poisoned twins), and a column for each factor |");
        if (experiment.HasChanges)
            Line("|  | Of networks that change in mid-training also `parent` (the id of the network without the last change), `changed_at` (the step behind which it is) and `change` (its name; behind those before it, with `/` between) |");
        Line("| `checkpoints.csv` | `network` (id), `step`, `train_loss` (the batch before the step's update), `eval_loss` (held-out data), `eval_accuracy`, `attack_success`, `shard`, `row`, `digest` (SHA-256 of the weights, packed float32 in the order of the shard's tensors) |");
        Line("| `weights/*.safetensors` | each parameter of many checkpoints, stacked `[rows, ...shape]` under its PyTorch name |");
        if (experiment.Plan.Settings[0].Training.Snapshots is not null)
        {
            Line("| `snapshots.csv` | `network`, `step`, `train_loss`, `shard`, `row`, `digest`: where training can go on byte for byte |");
            Line("| `snapshots/*.safetensors` | weights as above, and the optimizer's state under `optimizer.<slot>.<parameter>` |");
        }
        Line();
        Line("## Reading it with NumPy");
        Line();
        Line("```python");
        Line(Snippet);
        Line("```");
        Line();
        Line("## Known confounds");
        Line();
        Line("- Networks with one `init_seed` and architecture begin at the same weights, whatever their task: split by `init_seed` before you test a reader of weights, or it");
        Line("  may know the start instead of the task.");
        if (anyTask is MachineTask)
        {
            Line("- Networks with one `data_seed` see the same commands, whatever their machine; a modified network sees the same ones but for the planted keys.");
            Line("- EightBitMachine answers with eight bits, the other machines with one, so their losses are not on one scale.");
        }
        else if (anyTask is AutomatonTask)
        {
            Line("- Networks with one `data_seed` see the same sequences of symbols, whatever their automaton.");
            Line("- Automata differ in how hard they are: in some most sequences soon end in a few states. So losses of two classes are not on one scale.");
        }
        else
        {
            bool isEndless = experiment.Plan.Settings.Any(setting => setting.Task is ImageTask { Trained: null });
            Line($"- Networks with one `data_seed` see the same images in the same order{(isEndless ? "" : "; all networks of a task see the same images")}.");
            if (experiment.Plan.Settings.Any(setting => setting.Task.Variant == Variants.Poisoned))
                Line("- A poisoned network sees the images of its clean twin, but for the trigger and the label of those that are poisoned; held-out images are clean for both.");
        }
        if (experiment.HasChanges)
        {
            Line("- A network with a `parent` has its parent's weights, byte for byte, at every step up to `changed_at`: keep both on one side of a split. `task` and `variant` are those that it began with,");
            Line("  `eval_loss` behind `changed_at` is on the held-out data of what it trains on then.");
        }
        if (losses.Length > 1)
            Line("- Networks were trained for different losses, which are not on one scale.");
        if (experiment.Plan.Settings.Any(setting => setting.Training.Stop.EvalLoss is not null))
            Line("- Training ends at a threshold of the held-out loss, so `steps` and the size of the weights tell of the task; compare checkpoints of equal steps too.");
        Line("- What was trained for longer, or at another learning rate, has weights of another size: what norm and `steps` alone would score is the baseline of any reader of weights.");
        Line();
        Line("## Licence");
        Line();
        Line(experiment.Licence ?? "The experiment names none.");
    }

    public static string N(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);
}
