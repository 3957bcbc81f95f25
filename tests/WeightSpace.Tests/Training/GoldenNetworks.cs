using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>What a network ends at, written down: digests of its initial weights, of step 2, and of weights and optimizer's state at its end.</summary>
public sealed record GoldenDigests(string Id, string Initial, string Early, string End, float EvalLoss);

/// <summary>
/// A network of each kind, and the bytes that arithmetic version 2 gives it. If a change of them is wanted, it is a new version of the arithmetic
/// (<see cref="Recipe.Arithmetic"/>) with digests of its own.
/// </summary>
public static class GoldenNetworks
{
    /// <summary>A step that all of them reach soon: as far as they go where fused multiply-add is emulated.</summary>
    public const int Early = 2;

    private const string Machine = "{machine: ParityMachine, variant: modified, sequence: 32}", ShortMachine = "{machine: EightBitMachine, sequence: 7}";

    private static readonly Dictionary<string, (string Training, string Architecture, string Task, int Steps, GoldenDigests Expected)> s_networks = new()
    {
        ["mlds"] = ("optimizer: {name: adam, learning_rate: 0.003}, batch: 32", "mlds", Machine, 60, new(
            "", "", "", "", 0)),
        ["dense"] = ("optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9}, batch: 21, evaluation: {sequences: 50}",
            "{name: dense, layers: [{dense: 19, activation: relu}, {dense: 5, activation: leaky_relu}, {dense: 8}]}", ShortMachine, 100, new(
            "", "", "", "", 0)),
        ["recurrent"] = ("loss: binary_cross_entropy, optimizer: {name: rmsprop, momentum: 0.5}, batch: 19, schedule: {name: cosine_restarts, first: 7}, initialisation: orthogonal, evaluation: {sequences: 20}",
            "{name: recurrent, layers: [{lstm: 7, layers: 2}, layer_norm, {rnn: 6}, {dropout: 0.2}, {gru: 5}, {dense: 8}]}", ShortMachine, 30, new(
            "", "", "", "", 0)),
        ["lenet5"] = ("optimizer: {name: sgd, learning_rate: 0.02, momentum: 0.9, nesterov: true, weight_decay: 0.0005}, batch: 20, initialisation: xavier_uniform, schedule: {name: step, every: 3}, evaluation: {sequences: 20}",
            "lenet5", "{digits: {size: 28}}", 8, new(
            "", "", "", "", 0)),
        ["zoo-cnn-s"] = ("optimizer: {name: adamw, learning_rate: 0.003}, batch: 10, initialisation: kaiming_normal, schedule: {name: one_cycle, steps: 12}, evaluation: {sequences: 20}",
            "{name: zoo-cnn-s, activation: gelu}", "{digits: {size: 28}}", 12, new(
            "", "", "", "", 0)),
        ["zoo-cnn-l"] = ("optimizer: adam, batch: 20, initialisation: normal, schedule: {name: cosine, steps: 6}, evaluation: {sequences: 20}",
            "{name: zoo-cnn-l, activation: relu, dropout: 0.25}", "{digits: {size: 32, channels: 3}}", 6, new(
            "", "", "", "", 0)),
        ["normalised"] = ("optimizer: {name: sgd, learning_rate: 0.1}, batch: 33, clip_norm: 0.5, initialisation: uniform, schedule: {warm_up: {steps: 1}}, evaluation: {sequences: 40}",
            "{name: normalised, layers: [{conv: 5, kernel: 3, stride: 2, padding: 1}, batch_norm, silu, {avg_pool: 2, stride: 1}, flatten, {dense: 11, activation: sigmoid}, batch_norm, {dense: 10}]}", "{digits: {size: 9}}", 25, new(
            "", "", "", "", 0)),
    };

    public static IReadOnlyCollection<string> Names => s_networks.Keys;

    public static GoldenDigests Expected(string name) => s_networks[name].Expected;

    public static Recipe Recipe(string name) => Recipe(name, s_networks[name].Steps);

    /// <summary>The same training ended at <see cref="Early"/>.</summary>
    public static Recipe EarlyRecipe(string name) => Recipe(name, Early);

    private static Recipe Recipe(string name, int steps)
    {
        (string training, string architecture, string task, _, _) = s_networks[name];
        return TestRecipes.One($"{training}, stop: {{steps: {steps}}}, checkpoints: {{at: [0, {Early}]}}, snapshots: {{at: [{steps}]}}", architecture, task);
    }

    /// <summary>What a whole training really gave.</summary>
    public static GoldenDigests Found(NetworkResult result) =>
        new(result.Id, Digest(result.Checkpoints[0].Weights), EarlyDigest(result), Digest(result.Snapshots[^1].Weights, result.Snapshots[^1].OptimizerState), result.EvalLoss!.Value);

    public static string EarlyDigest(NetworkResult result) => Digest(result.Checkpoints.Single(checkpoint => checkpoint.Step == Early).Weights);

    private static string Digest(params float[][] values) => Sha256Digest.Of([.. values.SelectMany(part => part)]).ToString();
}
