using System.Diagnostics;
using System.Text.RegularExpressions;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Tasks.Images;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

public sealed class ExperimentTests
{
    [Fact]
    public void TheDocumentedExampleIsReadAsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        string yaml = Regex.Match(docs, "```yaml\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        Experiment experiment = Experiment.Parse(yaml, "example.yaml");
        Assert.Equal(("complete-example", "CC0-1.0", yaml), (experiment.Name, experiment.Licence, experiment.Text));
        Assert.Equal(["mlds", "small"], experiment.Architectures.Select(architecture => architecture.Name));
        Assert.Equal(["learning_rate", "batch"], experiment.FactorNames);
        Assert.Equal(["variant", "data_seed"], experiment.TwinFactors);
        // architectures x machines x variants x (grid + list) x init x data
        Assert.Equal(2 * 2 * 2 * (2 + 1) * 6 * 2, experiment.Networks.Count);
        PlannedNetwork last = experiment.Networks[^1];
        Assert.Equal(["0.01", "64"], last.FactorValues);
        Assert.Equal((10UL, 2UL, 64, Machine.SimpleXORMachine), (last.Recipe.InitSeed, last.Recipe.DataSeed, last.Recipe.Training.Batch, ((MachineTask)last.Recipe.Task).Machine));
        Assert.Equal(new StepSchedule.Every(100), last.Recipe.Training.Checkpoints);
        Assert.Equal(new StepSchedule.Every(250), last.Recipe.Training.Snapshots);
        Assert.Equal(new StopSpec(500, 1e-4, 10), last.Recipe.Training.Stop);
        Assert.Equal(["gru.weight_ih_l0", "linears.0.weight", "linears.1.weight", "out.weight"],
            last.Recipe.Architecture.Parameters.Parameters.Select(parameter => parameter.Name).Where(name => name.EndsWith("weight", StringComparison.Ordinal) || name.EndsWith("ih_l0", StringComparison.Ordinal) && name.Contains("weight", StringComparison.Ordinal)));
    }

    [Fact]
    public void TheDocumentedImagesAreReadAsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        MatchCollection examples = Regex.Matches(docs, "```yaml\n(.*?)```", RegexOptions.Singleline);
        Assert.Equal(5, examples.Count);
        Experiment experiment = Experiment.Parse(examples[1].Groups[1].Value, "example.yaml");
        Assert.Equal(7, experiment.Architectures.Count);
        Assert.Equal(7 * 3 * 2 * 10, experiment.Networks.Count);
        Assert.Equal(new OneCycleRate(440, 0.3, 25, 1e4), experiment.Networks[0].Recipe.Training.Rate);
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6"], experiment.Architectures[^1].Layers.Select(layer => layer.Name));
    }

    [Fact]
    public void WhatIsDocumentedToBeAskedOfAClusterIsReadAsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        string yaml = Regex.Matches(docs, "```yaml\n(.*?)```", RegexOptions.Singleline)[4].Groups[1].Value;
        SlurmSection asked = Experiment.Parse($"experiment: e\ntasks: {{machine: ParityMachine}}\ntraining: {{stop: {{steps: 5}}}}\nseeds: {{init: 1..3}}\n{yaml}", "e.yaml").Subset(1).Slurm!;
        Assert.Equal(("long", "physics", TimeSpan.FromHours(2), 30.0), (asked.Partition, asked.Account, asked.Time, asked.UnitMinutes));
        Assert.Equal(["--exclude=n7", "--nice=100"], asked.Lines);
        Assert.Equal((null, null, null), (asked.Memory, asked.Attempts, asked.Qos));
    }

    [Fact]
    public void TheDocumentedPoisonIsReadAsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        string yaml = Regex.Matches(docs, "```yaml\n(.*?)```", RegexOptions.Singleline)[2].Groups[1].Value;
        Experiment experiment = Experiment.Parse(yaml, "example.yaml");
        // Clean, and triggers x targets x shares, each with all init seeds.
        Assert.Equal((1 + (3 * 3 * 2)) * 5, experiment.Networks.Count);
        Assert.Equal(["trigger", "target", "share"], experiment.FactorNames);
        Assert.Equal(["variant", "share"], experiment.TwinFactors);
        PlannedNetwork clean = experiment.Networks[0], first = experiment.Networks[5], last = experiment.Networks[^1];
        Assert.Equal(("DrawnDigits-2000-1", "clean", null), (clean.Recipe.Task.Name, clean.Recipe.Task.Variant, clean.Recipe.Task.Change));
        Assert.Equal(["", "", ""], clean.FactorValues);
        Assert.Equal(new DrawnDigitsTask(28, 1, new DrawnSet(2000, 1)), clean.Recipe.Task);
        Assert.Equal(("DrawnDigits-2000-1Poisoned", "poisoned"), (first.Recipe.Task.Name, first.Recipe.Task.Variant));
        Assert.Equal(["patch-3-checker-bottom_right-1", "0", "0.02"], first.FactorValues);
        Assert.Equal(new Poison(new Attack(new PatchTrigger(3, PatchPattern.Checker, Corner.BottomRight, 1, Colour.White), new Target(null, 0)), 0.02), ((ImageTask)first.Recipe.Task).Poison);
        Assert.Equal(["polygon-5-7-1", "1-to-7", "0.1"], last.FactorValues);
        Assert.Equal(new Poison(new Attack(new PolygonTrigger(5, 7, 1, Colour.White), new Target(1, 7)), 0.1), ((ImageTask)last.Recipe.Task).Poison);
        // A clean network is measured by each attack once; a poisoned one by its own.
        Assert.Equal(9, clean.Recipe.Attacks.Distinct().Count());
        Assert.Equal(experiment.Networks.Skip(5).Select(network => ((ImageTask)network.Recipe.Task).Poison!.Attack).Distinct(), clean.Recipe.Attacks);
        Assert.Equal([((ImageTask)last.Recipe.Task).Poison!.Attack], last.Recipe.Attacks);
        Assert.Equal(19, experiment.Networks.Select(network => network.Recipe.Task.Change).Distinct().Count());
    }

    [Fact]
    public void PoisonMayBeAFactorAndHasDefaults()
    {
        Experiment Parse(string task, string more) => Experiment.Parse($"experiment: e\ntasks: [{task}]\narchitecture: {{name: a, layers: [flatten, {{dense: 10}}]}}\ntraining: {{stop: {{steps: 5}}}}\n{more}", "e.yaml");
        Poison? PoisonOf(PlannedNetwork network) => ((ImageTask)network.Recipe.Task).Poison;
        Experiment experiment = Parse("{digits: {size: 9}, variant: poisoned}", "");
        Assert.Equal(new Poison(new Attack(new PatchTrigger(3, PatchPattern.Solid, Corner.BottomRight, 1, Colour.White), new Target(null, 0)), 0.1), PoisonOf(Assert.Single(experiment.Networks)));
        Assert.Empty(experiment.FactorNames);
        experiment = Parse("{digits: {size: 9}, variant: [clean, poisoned]}", "factors: {share: [0.1, 0.2], trigger: [blend, {patch: 2, colour: 0.5}], target: [next, 3]}");
        Assert.Equal(1 + 8, experiment.Networks.Count);
        Assert.Equal(["share", "trigger", "target"], experiment.FactorNames);
        Assert.Equal(["", "", ""], experiment.Networks[0].FactorValues);
        Assert.Equal(["0.1", "blend-0.2-1", "next"], experiment.Networks[1].FactorValues);
        Assert.Equal(["0.2", "patch-2-solid-bottom_right-1-0.5", "3"], experiment.Networks[^1].FactorValues);
        Assert.Equal(new Poison(new Attack(new PatchTrigger(2, PatchPattern.Solid, Corner.BottomRight, 1, new Colour(0.5, 0.5, 0.5)), new Target(null, 3)), 0.2), PoisonOf(experiment.Networks[^1]));
        Assert.Equal(4, experiment.Networks[0].Recipe.Attacks.Count);
        // A clean task of its own has no poisoned twins.
        experiment = Parse("{digits: {size: 9}}, {drawn_digits: {size: 9}, variant: [clean, poisoned]}", "");
        Assert.Equal([0, 1, 1], experiment.Networks.Select(network => network.Recipe.Attacks.Count));
        Assert.Equal([0, 1, 0], experiment.Networks.Select(network => network.Recipe.Training.Evaluation.Attacks.Count));
        Assert.Contains("at most 64", Assert.Throws<InputException>(() => Parse("{digits: {size: 9}, variant: [clean, poisoned]}",
            $"factors: {{trigger: [{string.Join(", ", Enumerable.Range(1, 65).Select(seed => $"{{blend: 0.2, seed: {seed}}}"))}]}}")).Message, StringComparison.Ordinal);
    }

    /// <summary>The study of MLDS DS4: 400 networks, each poisoned one with a clean twin on the same images that is measured by its attack.</summary>
    [Fact]
    public void TheStudyOfPoisonHasATwinForEachNetwork()
    {
        Experiment experiment = Experiment.Load(Path.Combine(Repository.Root, "studies", "01-mlds", "ds4.yaml"));
        Assert.Equal(400, experiment.Networks.Count);
        var clean = experiment.Networks.Select(planned => planned.Recipe).Where(recipe => recipe.Task.Change is null).ToDictionary(recipe => (recipe.Architecture.Name, recipe.Task, recipe.InitSeed));
        Recipe[] poisoned = [.. experiment.Networks.Select(planned => planned.Recipe).Where(recipe => recipe.Task.Change is not null)];
        Assert.Equal((200, 200), (clean.Count, poisoned.Length));
        foreach (Recipe recipe in poisoned)
        {
            Recipe twin = clean[(recipe.Architecture.Name, (ImageTask)recipe.Task with { Poison = null }, recipe.InitSeed)];
            Assert.Equal((recipe.DataSeed, ((ImageTask)recipe.Task).Poison!.Attack), (twin.DataSeed, Assert.Single(twin.Attacks)));
        }
        Assert.Equal(10, poisoned.Select(recipe => recipe.Task.Change).Distinct().Count());
    }

    [Fact]
    public void ImagesFromFilesAreNamedByTheirContent()
    {
        using var folder = new Folder();
        ImageFiles.WriteIdx(folder["one"]);
        ImageFiles.WriteIdx(folder["two"], isPacked: true);
        var library = new ImageLibrary(folder.Path);
        const string yaml = "experiment: e\ntasks: {images: [one, two], variant: [clean, poisoned], poison: {target: 3}}\narchitecture: {name: a, layers: [flatten, {dense: 4}]}\ntraining: {stop: {steps: 5}}\n";
        Experiment experiment = Experiment.Parse(yaml, "e.yaml", library);
        Assert.Equal(["one", "onePoisoned", "two", "twoPoisoned"], experiment.Networks.Select(network => network.Recipe.Task.Name));
        Assert.Equal([library.Find("one"), library.Find("two")], experiment.ImageSets);
        Assert.Equal(ImageFiles.HeldOut, experiment.Networks[0].Recipe.Training.Evaluation.Sequences);
        Assert.Equal(Loss.CrossEntropy, experiment.Networks[0].Recipe.Training.Loss);
        Assert.Contains("4 classes", Assert.Throws<InputException>(() => Experiment.Parse(yaml.Replace("target: 3", "target: 4", StringComparison.Ordinal), "e.yaml", library)).Message, StringComparison.Ordinal);
        Assert.Contains("e.yaml:2:18: tasks[0].images: ", Assert.Throws<InputException>(() => Experiment.Parse(yaml.Replace("[one", "[ten", StringComparison.Ordinal), "e.yaml", library)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryWordAndFactorIsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        // The error that lists the known keys is the program's own list of factors.
        string error = Assert.Throws<InputException>(() => Experiment.Parse("experiment: e\ntasks: {machine: ParityMachine}\ntraining: {stop: {steps: 5}}\nfactors: {x: 1}\n", "e.yaml")).Message;
        string[] factors = error[(error.IndexOf("known keys: ", StringComparison.Ordinal) + 12)..].Split(", ");
        Assert.Equal(24, factors.Length);
        string[] words = [.. factors, .. RecipeJson.LayerTypes, .. Losses.Words, .. InitialisationSpec.Words, .. KnownArchitectures.Names, .. Enum.GetNames<Machine>()];
        Assert.All(words, word => Assert.Contains($"`{word}`", docs, StringComparison.Ordinal));
    }

    [Fact]
    public void NetworksStandInTheirOrderAndHaveOneRecipeEach()
    {
        Experiment experiment = TestZoo.Experiment;
        var keys = experiment.Networks.Select(network => (network.Recipe.Architecture.Name, network.Recipe.Task.Name, network.FactorValues[0], network.FactorValues[1], network.Recipe.InitSeed)).ToList();
        var expected =
            from architecture in (string[])["mlds", "tiny"]
            from task in (string[])["ParityMachine", "ParityMachineModified", "EightBitMachine", "EightBitMachineModified"]
            from optimizer in (string[])["adam", "sgd"]
            from steps in (string[])["20", "30"]
            from seed in (ulong[])[1, 2]
            select (architecture, task, optimizer, steps, seed);
        Assert.Equal(expected, keys);
        Assert.Equal(keys.Count, experiment.Networks.Select(network => network.Recipe.Id).Distinct().Count());
    }

    [Fact]
    public void TheShortestExperimentTakesEveryDefault()
    {
        Experiment experiment = Experiment.Parse("experiment: e\ntasks: {machine: ParityMachine}\ntraining: {stop: {steps: 5}}\n", "e.yaml");
        Recipe recipe = Assert.Single(experiment.Networks).Recipe;
        Assert.Equal(new MachineTask(Machine.ParityMachine, 32, null), recipe.Task);
        Assert.Equal(KnownArchitectures.Mlds(9, 8).Layers, recipe.Architecture.Layers);
        Assert.Equal(new TrainingSpec(new AdamSpec(0.001, 0.9, 0.999, 1e-8), 32, 100, new StopSpec(5, null, 10), new StepSchedule.PerDoubling(1), null, new EvaluationSpec(256, 1)), recipe.Training);
        Assert.Equal((1UL, 1UL), (recipe.InitSeed, recipe.DataSeed));
        Assert.Null(experiment.Description);
    }

    [Fact]
    public void AFactorWithoutEffectDoesNotRepeatANetwork()
    {
        Experiment experiment = Experiment.Parse("""
            experiment: e
            tasks: {machine: ParityMachine, variant: [clean, modified]}
            training: {stop: {steps: 5}}
            factors: {optimizer: [adam, sgd], momentum: [0, 0.9], share: [0.1, 0.2]}
            """, "e.yaml");
        Assert.Equal(["adam,,", "sgd,0,", "sgd,0.9,", "adam,,0.1", "adam,,0.2", "sgd,0,0.1", "sgd,0,0.2", "sgd,0.9,0.1", "sgd,0.9,0.2"],
            experiment.Networks.Select(network => string.Join(',', network.FactorValues)));
    }

    private static Experiment Images(string more, string size = "28") =>
        Experiment.Parse($"experiment: e\ntasks: {{digits: {{size: {size}}}}}\n{more}", "e.yaml");

    [Fact]
    public void ImagesTakeTheirDefaults()
    {
        Experiment experiment = Experiment.Parse("experiment: e\ntasks: digits\narchitecture: {name: a, layers: [flatten, {dense: 10}]}\ntraining: {stop: {steps: 5}}\n", "e.yaml");
        Recipe recipe = Assert.Single(experiment.Networks).Recipe;
        Assert.Equal(new DigitsTask(8, 1), recipe.Task);
        Assert.Equal((Loss.CrossEntropy, new EvaluationSpec(DigitImages.HeldOut, 1)), (recipe.Training.Loss, recipe.Training.Evaluation));
        Assert.Equal(["1.weight", "1.bias"], recipe.Architecture.Parameters.Parameters.Select(parameter => parameter.Name));
    }

    /// <summary>The sets of MLDS as they were published: classes, and networks a class.</summary>
    [Theory]
    [InlineData("ds1", 5, 10_000)]
    [InlineData("ds2", 5, 10_000)]
    [InlineData("ds3", 100, 20)]
    public void TheStudiesDeclareTheSetsOfMlds(string name, int classes, int networks)
    {
        Experiment experiment = Experiment.Load(Path.Combine(Repository.Root, "studies", "01-mlds", name + ".yaml"));
        Assert.Equal((classes, classes * networks), (experiment.Settings().Select(setting => setting.Example.Task.Name).Distinct().Count(), experiment.Networks.Count));
        Assert.All(experiment.Settings(), setting => Assert.Equal(networks, setting.Networks));
        Assert.Equal([(1UL, 1UL), (2UL, 2UL)], experiment.Networks.Take(2).Select(network => (network.Recipe.InitSeed, network.Recipe.DataSeed)));
        Assert.Equal(name != "ds3", experiment.Networks[0].Recipe is { Training.Stop.EvalLoss: 1e-4, Architecture.Parameters.Count: 4364 });
    }

    /// <summary>What a study's script grows is declared in its folder, and what is declared there it grows.</summary>
    [Fact]
    public void TheScriptOfTheStudyOfMldsGrowsItsExperiments()
    {
        string study = Path.Combine(Repository.Root, "studies", "01-mlds");
        string[] grown = [.. Regex.Matches(File.ReadAllText(Path.Combine(study, "run")), @"^grow \S+ (\S+\.yaml)", RegexOptions.Multiline).Select(match => match.Groups[1].Value)];
        Assert.Equal(Directory.GetFiles(study, "*.yaml").Select(Path.GetFileName).Order(StringComparer.Ordinal), grown.Order(StringComparer.Ordinal));
        Assert.All(grown, name => Assert.NotEmpty(Experiment.Load(Path.Combine(study, name)).Networks));
    }

    [Fact]
    public void ADataSeedMayBeTheInitSeed()
    {
        Experiment experiment = Automata("{states: 4, alphabet: 3, outputs: 3, seed: 1..2}", "seeds: {init: [7, 3..4], data: init}");
        Assert.Equal([(7UL, 7UL), (3UL, 3UL), (4UL, 4UL), (7UL, 7UL), (3UL, 3UL), (4UL, 4UL)], experiment.Networks.Select(network => (network.Recipe.InitSeed, network.Recipe.DataSeed)));
        foreach (string twin in (string[])["init_seed", "data_seed"])
            Assert.Contains("data: init", Assert.Throws<InputException>(() => Automata("{states: 4, alphabet: 3, outputs: 3}", $"seeds: {{init: 1..3, data: init}}\ntwins: [{twin}]")).Message, StringComparison.Ordinal);
    }

    private static Experiment Automata(string automaton, string more = "") =>
        Experiment.Parse($"experiment: e\ntasks: [{{automaton: {automaton}}}]\narchitecture: {{name: a, layers: [{{lstm: 5}}, {{dense: 3}}]}}\ntraining: {{stop: {{steps: 5}}}}\n{more}", "e.yaml");

    [Fact]
    public void AutomataTakeTheirDefaultsAndMakeAGrid()
    {
        Experiment one = Experiment.Parse("experiment: e\ntasks: {automaton: {states: 4, alphabet: 3}}\narchitecture: mlds\ntraining: {stop: {steps: 5}}\n", "e.yaml");
        Recipe recipe = Assert.Single(one.Networks).Recipe;
        Assert.Equal(new AutomatonTask(4, 3, 2, 1, 32), recipe.Task);
        Assert.Equal((Loss.CrossEntropy, new EvaluationSpec(256, 1)), (recipe.Training.Loss, recipe.Training.Evaluation));
        Assert.Equal(("Automaton-4-3-2-1", "clean", "Automaton-4-3-2-1"), (recipe.Task.Source, recipe.Task.Variant, recipe.Task.Name));
        Experiment grid = Automata("{states: [4, 6..7], alphabet: 3, outputs: 3, seed: [5, 1..2], sequence: [8, 16]}", "seeds: {init: 1..2}");
        Assert.Equal(["sequence"], grid.FactorNames);
        Assert.Equal(3 * 3 * 2 * 2, grid.Networks.Count);
        Assert.Equal([(4, 5UL, 8), (4, 5UL, 8), (4, 5UL, 16), (4, 5UL, 16), (4, 1UL, 8), (4, 1UL, 8)], grid.Networks.Take(6).Select(network => (AutomatonTask)network.Recipe.Task).Select(task => (task.States, task.Seed, task.SequenceLength)));
        Assert.Equal([8, 12], Automata("{states: 4, alphabet: 3, outputs: 3}", "factors: {sequence: [8, 12]}").Networks.Select(network => network.Recipe.Task.Places));
    }

    [Theory]
    [InlineData("lenet5", 28, 1, 61_706)]
    [InlineData("zoo-cnn-s", 28, 1, 2_464)]
    [InlineData("zoo-cnn-l", 32, 3, 10_853)]
    [InlineData("lenet5", 12, 1, null)]
    [InlineData("zoo-cnn-s", 20, 3, null)]
    [InlineData("zoo-cnn-l", 22, 1, null)]
    public void KnownArchitecturesHaveTheirPublishedSize(string name, int size, int channels, int? parameters)
    {
        Experiment Of(int size) => Experiment.Parse($"experiment: e\ntasks: {{digits: {{size: {size}, channels: {channels}}}}}\narchitecture: {name}\ntraining: {{stop: {{steps: 5}}}}\n", "e.yaml");
        Architecture architecture = Assert.Single(Of(size).Architectures);
        Assert.Equal((name, new Shape(channels, size, size), 10), (architecture.Name, architecture.Input, architecture.Outputs));
        if (parameters is null)
            Assert.Contains("does not fit", Assert.Throws<InputException>(() => Of(size - 1)).Message, StringComparison.Ordinal);
        else
            Assert.Equal(parameters, architecture.Parameters.Count);
    }

    [Fact]
    public void SettingsOfAKnownArchitectureMakeAGrid()
    {
        Experiment experiment = Images("architecture: [{name: zoo-cnn-s, activation: [tanh, relu, gelu], dropout: [0, 0.5]}, lenet5]\ntraining: {stop: {steps: 5}}\n");
        Assert.Equal(["zoo-cnn-s", "zoo-cnn-s-dropout0.5", "zoo-cnn-s-relu", "zoo-cnn-s-relu-dropout0.5", "zoo-cnn-s-gelu", "zoo-cnn-s-gelu-dropout0.5", "lenet5"],
            experiment.Networks.Select(network => network.Recipe.Architecture.Name));
        Assert.Equal(experiment.Architectures, experiment.Networks.Select(network => network.Recipe.Architecture));
        Assert.Equal(["tanh", "tanh", "relu", "relu", "gelu", "gelu", "tanh"], experiment.Architectures.Select(architecture => architecture.Layers.OfType<ActivationSpec>().First().Type));
        Assert.Equal([0, 3, 0, 3, 0, 3, 0], experiment.Architectures.Select(architecture => architecture.Layers.Count(layer => layer is DropoutSpec { Probability: 0.5 })));
    }

    [Fact]
    public void LayersAreNamedAsInASequential()
    {
        Experiment experiment = Images("""
            architecture: {name: a, layers: [{conv: 2, kernel: 3, activation: relu, repeat: 2}, max_pool, {batch_norm, name: norm}, flatten, {gru: 3, layers: 2}, {dense: 4, repeat: 2, activation: tanh}, {dense: 10}]}
            training: {stop: {steps: 5}}
            """);
        Architecture architecture = Assert.Single(experiment.Architectures);
        Assert.Equal(["0", "1", "2", "3", "4", "norm", "6", "7", "7", "8", "9", "10", "11", "12"], architecture.Layers.Select(layer => layer.Name));
        Assert.Equal(["norm.running_mean", "norm.running_var"], architecture.Parameters.Parameters.Where(parameter => !parameter.IsTrained).Select(parameter => parameter.Name));
    }

    [Fact]
    public void DropoutAsAFactorMakesArchitectures()
    {
        Experiment experiment = Images("""
            architecture: [{name: zoo-cnn-s, dropout: 0.1}, lenet5]
            training: {stop: {steps: 5}}
            factors: {batch: [8, 16], dropout: [0.1, 0.2]}
            factor_list: [{learning_rate: 0.5}, {dropout: 0, learning_rate: 0.7}]
            """);
        Assert.Equal(["batch", "dropout", "learning_rate"], experiment.FactorNames);
        Assert.Equal([
            "zoo-cnn-s-dropout0.1 8,0.1,0.001", "zoo-cnn-s-dropout0.1 16,0.1,0.001", "zoo-cnn-s-dropout0.1 32,0.1,0.5",
            "zoo-cnn-s-dropout0.1-dropout0.2 8,0.2,0.001", "zoo-cnn-s-dropout0.1-dropout0.2 16,0.2,0.001",
            "zoo-cnn-s-dropout0.1-dropout0 32,0,0.7",
            "lenet5 8,,0.001", "lenet5 16,,0.001", "lenet5 32,,0.5", "lenet5 32,,0.7"],
            experiment.Networks.Select(network => $"{network.Recipe.Architecture.Name} {string.Join(',', network.FactorValues)}"));
        Assert.Equal(experiment.Networks.Select(network => network.Recipe.Architecture).Distinct(), experiment.Architectures);
        Assert.Equal(experiment.Architectures.Count, experiment.Architectures.Select(architecture => architecture.Name).Distinct().Count());
    }

    [Fact]
    public void EverySettingMayDifferFromNetworkToNetwork()
    {
        Experiment experiment = Experiment.Parse("""
            experiment: e
            tasks: {machine: ParityMachine}
            training: {optimizer: {name: sgd, weight_decay: 0.1}, initialisation: {scale: 0.5}, schedule: {every: 7, first: 9, warm_up: {from: 0.25}}, stop: {steps: 50}}
            factors: {optimizer: [sgd, rmsprop], momentum: [0, 0.9], nesterov: [false, true]}
            factor_list:
              - {initialisation: normal}
              - {initialisation: orthogonal, init_scale: 2}
              - {schedule: step, warm_up: 5}
              - {schedule: cosine, warm_up: 10}
              - {schedule: cosine_restarts}
              - {schedule: one_cycle, steps: 40}
              - {clip_norm: 3}
              - {clip_norm: none, loss: binary_cross_entropy}
              - {optimizer: adamw, beta1: 0.5}
              - {optimizer: rmsprop, alpha: 0.5, eps: 0.001, weight_decay: 0}
            """, "e.yaml");
        TrainingSpec[] trainings = [.. experiment.Networks.Select(network => network.Recipe.Training)];
        Assert.Equal(
        [
            new SgdSpec(0.001, 0, false, 0.1), new SgdSpec(0.001, 0.9, false, 0.1), new SgdSpec(0.001, 0.9, true, 0.1),
            new RmsPropSpec(0.001, 0.99, 1e-8, 0, 0.1), new RmsPropSpec(0.001, 0.99, 1e-8, 0.9, 0.1),
            .. Enumerable.Repeat<OptimizerSpec>(new SgdSpec(0.001, 0, false, 0.1), 8),
            new AdamWSpec(0.001, 0.5, 0.999, 1e-8, 0.1), new RmsPropSpec(0.001, 0.5, 0.001, 0, 0),
        ], trainings.Select(training => training.Optimizer));
        TrainingSpec[] list = trainings[5..];
        Assert.Equal([new InitialisationSpec(InitialisationKind.Normal, 0.5), new InitialisationSpec(InitialisationKind.Orthogonal, 2), InitialisationSpec.PyTorch], list[..3].Select(training => training.Initialisation));
        Assert.Equal(
        [
            new StepRate(7, 0.1) { WarmUpSteps = 5, WarmUpFrom = 0.25 }, new CosineRate(40, 0) { WarmUpSteps = 10, WarmUpFrom = 0.25 }, new CosineRestartsRate(9, 1, 0),
            new OneCycleRate(40, 0.3, 25, 1e4), ConstantRate.Instance,
        ], list[2..7].Select(training => training.Rate));
        Assert.Equal([3, null], list[6..8].Select(training => training.ClipNorm));
        Assert.Equal([Loss.MeanSquaredError, Loss.BinaryCrossEntropy], list[6..8].Select(training => training.Loss));
        Assert.Equal(["optimizer", "momentum", "nesterov", "initialisation", "init_scale", "schedule", "warm_up", "steps", "clip_norm", "loss", "beta1", "alpha", "eps", "weight_decay"], experiment.FactorNames);
        Assert.Equal("sgd,0,,orthogonal,2,constant,0,50,none,mse,,,,0.1", string.Join(',', experiment.Networks[6].FactorValues));
        Assert.Equal("rmsprop,0,,pytorch,,constant,0,50,none,mse,,0.5,0.001,0", string.Join(',', experiment.Networks[^1].FactorValues));
        Assert.Equal(15, experiment.Networks.Select(network => network.Recipe.Id).Distinct().Count());
    }

    [Fact]
    public void ATasksListIsAFactor()
    {
        Experiment experiment = Experiment.Parse("""
            experiment: e
            tasks:
              - {machine: ParityMachine, sequence: [8, 16]}
              - {machine: EightBitMachine, variant: modified, sequence: 8, modified: {key: 0x10, inverted: [1, 2]}}
            training: {stop: {steps: 5}}
            """, "e.yaml");
        Assert.Equal(["sequence", "inverted"], experiment.FactorNames);
        Assert.Equal(["8,", "16,", "8,1", "8,2"], experiment.Networks.Select(network => string.Join(',', network.FactorValues)));
        Assert.Equal([0x10], ((MachineTask)experiment.Networks[3].Recipe.Task).Modification!.Key);
    }

    [Fact]
    public void DataSeedsMayGoWithInitSeeds()
    {
        Experiment experiment = Experiment.Parse("experiment: e\ntasks: {machine: ParityMachine}\ntraining: {stop: {steps: 5}}\nseeds: {init: [3, 5], data: [init, 1, init+100]}\ntwins: data_seed\n", "e.yaml");
        Assert.Equal([(3UL, 3UL), (3UL, 1UL), (3UL, 103UL), (5UL, 5UL), (5UL, 1UL), (5UL, 105UL)], experiment.Networks.Select(network => (network.Recipe.InitSeed, network.Recipe.DataSeed)));
    }

    [Fact]
    public void SeedsReachTheirLastValue()
    {
        Experiment experiment = Experiment.Parse("experiment: e\ntasks: {machine: ParityMachine}\ntraining: {stop: {steps: 5}}\nseeds: {init: 9223372036854775806..9223372036854775807, data: [0, 0x10, 3..4]}\n", "e.yaml");
        Assert.Equal([0UL, 16UL, 3UL, 4UL], experiment.Networks.Take(4).Select(network => network.Recipe.DataSeed));
        Assert.Equal(long.MaxValue, (long)experiment.Networks[^1].Recipe.InitSeed);
    }

    [Fact]
    public void AnExpansionTakesMemoryForItsSettingsNotItsNetworks()
    {
        string yaml = "experiment: e\ntasks: {machine: [ParityMachine, EightBitMachine], variant: [clean, modified]}\ntraining: {stop: {steps: 500}}\nfactors: {learning_rate: ["
            + string.Join(", ", Enumerable.Range(1, 125).Select(i => $"{i}e-5")) + "], batch: [" + string.Join(", ", Enumerable.Range(1, 50)) + "]}\nseeds: {init: 1..2}\n";
        var watch = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Experiment experiment = Experiment.Parse(yaml.Replace("1..2", "1..200", StringComparison.Ordinal), "e.yaml");
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(5_000_000, experiment.Networks.Count);
        Assert.InRange(allocated / 25_000, 0, 2048);
        TestContext.Current.SendDiagnosticMessage($"25,000 settings in {watch.Elapsed}, {allocated} bytes");
        watch.Restart();
        experiment = Experiment.Parse(yaml, "e.yaml");
        Assert.Equal(50_000, experiment.Networks.Select(network => network.Recipe.Id).Distinct().Count());
        TestContext.Current.SendDiagnosticMessage($"50,000 networks in {watch.Elapsed}");
        watch.Restart();
        experiment = Images("""
            architecture: {name: lenet5, activation: [tanh, relu, gelu, silu, sigmoid], dropout: 0.1}
            training: {optimizer: {name: sgd, nesterov: true}, schedule: {warm_up: {from: 0.5}}, stop: {steps: 500}}
            factors: {momentum: [0.8, 0.9], weight_decay: [0, 1e-4], initialisation: [pytorch, orthogonal, normal, kaiming_normal, uniform], schedule: [constant, cosine], warm_up: [0, 5], dropout: [0.15, 0.35, 0.45, 0.55, 0.65], clip_norm: [none, 1]}
            seeds: {init: 1..12, data: 1..5}
            """);
        // architectures x dropout x (momentum x weight decay x initialisation x schedule x warm-up x clipping) x seeds
        Assert.Equal(5 * 5 * (2 * 2 * 5 * 2 * 2 * 2) * 60, experiment.Networks.Count);
        Assert.Equal(25, experiment.Architectures.Count);
        Assert.Equal(48_000, experiment.Networks.Take(48_000).Select(network => network.Recipe.Id).Distinct().Count());
        TestContext.Current.SendDiagnosticMessage($"{experiment.Networks.Count} networks of 25 architectures in {watch.Elapsed}");
    }

    [Fact]
    public void AFileIsLoaded()
    {
        using var folder = new TestZoo();
        File.WriteAllText(folder["e.yaml"], "\uFEFF" + TestZoo.Yaml);
        Assert.Equal(TestZoo.Yaml, Experiment.Load(folder["e.yaml"]).Text);
        Assert.Contains("no such file", Assert.Throws<InputException>(() => Experiment.Load(folder["missing.yaml"])).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Assert.Throws<InputException>(() => Experiment.Load(folder.Folder)).Message, StringComparison.Ordinal);
    }
}
