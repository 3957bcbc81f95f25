using System.IO.Compression;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;
using WeightSpace.Zoos.Publication;

namespace WeightSpace.Tests.Zoos.Publication;

public sealed class ZooArchiveTests : IDisposable
{
    private readonly Folder _folder = new();

    public ZooArchiveTests() => SmallZoo.Write(_folder["zoo"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AnArchiveUnpacksToTheZooItWasMadeOf()
    {
        long told = 0, total = 0;
        WrittenFile written = ZooArchive.Write(_folder["small.zip"], _folder["zoo"], withWeights: true, (done, of) => (told, total) = (done, of), CancellationToken.None);
        Assert.Equal(written.Bytes, new FileInfo(_folder["small.zip"]).Length);
        Assert.Equal(written.Sha256, Folder.Digests(_folder.Path)["small.zip"]);
        Assert.InRange(told, 1, total);
        Assert.Equal(written.Bytes, total);

        Assert.True(ZooUnpacking.Unpack(_folder["small.zip"], _folder["out"], null, CancellationToken.None));
        Assert.Equal(Folder.Digests(_folder["zoo"]), Folder.Digests(_folder["out"]));
        Assert.False(ZooUnpacking.Unpack(_folder["small.zip"], _folder["out"], null, CancellationToken.None));
        ArchivedZoo read = ZooArchive.Read(_folder["small.zip"], null, null, CancellationToken.None);
        Assert.Equal((true, written), (read.HasWeights, read.File));
        // With any tool that unpacks zip, into a folder of the archive's name.
        ZipFile.ExtractToDirectory(_folder["small.zip"], _folder["zipped"]);
        Assert.Equal(Folder.Digests(_folder["zoo"]), Folder.Digests(_folder["zipped/small"]));
    }

    [Fact]
    public void TheSameZooGivesTheSameArchive()
    {
        SmallZoo.Write(_folder["again"]);
        foreach (string name in (string[])["zoo", "again"])
        {
            Directory.CreateDirectory(_folder[$"from-{name}"]);
            ZooArchive.Write(_folder[$"from-{name}/small.zip"], _folder[name], withWeights: true, null, CancellationToken.None);
        }
        Assert.Equal(Folder.Digests(_folder["from-zoo"]), Folder.Digests(_folder["from-again"]));
    }

    [Fact]
    public void TheRecipeFormIsAllButTheShards()
    {
        ZooArchive.Write(_folder["small-recipes.zip"], _folder["zoo"], withWeights: false, null, CancellationToken.None);
        ArchivedZoo read = ZooArchive.Read(_folder["small-recipes.zip"], _folder["out"], null, CancellationToken.None);
        Assert.False(read.HasWeights);
        Assert.Equal(Folder.Digests(_folder["zoo"]).Where(file => !file.Key.Contains('/')), Folder.Digests(_folder["out"]));
        Zoo recipes = Zoo.OpenRecipes(_folder["out"]);
        Assert.Equal(Zoo.Open(_folder["zoo"]).Checkpoints.Select(row => row.Digest), recipes.Checkpoints.Select(row => row.Digest));
        Assert.Contains("`weightspace regrow", Assert.Throws<InputException>(() => Zoo.Open(_folder["out"])).Message, StringComparison.Ordinal);
        Assert.Contains("`weightspace regrow", Assert.Throws<InputException>(() => ZooUnpacking.Unpack(_folder["small-recipes.zip"], _folder["whole"], null, CancellationToken.None)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["whole"]) || Directory.Exists(_folder["whole.unpacking"]));
    }

    [Theory]
    [InlineData("weights/00000.safetensors")]
    [InlineData("networks.csv")]
    [InlineData("README.md")]
    public void ADamagedZooIsNotPutInAnArchive(string file)
    {
        byte[] bytes = File.ReadAllBytes(_folder[$"zoo/{file}"]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(_folder[$"zoo/{file}"], bytes);
        var error = Assert.Throws<InputException>(() => ZooArchive.Write(_folder["small.zip"], _folder["zoo"], withWeights: true, null, CancellationToken.None));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void StoppedNothingHalfIsLeft()
    {
        ZooArchive.Write(_folder["small.zip"], _folder["zoo"], withWeights: true, null, CancellationToken.None);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => ZooArchive.Write(_folder["other.zip"], _folder["zoo"], withWeights: true, (_, _) => stop.Cancel(), stop.Token));
        using var later = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => ZooUnpacking.Unpack(_folder["small.zip"], _folder["out"], (done, total) =>
        {
            if (done > total / 2)
                later.Cancel();
        }, later.Token));
        Assert.Equal(["small.zip"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        Assert.Equal(["zoo"], Directory.GetDirectories(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void WhatStandsWhereAZooIsToComeIsLeftAlone()
    {
        ZooArchive.Write(_folder["small.zip"], _folder["zoo"], withWeights: true, null, CancellationToken.None);
        SmallZoo.Write(_folder["other"], 2);
        Directory.CreateDirectory(_folder["full"]);
        _folder.Write("full/mine.txt", "mine");
        _folder.Write("file", "mine");
        Directory.CreateDirectory(_folder["empty"]);
        SortedDictionary<string, string> before = Folder.Digests(_folder.Path);
        foreach ((string name, string word) in new[] { ("other", "another zoo"), ("full", "something else"), ("file", "this is a file") })
            Assert.Contains(word, Assert.Throws<InputException>(() => ZooUnpacking.Unpack(_folder["small.zip"], _folder[name], null, CancellationToken.None)).Message, StringComparison.Ordinal);
        Assert.Equal(before, Folder.Digests(_folder.Path));
        Assert.True(ZooUnpacking.Unpack(_folder["small.zip"], _folder["empty"] + "/", null, CancellationToken.None));
        Assert.Equal(Folder.Digests(_folder["zoo"]), Folder.Digests(_folder["empty"]));
    }
}
