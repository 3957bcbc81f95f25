using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines;

/// <summary>How networks are divided into units; no result depends on it.</summary>
public abstract record UnitCut
{
    private UnitCut()
    {
    }

    /// <summary>So many networks to a group, in the experiment's order.</summary>
    /// <param name="Steps">Steps of training to a unit; null: a unit trains its networks to their end.</param>
    public sealed record ByNetworks(int Networks, long? Steps = null) : UnitCut;

    /// <summary>
    /// As many networks to a group as need at most so many operations of training, leave at most <see cref="MaxBytes"/> and are no more than <see cref="MaxNetworks"/>; a network that needs more is a
    /// group of its own, whose units are of so many steps.
    /// </summary>
    public sealed record ByFlops(double Flops) : UnitCut
    {
        /// <summary>A worker holds what its networks leave until it hands them in.</summary>
        public const double MaxBytes = 1L << 27;

        public const int MaxNetworks = 5000;
    }

    /// <summary>Groups are added as they are asked for (<see cref="UnitPlan.Append"/>), each of the size that is wanted then. Who adds them remembers them: the plan that is written down has none.</summary>
    public sealed record OnDemand : UnitCut;
}

/// <summary>
/// How a zoo's networks are divided into work units, and where these stand. Networks are trained in groups, each of neighbours in the experiment's order. A group is one unit, or, where
/// units end before their networks, a row of units, each going on where the one before ended.
/// </summary>
public sealed class UnitPlan
{
    /// <summary>Groups whose files share a folder: more, and some file systems become slow.</summary>
    public const int GroupsPerFolder = 1000;

    /// <summary>Where in the work folder the plan is written down.</summary>
    public const string FileName = "plan.json";

    private const string Format = "weightspace-plan";

    private readonly string _work;

    // Of group i the first network; at the end the number of networks that are in groups. Null where all groups but the last have _size. Read under a lock: groups may be added meanwhile.
    private readonly List<int>? _starts;
    private readonly int _size;

    /// <param name="work">The folder that units and results stand in.</param>
    public UnitPlan(Experiment experiment, string work, UnitCut cut)
    {
        (Experiment, _work, Cut) = (experiment, work, cut);
        switch (cut)
        {
            case UnitCut.ByNetworks { Networks: var networks, Steps: var steps }:
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(networks);
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps ?? 1, nameof(steps));
                _size = networks;
                Groups = (int)((experiment.Networks.Count + (long)networks - 1) / networks);
                break;
            case UnitCut.ByFlops { Flops: var flops }:
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(flops);
                (_starts, UnitFlops) = ([.. Starts(experiment, flops), experiment.Networks.Count], flops);
                Groups = _starts.Count - 1;
                break;
            case UnitCut.OnDemand:
                _starts = [0];
                break;
        }
    }

    public Experiment Experiment { get; }

    public UnitCut Cut { get; }

    /// <summary>How many groups there are, so far.</summary>
    public int Groups { get; private set; }

    /// <summary>Operations of training to a unit: of a network that needs more, to each of its units that is made from now on.</summary>
    public double UnitFlops { get; set; } = double.PositiveInfinity;

    /// <summary>Networks that are in groups.</summary>
    public int Grouped
    {
        get
        {
            if (_starts is null)
                return Experiment.Networks.Count;
            lock (_starts)
                return _starts[^1];
        }
    }

    /// <summary>The index of a group's first network.</summary>
    public int First(int group)
    {
        if (_starts is null)
            return group * _size;
        lock (_starts)
            return _starts[group];
    }

    /// <summary>Networks of a group.</summary>
    public int Count(int group)
    {
        if (_starts is null)
            return Math.Min(_size, Experiment.Networks.Count - (group * _size));
        lock (_starts)
            return _starts[group + 1] - _starts[group];
    }

    /// <summary>Adds a group of the next so many networks, where groups are cut on demand.</summary>
    public void Append(int networks)
    {
        if (Cut is not UnitCut.OnDemand)
            throw new InvalidOperationException($"the groups of this plan were cut before: {Cut}");
        lock (_starts!)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(networks);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(networks, Experiment.Networks.Count - _starts[^1]);
            _starts.Add(_starts[^1] + networks);
            Groups++;
        }
    }

    public Recipe[] Recipes(int group) => [.. Enumerable.Range(First(group), Count(group)).Select(index => Experiment.Networks[index].Recipe)];

    /// <summary>Steps of training to each unit of a group; null: as many as it takes.</summary>
    public long? Steps(int group)
    {
        if (Cut is UnitCut.ByNetworks { Steps: var steps })
            return steps;
        return Count(group) > 1 ? null : Steps(Experiment.Networks[First(group)].Recipe, UnitFlops);
    }

    /// <summary>Steps of this training to a unit of so many operations; null: it needs no more than that.</summary>
    public static long? Steps(Recipe recipe, double flops) => recipe.TrainingFlops <= flops ? null : Math.Max(1, (long)(flops / recipe.TrainingFlops * recipe.Training.Stop.Steps));

    /// <summary>Steps that the first so many networks of a group may take.</summary>
    public long Budget(int group, int networks) => Enumerable.Range(First(group), networks).Sum(index => Experiment.TrainingOf(index).Stop.Steps);

    /// <summary>Bytes of the checkpoints and snapshots that a network of this recipe leaves, at most.</summary>
    public static double Bytes(Recipe recipe) =>
        4.0 * recipe.Architecture.Parameters.Count * (recipe.MaxCheckpoints + ((double)recipe.MaxSnapshots * (1 + recipe.Training.Optimizer.Slots.Count)));

    /// <summary>The name of a group's unit, the first of which is 0, below <see cref="UnitFolder"/> and <see cref="ResultFolder"/>: <c>000007</c>, <c>012/012345-000002</c>.</summary>
    public static string Name(int group, int unit) => Folder(group) + Number(group, 6) + (unit == 0 ? "" : "-" + Number(unit, 6));

    /// <summary>The group and unit of a name, as <see cref="Name"/> makes it; null for any other.</summary>
    public static (int Group, int Unit)? Parse(string name)
    {
        string file = name[(name.LastIndexOf('/') + 1)..];
        string[] parts = file.Split('-');
        return parts.Length <= 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int group)
            && int.TryParse(parts.Length == 2 ? parts[1] : "0", NumberStyles.None, CultureInfo.InvariantCulture, out int unit) && Name(group, unit) == name ? (group, unit) : null;
    }

    /// <summary>Where in a folder of work the units stand.</summary>
    public static string UnitFolderOf(string work) => Path.Combine(work, "units");

    /// <summary>Where in a folder of work the results stand.</summary>
    public static string ResultFolderOf(string work) => Path.Combine(work, "results");

    public string UnitFolder => UnitFolderOf(_work);

    public string ResultFolder => ResultFolderOf(_work);

    public string UnitPath(int group, int unit) => Path.Combine(UnitFolder, Name(group, unit) + ".json");

    public string ResultPath(int group, int unit) => Path.Combine(ResultFolder, Name(group, unit) + ".safetensors");

    /// <summary>Makes the folders of all units and results.</summary>
    public void MakeFolders() => MakeFolders(_work, Groups);

    /// <summary>Makes the folders of the units and results of so many groups.</summary>
    public static void MakeFolders(string work, int groups)
    {
        for (int group = 0; group < groups; group += GroupsPerFolder)
            MakeFoldersOf(work, group);
    }

    /// <summary>Makes the folders of a group that is to be added.</summary>
    public void MakeFoldersOf(int group) => MakeFoldersOf(_work, group);

    private static void MakeFoldersOf(string work, int group)
    {
        Directory.CreateDirectory(Path.Combine(UnitFolderOf(work), Folder(group)));
        Directory.CreateDirectory(Path.Combine(ResultFolderOf(work), Folder(group)));
    }

    // The first thousand stand in the folder itself, as they did before there were more.
    private static string Folder(int group) => group < GroupsPerFolder ? "" : Number(group / GroupsPerFolder, 3) + "/";

    private static string Number(int value, int digits) => value.ToString("D" + digits, CultureInfo.InvariantCulture);

    private static IEnumerable<int> Starts(Experiment experiment, double flops)
    {
        (double inGroup, double bytes, int start, int network) = (0, 0, 0, 0);
        foreach ((Recipe example, int networks) in experiment.Settings())
        {
            (double each, double eachBytes) = (example.TrainingFlops, Bytes(example));
            for (int i = 0; i < networks; i++, network++)
            {
                if (network == 0 || inGroup + each > flops || bytes + eachBytes > UnitCut.ByFlops.MaxBytes || network - start == UnitCut.ByFlops.MaxNetworks)
                {
                    yield return network;
                    (inGroup, bytes, start) = (0, 0, network);
                }
                (inGroup, bytes) = (inGroup + each, bytes + eachBytes);
            }
        }
    }

    /// <summary>
    /// The plan that a zoo under way began with, or, where it is about to begin, one by <paramref name="cut"/>, which is written down. Throws <see cref="InputException"/> where another
    /// experiment grows there.
    /// </summary>
    public static UnitPlan ReadOrWrite(Experiment experiment, string work, UnitCut cut)
    {
        string path = Path.Combine(work, FileName), digest = Digest(experiment);
        // Who cuts on demand knows what was cut, however the zoo began.
        if (File.Exists(path))
            return new UnitPlan(experiment, work, Read(path, digest, cut is UnitCut.OnDemand));
        var plan = new UnitPlan(experiment, work, cut);
        var json = new JsonObject { ["format"] = Format, ["experiment"] = digest };
        if (cut is UnitCut.ByNetworks byNetworks)
            json["unit_size"] = byNetworks.Networks;
        if (cut is UnitCut.ByNetworks { Steps: { } steps })
            json["unit_steps"] = steps;
        if (cut is UnitCut.ByFlops byFlops)
            json["unit_flops"] = byFlops.Flops;
        if (cut is UnitCut.OnDemand)
            json["on_demand"] = true;
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(json);
        AtomicFile.Write(path, stream => stream.Write(bytes));
        return plan;
    }

    /// <summary>The plan of a zoo under way. Throws <see cref="InputException"/> where there is none, or another experiment's.</summary>
    public static UnitPlan Read(Experiment experiment, string work) => new(experiment, work, Read(Path.Combine(work, FileName), Digest(experiment), isOnDemand: false));

    private static UnitCut Read(string path, string experimentDigest, bool isOnDemand)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            var json = new JsonReader(document.RootElement, path);
            if (json.String("format") != Format || json.String("experiment") != experimentDigest)
                throw new InputException($"{path}: a zoo of another experiment, or of another subset of it, is growing in this folder; choose another folder, or remove that one");
            // Where it was cut in no other way, each key is asked for.
            return isOnDemand ? new UnitCut.OnDemand()
                : json.Has("on_demand") ? throw new InputException($"{path}: this zoo is grown by volunteers; only the server of their project goes on with it")
                : json.Has("unit_flops") ? new UnitCut.ByFlops(json.Double("unit_flops", new NumberRange(1, 1e300)))
                : new UnitCut.ByNetworks(json.Int32("unit_size", new NumberRange(1, int.MaxValue)), json.Has("unit_steps") ? json.Int64("unit_steps", RecipeLimits.Steps) : null);
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            throw new InputException($"{path}: the plan of this zoo cannot be read: {error.Message}; remove the folder and train again", error);
        }
    }

    /// <summary>
    /// What the experiment is does not stand in its text alone where it names images from files, or where a subset is asked for. The null character stands in no experiment, so no text is
    /// taken for another.
    /// </summary>
    private static string Digest(Experiment experiment)
    {
        string planned = string.Concat(experiment.ImageSets.Select(set => $"\0{set.Digest} {set.Name}").Prepend(experiment.Text)) + (experiment.NetworksPerClass is { } perClass ? $"\0{perClass}" : "");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(planned)));
    }
}
