using WeightSpace.Analysis.Alignment;
using WeightSpace.Analysis.Lineage;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Lineage;

public sealed class DerivationTests : IDisposable
{
    private readonly ModelFolder _models = new();

    public DerivationTests()
    {
        float[] root = ModelFolder.Unrelated(1);
        _models.Add("root.safetensors", root);
        _models.Add("child.safetensors", ModelFolder.Trained(root, 2));
        _models.Add("other.safetensors", ModelFolder.Unrelated(3));
        _models.Say(("root.safetensors", new(null, null, ModelOrigin.Original)), ("child.safetensors", new("root.safetensors", null, ModelOrigin.Trained)), ("other.safetensors", new(null, null, ModelOrigin.Original)));
    }

    public void Dispose() => _models.Dispose();

    private DerivationResult Derive(string name, DerivationOptions options)
    {
        using CheckpointSet set = _models.Open();
        return Derivation.Write(set, _models[name], options);
    }

    [Fact]
    public void EveryChangeIsWhatItSays()
    {
        string folder = _models["derived"];
        DerivationResult result = Derive("derived", new DerivationOptions { Pruned = [0.3, 0.5], Noisy = [0.1], Quantised = [4], Permuted = true, Averaged = 1, Seed = 5 });
        Assert.Equal(3, result.Originals);
        Assert.Equal(new Dictionary<string, int> { ["averaged"] = 1, ["noisy-0.1"] = 3, ["permuted"] = 3, ["pruned-0.3"] = 3, ["pruned-0.5"] = 3, ["quantised-4"] = 3 }, result.Copies);
        IReadOnlyDictionary<string, ModelOrigin> origins = LineageTable.Read(folder)!;
        Assert.Equal(3 + 16, origins.Count);
        Assert.Equal(new ModelOrigin("original/root.safetensors", null, "trained"), origins["original/child.safetensors"]);
        Assert.Equal(new ModelOrigin("original/child.safetensors", null, "pruned-0.3"), origins["pruned-0.3/child.safetensors"]);

        float[] child = ModelFolder.Read(folder, "original/child.safetensors");
        Assert.Equal(ModelFolder.Read(_models.Path, "child.safetensors"), child);
        float[] pruned = ModelFolder.Read(folder, "pruned-0.5/child.safetensors");
        float[] first = child[..240], firstPruned = pruned[..240];
        Assert.Equal(120, firstPruned.Count(value => value == 0));
        Assert.True(first.Where((_, i) => firstPruned[i] == 0).Max(Math.Abs) <= first.Where((_, i) => firstPruned[i] != 0).Min(Math.Abs));
        Assert.All(Enumerable.Range(0, child.Length), i => Assert.True(pruned[i] == 0 || pruned[i] == child[i]));
        Assert.Equal(child[240..260], pruned[240..260]); // a bias

        float[] noise = [.. ModelFolder.Read(folder, "noisy-0.1/child.safetensors").Zip(child, (noisy, weight) => noisy - weight)];
        CentralMoments of = CentralMoments.Of(first), by = CentralMoments.Of(noise.AsSpan(0, 240));
        Assert.InRange(Math.Sqrt(by.Second / of.Second), 0.085, 0.115);
        Assert.NotEqual(noise[..10], [.. ModelFolder.Read(folder, "noisy-0.1/root.safetensors").Zip(ModelFolder.Read(folder, "original/root.safetensors"), (noisy, weight) => noisy - weight).Take(10)]);

        float[] quantised = ModelFolder.Read(folder, "quantised-4/child.safetensors");
        double quantum = first.Max(Math.Abs) / 7;
        Assert.InRange(quantised[..240].Distinct().Count(), 8, 15);
        Assert.All(Enumerable.Range(0, 240), i => Assert.InRange(Math.Abs(quantised[i] - child[i]), 0, quantum * 0.500001));

        float[] permuted = ModelFolder.Read(folder, "permuted/child.safetensors");
        Assert.NotEqual(child, permuted);
        new WeightMatching(Layout(folder), child).Align(permuted);
        Assert.Equal(child, permuted);

        Assert.Equal(new ModelOrigin("original/child.safetensors", "original/root.safetensors", "averaged"), origins["averaged/0001.safetensors"]);
        float[] root = ModelFolder.Read(folder, "original/root.safetensors"), mean = ModelFolder.Read(folder, "averaged/0001.safetensors");
        Assert.All(Enumerable.Range(0, mean.Length), i => Assert.Equal((root[i] + child[i]) / 2, mean[i], 1e-7f));
    }

    private static ParameterLayout Layout(string folder)
    {
        using CheckpointSet set = CheckpointSet.Open(folder);
        return set.Groups[0].Symmetry!;
    }

    [Fact]
    public void OneSeedGivesTheSameBytesAndAnotherOneOthers()
    {
        var options = new DerivationOptions { Noisy = [0.1], Permuted = true, Models = 2, Seed = 5 };
        Assert.Equal(2, Derive("one", options).Copies["permuted"]);
        Derive("again", options);
        Derive("other", options with { Seed = 6 });
        Assert.Equal(Folder.Digests(_models["one"]), Folder.Digests(_models["again"]));
        Assert.NotEqual(Folder.Digests(_models["one"]), Folder.Digests(_models["other"]));
    }

    [Fact]
    public void WhatCannotBeMadeIsSaidAndNothingIsLeft()
    {
        void Refused(DerivationOptions options, string expected)
        {
            Assert.Contains(expected, Assert.Throws<InputException>(() => Derive("refused", options)).Message, StringComparison.Ordinal);
            Assert.False(Directory.Exists(_models["refused"]) || Directory.Exists(_models["refused" + Derivation.FolderSuffix]));
        }
        Refused(new DerivationOptions { Pruned = [1] }, "--pruned: found 1");
        Refused(new DerivationOptions { Noisy = [double.NaN] }, "--noisy: found NaN");
        Refused(new DerivationOptions { Quantised = [8, 8] }, "twice");
        Refused(new DerivationOptions { Models = 0 }, "--models");
        File.Delete(Path.Combine(_models.Path, LineageTable.FileName));
        Refused(new DerivationOptions { Averaged = 1 }, "--averaged");
        Derive("there", new DerivationOptions());
        Assert.All(LineageTable.Read(_models["there"])!.Values, origin => Assert.Equal(ModelOrigin.Unknown, origin.Change));
        Assert.Contains("something else", Assert.Throws<InputException>(() => Derive("there", new DerivationOptions())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model,parent,second_parent,change\na,b,,trained\nb,a,,trained\n", "descends from itself")]
    [InlineData("model,parent,second_parent,change\na,,,original\na,,,original\n", "each model once")]
    [InlineData("model,parent,second_parent,change\na,,b,averaged\n", "a second one")]
    [InlineData("model,parent\na,b\n", "expected 'second_parent'")]
    [InlineData("model,parent,second_parent,change\na,,,\n", "how the model was made")]
    public void ATableThatContradictsItselfIsRefused(string text, string expected)
    {
        File.WriteAllText(Path.Combine(_models.Path, LineageTable.FileName), text);
        Assert.Contains(expected, Assert.Throws<InputException>(() => Derive("refused", new DerivationOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AModelThatIsNotFiniteIsWrittenAndNotChanged()
    {
        float[] broken = ModelFolder.Unrelated(4);
        broken[7] = float.NaN;
        _models.Add("broken.safetensors", broken);
        DerivationResult result = Derive("broken", new DerivationOptions { Quantised = [8] });
        Assert.Equal(["broken.safetensors"], result.LeftOut);
        Assert.Equal((4, 3), (result.Originals, result.Copies["quantised-8"]));
    }
}
