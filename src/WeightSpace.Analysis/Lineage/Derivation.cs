using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;
using WeightSpace.Zoos.Formats;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Analysis.Lineage;

/// <summary>Which copies of models are made.</summary>
public sealed record DerivationOptions
{
    /// <summary>Shares of weights that are pruned, one copy of a model for each; above 0, below 1.</summary>
    public IReadOnlyList<double> Pruned { get; init; } = [];

    /// <summary>Standard deviations of noise, as shares of each tensor's own; above 0, at most 10.</summary>
    public IReadOnlyList<double> Noisy { get; init; } = [];

    /// <summary>Bits of quantised weights, 2 to 16.</summary>
    public IReadOnlyList<int> Quantised { get; init; } = [];

    /// <summary>Whether copies with their hidden units in another order are made.</summary>
    public bool Permuted { get; init; }

    /// <summary>Means of two models of one tree, in all; at least 0.</summary>
    public int Averaged { get; init; }

    /// <summary>Of how many models, drawn at random in each group, copies are made of each kind; null: of all.</summary>
    public int? Models { get; init; }

    public ModelChoice Choice { get; init; } = ModelChoice.Last;

    public ulong Seed { get; init; }
}

/// <summary>What was written.</summary>
/// <param name="Originals">Models as they were.</param>
/// <param name="Copies">Changed models, by change.</param>
/// <param name="LeftOut">Models with weights that are not finite: written as they are, but not changed.</param>
public sealed record DerivationResult(string Folder, int Originals, IReadOnlyDictionary<string, int> Copies, IReadOnlyList<string> LeftOut);

/// <summary>
/// Writes models and changed copies of them as safetensors files, with the truth beside them: a known case, planted in one's own models, to see whether an answer about descent can be trusted on them.
/// </summary>
/// <remarks>
/// Originals stand under <c>original/</c>, copies under the name of their change: <c>pruned-0.5/</c>. A zoo's files are <c>NETWORK/step-000123.safetensors</c>, so that network and step can be read from their names.
/// The folder comes under its name when it is whole.
/// </remarks>
public static class Derivation
{
    public const string FolderSuffix = ".deriving";

    private static readonly string[] s_endings = [".safetensors.index.json", ".bin.index.json", ".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz", ".npy", ".onnx"];

    /// <param name="progress">Is told models done, and all of them.</param>
    /// <exception cref="InputException">A value is out of its range, the folder holds something already, or a change cannot be made of these models.</exception>
    public static DerivationResult Write(CheckpointSet set, string folder, DerivationOptions options, Action<long, long>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        folder = Path.TrimEndingDirectorySeparator(folder);
        if (File.Exists(folder))
            throw new InputException($"{folder}: this is a file; choose another name for the folder");
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new InputException($"{folder}: there is something else in this folder; choose another one, or an empty one");
        ModelSelection[] selections = [.. set.Groups.Select(group => ModelSelection.Of(set, group, options.Choice))];
        CheckSymmetry(set, options);
        string partial = folder + FolderSuffix;
        ZooFolder.Make(partial);
        try
        {
            DerivationResult result;
            using (FolderClaim.Take(partial, "writing to this folder"))
                result = new Writing(set, selections, partial, options, progress, stop).Run() with { Folder = folder };
            File.Delete(Path.Combine(partial, "lock"));
            ZooFolder.Publish(partial, folder);
            return result;
        }
        catch
        {
            ZooFolder.Remove(partial);
            throw;
        }
    }

    private static void Check(DerivationOptions options)
    {
        static void Each<T>(string name, IReadOnlyList<T> values, Func<T, bool> isRight, string expected)
        {
            foreach (T value in values.Where(value => !isRight(value)))
                throw new InputException($"{name}: found {Convert.ToString(value, CultureInfo.InvariantCulture)}, expected {expected}");
            if (values.Distinct().Count() < values.Count)
                throw new InputException($"{name}: found a value twice, expected each once");
        }
        Each("--pruned", options.Pruned, share => share is > 0 and < 1, "a share above 0 and below 1");
        Each("--noisy", options.Noisy, deviation => deviation is > 0 and <= 10, "a standard deviation above 0 and at most 10, as a share of each tensor's own");
        Each("--quantised", options.Quantised, bits => bits is >= 2 and <= 16, "2 to 16 bits");
        Each("--averaged", [options.Averaged], count => count >= 0, "a number of at least 0");
        Each("--models", [options.Models ?? 1], count => count >= 1, "a number of at least 1");
    }

    private static void CheckSymmetry(CheckpointSet set, DerivationOptions options)
    {
        foreach (ICheckpointGroup group in set.Groups.Where(_ => options.Permuted))
        {
            if (group.Symmetry is null || UnitGroup.Of(group.Symmetry).Count == 0)
                throw new InputException($"{group.Name}: it is not known which hidden units of these models may be reordered (docs/checkpoints.md, hidden units); leave --permuted out");
        }
    }

    /// <summary>One call under way.</summary>
    private sealed class Writing(CheckpointSet set, ModelSelection[] selections, string folder, DerivationOptions options, Action<long, long>? progress, CancellationToken stop)
    {
        private readonly List<(string Model, ModelOrigin Origin)> _rows = [];
        private readonly SortedDictionary<string, int> _copies = new(StringComparer.Ordinal);
        private readonly List<string> _leftOut = [];
        private readonly HashSet<string> _files = new(StringComparer.OrdinalIgnoreCase);
        private long _done;

        public DerivationResult Run()
        {
            for (int g = 0; g < selections.Length; g++)
                Group(set.Groups[g], selections[g], (ulong)g << 48);
            if (options.Averaged > 0 && !_copies.ContainsKey(ModelOrigin.Averaged))
                throw new InputException($"{set.Path}: --averaged needs two models that are known to be of one tree, by the parents of a zoo or by {LineageTable.FileName}; leave it out");
            LineageTable.Write(Path.Combine(folder, LineageTable.FileName), _rows);
            return new DerivationResult(folder, _rows.Count - _copies.Values.Sum(), _copies, _leftOut);
        }

        private void Group(ICheckpointGroup group, ModelSelection selection, ulong key)
        {
            string[] files = [.. selection.Items.Select(item => FileOf(group.Items[item]))];
            var fileOf = selection.Items.Select((item, i) => (group.Items[item].Name, File: files[i])).ToDictionary(pair => pair.Name, pair => pair.File);
            HashSet<int> drawn = Drawn(selection.Items.Count, key);
            int total = selection.Items.Count + options.Averaged;
            float[] weights = new float[group.Count];
            var sound = new List<int>();
            for (int i = 0; i < files.Length; i++)
            {
                stop.ThrowIfCancellationRequested();
                CheckpointItem item = group.Items[selection.Items[i]];
                group.Read(selection.Items[i], 0, weights);
                ModelOrigin origin = selection.Origins is null ? new ModelOrigin(null, null, ModelOrigin.Unknown) : selection.Origins.GetValueOrDefault(item.Name) ?? new ModelOrigin(null, null, ModelOrigin.Unknown);
                string? New(string? name) => name is null ? null : fileOf.TryGetValue(name, out string? file) ? $"{ModelOrigin.Original}/{file}" : null;
                string original = Save(group, ModelOrigin.Original, files[i], weights, origin with { Parent = New(origin.Parent), SecondParent = New(origin.SecondParent) });
                bool isSound = double.IsFinite(DenseVectors.SquaredNorm(weights));
                if (isSound)
                    sound.Add(i);
                else
                    _leftOut.Add(item.Name);
                if (isSound && drawn.Contains(i))
                    Copies(group, weights, original, files[i], key | ((ulong)i << 16));
                progress?.Invoke(++_done, total);
            }
            Averages(group, selection, files, sound, key, total);
        }

        private void Copies(ICheckpointGroup group, float[] weights, string original, string file, ulong key)
        {
            ulong number = 0;
            void Copy(string change, Action<float[], RandomStream> make)
            {
                float[] copy = [.. weights];
                make(copy, new RandomStream(options.Seed, RandomPurpose.Derivation, key | number++));
                SaveCopy(group, change, file, copy, new ModelOrigin(original, null, change));
            }
            foreach (double share in options.Pruned)
                Copy($"{ModelOrigin.Pruned}-{Text(share)}", (copy, _) => WeightChanges.Prune(group.Tensors, copy, share));
            foreach (double deviation in options.Noisy)
                Copy($"{ModelOrigin.Noisy}-{Text(deviation)}", (copy, random) => WeightChanges.AddNoise(group.Tensors, copy, deviation, random));
            foreach (int bits in options.Quantised)
                Copy($"{ModelOrigin.Quantised}-{Text(bits)}", (copy, _) => WeightChanges.Quantise(group.Tensors, copy, bits));
            if (options.Permuted)
                Copy(ModelOrigin.Permuted, (copy, random) => WeightChanges.Permute(group.Symmetry!, copy, random));
        }

        /// <summary>Means of pairs that are drawn among the models of one tree, no pair twice.</summary>
        private void Averages(ICheckpointGroup group, ModelSelection selection, string[] files, List<int> sound, ulong key, int total)
        {
            if (options.Averaged == 0 || selection.Origins is null)
                return;
            IReadOnlyDictionary<string, int> trees = ModelOrigin.Trees(selection.Origins);
            string Name(int i) => group.Items[selection.Items[i]].Name;
            int[][] families = [.. sound.Where(i => trees.ContainsKey(Name(i)) && selection.Origins[Name(i)].Change != ModelOrigin.Unknown).GroupBy(i => trees[Name(i)]).Select(family => family.ToArray())];
            (int A, int B)[] pairs = [.. families.SelectMany(family => family.SelectMany((a, k) => family.Skip(k + 1).Select(b => (a, b))))];
            var random = new RandomStream(options.Seed, RandomPurpose.Derivation, key | 0xFFFF_FFFF_FFFF);
            random.Shuffle(pairs.AsSpan());
            float[] weights = new float[group.Count], other = new float[group.Count];
            for (int k = 0; k < Math.Min(options.Averaged, pairs.Length); k++)
            {
                stop.ThrowIfCancellationRequested();
                (int a, int b) = pairs[k];
                group.Read(selection.Items[a], 0, weights);
                group.Read(selection.Items[b], 0, other);
                WeightChanges.Average(weights, other);
                SaveCopy(group, ModelOrigin.Averaged, $"{k + 1:D4}.safetensors", weights, new ModelOrigin($"{ModelOrigin.Original}/{files[a]}", $"{ModelOrigin.Original}/{files[b]}", ModelOrigin.Averaged));
                progress?.Invoke(++_done, total);
            }
        }

        private HashSet<int> Drawn(int count, ulong key)
        {
            int[] order = new int[count];
            var random = new RandomStream(options.Seed, RandomPurpose.Derivation, key | 0xFFFF_FFFF_FFFE);
            random.Permute(order);
            return [.. order.Take(options.Models ?? count)];
        }

        private void SaveCopy(ICheckpointGroup group, string change, string file, float[] weights, ModelOrigin origin)
        {
            Save(group, change, file, weights, origin);
            _copies[change] = _copies.GetValueOrDefault(change) + 1;
        }

        private string Save(ICheckpointGroup group, string change, string file, float[] weights, ModelOrigin origin)
        {
            string name = $"{change}/{(change == ModelOrigin.Averaged && set.Groups.Count > 1 ? $"{Safe(group.Name)}/" : "")}{file}", path = Path.Combine(folder, name);
            ZooFolder.Make(Path.GetDirectoryName(path)!);
            AtomicFile.Write(path, stream => SafetensorsWriter.Write(stream, [.. group.Tensors.Select(tensor => new TensorEntry(tensor.Name, TensorType.F32, tensor.Shape))], new Dictionary<string, string>(),
                (tensor, sink) => sink.Write(weights.AsSpan((int)group.Tensors[tensor].Offset, (int)group.Tensors[tensor].Elements))));
            _rows.Add((name, origin));
            return name;
        }

        /// <summary>The file of a model below its folder, which no other has.</summary>
        private string FileOf(CheckpointItem item)
        {
            string name = set.Source == CheckpointSource.Zoo ? $"{item.Network![..12]}/step-{item.Step:D6}" : string.Join('/', item.Name.Split('/').Select(Safe));
            string ending = s_endings.FirstOrDefault(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) ?? "";
            string file = name[..^ending.Length] + ".safetensors";
            for (int again = 2; !_files.Add(file); again++)
                file = $"{name}-{again}.safetensors";
            return file;
        }

        /// <summary>A part of a path of which nothing is a file system's own: names may come from a stranger's table.</summary>
        private static string Safe(string part)
        {
            string safe = new([.. part.Take(100).Select(letter => char.IsLetterOrDigit(letter) || letter is '.' or '_' or '-' or '=' or '+' ? letter : '_')]);
            return safe.Length == 0 || safe[0] == '.' ? "_" + safe : safe;
        }

        private static string Text(double value) => value.ToString("0.##########", CultureInfo.InvariantCulture);
    }
}
