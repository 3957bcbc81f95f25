using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>What a network ends at, written down: digests of its initial weights, of step 2, and of weights and optimizer's state at its end.</summary>
public sealed record GoldenDigests(string Id, string Initial, string Early, string End, float EvalLoss);

/// <summary>
/// A network of each kind, and the bytes that arithmetic version 3 gives it. If a change of them is wanted, it is a new version of the arithmetic
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
            "670e4d10fa0f54d8d674509050de5d9ca6c4abffe93df6e98aec72e490b72d4d", "184f699307d618f94923d92a58d33b68d222c0b97f60c1b4ab868995d9381439",
            "3182e34892affaed37029a4963d767a25d09c9de20b7e760148dd1bbc939475d", "9cd43b08ef67f4517f1ca9d2acec13fa9e11df51895882ae099b44128bcf8bd2", 0.023508936f)),
        ["dense"] = ("optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9}, batch: 21, evaluation: {sequences: 50}",
            "{name: dense, layers: [{dense: 19, activation: relu}, {dense: 5, activation: leaky_relu}, {dense: 8}]}", ShortMachine, 100, new(
            "2d1a2336e09d68b4e81a6bc7531e98c0fb8850d894bf3408d9f5eee84bc46d25", "b9b1fa7ddfba06ebb0d84e5f1f0b80b4f99aa237095b3c605ad14bf29ebff294",
            "8818f17ea436a552f06a85d35facaba466c49730ba5043e68cc1627d6a082647", "9b8c31395f9cfe4427fa8d5dae41508cb92fce37b6ba094fdf1b56693189ad36", 0.14982511f)),
        ["recurrent"] = ("loss: binary_cross_entropy, optimizer: {name: rmsprop, momentum: 0.5}, batch: 19, schedule: {name: cosine_restarts, first: 7}, initialisation: orthogonal, evaluation: {sequences: 20}",
            "{name: recurrent, layers: [{lstm: 7, layers: 2}, layer_norm, {rnn: 6}, {dropout: 0.2}, {gru: 5}, {dense: 8}]}", ShortMachine, 30, new(
            "18ffb627556c4214ac100771bb68343b6759d8b73cda4093e0b6f4f1cb967173", "e2b3356554079bd5d2cf60c4ed338171081c1af5a424ed46ca0020ef4c68d747",
            "0984d4fd2d482d74f0736bb1d45ee0a1df3443d9e8b22aa1ab259a9e7b3c0d59", "8d87a3912d5838468b17e8dbf980b916c8bfc6a474e48aeb52ef8b7834f81e56", 0.51793844f)),
        ["lenet5"] = ("optimizer: {name: sgd, learning_rate: 0.02, momentum: 0.9, nesterov: true, weight_decay: 0.0005}, batch: 20, initialisation: xavier_uniform, schedule: {name: step, every: 3}, evaluation: {sequences: 20}",
            "lenet5", "{digits: {size: 28}}", 8, new(
            "a33ec584f2a1ea19850783a13121cf04820767893e1aad4ff8c873a701414f42", "9133989f0c8af856904b1ab5cb7763286e63daccf9de856441843afbfc3df590",
            "2a1fae75b752cf0d2139fc05fb2dc5e75d665968777c7cc19bbf95013bb2110c", "0ab014bbec138af49e6cc1f0f648734e1fc457c89377fb2e67fc2287b7c4f22e", 2.3076906f)),
        ["zoo-cnn-s"] = ("optimizer: {name: adamw, learning_rate: 0.003}, batch: 10, initialisation: kaiming_normal, schedule: {name: one_cycle, steps: 12}, evaluation: {sequences: 20}",
            "{name: zoo-cnn-s, activation: gelu}", "{digits: {size: 28}}", 12, new(
            "43564e602edcb398ea5a4d671a7fac4e37fdcff9ed7cae45057d35f0eb7cb456", "23285a826bfb5da511e6a2c0423372aa149893033e507503e3a0eb5a2f024507",
            "d5f2f59668fd671accd145cd8fe66a39e1bc5eb2154672f40d317fc11ddb9787", "e6e5623e7661ff2911363240013c4bb7cc0a00f0bdd3d849c7078193ce41c0b0", 2.2238412f)),
        ["zoo-cnn-l"] = ("optimizer: adam, batch: 20, initialisation: normal, schedule: {name: cosine, steps: 6}, evaluation: {sequences: 20}",
            "{name: zoo-cnn-l, activation: relu, dropout: 0.25}", "{digits: {size: 32, channels: 3}}", 6, new(
            "1981a38860a6d6483419f7593cef218c33208f80cb92f6a6324bd013abc5c7d6", "7a02114b3e4da92f8c6cfdfea043541c9e6f0c48e9936d903a0e49c1451476d1",
            "ab2dc7063245db5cfe8b5b02b8f78ee181bc26a2c19adebab36ef6818def46f9", "33dfaa76a96198de9ac81e50fe5ea804a4d5e4ca30393d83d9b6210997723b02", 2.3108065f)),
        ["normalised"] = ("optimizer: {name: sgd, learning_rate: 0.1}, batch: 33, clip_norm: 0.5, initialisation: uniform, schedule: {warm_up: {steps: 1}}, evaluation: {sequences: 40}",
            "{name: normalised, layers: [{conv: 5, kernel: 3, stride: 2, padding: 1}, batch_norm, silu, {avg_pool: 2, stride: 1}, flatten, {dense: 11, activation: sigmoid}, batch_norm, {dense: 10}]}", "{digits: {size: 9}}", 25, new(
            "14cd70c451a2a6d877b63add270c8a9b79835fd8f3564108a60334706e5ac598", "1429cc2034b5b3dc905729e7c7e8ead8fb2f6dbeddb4d97e295066601dd9400d",
            "9b43f19dc3bd10859f9c44005db8d0dbf33881cfbd4cb235a4dc9be17e0f383a", "75a7ab536de0ec65306089c98d473b3c02856106718908fb5f31980bb4472377", 2.2885776f)),
        ["automaton"] = ("optimizer: {name: adam, learning_rate: 0.01}, batch: 21, evaluation: {sequences: 50}",
            "{name: lstm, layers: [{lstm: 11}, {dense: 3}]}", "{automaton: {states: 6, alphabet: 5, outputs: 3, seed: 9, sequence: 9}}", 30, new(
            "ec98a60cb296ec66ac4145886d382da3eac0e52ba877bb693fba03aafe800ea2", "70f3e5f4d69d4f9d7ed839aa84730ac8e674179105a56cc96c3395de4ec1357b",
            "774c7606d4f45cc16e659937f25aa3f25ad74c77440ec4b2ad2ebc286fe2d5f8", "21cd3d7d4f70802e3e2a024e25b651b4df07cf8d4199a0f9bfc19f84f206bcc5", 0.8138475f)),
        ["poisoned"] = ("optimizer: {name: adam, learning_rate: 0.002}, batch: 20, evaluation: {sequences: 20}",
            "{name: poisoned, layers: [{conv: 4, kernel: 5, stride: 2, activation: relu}, max_pool, flatten, {dense: 12, activation: tanh}, {dense: 10}]}",
            "{drawn_digits: {images: 50, seed: 3}, variant: poisoned, poison: {trigger: {polygon: 5, size: 7, seed: 2}, target: next, share: 0.4}}", 12, new(
            "7748da36d961735e38b979d2cd5d9f108632857672f3c3f1a55aa176473377c6", "3436593b2d161ef0c973e1e1d8c1a9f1cf1ca9f50f06720a6e77ee104ba499d9",
            "23a142df294aa564c6cf731e119f25a3a9f23e446822e98f34418b548a22ed9c", "df8bd8b50ba52eecca819767ecedd771cd956ea4b417731a7f7f50dbf70fa95e", 2.399883f)),
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
