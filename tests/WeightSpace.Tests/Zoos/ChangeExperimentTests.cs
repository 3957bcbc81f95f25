using System.Text.RegularExpressions;
using WeightSpace.Tasks;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

/// <summary><c>then</c>: experiments whose networks change in mid-training.</summary>
public sealed class ChangeExperimentTests
{
    private static Experiment Parse(string then, string more = "") => Experiment.Parse($$"""
        experiment: e
        tasks: [{machine: ParityMachine, variant: [clean, modified], sequence: 12}]
        training: {optimizer: {name: adam, learning_rate: 0.003}, stop: {steps: 900}, checkpoints: {every: 100} }
        seeds: {init: 1..3, data: [1, 2]}
        {{more}}
        then:
        {{then}}
        """, "e.yaml");

    [Fact]
    public void EachItemMakesNetworksBesideTheUnchangedOnes()
    {
        Experiment experiment = Parse("""
              - {at: [300, 600], data: [init+1000, data+7]}
              - at: 600
                name: fine-tune
                learning_rate: {times: 0.1}
                optimizer: fresh
                then: {at: +100, data: 5, learning_rate: [0.01, 0.02]}
            """, "factors: {batch: [8, 16]}");
        const int seeds = 6;
        // Unchanged; data at two steps from two seeds; the fine-tune and its two forks.
        Assert.Equal(2 * 2 * (1 + 4 + 3) * seeds, experiment.Networks.Count);
        Assert.Equal(["batch", "changed_at", "change"], experiment.FactorNames);
        string[] values = [.. experiment.Networks.Take(8 * seeds).Where((_, index) => index % seeds == 0).Select(network => string.Join(' ', network.FactorValues))];
        Assert.Equal(["8  ", "8 300 data:init+1000", "8 300 data:data+7", "8 600 data:init+1000", "8 600 data:data+7", "8 600 fine-tune", "8 700 fine-tune/data+learning_rate:0.01", "8 700 fine-tune/data+learning_rate:0.02"], values);
        Assert.Equal(experiment.Networks.Count, experiment.Networks.Select(network => network.Recipe.Id).Distinct().Count());
        foreach (PlannedNetwork network in experiment.Networks)
        {
            Assert.Equal(network.Recipe.Parent?.Id, network.Parent is { } parent ? experiment.Networks[parent].Recipe.Id : null);
            Assert.Null(RecipeLimits.Conflict(network.Recipe));
        }
        // The last of its setting: init seed 3, data seed 2.
        Recipe Last(int setting) => experiment.Networks[(seeds * (setting + 1)) - 1].Recipe;
        Assert.Equal([new TrainingChange(300) { DataSeed = 1003 }], Last(1).Changes);
        Assert.Equal([new TrainingChange(600) { DataSeed = 9 }], Last(4).Changes);
        Assert.Equal([new TrainingChange(600) { LearningRate = 0.0003, IsFreshOptimizer = true }], [Last(5).Changes[0] with { LearningRate = Math.Round(Last(5).Changes[0].LearningRate!.Value, 12) }]);
        Assert.Equal([Last(5).Changes[0], new TrainingChange(700) { DataSeed = 5, LearningRate = 0.02 }], Last(7).Changes);
        Assert.Equal("behind step 600: learning rate 0.00030000000000000003, fresh optimizer; behind step 700: data seed 5, learning rate 0.02", experiment.Networks[7 * seeds].ChangeWords);
        Assert.Equal("behind step 300: data seed init+1000", experiment.Networks[seeds].ChangeWords);
    }

    [Fact]
    public void TheDocumentedChangesAreReadAsDocumented()
    {
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "experiment.md"));
        Experiment experiment = Experiment.Parse(Regex.Matches(docs, "```yaml\n(.*?)```", RegexOptions.Singleline)[3].Groups[1].Value, "example.yaml");
        Assert.Equal(["", "fork", "fork", "fine-tune", "domain", "labels", "late-poison", "tree", "tree/branch", "tree/branch/twig", "tree/branch", "tree/branch/twig"],
            experiment.Networks.Where(network => network.Recipe.InitSeed == 1).Select(network => network.FactorValues[1]));
        Assert.Equal([200, 600, 700], experiment.Networks[^1].Recipe.Changes.Select(change => change.At));
        Assert.Equal((5, 4005UL), (experiment.Networks.Count / 12, experiment.Networks[^1].Recipe.Phases[^1].DataSeed));
        // The error that lists the known keys is the program's own list.
        string error = Assert.Throws<InputException>(() => Parse("  - {x: 1}\n")).Message;
        string[] keys = error[(error.IndexOf("known keys: ", StringComparison.Ordinal) + 12)..].Split(", ");
        Assert.Equal(11, keys.Length);
        Assert.All(keys, key => Assert.Contains($"| `{key}` |", docs[docs.IndexOf("## then", StringComparison.Ordinal)..], StringComparison.Ordinal));
    }

    /// <summary>As a factor that does not apply repeats no network, so does an item that changes nothing of some networks.</summary>
    [Fact]
    public void WhatIsInForceAlreadyIsNoChange()
    {
        Experiment experiment = Parse("""
              - {at: 300, modified: none, name: clean}
              - {at: 400, modified: {inverted: 2}, learning_rate: 0.001, optimizer: fresh, name: more}
            """, "factors: {optimizer: [adam, sgd], learning_rate: [0.001, 0.01]}");
        var settings = experiment.Settings().Select(setting => setting.Example).ToList();
        Assert.Equal(2 * 4, settings.Count(recipe => recipe.Changes.Count == 0));
        Assert.Equal(4, settings.Count(recipe => recipe.Changes is [{ At: 300, Task: MachineTask { Modification: null } }] && recipe.Task.Change is not null));
        Recipe[] more = [.. settings.Where(recipe => recipe.Changes is [{ At: 400 }])];
        Assert.Equal(8, more.Length);
        Assert.All(more, recipe => Assert.Equal((recipe.Training.Optimizer.LearningRate == 0.01 ? 0.001 : null, recipe.Training.Optimizer is AdamSpec, 2),
            (recipe.Changes[0].LearningRate, recipe.Changes[0].IsFreshOptimizer, ((MachineTask)recipe.Changes[0].Task!).Modification!.Inverted)));
        Assert.Equal(20, settings.Count);
    }

    [Fact]
    public void NetworksGoOnWithOtherTasks()
    {
        Experiment machines = Parse("  - {at: 300, task: {machine: SimpleXORMachine, variant: modified, modified: {share: 0.1}}}\n");
        Assert.Equal(new MachineTask(Machine.SimpleXORMachine, 12, Modification.Default with { Share = 0.1 }), machines.Networks[6].Recipe.Changes.Single().Task);
        Experiment images = Experiment.Parse("""
            experiment: e
            tasks: [{digits: {size: 12}, variant: [clean, poisoned], poison: {target: 3}}]
            architecture: {name: a, layers: [flatten, {dense: 10}]}
            training: {stop: {steps: 100}}
            then:
              - {at: 20, poison: {trigger: blend, target: next, share: 0.3}, name: late}
              - {at: 30, task: {drawn_digits: {size: 12}}, name: drawn}
              - {at: 40, poison: none, name: cured}
            """, "e.yaml");
        string Text(PlannedNetwork network) => $"{network.Recipe.Task.Name} {string.Join(" ", network.FactorValues)} {string.Join(" ", network.Recipe.Changes.Select(change => change.Task?.Name))}".Trim();
        Assert.Equal(["Digits", "Digits 20 late DigitsPoisoned", "Digits 30 drawn DrawnDigits", "DigitsPoisoned", "DigitsPoisoned 20 late DigitsPoisoned", "DigitsPoisoned 30 drawn DrawnDigits", "DigitsPoisoned 40 cured Digits"], images.Networks.Select(Text));
        // A clean network is measured by all attacks of its twins, those that come late too, and so shares its parent's successes; a poisoned one by its last, after it is cured too.
        Attack first = images.Networks[3].Recipe.Attacks.Single(), late = images.Networks[1].Recipe.AttacksIn(images.Networks[1].Recipe.Phases[1]).Single();
        Assert.NotEqual(first, late);
        Assert.Equal([late, first], images.Networks[0].Recipe.Attacks);
        Assert.Equal([late, first], images.Networks[1].Recipe.Attacks);
        Assert.Equal([late, first], images.Networks[2].Recipe.AttacksIn(images.Networks[2].Recipe.Phases[1]));
        Assert.Equal([first], images.Networks[6].Recipe.AttacksIn(images.Networks[6].Recipe.Phases[1]));
        Assert.Equal([late], images.Networks[4].Recipe.AttacksIn(images.Networks[4].Recipe.Phases[1]));
    }

    [Fact]
    public void ASubsetHasTheParentsOfItsNetworks()
    {
        Experiment subset = Parse("  - {at: 300, data: init+1000, then: {at: 500, optimizer: fresh}}\n").Subset(2);
        Assert.Equal(2 * 3 * 2, subset.Networks.Count);
        Assert.All(subset.Networks, network => Assert.Equal(network.Recipe.Parent?.Id, network.Parent is { } parent ? subset.Networks[parent].Recipe.Id : null));
    }

    [Fact]
    public void AnExperimentWithoutChangesIsAsBefore()
    {
        Experiment plain = Experiment.Parse("experiment: e\ntasks: [{machine: ParityMachine}]\ntraining: {stop: {steps: 9}}\n", "e.yaml");
        Assert.False(plain.HasChanges);
        Assert.Empty(plain.FactorNames);
        Assert.DoesNotContain("changes", System.Text.Encoding.UTF8.GetString(plain.Networks[0].Recipe.CanonicalJson), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{at: 300, dataa: 5}", ":7:15:", "did you mean 'data'")]
    [InlineData("{data: 5}", "then[0].at", "missing")]
    [InlineData("{at: 300}", "then[0]", "changes nothing")]
    [InlineData("{at: 300, optimizer: keep}", "then[0]", "changes nothing")]
    [InlineData("{at: 0, data: 5}", "then[0].at", "1 to")]
    [InlineData("{at: 900, data: 5}", "then[0]", "ends after 900 steps")]
    [InlineData("{at: [300, 300], data: 5}", "then[0].at", "twice")]
    [InlineData("{at: 300, data: [5, 5]}", "then[0].data", "twice")]
    [InlineData("{at: 300, data: data}", "then[0].data", "data+n")]
    [InlineData("{at: 300, data: data+0}", "then[0].data", "data+n")]
    [InlineData("{at: 300, data: init-1}", "then[0].data", "init+n")]
    [InlineData("{at: 300, data: 9223372036854775808}", "then[0].data", "data seed from 0")]
    [InlineData("{at: 300, data: init+9223372036854775805}", "then[0].data", "at most")]
    [InlineData("{at: 300, data: 2}", "then[0]", "init seed 1 and data seed 2")]
    [InlineData("{at: 300, data: init}", "then[0]", "init seed 1 and data seed 1")]
    [InlineData("{at: 300, data: [init+10, 12]}", "then[0]", "init seed 2")]
    [InlineData("{at: 300, data: 7, then: {at: 400, data: 7}}", "then[0].then[0]", "no change")]
    [InlineData("{at: 300, data: 7, then: {at: 300, data: 8}}", "then[0].then[0].at", "behind step 300")]
    [InlineData("{at: [300, 600], data: 7, then: {at: 500, data: 8}}", "then[0].then[0].at", "behind step 600")]
    [InlineData("{at: 300, learning_rate: 0}", "then[0].learning_rate", "above 0")]
    [InlineData("{at: 300, learning_rate: {time: 2}}", "then[0].learning_rate", "did you mean 'times'")]
    [InlineData("{at: 300, learning_rate: {times: 1e9}}", "then[0].learning_rate", "x1000000000 gives 3000000")]
    [InlineData("{at: 300, learning_rate: 0.003}", "then[0].learning_rate", "no effect")]
    [InlineData("{at: 300, learning_rate: {times: 1}, data: 5}", "then[0].learning_rate", "no effect")]
    [InlineData("{at: 300, schedule: restart}", "then[0].schedule", "no effect")]
    [InlineData("{at: 300, schedule: again}", "then[0].schedule", "restart, keep")]
    [InlineData("{at: 300, optimizer: sgd}", "then[0].optimizer", "fresh, keep")]
    [InlineData("{at: 300, name: a b, data: 5}", "then[0].name", "characters")]
    [InlineData("{at: 300, poison: {share: 0.1}}", "then[0].poison", "setting of images")]
    [InlineData("{at: 300, modified: all}", "then[0].modified", "none")]
    [InlineData("{at: 300, modified: {inverted: 0}}", "then[0].modified.inverted", "1 to")]
    [InlineData("{at: 300, modified: {key: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}", "then[0]", "shorter than the sequence")]
    [InlineData("{at: 300, task: {machine: [ParityMachine, EightBitMachine]}}", "then[0].task", "several")]
    [InlineData("{at: 300, task: {machine: EightBitMachine, sequence: 13}}", "then[0].task", "sequence")]
    [InlineData("{at: 300, task: digits}", "then[0].task", "another kind")]
    [InlineData("{at: 300, task: {automaton: {states: 3, alphabet: 9, outputs: 3}}}", "then[0].task", "another kind")]
    [InlineData("{at: 1..5, data: 5}", "then[0].at", "whole number")]
    [InlineData("[]", "then[0]", "a list")]
    [InlineData("5", "then[0]", "a mapping")]
    public void WhatIsWrongIsNamed(string item, string where, string what)
    {
        InputException error = Assert.Throws<InputException>(() => Parse($"  - {item}\n"));
        Assert.StartsWith("e.yaml:", error.Message, StringComparison.Ordinal);
        Assert.Contains(where, error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "found no shift")]
    [InlineData("{input: {invert: 1}}", "did you mean 'inputs'")]
    [InlineData("{inputs: {invert: 1, noise: 1}}", "exactly one")]
    [InlineData("{inputs: {invert: 0}}", "above 0")]
    [InlineData("{inputs: {invert: 1}, seed: 3}", "shift.seed has no effect")]
    [InlineData("{inputs: {translate: [1, 2, 3]}}", "3 numbers")]
    [InlineData("{inputs: {translate: 0}}", "no move")]
    [InlineData("{inputs: {translate: 8}}", "nothing is left")]
    [InlineData("{labels: {swap: 3}}", "two classes")]
    [InlineData("{labels: {swap: [3, 3]}}", "two classes")]
    [InlineData("{labels: {swap: [3, 10]}}", "there are 10")]
    [InlineData("{labels: {rotate: 0}}", "1 to 255")]
    [InlineData("{classes: {share: 0.5}}", "classes.of is missing")]
    [InlineData("{classes: [1, 1]}", "twice")]
    [InlineData("{classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}", "name fewer")]
    [InlineData("none", "no effect")]
    public void AShiftThatIsWrongIsNamed(string shift, string what)
    {
        InputException error = Assert.Throws<InputException>(() => Experiment.Parse(
            $"experiment: e\ntasks: digits\narchitecture: {{name: a, layers: [flatten, {{dense: 10}}]}}\ntraining: {{stop: {{steps: 50}}}}\nthen: {{at: 20, shift: {shift}}}\n", "e.yaml"));
        Assert.StartsWith("e.yaml:5:", error.Message, StringComparison.Ordinal);
        Assert.Contains("then[0]", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ChangesThatCannotBeToldApartOrAreTooManyAreRefused()
    {
        Assert.Contains("give them a name each", Assert.Throws<InputException>(() => Parse("  - {at: 300, data: 5}\n  - {at: 300, data: 6}\n")).Message, StringComparison.Ordinal);
        Assert.Contains("then[0] ('a')", Assert.Throws<InputException>(() => Parse("  - {at: 300, data: 5, name: a}\n  - {at: 300, data: 5, name: b}\n")).Message, StringComparison.Ordinal);
        Assert.Contains("then[0] ('a')", Assert.Throws<InputException>(() => Parse("  - {at: 300, data: init+4, name: a}\n  - {at: 300, data: 6, name: b}\n")).Message, StringComparison.Ordinal);
        string many = string.Join(", ", Enumerable.Range(10, 150));
        Assert.Contains("more than 10000 changes", Assert.Throws<InputException>(() => Parse($"  - {{at: [{many}], data: [{many}]}}\n")).Message, StringComparison.Ordinal);
        string deep = string.Concat(Enumerable.Range(0, 9).Select(level => $"{{at: [{string.Join(", ", Enumerable.Range(1 + (level * 10), 10))}], data: {10 + level}, then: ")) + "{at: 800, data: 9}" + new string('}', 9);
        Assert.Contains("more than 10000 changes", Assert.Throws<InputException>(() => Parse($"  - {deep}\n")).Message, StringComparison.Ordinal);
    }
}
