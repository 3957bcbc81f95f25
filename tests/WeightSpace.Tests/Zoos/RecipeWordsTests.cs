using WeightSpace.Networks;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

public sealed class RecipeWordsTests
{
    private static TrainingSpec Training(string more) => Experiment.Parse($$$"""
        experiment: e
        tasks: {machine: ParityMachine}
        training: { {{{more}}}, stop: {steps: 50} }
        """, "e.yaml").Networks.Single().Recipe.Training;

    [Fact]
    public void LayersAreCountedWithWhatFollowsThem()
    {
        Assert.Equal("gru 9\u201312, 3 \u00d7 gru 12\u201312, 4 \u00d7 dense 12\u201312 relu, dense 12\u20138", RecipeWords.Layers(KnownArchitectures.Mlds(9, 8)));
        Assert.Equal("conv 5x5 padding 2 1x28x28\u20136x28x28 tanh, avg_pool 2x2, conv 5x5 6x14x14\u201316x10x10 tanh, avg_pool 2x2, flatten, dense 400\u2013120 tanh dropout 0.5, dense 120\u201384 tanh dropout 0.5, dense 84\u201310",
            RecipeWords.Layers(KnownArchitectures.LeNet5(new Shape(1, 28, 28), 10, dropout: 0.5)));
    }

    [Theory]
    [InlineData("batch: 8", "adam, learning rate 0.001, beta1 0.9, beta2 0.999, eps 1E-08; loss mse; batch 8; 50 steps")]
    [InlineData("optimizer: {name: sgd, momentum: 0.9, nesterov: true, weight_decay: 0.1}", "sgd, learning rate 0.001, momentum 0.9 (Nesterov), weight decay 0.1; loss mse; batch 32; 50 steps")]
    [InlineData("optimizer: adamw", "adamw, learning rate 0.001, beta1 0.9, beta2 0.999, eps 1E-08, weight decay 0.01; loss mse; batch 32; 50 steps")]
    [InlineData("optimizer: rmsprop, clip_norm: 2, initialisation: orthogonal", "rmsprop, learning rate 0.001, alpha 0.99, eps 1E-08, momentum 0; gradients clipped to a norm of 2; initialisation orthogonal with scale 1; loss mse; batch 32; 50 steps")]
    [InlineData("schedule: {name: cosine, warm_up: {steps: 10, from: 0.1}}, optimizer: sgd", "sgd, learning rate 0.001, momentum 0; rate by a cosine to 0 over 40 steps behind a warm-up over 10 steps from 0.1 of it; loss mse; batch 32; 50 steps")]
    [InlineData("schedule: {name: step, every: 5}, optimizer: sgd", "sgd, learning rate 0.001, momentum 0; rate times 0.1 every 5 steps; loss mse; batch 32; 50 steps")]
    [InlineData("schedule: {name: cosine_restarts, first: 5, multiply: 2}, optimizer: sgd", "sgd, learning rate 0.001, momentum 0; rate by cosines to 0, the first over 5 steps, each next one 2 times as long; loss mse; batch 32; 50 steps")]
    [InlineData("schedule: one_cycle, optimizer: sgd", "sgd, learning rate 0.001, momentum 0; rate in one cycle over 50 steps (rising for a share of 0.3, from 1/25 to 1, down to 1/25/10000); loss mse; batch 32; 50 steps")]
    [InlineData("schedule: {warm_up: {steps: 5, from: 1}}, optimizer: sgd", "sgd, learning rate 0.001, momentum 0; constant rate behind a warm-up over 5 steps from 1 of it; loss mse; batch 32; 50 steps")]
    public void TrainingIsSaidInFull(string training, string expected) => Assert.Equal(expected, RecipeWords.Training(Training(training)));
}
