using System.Diagnostics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Tests.Zoos.Publication;

public sealed class ZooPublicationTests : IDisposable
{
    private static readonly string[] s_files =
    [
        "CITATION.cff", "README.md", "SHA256SUMS", "small-1-recipes.zip", "small-1.zip", "small-2-recipes.zip", "small-2.zip", "small-recipes.zip", "small.zip",
    ];

    private readonly Folder _folder = new();

    public ZooPublicationTests() => SmallZoo.Write(_folder["zoo"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void APublicationIsArchivesChecksumsAndACard()
    {
        PublicationResult result = Publish("out", [1, 2]);
        Assert.False(result.WasComplete);
        Assert.Equal(s_files, Files("out"));
        Assert.Equal(["small.zip", "small-recipes.zip", "small-2.zip", "small-2-recipes.zip", "small-1.zip", "small-1-recipes.zip"], result.Archives.Select(archive => archive.Name));
        Assert.Equal([6, 6, 4, 4, 2, 2], result.Archives.Select(archive => archive.Networks));
        SortedDictionary<string, string> digests = Folder.Digests(_folder["out"]);
        Assert.All(result.Archives, archive => Assert.Equal((digests[archive.Name], new FileInfo(_folder[$"out/{archive.Name}"]).Length), (archive.Sha256, archive.Bytes)));
        // The tool that others check it with.
        using Process check = Process.Start(new ProcessStartInfo("sha256sum", ["-c", "--strict", "SHA256SUMS"]) { WorkingDirectory = _folder["out"], RedirectStandardOutput = true })!;
        string said = check.StandardOutput.ReadToEnd();
        Assert.True(check.WaitForExit(TimeSpan.FromMinutes(1)), "sha256sum has not ended in a minute");
        Assert.Equal((0, s_files.Length - 1), (check.ExitCode, said.Split('\n').Count(line => line.EndsWith(": OK", StringComparison.Ordinal))));

        // Each subset is the zoo that the subset's own results make.
        foreach (int? count in (int?[])[null, 2, 1])
        {
            string name = count is null ? "small" : $"small-{count}";
            ZooUnpacking.Unpack(_folder[$"out/{name}.zip"], _folder[$"unpacked-{name}"], null, CancellationToken.None);
            Assert.Equal(Folder.Digests(SmallZoo.Write(_folder[$"own-{name}"], count)), Folder.Digests(_folder[$"unpacked-{name}"]));
        }
    }

    [Fact]
    public void CalledAgainItWritesOnlyWhatIsMissing()
    {
        Publish("out", [2]);
        Dictionary<string, DateTime> times = Directory.GetFiles(_folder["out"]).ToDictionary(file => file, File.GetLastWriteTimeUtc);
        Assert.True(Publish("out", [2]).WasComplete);
        Assert.All(times, file => Assert.Equal(file.Value, File.GetLastWriteTimeUtc(file.Key)));
        // Another subset joins; what was published stays.
        PublicationResult more = Publish("out", [1]);
        Assert.False(more.WasComplete);
        Assert.Equal(6, more.Archives.Count);
        Assert.Equal(s_files, Files("out"));
        Assert.All(times.Where(file => file.Key.EndsWith(".zip", StringComparison.Ordinal)), file => Assert.Equal(file.Value, File.GetLastWriteTimeUtc(file.Key)));
        Publish("at-once", [2, 1]);
        Assert.Equal(Folder.Digests(_folder["at-once"]), Folder.Digests(_folder["out"]));
        File.Delete(_folder["out/small-2.zip"]);
        Assert.False(Publish("out", []).WasComplete);
        Assert.Equal(Folder.Digests(_folder["at-once"]), Folder.Digests(_folder["out"]));
    }

    /// <summary>Also where what was killed had an archive in place that no list names yet.</summary>
    [Fact]
    public void StoppedAnywhereTheSameCallFinishes()
    {
        Publish("expected", [2, 1]);
        int stops = 0;
        for (int calls = 1; ; calls += 6)
        {
            using var stop = new CancellationTokenSource();
            int left = calls;
            try
            {
                PublishUntil("out", [2, 1], _ =>
                {
                    if (--left == 0)
                        stop.Cancel();
                }, stop.Token);
                break;
            }
            catch (OperationCanceledException)
            {
                stops++;
                Assert.DoesNotContain(Directory.GetFileSystemEntries(_folder["out"]), path => path.EndsWith(".tmp", StringComparison.Ordinal));
            }
        }
        Assert.True(stops >= 3, $"only {stops} stops");
        Assert.Equal(Folder.Digests(_folder["expected"]), Folder.Digests(_folder["out"]));
        File.Delete(_folder["out/SHA256SUMS"]);
        Directory.CreateDirectory(_folder["out/publishing.tmp/small-1"]);
        File.WriteAllText(_folder["out/small.zip.tmp"], "half of som");
        Publish("out", [2, 1]);
        Assert.Equal(Folder.Digests(_folder["expected"]), Folder.Digests(_folder["out"]).Where(file => file.Key != "small.zip.tmp"));
    }

    [Fact]
    public void TheCardSaysWhatThereIs()
    {
        Publish("out", [2]);
        string card = File.ReadAllText(_folder["out/README.md"]);
        Assert.StartsWith("---\nlicense: cc0-1.0\npretty_name: \"small\"\ntags:\n- model-zoo\n", card, StringComparison.Ordinal);
        Assert.Contains("size_categories:\n- n<1K\n", card, StringComparison.Ordinal);
        // The third network diverged and the fifth failed.
        Assert.Contains("| ParityMachine | 3 | 2 | 1 | 0 |\n| SimpleXORMachine | 3 | 2 | 0 | 1 |\n", card, StringComparison.Ordinal);
        Assert.Contains("| `small-2-recipes.zip` | the first 2 networks of each class, recipe form | 4 |", card, StringComparison.Ordinal);
        foreach (string part in (string[])["## Archives", "## How they were trained", SmallZoo.Yaml.Split('\n')[2], "## Files", "`eval_loss`", "## Known confounds", "`init_seed`", "norm and `steps`", "## Licence", "## Intended use", "@misc{small,", "author = {{A. \\& B. Person} and {Another}}"])
            Assert.Contains(part, card, StringComparison.Ordinal);
        string digest = ZooManifest.DigestOf(File.ReadAllBytes(_folder["zoo/zoo.json"]));
        Assert.Contains(digest, card, StringComparison.Ordinal);
        Assert.Equal($"""
            cff-version: 1.2.0
            message: "If you use this dataset, please cite it as below."
            type: dataset
            title: "small: 6 neural networks"
            authors:
              - name: "A. & B. Person"
              - name: "Another"
            license: CC0-1.0
            identifiers:
              - type: other
                value: "{digest}"
                description: "The digest of its zoo.json, which holds the digests of all its files"

            """, File.ReadAllText(_folder["out/CITATION.cff"]));
        ZooPublication.Publish(_folder["zoo"], _folder["nobody"], [], [], null, CancellationToken.None);
        Assert.False(File.Exists(_folder["nobody/CITATION.cff"]));
        Assert.DoesNotContain("author =", File.ReadAllText(_folder["nobody/README.md"]), StringComparison.Ordinal);
    }

    [Fact]
    public void ASubsetThatIsAZooIsPublishedUnderItsOwnName()
    {
        SmallZoo.Write(_folder["two"], 2);
        PublicationResult result = ZooPublication.Publish(_folder["two"], _folder["out"], [1], [], null, CancellationToken.None);
        Assert.Equal(["small-2.zip", "small-2-recipes.zip", "small-1.zip", "small-1-recipes.zip"], result.Archives.Select(archive => archive.Name));
        Publish("whole", [2, 1]);
        Assert.All(result.Archives, archive => Assert.Equal(Folder.Digests(_folder["whole"])[archive.Name], archive.Sha256));
        Assert.True(ZooPublication.Publish(_folder["two"], _folder["out"], [], [], null, CancellationToken.None).WasComplete);
    }

    [Fact]
    public void WhatWasNotPublishedFromThisZooIsLeftAlone()
    {
        Publish("out", [2]);
        void Refused(string word, string zoo = "zoo", int[]? subsets = null)
        {
            SortedDictionary<string, string> before = Folder.Digests(_folder["out"]);
            var error = Assert.Throws<InputException>(() => ZooPublication.Publish(_folder[zoo], _folder["out"], subsets ?? [2], ["A. & B. Person", "Another"], null, CancellationToken.None));
            Assert.Contains(word, error.Message, StringComparison.Ordinal);
            Assert.Equal(before, Folder.Digests(_folder["out"]));
        }
        Refused("expected 1 to 2", subsets: [3]);
        // Changed after it was published.
        byte[] whole = File.ReadAllBytes(_folder["out/small-2.zip"]);
        File.WriteAllBytes(_folder["out/small-2.zip"], [.. whole[..^1], 1]);
        Refused("small-2.zip: its SHA-256 is not the one in SHA256SUMS");
        File.WriteAllBytes(_folder["out/small-2.zip"], whole);
        File.AppendAllText(_folder["out/README.md"], "My own words.\n");
        Refused("README.md: there is a file that publish did not write");
        File.Delete(_folder["out/README.md"]);
        // Of another zoo of the same name.
        SmallZoo.Write(_folder["other"]);
        string yaml = SmallZoo.Yaml + "\n# another text\n";
        WeightSpace.Zoos.Experiments.Experiment other = WeightSpace.Zoos.Experiments.Experiment.Parse(yaml, "other.yaml");
        ZooWriter.Write(_folder["another"], other, TestZoo.Results(other), null, CancellationToken.None);
        Refused("small.zip: this is not the archive of this zoo", zoo: "another");
        File.WriteAllText(_folder["out/SHA256SUMS"], "what is this\n");
        Refused("SHA256SUMS:1: found 'what is this'");
        var here = Assert.Throws<InputException>(() => ZooPublication.Publish(_folder["zoo"], _folder["other"], [], [], null, CancellationToken.None));
        Assert.Contains("there is a zoo in this folder", here.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AZooOfAnotherArithmeticIsPublishedByTheReleaseThatGrewIt()
    {
        Manifests.Change(_folder["zoo/zoo.json"], text => text.Replace($"\"arithmetic\": {Recipe.Arithmetic}", "\"arithmetic\": 1", StringComparison.Ordinal));
        Assert.Contains("arithmetic version 1", Assert.Throws<InputException>(() => Publish("out", [])).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    private PublicationResult Publish(string folder, int[] subsets) => PublishUntil(folder, subsets, null, CancellationToken.None);

    private PublicationResult PublishUntil(string folder, int[] subsets, Action<PublicationProgress>? progress, CancellationToken stop) =>
        ZooPublication.Publish(_folder["zoo"], _folder[folder], subsets, ["A. & B. Person", "Another"], progress, stop);

    private string[] Files(string folder) => [.. Directory.GetFileSystemEntries(_folder[folder]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
