using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Zoos;

public sealed class RandomRecipesTests
{
    private const int Count = 2000;

    private static readonly RandomRecipeOptions s_all = new(RandomRecipes.LayerKinds.ToHashSet(), 20);

    private static Recipe[] Draw(RandomRecipeOptions options, ulong seed = 1, int count = Count) => [.. Enumerable.Range(0, count).Select(index => RandomRecipes.Draw(seed, index, options))];

    /// <summary>What a recipe is, whether or not its JSON tells all of it.</summary>
    private static string Text(Recipe recipe) =>
        $"{recipe.Task} {string.Join(" ", recipe.Architecture.Layers)} {recipe.Training} {recipe.InitSeed} {recipe.DataSeed} {string.Join(" ", recipe.Changes)}";

    [Fact]
    public void EveryKindOfEverythingOccurs()
    {
        Recipe[] recipes = Draw(s_all);
        Assert.Equal(RandomRecipes.LayerKinds.Order(), recipes.SelectMany(recipe => recipe.Architecture.Layers).Select(layer => layer.Type).Distinct().Order());
        Assert.Equal([Activation.Relu, Activation.Tanh], recipes.SelectMany(recipe => recipe.Architecture.Layers).OfType<RnnSpec>().Select(layer => layer.Nonlinearity).Distinct().Order());
        Assert.Equal(Enum.GetValues<Loss>(), recipes.Select(recipe => recipe.Training.Loss).Distinct().Order());
        Assert.Equal(Enum.GetValues<InitialisationKind>(), recipes.Select(recipe => recipe.Training.Initialisation.Kind).Distinct().Order());
        Assert.Equal(["adam", "adamw", "rmsprop", "sgd"], recipes.Select(recipe => recipe.Training.Optimizer.Name).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(["constant", "cosine", "cosine_restarts", "one_cycle", "step"], recipes.Select(recipe => recipe.Training.Rate.Name).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(Enumerable.Range(1, RandomRecipes.MaxLayers), recipes.Select(recipe => recipe.Architecture.Layers.Count).Distinct().Order());
        Assert.Equal(Enumerable.Range(1, 70), recipes.Select(recipe => recipe.Training.Batch).Distinct().Order());
        Assert.Equal(Enumerable.Range(1, 20), recipes.Select(recipe => recipe.Task.Places).Distinct().Order());
        Assert.Equal(Enum.GetNames<Machine>().Append("Automaton").Append("Digits").Append("DrawnDigits").Order(StringComparer.Ordinal), recipes.Select(recipe => recipe.Task.Source.Split('-')[0]).Distinct().Order(StringComparer.Ordinal));
        Poison[] poisons = [.. recipes.Select(recipe => recipe.Task).OfType<ImageTask>().Select(task => task.Poison).OfType<Poison>()];
        Assert.Equal([typeof(BlendTrigger), typeof(PatchTrigger), typeof(PolygonTrigger)], poisons.Select(poison => poison.Attack.Trigger.GetType()).Distinct().OrderBy(type => type.Name, StringComparer.Ordinal));
        Assert.Equal([(false, false), (false, true), (true, true)], poisons.Select(poison => (poison.Attack.Target.From is not null, poison.Attack.Target.To is not null)).Distinct().Order());
        Assert.Equal([0, 1, 2, 3], recipes.Select(recipe => recipe.Training.Evaluation.Attacks.Count).Distinct().Order());
        Assert.Equal([0, 1, 2, 3], recipes.Select(recipe => recipe.Changes.Count).Distinct().Order());
        Assert.Equal(Enumerable.Range(1, 19), recipes.SelectMany(recipe => recipe.Changes).Select(change => (int)change.At).Distinct().Order());
        TrainingChange[] changes = [.. recipes.SelectMany(recipe => recipe.Changes)];
        foreach (Func<TrainingChange, bool> part in (Func<TrainingChange, bool>[])[change => change.DataSeed is not null, change => change.LearningRate is not null, change => change.IsFreshOptimizer, change => change.RestartsSchedule,
            change => change.Task is MachineTask, change => change.Task is DigitsTask, change => change.Task is DrawnDigitsTask, change => change.Task is ImageTask { Poison: not null, Shift: not null }])
            Assert.InRange(changes.Count(part), 5, changes.Length - 5);
        Shift[] shifts = [.. recipes.SelectMany(recipe => recipe.Phases).Select(phase => phase.Task).OfType<ImageTask>().Select(task => task.Shift).OfType<Shift>()];
        Assert.Equal(6, shifts.SelectMany(shift => new object?[] { shift.Classes, shift.Labels, shift.Inputs }).OfType<object>().Select(part => part.GetType()).Distinct().Count());
        foreach (Func<Recipe, bool> both in (Func<Recipe, bool>[])[recipe => recipe.Training.ClipNorm is null, recipe => recipe.Training.Rate.WarmUpSteps > 0, recipe => recipe.Task.Change is null,
            recipe => recipe.Training.Optimizer is SgdSpec { Nesterov: true }, recipe => recipe.Training.Optimizer.WeightDecay > 0, recipe => recipe.Architecture.Layers[^1].Mixes])
        {
            Assert.Contains(recipes, recipe => both(recipe));
            Assert.Contains(recipes, recipe => !both(recipe));
        }
    }

    /// <summary>What the constructors do not check themselves.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EachIsARecipeThatAnExperimentCouldHave(bool isSmall)
    {
        foreach (Recipe recipe in Draw(s_all with { IsSmall = isSmall }))
        {
            TrainingSpec training = recipe.Training;
            Assert.Null(RecipeLimits.Conflict(recipe));
            Assert.True(RecipeLimits.Batch.Contains(training.Batch) && RecipeLimits.LearningRate.Contains(training.Optimizer.LearningRate) && RecipeLimits.EvaluationSequences.Contains(training.Evaluation.Sequences));
            Assert.InRange(training.Evaluation.Sequences, 1, recipe.Task.HeldOut ?? int.MaxValue);
            Assert.True(!recipe.Task.IsSequence || RecipeLimits.Sequence.Contains(recipe.Task.Places));
            Assert.True(training.Loss != Loss.CrossEntropy || recipe.Task is not MachineTask);
            Assert.True(training.Optimizer is not SgdSpec { Nesterov: true, Momentum: 0 });
            Assert.True(training.ClipNorm is null or > 0);
            Assert.Equal((20, 21), (training.Stop.Steps, recipe.MaxSnapshots));
            Assert.True(training.Rate is not CosineRate cosine || cosine.Minimum < training.Optimizer.LearningRate);
            Assert.InRange(training.Rate.WarmUpFrom, 1e-9, 1);
            foreach (LayerSpec layer in recipe.Architecture.Layers)
            {
                Assert.InRange(layer.Outputs, 1, RecipeLimits.Width.Max);
                Assert.Null(RecipeLimits.NameError(layer.Name));
                Assert.True(layer is not RecurrentSpec and not DenseSpec || layer.Input.Pixels == 1);
                Assert.True(layer is not DropoutSpec dropout || dropout.Probability is >= 0 and < 1);
                Assert.True(layer is not ActivationSpec { Slope: > 0 } activation || activation.Function == Activation.LeakyRelu);
                Assert.True(layer is not BatchNormSpec norm || training.Batch * recipe.Task.Places * norm.Shape.Pixels > 1);
                Assert.True(!isSmall || !layer.Mixes || layer is ConvSpec || layer.Outputs <= 10);
            }
        }
    }

    [Fact]
    public void ARecipeDependsOnSeedIndexAndOptionsAlone()
    {
        string[] recipes = [.. Draw(s_all, count: 200).Select(Text)];
        Assert.Equal(recipes, Draw(s_all, count: 200).Select(Text));
        Assert.Equal(recipes[150], Text(RandomRecipes.Draw(1, 150, s_all)));
        Assert.Equal(200, recipes.Distinct().Count());
        Assert.DoesNotContain(Text(RandomRecipes.Draw(2, 150, s_all)), recipes);
    }

    [Theory]
    [InlineData("gru,dense,relu")]
    [InlineData("rnn")]
    [InlineData("lstm,conv,flatten")]
    [InlineData("dense,flatten,avg_pool,batch_norm")]
    public void OnlyTheLayersAskedForOccur(string layers)
    {
        string[] kinds = layers.Split(',');
        Recipe[] recipes = Draw(s_all with { Layers = kinds.ToHashSet() }, count: 500);
        Assert.Equal(kinds.Order(), recipes.SelectMany(recipe => recipe.Architecture.Layers).Select(layer => layer.Type).Distinct().Order());
        Assert.Equal(kinds.Contains("flatten"), recipes.Any(recipe => recipe.Task is ImageTask));
    }

    [Theory]
    [InlineData("relu,conv", "dense, gru, lstm, rnn")]
    [InlineData("dense,banana", "banana")]
    public void LayersThatGiveNoNetworkAreRefused(string layers, string named)
    {
        var kinds = layers.Split(',').ToHashSet();
        Assert.Contains(named, RandomRecipes.Problem(kinds), StringComparison.Ordinal);
        Assert.Contains(named, Assert.Throws<ArgumentException>(() => RandomRecipes.Draw(1, 0, s_all with { Layers = kinds })).Message, StringComparison.Ordinal);
    }
}
