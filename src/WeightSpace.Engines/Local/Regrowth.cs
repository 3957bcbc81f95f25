using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Engines.Local;

/// <summary>What regrowing came to.</summary>
/// <param name="WasComplete">The zoo stood there already.</param>
/// <param name="Difference">Where what was trained is not what was published; null: the zoo is there, byte for byte.</param>
/// <param name="File">The file whose bytes differ although every checkpoint in it is right; null: none.</param>
public readonly record struct RegrowthResult(ZooManifest Manifest, bool WasComplete, RetrainingDifference? Difference, string? File);

/// <summary>
/// Grows a published zoo again from its recipe form, with the local engine: the same bytes, or no zoo. What is under way lives in a folder beside the zoo's; the zoo
/// comes under its name when every digest is found right. So the same call again goes on where a stop or a crash interrupted it.
/// </summary>
public static class Regrowth
{
    /// <summary>What stands behind the zoo's name while it grows.</summary>
    public const string FolderSuffix = ".regrowing";

    /// <summary>
    /// Trains the zoo whose recipe form is <paramref name="recipes"/>, an archive or a folder, into <paramref name="folder"/>. Throws <see cref="InputException"/>
    /// where the recipe form is damaged or of another arithmetic, or something else stands where the zoo is to come, and
    /// <see cref="OperationCanceledException"/> after a stop, with everything done so far kept.
    /// </summary>
    /// <param name="begin">Is told the zoo that will be trained, before it is.</param>
    /// <param name="checking">Is told the bytes checked at the end, and all of them.</param>
    public static RegrowthResult Regrow(string recipes, string folder, int threads, int unitSize, Func<ITrainer> newTrainer, TimeProvider time, Action<Zoo>? begin,
        Action<ZooProgress>? progress, Action<long, long>? checking, CancellationToken stop)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        bool isArchive = ZooArchive.IsArchive(recipes);
        (ZooManifest manifest, byte[] manifestBytes) = isArchive ? ZooArchive.ReadManifest(recipes) : Zoo.ReadManifestAlone(recipes);
        if (manifest.Arithmetic != Recipe.Arithmetic)
        {
            throw new InputException($"{recipes}: found recipes of arithmetic version {manifest.Arithmetic}, this program computes version {Recipe.Arithmetic}, which gives other weights; "
                + "regrow them with the release that grew the zoo");
        }
        string work = folder + FolderSuffix, published = Path.Combine(work, "published"), grown = Path.Combine(work, "grown"), right = Path.Combine(work, "zoo");
        if (ZooFolder.IsThere(folder, manifestBytes))
        {
            Zoo.Open(folder);
            ZooFolder.Remove(work);
            return new RegrowthResult(manifest, WasComplete: true, null, null);
        }
        ZooFolder.Make(work);
        using FileStream claim = FolderClaim.Take(work, "regrowing this zoo");
        try
        {
            Take(recipes, isArchive, manifestBytes, published, stop);
        }
        catch (InputException)
        {
            // Nothing was begun, so nothing is left.
            if (!Directory.Exists(published))
                ZooFolder.Remove(work);
            throw;
        }
        Zoo zoo = Zoo.OpenRecipes(published);
        if (!Directory.Exists(right))
        {
            begin?.Invoke(zoo);
            try
            {
                LocalEngine.Grow(zoo.Experiment, grown, threads, unitSize, () => new CheckedTrainer(newTrainer(), zoo), time, progress, stop);
            }
            catch (RetrainingException error)
            {
                return new RegrowthResult(manifest, WasComplete: false, error.Difference, null);
            }
            if (OtherShard(manifest, Zoo.ReadManifest(grown)) is { } other)
                return new RegrowthResult(manifest, WasComplete: false, null, other);
            Directory.Move(grown, right);
        }
        // Another release may word a reason or the card differently: what is no weights is taken as it was published.
        foreach (string file in RecipeFiles(manifest))
            Copy(Path.Combine(published, file), Path.Combine(right, file));
        double total = manifest.Files.Sum(file => (double)file.Bytes) * 2;
        Zoo.Open(right).CheckDigests(done => checking?.Invoke(done, (long)total), stop);
        ZooFolder.Publish(right, folder);
        ZooFolder.Remove(work);
        return new RegrowthResult(manifest, WasComplete: false, null, null);
    }

    /// <summary>Copies the recipe form to where it stays while its zoo grows, whatever becomes of the original.</summary>
    private static void Take(string recipes, bool isArchive, byte[] manifest, string published, CancellationToken stop)
    {
        if (ZooFolder.IsThere(published, manifest))
            return;
        string partial = published + AtomicFile.TemporarySuffix;
        ZooFolder.Remove(partial);
        if (isArchive)
        {
            if (ZooArchive.Read(recipes, partial, null, stop).HasWeights)
                throw new InputException($"{recipes}: this archive holds the weights; `weightspace unpack` gives the zoo without training");
        }
        else
        {
            ZooManifest read = Zoo.OpenRecipes(recipes).Manifest;
            ZooFolder.Make(partial);
            foreach (string file in RecipeFiles(read))
                Copy(Path.Combine(recipes, file), Path.Combine(partial, file));
        }
        ZooFolder.Publish(partial, published);
    }

    /// <summary>The files of the recipe form, the manifest last.</summary>
    private static IEnumerable<string> RecipeFiles(ZooManifest manifest) => manifest.Files.Where(file => !file.IsShard).Select(file => file.Path).Append(ZooManifest.FileName);

    private static void Copy(string from, string to)
    {
        using FileStream source = File.OpenRead(from);
        AtomicFile.Write(to, source.CopyTo);
    }

    /// <summary>The first shard that is not listed alike in both; null where all are.</summary>
    private static string? OtherShard(ZooManifest published, ZooManifest grown)
    {
        var shards = grown.Files.Where(file => file.IsShard).ToDictionary(file => file.Path, file => (file.Bytes, file.Sha256));
        ZooFile? other = published.Files.FirstOrDefault(file => file.IsShard && (!shards.Remove(file.Path, out (long Bytes, string Sha256) found) || found != (file.Bytes, file.Sha256)));
        return other?.Path ?? shards.Keys.FirstOrDefault();
    }
}
