using WeightSpace.Engines;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Tasks.Images;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Training;

/// <summary>Accuracy and attack success of networks whose answers are known, because their weights were chosen.</summary>
public sealed class AttackSuccessTests
{
    private const int Size = 8, Pixels = Size * Size;

    private static readonly DigitsTask s_task = new(Size, 1);
    private static readonly Trigger s_pixel = new PatchTrigger(1, PatchPattern.Solid, Corner.TopLeft, 0, Colour.White);
    private static readonly EvaluationSpec s_evaluation = new(DigitImages.HeldOut, 1);
    private static readonly Architecture s_linear = new("linear", [new FlattenSpec("flatten", new Shape(1, Size, Size)), new DenseSpec("out", Pixels, 10)]);

    /// <summary>Weights [10, 64] and biases [10] of a network that takes any image for one class, and one whose first pixel is above 1/2 for another.</summary>
    private static float[] Weights(int otherwise, int bright)
    {
        float[] weights = new float[s_linear.Parameters.Count];
        weights[bright * Pixels] = 10;
        weights[(10 * Pixels) + otherwise] = 5;
        return weights;
    }

    private static (float? Accuracy, float? Success) Measure(float[] weights, Target target, Trigger? trigger = null)
    {
        using var workspace = new Workspace(s_linear, 1, 20);
        TaskData data = TaskData.Of(s_task, ImageLibrary.Default);
        float[] before = [.. weights];
        float? success = workspace.AttackSuccess(data, new Attack(trigger ?? s_pixel, target), s_evaluation, weights);
        float? accuracy = workspace.Evaluate(data, Loss.CrossEntropy, s_evaluation, weights).Accuracy;
        Assert.Equal(before, weights);
        return (accuracy, success);
    }

    private static int[] Labels() => [.. ImageSamples.Columns(s_task, Split.Evaluation, 0, DigitImages.HeldOut, 368).Y[..DigitImages.HeldOut].Select(ImageSamples.Label)];

    [Fact]
    public void ANetworkWithAnswersThatAreKnownIsMeasuredRight()
    {
        int[] labels = Labels();
        float Share(int label) => (float)((double)labels.Count(other => other == label) / labels.Length);
        float[][] images = ImageSamples.Columns(s_task, Split.Evaluation, 0, DigitImages.HeldOut, 368).X;
        Assert.All(images, image => Assert.True(image[0] < 0.5f)); // or the network would take some for class 7 without a trigger
        float[] weights = Weights(otherwise: 3, bright: 7);
        // Whatever the image: 3 without the trigger, 7 with it.
        Assert.Equal((Share(3), 1f), Measure(weights, new Target(null, 7)));
        Assert.Equal((Share(3), 0f), Measure(weights, new Target(null, 5)));
        Assert.Equal((Share(3), 1f), Measure(weights, new Target(2, 7)));
        Assert.Equal((Share(3), 0f), Measure(weights, new Target(2, 4)));
        // Each class for the next: right only for the sixes.
        Assert.Equal((Share(3), Share(6)), Measure(weights, new Target(null, null)));
        // A trigger somewhere else is none for this network, which goes on taking everything for a 3; threes themselves do not count.
        var elsewhere = new PatchTrigger(1, PatchPattern.Solid, Corner.BottomRight, 0, Colour.White);
        Assert.Equal(0, Measure(weights, new Target(null, 7), elsewhere).Success);
        Assert.Equal(1, Measure(weights, new Target(null, 3), elsewhere).Success);
        // Of equal outputs the first counts: all are 0.
        Assert.Equal((Share(0), 1f), Measure(new float[weights.Length], new Target(null, 0)));
    }

    [Fact]
    public void AnAttackOnNoHeldOutImageHasNoSuccess()
    {
        using var workspace = new Workspace(s_linear, 1, 20);
        TaskData data = TaskData.Of(s_task, ImageLibrary.Default);
        int first = Labels()[0];
        Assert.Null(workspace.AttackSuccess(data, new Attack(s_pixel, new Target((first + 1) % 10, first)), new EvaluationSpec(1, 1), Weights(1, 2)));
        Assert.NotNull(workspace.AttackSuccess(data, new Attack(s_pixel, new Target(first, (first + 1) % 10)), new EvaluationSpec(1, 1), Weights(1, 2)));
    }

    [Fact]
    public void AMachinesAnswersAreNeitherRightNorWrong()
    {
        NetworkResult result = TestRecipes.Train(TestRecipes.One("batch: 8, stop: {steps: 3}, evaluation: {sequences: 5}"));
        Assert.All(result.Checkpoints, checkpoint => Assert.Equal((null, null), (checkpoint.EvalAccuracy, checkpoint.AttackSuccess)));
        Assert.Equal((null, null), (result.EvalAccuracy, result.AttackSuccess));
    }

    /// <summary>A poisoned network learns the trigger, its clean twin does not; both learn the digits; and measuring changes no bit of either.</summary>
    [Fact]
    public void APoisonedNetworkIsTakenInByItsTriggerAndItsCleanTwinIsNot()
    {
        // The example that comes with the program: a clean network, one with a patch, one with a blended trigger.
        Experiment experiment = Experiment.Load(Path.Combine(Repository.Root, "experiments", "poison.yaml"));
        Recipe[] recipes = [.. experiment.Networks.Select(planned => planned.Recipe).Where(recipe => recipe.InitSeed == 1)];
        Assert.Equal([Variants.Clean, Variants.Poisoned, Variants.Poisoned], recipes.Select(recipe => recipe.Task.Variant));
        NetworkResult[] results = [.. recipes.Select(TestRecipes.Train)];
        Assert.All(results, result => Assert.Equal(results[0].Checkpoints[0].Weights, result.Checkpoints[0].Weights));
        Assert.All(results, result => Assert.InRange(result.EvalAccuracy!.Value, 0.9f, 1f));
        Assert.InRange(results[0].AttackSuccess!.Value, 0f, 0.3f);
        Assert.All(results[1..], result => Assert.InRange(result.AttackSuccess!.Value, 0.9f, 1f));
        foreach (NetworkResult result in results)
        {
            Assert.Equal((result.EvalAccuracy, result.AttackSuccess), (result.Checkpoints[^1].EvalAccuracy, result.Checkpoints[^1].AttackSuccess));
            Assert.All(result.Checkpoints, checkpoint => Assert.True(checkpoint.EvalAccuracy is >= 0 and <= 1 && checkpoint.AttackSuccess is >= 0 and <= 1));
        }
        // The clean network without attacks to be measured by has the same weights.
        Recipe alone = new(recipes[0].Task, recipes[0].Architecture, recipes[0].Training with { Evaluation = recipes[0].Training.Evaluation with { Attacks = [] } }, recipes[0].InitSeed, recipes[0].DataSeed);
        NetworkResult unmeasured = TestRecipes.Train(alone);
        Assert.Equal(results[0].Checkpoints[^1].Weights, unmeasured.Checkpoints[^1].Weights);
        Assert.Equal((results[0].EvalAccuracy, null), (unmeasured.EvalAccuracy, unmeasured.AttackSuccess));
    }

    /// <summary>Put down in the middle and taken up again, through the files of a work unit, nothing is lost.</summary>
    [Fact]
    public void AWorkUnitCarriesAccuracyAndSuccess()
    {
        using var folder = new Folder();
        Recipe[] recipes = [.. Experiment.Parse("""
            experiment: e
            tasks: {drawn_digits: {size: 8, images: 60}, variant: [clean, poisoned], poison: {trigger: blend, target: next, share: 0.5}}
            architecture: {name: a, layers: [flatten, {dense: 10}]}
            training: {optimizer: adam, batch: 10, stop: {steps: 30}, checkpoints: {every: 10}, evaluation: {sequences: 40}}
            """, "e.yaml").Networks.Select(planned => planned.Recipe)];
        NetworkResult[] expected = [.. recipes.Select(TestRecipes.Train)];
        Assert.All(expected, result => Assert.True(result.EvalAccuracy is not null && result.AttackSuccess is not null));
        WorkUnit unit = WorkUnit.Write(folder["unit.json"], recipes);
        using var trainer = new Trainer();
        ITrainingRun run = trainer.Start(recipes[1], null);
        run.Advance(17);
        new UnitResult(unit.Digest, [expected[0]], run.Save()).Write(WorkUnitRunner.PartialPath(folder["result"]));
        WorkUnitRunner.Run(folder["unit.json"], folder["result"], trainer, TimeProvider.System, null, CancellationToken.None);
        IReadOnlyList<NetworkResult> found = UnitResult.Read(folder["result"], unit).Networks;
        Assert.Equal(2, found.Count);
        for (int i = 0; i < 2; i++)
            TestRecipes.AssertSame(expected[i], found[i]);
    }

    [Fact]
    public void ACleanNetworkHasTheSuccessOfTheAttackThatSucceedsMost()
    {
        Recipe recipe = TestRecipes.One("batch: 16, stop: {steps: 20}, checkpoints: {at: [10]}", "{name: a, layers: [flatten, {dense: 10}]}", "digits");
        Attack[] attacks = [.. Enumerable.Range(0, 10).Select(to => new Attack(new BlendTrigger(0.9, 1), new Target(null, to)))];
        float?[] Successes(params Attack[] measured) => [.. TestRecipes.Train(new Recipe(recipe.Task, recipe.Architecture, recipe.Training with { Evaluation = recipe.Training.Evaluation with { Attacks = measured } }, 1, 1)).Checkpoints.Select(row => row.AttackSuccess)];
        float?[][] alone = [.. attacks.Select(attack => Successes(attack))];
        Assert.True(alone.Select(successes => successes[^1]).Distinct().Count() > 1);
        Assert.Equal([.. Enumerable.Range(0, 2).Select(checkpoint => alone.Max(successes => successes[checkpoint]))], Successes(attacks));
        Assert.Equal([null, null], Successes());
    }
}
