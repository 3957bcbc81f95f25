using System.Globalization;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Publication;

/// <summary>How far a publication is: bytes, or in <c>making</c> a subset networks, done of all in this stage.</summary>
public readonly record struct PublicationProgress(string Stage, long Done, long Total, bool IsBytes);

/// <summary>What was published.</summary>
/// <param name="WasComplete">Nothing was left to do.</param>
public sealed record PublicationResult(IReadOnlyList<PublishedArchive> Archives, bool WasComplete);

/// <summary>
/// Makes a folder that others can download from: archives of a zoo and its subsets, each also in the recipe form, their checksums, a dataset card. An archive
/// joins <c>SHA256SUMS</c> as soon as it is whole, so the same call goes on where a stop or a crash interrupted it. Nothing that stands in the folder and was
/// not written by a publication of this zoo is overwritten.
/// </summary>
public sealed class ZooPublication
{
    private readonly Zoo _zoo;
    private readonly string _folder;
    private readonly Checksums _sums;
    private readonly Action<PublicationProgress>? _progress;
    private readonly CancellationToken _stop;
    private bool _wasComplete = true;

    private ZooPublication(Zoo zoo, string folder, Action<PublicationProgress>? progress, CancellationToken stop) =>
        (_zoo, _folder, _sums, _progress, _stop) = (zoo, folder, Checksums.Read(folder), progress, stop);

    /// <summary>
    /// Publishes the zoo and its subsets of so many networks of each class. Throws <see cref="InputException"/> where the zoo is damaged, is of another arithmetic, has no such
    /// subset, or the folder holds something else.
    /// </summary>
    /// <param name="authors">Whom to cite; may be empty.</param>
    public static PublicationResult Publish(string zooFolder, string folder, IReadOnlyList<int> subsets, IReadOnlyList<string> authors, Action<PublicationProgress>? progress, CancellationToken stop)
    {
        Zoo zoo = Zoo.Open(zooFolder);
        if (zoo.Manifest.Arithmetic != Recipe.Arithmetic)
            throw new InputException($"{zooFolder}: found a zoo of arithmetic version {zoo.Manifest.Arithmetic}, this program computes version {Recipe.Arithmetic}; publish it with the release that grew it, which can grow it again");
        foreach (int count in subsets)
            zoo.Experiment.Subset(count);
        if (File.Exists(Path.Combine(folder, ZooManifest.FileName)))
            throw new InputException($"{folder}: there is a zoo in this folder; choose another one to publish to");
        string work = Path.Combine(folder, "publishing" + AtomicFile.TemporarySuffix);
        ZooFolder.Make(work);
        using FileStream claim = FolderClaim.Take(work, "publishing to this folder");
        try
        {
            var publication = new ZooPublication(zoo, folder, progress, stop);
            return publication.Run(work, subsets, authors);
        }
        finally
        {
            ZooFolder.Remove(work);
        }
    }

    private PublicationResult Run(string work, IReadOnlyList<int> subsets, IReadOnlyList<string> authors)
    {
        string name = _zoo.Manifest.Name;
        int? whole = _zoo.Manifest.NetworksPerClass;
        // Subsets that an earlier call published stay part of it.
        IEnumerable<int> earlier = _sums.Names.Where(known => known.StartsWith(name + "-", StringComparison.Ordinal) && known.EndsWith(ZooArchive.Extension, StringComparison.Ordinal))
            .Select(known => int.TryParse(known[(name.Length + 1)..^ZooArchive.Extension.Length], NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0).Where(count => count > 0);
        var archives = new List<PublishedArchive>();
        foreach (int? count in subsets.Concat(earlier).Where(count => count != whole).Distinct().OrderDescending().Select(count => (int?)count).Prepend(whole))
        {
            string set = count is null ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{count}");
            string? folder = count == whole ? _zoo.Folder : null;
            foreach ((string archive, bool hasWeights) in new[] { (set + ZooArchive.Extension, true), (set + "-recipes" + ZooArchive.Extension, false) })
            {
                if (!IsDone(archive))
                {
                    folder ??= WriteSubset(Path.Combine(work, set), count!.Value);
                    _sums.Add(archive, Archive(archive, folder, hasWeights).Sha256);
                    _wasComplete = false;
                }
                archives.Add(Read(archive, count, hasWeights));
            }
            if (folder is not null && folder != _zoo.Folder)
                ZooFolder.Remove(folder);
        }
        WriteText(PublicationCard.FileName, PublicationCard.Write(_zoo, archives, authors));
        if (PublicationCard.WriteCitation(_zoo, archives[0].ManifestDigest, authors) is { } citation)
            WriteText(PublicationCard.CitationName, citation);
        return new PublicationResult(archives, _wasComplete);
    }

    /// <summary>Whether an earlier call completed this file. Throws where it was changed since.</summary>
    private bool IsDone(string name)
    {
        string path = Path.Combine(_folder, name);
        if (_sums[name] is not { } expected || !File.Exists(path))
            return false;
        string found = _sums.Measure(name, (done, total) => _progress?.Invoke(new PublicationProgress($"checking {name}", done, total, IsBytes: true)), _stop);
        return found == expected ? true
            : throw new InputException($"{path}: its SHA-256 is not the one in {Checksums.FileName}; it was changed or damaged after it was published; remove it and publish again");
    }

    /// <summary>Writes an archive; one that stands there already must be the very same.</summary>
    private WrittenFile Archive(string name, string zooFolder, bool hasWeights)
    {
        string path = Path.Combine(_folder, name);
        void Report(string what, long done, long total) => _progress?.Invoke(new PublicationProgress($"{what} {name}", done, total, IsBytes: true));
        if (!File.Exists(path))
            return ZooArchive.Write(path, zooFolder, hasWeights, (done, total) => Report("writing", done, total), _stop);
        ArchivedZoo found = ZooArchive.Read(path, null, (done, total) => Report("checking", done, total), _stop);
        byte[] expected = ZooFiles.ReadAll(Path.Combine(zooFolder, ZooManifest.FileName), ZooManifest.MaxBytes);
        return found.HasWeights == hasWeights && found.ManifestBytes.AsSpan().SequenceEqual(expected) ? found.File : throw OfAnotherZoo(path);
    }

    /// <summary>What an archive of this publication holds, from the manifest it begins with.</summary>
    private PublishedArchive Read(string name, int? networksPerClass, bool hasWeights)
    {
        string path = Path.Combine(_folder, name);
        (ZooManifest manifest, byte[] bytes) = ZooArchive.ReadManifest(path);
        // All files that are listed were published together, so the whole zoo's tells whose they are.
        bool isOurs = networksPerClass == _zoo.Manifest.NetworksPerClass ? bytes.AsSpan().SequenceEqual(ZooFiles.ReadAll(Path.Combine(_zoo.Folder, ZooManifest.FileName), ZooManifest.MaxBytes))
            : manifest.Experiment == _zoo.Manifest.Experiment && manifest.NetworksPerClass == networksPerClass && manifest.Arithmetic == _zoo.Manifest.Arithmetic;
        if (!isOurs)
            throw OfAnotherZoo(path);
        return new PublishedArchive(name, networksPerClass, hasWeights, manifest.Totals.Networks, manifest.Totals.Checkpoints, new FileInfo(path).Length, _sums[name]!, ZooManifest.DigestOf(bytes));
    }

    private static InputException OfAnotherZoo(string path) => new($"{path}: this is not the archive of this zoo; choose another folder, or remove what was published there");

    private string WriteSubset(string folder, int count)
    {
        // What a call left that was killed.
        ZooFolder.Remove(folder);
        Experiment subset = _zoo.Experiment.Subset(count);
        IEnumerable<NetworkResult> results = subset.Networks.Select(network => _zoo.ReadResult(_zoo.Network(network.Recipe.Id)));
        long total = subset.Networks.Count;
        ZooWriter.Write(folder, subset, results, done => _progress?.Invoke(new PublicationProgress($"making the subset of {count}", done, total, IsBytes: false)), _stop);
        return folder;
    }

    /// <summary>Writes a small file; one that is neither the same nor what an earlier call wrote is left alone.</summary>
    private void WriteText(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        string digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content));
        string? found = File.Exists(path) ? _sums.Measure(name, null, _stop) : null;
        if (found is not null && found != digest && found != _sums[name])
            throw new InputException($"{path}: there is a file that publish did not write, or that was changed since; move it away and publish again");
        if (found != digest)
        {
            AtomicFile.Write(path, stream => stream.Write(content));
            _wasComplete = false;
        }
        _sums.Add(name, digest);
    }
}
