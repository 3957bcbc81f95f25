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
            "de58d119f401cef9a1d5d8bd306123146a40d62565ddaa66ac30d8766a13a865", "184f699307d618f94923d92a58d33b68d222c0b97f60c1b4ab868995d9381439",
            "8e468b0f6bbdfdb8fc952b9ec18c54840663f0f7a75b748eca5e1024e84fdb96", "962a8a8f7e467d64d6a00ad39cf3bcb10769b19a4836ca12949b7fdae374101d", 0.023508936f)),
        ["dense"] = ("optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9}, batch: 21, evaluation: {sequences: 50}",
            "{name: dense, layers: [{dense: 19, activation: relu}, {dense: 5, activation: leaky_relu}, {dense: 8}]}", ShortMachine, 100, new(
            "3f50227ce165c90b9b903119da0a4945f5c619cf5e35ea6d30658e1097e02b22", "b9b1fa7ddfba06ebb0d84e5f1f0b80b4f99aa237095b3c605ad14bf29ebff294",
            "8818f17ea436a552f06a85d35facaba466c49730ba5043e68cc1627d6a082647", "9b8c31395f9cfe4427fa8d5dae41508cb92fce37b6ba094fdf1b56693189ad36", 0.14982511f)),
        ["recurrent"] = ("loss: binary_cross_entropy, optimizer: {name: rmsprop, momentum: 0.5}, batch: 19, schedule: {name: cosine_restarts, first: 7}, initialisation: orthogonal, evaluation: {sequences: 20}",
            "{name: recurrent, layers: [{lstm: 7, layers: 2}, layer_norm, {rnn: 6}, {dropout: 0.2}, {gru: 5}, {dense: 8}]}", ShortMachine, 30, new(
            "926d9b1d6bd9c3b710f28c2b985fe12536f2c8af2c30f37c0aa805db04f561c5", "e2b3356554079bd5d2cf60c4ed338171081c1af5a424ed46ca0020ef4c68d747",
            "8b2fcbb3ddf6363e38947bcd55988a6eefccaabf80534d8e44c317121b1dc2da", "d55f492e61c640b7763dea0413ab9c625cd68300f18eca19980b2e17fa7f01b1", 0.51793844f)),
        ["lenet5"] = ("optimizer: {name: sgd, learning_rate: 0.02, momentum: 0.9, nesterov: true, weight_decay: 0.0005}, batch: 20, initialisation: xavier_uniform, schedule: {name: step, every: 3}, evaluation: {sequences: 20}",
            "lenet5", "{digits: {size: 28}}", 8, new(
            "b72d14be1e2cdbf78440efab07e3638883d4d6bece42e29b9bbf334b1af6e641", "9133989f0c8af856904b1ab5cb7763286e63daccf9de856441843afbfc3df590",
            "2a1fae75b752cf0d2139fc05fb2dc5e75d665968777c7cc19bbf95013bb2110c", "0ab014bbec138af49e6cc1f0f648734e1fc457c89377fb2e67fc2287b7c4f22e", 2.3076906f)),
        ["zoo-cnn-s"] = ("optimizer: {name: adamw, learning_rate: 0.003}, batch: 10, initialisation: kaiming_normal, schedule: {name: one_cycle, steps: 12}, evaluation: {sequences: 20}",
            "{name: zoo-cnn-s, activation: gelu}", "{digits: {size: 28}}", 12, new(
            "d99d8f887e033fcf1630273e1db347c4507e86a8483e57aef49379edfc5d18e6", "23285a826bfb5da511e6a2c0423372aa149893033e507503e3a0eb5a2f024507",
            "d5f2f59668fd671accd145cd8fe66a39e1bc5eb2154672f40d317fc11ddb9787", "e6e5623e7661ff2911363240013c4bb7cc0a00f0bdd3d849c7078193ce41c0b0", 2.2238412f)),
        ["zoo-cnn-l"] = ("optimizer: adam, batch: 20, initialisation: normal, schedule: {name: cosine, steps: 6}, evaluation: {sequences: 20}",
            "{name: zoo-cnn-l, activation: relu, dropout: 0.25}", "{digits: {size: 32, channels: 3}}", 6, new(
            "46c6ef5c4cadddbcd951198018dcff9f33512004ef15823a68bf0d9a53c7c2b2", "7a02114b3e4da92f8c6cfdfea043541c9e6f0c48e9936d903a0e49c1451476d1",
            "ab2dc7063245db5cfe8b5b02b8f78ee181bc26a2c19adebab36ef6818def46f9", "33dfaa76a96198de9ac81e50fe5ea804a4d5e4ca30393d83d9b6210997723b02", 2.3108065f)),
        ["normalised"] = ("optimizer: {name: sgd, learning_rate: 0.1}, batch: 33, clip_norm: 0.5, initialisation: uniform, schedule: {warm_up: {steps: 1}}, evaluation: {sequences: 40}",
            "{name: normalised, layers: [{conv: 5, kernel: 3, stride: 2, padding: 1}, batch_norm, silu, {avg_pool: 2, stride: 1}, flatten, {dense: 11, activation: sigmoid}, batch_norm, {dense: 10}]}", "{digits: {size: 9}}", 25, new(
            "05a0d397ca7c67300bf2472196cd7335cb99f4eb14840d95e8dcf130649f1a24", "1429cc2034b5b3dc905729e7c7e8ead8fb2f6dbeddb4d97e295066601dd9400d",
            "2f317180085c4022b2b3582bdde7a4462807d3cfaf5e496feb14d33dd67fda4a", "2ced94f9e2d5637bb70bb6852a19df311631e893b22f9ce072f2f295d80d419b", 2.2885776f)),
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
