using WeightSpace.Zoos;

namespace WeightSpace.Tests.Training;

/// <summary>
/// The bytes that arithmetic version 1 gives, written down. A change of any bit on any path of training fails here; if it is wanted, it
/// is a new version of the arithmetic (<see cref="Recipe.Arithmetic"/>) with digests of its own.
/// </summary>
public sealed class GoldenTests
{
    [Fact]
    public void TheNetworkOfMldsEndsAtTheSameBytesAsEver() => AssertGolden(
        TestRecipes.One("optimizer: {name: adam, learning_rate: 0.003}, batch: 32, stop: {steps: 60}, checkpoints: {at: [0]}, snapshots: {at: [60]}", "mlds", "{machine: ParityMachine, variant: modified, sequence: 32}"),
        id: "2288650ee81ef9ac1259db9a5881c1ee555209e20b723d7ad46935d2e7368936",
        initial: "184f699307d618f94923d92a58d33b68d222c0b97f60c1b4ab868995d9381439",
        final: "d577b3b20306114447e6a2a9042805154621b57aff718770b7274aa22d402f9b",
        snapshot: "d507a9b0f4226b7687016d3f6bc5df9a95dc6bb7d38e3ef67e76a0756062dc7d",
        evalLoss: 0.023508936f);

    [Fact]
    public void ADenseNetworkOfOddWidthsEndsAtTheSameBytesAsEver() => AssertGolden(
        TestRecipes.One("optimizer: {name: sgd, learning_rate: 0.05, momentum: 0.9}, batch: 21, stop: {steps: 100}, checkpoints: {at: [0]}, snapshots: {at: [100]}, evaluation: {sequences: 50}",
            "{name: dense, layers: [{dense: 19, activation: relu}, {dense: 5}, {dense: 8}]}", "{machine: EightBitMachine, sequence: 7}"),
        id: "e6cea8c98c27e43223d6f394f6c0e7e29a79dd3e4c9d441d450bae3baffa9e81",
        initial: "b9b1fa7ddfba06ebb0d84e5f1f0b80b4f99aa237095b3c605ad14bf29ebff294",
        final: "23c2857309a2980c4f0ce1fc1b7de2d154efe5e9fde649405907a9905a8db6d8",
        snapshot: "3edeb92b3d8283c49143c056d2ca970926496845597b0e0385fc148559969f9d",
        evalLoss: 0.12027604f);

    private static void AssertGolden(Recipe recipe, string id, string initial, string final, string snapshot, float evalLoss)
    {
        Assert.Equal(1, Recipe.Arithmetic);
        NetworkResult result = TestRecipes.Train(recipe);
        var found = (result.Id, Digest(result.Checkpoints[0].Weights), Digest(result.Checkpoints[^1].Weights), Digest(result.Snapshots[^1].Weights, result.Snapshots[^1].OptimizerState), result.EvalLoss!.Value);
        Assert.True((id, initial, final, snapshot, evalLoss) == found, $"found {found}");
    }

    private static string Digest(params float[][] values) => Sha256Digest.Of([.. values.SelectMany(part => part)]).ToString();
}
