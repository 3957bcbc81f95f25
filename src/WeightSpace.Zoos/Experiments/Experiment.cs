using System.Text;
using WeightSpace.Networks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos.Experiments;

/// <summary>One network of an experiment before it is trained.</summary>
/// <param name="FactorValues">Its value of each of <see cref="Experiment.FactorNames"/>; empty where a factor does not apply to it.</param>
public sealed record PlannedNetwork(Recipe Recipe, IReadOnlyList<string> FactorValues)
{
    /// <summary>The index of the network without its last change, whose bytes it shares up to and including that change's step; null where nothing changes.</summary>
    public int? Parent { get; init; }

    /// <summary>What changes in mid-training, in words that are the same for all networks of one setting: a data seed stands there as the experiment declares it. Empty where nothing changes.</summary>
    public string ChangeWords { get; init; } = "";
}

/// <summary>
/// A YAML file that declares a population: tasks x architectures x factors x seeds. <c>docs/experiment.md</c> is the reference of its keys.
/// </summary>
public sealed class Experiment
{
    /// <summary>Networks of one experiment.</summary>
    public const int MaxNetworks = 10_000_000;

    /// <summary>Combinations of architecture, task and factors, each of which has all seeds.</summary>
    public const int MaxSettings = 1_000_000;

    /// <summary>Automata of one experiment: each is drawn and compared with the others whenever the experiment is read.</summary>
    public const int MaxAutomata = 10_000;

    internal Experiment(NetworkPlan plan) => Plan = plan;

    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>The licence of the zoo, as the experiment words it: <c>CC0-1.0</c>.</summary>
    public string? Licence { get; init; }

    /// <summary>The file, verbatim.</summary>
    public required string Text { get; init; }

    /// <summary>The settings that differ between networks, beside task, variant, architecture and seeds; where networks change in mid-training, <c>changed_at</c> and <c>change</c> at the end.</summary>
    public required IReadOnlyList<string> FactorNames { get; init; }

    /// <summary>The factors whose pairs are to be compared: <c>variant</c>, <c>init_seed</c>, <c>data_seed</c> or one of <see cref="FactorNames"/>.</summary>
    public required IReadOnlyList<string> TwinFactors { get; init; }

    /// <summary>What it asks of a Slurm cluster; null: nothing.</summary>
    public SlurmSection? Slurm { get; init; }

    /// <summary>In the order of the file.</summary>
    public required IReadOnlyList<Architecture> Architectures { get; init; }

    /// <summary>The image sets from files that its networks are trained on, each once.</summary>
    public required IReadOnlyList<ImageSetInfo> ImageSets { get; init; }

    /// <summary>
    /// Every network, in the order of the zoo: architecture (outermost), task, machine, variant, factors, init seed, data seed. The list makes
    /// a network when it is asked for one, so a million of them take no memory.
    /// </summary>
    public IReadOnlyList<PlannedNetwork> Networks => Plan;

    /// <summary>Whether there are networks that change in mid-training; their columns stand behind the factors.</summary>
    public bool HasChanges => Plan.Settings.Any(setting => setting.Parent >= 0);

    /// <summary>Networks of each class, where these are only the first of each (<see cref="Subset"/>); null: these are all.</summary>
    public int? NetworksPerClass { get; private init; }

    internal NetworkPlan Plan { get; }

    /// <summary>The training of network <paramref name="index"/>, without making its recipe.</summary>
    public TrainingSpec TrainingOf(int index) => Plan.Settings[index / Plan.NetworksPerSetting].Training;

    /// <summary>One recipe for each setting (everything but the seeds), with the number of networks that share it.</summary>
    public IEnumerable<(Recipe Example, int Networks)> Settings() =>
        Plan.Settings.Select((_, index) => (Networks[index * Plan.NetworksPerSetting].Recipe, Plan.NetworksPerSetting));

    /// <summary>
    /// The first networks of each class, in the order of the experiment; a class is all networks that differ in nothing but their seeds. So a smaller
    /// subset is contained in a larger one. Throws <see cref="InputException"/> where the classes have no more than so many networks.
    /// </summary>
    public Experiment Subset(int networksPerClass)
    {
        int most = Plan.NetworksPerSetting - 1;
        if (networksPerClass < 1 || networksPerClass > most)
        {
            throw new InputException($"found a subset of {networksPerClass} networks of each class, expected {(most == 0 ? "none" : $"1 to {most}")}: "
                + $"the experiment has {Plan.NetworksPerSetting} networks of each class (those that differ in nothing but their seeds)");
        }
        return new Experiment(Plan.First(networksPerClass))
        {
            Name = Name,
            Description = Description,
            Licence = Licence,
            Text = Text,
            FactorNames = FactorNames,
            TwinFactors = TwinFactors,
            Slurm = Slurm,
            Architectures = Architectures,
            ImageSets = ImageSets,
            NetworksPerClass = networksPerClass,
        };
    }

    /// <summary>The column of <c>networks.csv</c> that holds a factor. Two factors are named as columns that say what training reached.</summary>
    public static string FactorColumn(string factor) => factor is "steps" or "eval_loss" ? "stop_" + factor : factor;

    /// <summary>Reads an experiment. Throws <see cref="InputException"/> with the file, line and column of what is wrong.</summary>
    /// <param name="images">What it may name as images from files.</param>
    public static Experiment Load(string path, IImageCatalog? images = null)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            // One byte more than is allowed, so that a longer file, even one that grows, shows as too long.
            byte[] bytes = new byte[YamlReader.MaxBytes + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > YamlReader.MaxBytes)
                throw new InputException($"{path}: the file is larger than {YamlReader.MaxBytes} bytes (1 MiB); an experiment is a page of settings, write ranges and grids instead of long lists");
            return Parse(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.AsSpan(0, length)), path, images);
        }
        catch (DecoderFallbackException error)
        {
            throw new InputException($"{path}: the file is not UTF-8 text (at byte {error.Index}); save it as UTF-8", error);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path}: there is no such file; an experiment (YAML) was expected", error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InputException(Directory.Exists(path) ? $"{path}: this is a folder; the experiment's file (YAML) was expected" : $"{path}: the file may not be read; check its permissions", error);
        }
    }

    /// <summary>Reads an experiment from text; <paramref name="sourceName"/> stands for the file in messages.</summary>
    /// <param name="images">What it may name as images from files; null: what lies in the default folder.</param>
    public static Experiment Parse(string yaml, string sourceName, IImageCatalog? images = null)
    {
        // A byte order mark is no part of the text.
        string text = yaml.StartsWith('\uFEFF') ? yaml[1..] : yaml;
        return ExperimentParser.Parse(YamlReader.Read(text, sourceName), text, sourceName, images ?? ImageLibrary.Default);
    }
}
