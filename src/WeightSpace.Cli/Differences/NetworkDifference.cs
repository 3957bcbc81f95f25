using WeightSpace.Networks;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Differences;

/// <summary>Which checkpoint, or which snapshot, of each side has other weights: positions in their tables.</summary>
internal readonly record struct WeightsPlace(long Step, bool IsSnapshot, int A, int B);

/// <summary>Where two networks part.</summary>
/// <param name="A">The network's index in A.</param>
/// <param name="B">Its index in B.</param>
/// <param name="Step">The first step at which anything differs.</param>
/// <param name="What">What differs there.</param>
/// <param name="Weights">The first step at which weights or optimizer states differ; null where they never do, or cannot be compared.</param>
internal sealed record NetworkDifference(int A, int B, long Step, string What, WeightsPlace? Weights)
{
    /// <summary>
    /// Compares two networks by their tables; null where they agree. Where the recipes are the same each has to have what the other has; where they are not, the
    /// steps that both kept are compared, and optimizer states only where both have the same slots.
    /// </summary>
    public static NetworkDifference? Find(Side a, int indexA, Side b, int indexB, bool isSameRecipe)
    {
        (long Step, string What)? first = null;
        WeightsPlace? weights = null;
        NetworkRow rowA = a.Networks[indexA], rowB = b.Networks[indexB];
        bool hasSameTensors = isSameRecipe || HasSameTensors(a.RecipeOf(indexA).Architecture, b.RecipeOf(indexB).Architecture);
        bool hasSameSlots = isSameRecipe || a.RecipeOf(indexA).Training.Optimizer.Slots.SequenceEqual(b.RecipeOf(indexB).Training.Optimizer.Slots);
        if (!hasSameTensors)
            first = (0, "the architectures have other tensors; their weights cannot be compared");

        void Note(long step, string what)
        {
            if (first is not { } earlier || step < earlier.Step)
                first = (step, what);
        }

        void Compare(bool isSnapshot, IReadOnlyList<Moment> momentsA, IReadOnlyList<Moment> momentsB)
        {
            string kind = isSnapshot ? "snapshot" : "checkpoint";
            for (int i = 0, j = 0; i < momentsA.Count || j < momentsB.Count;)
            {
                long stepA = i < momentsA.Count ? momentsA[i].Step : long.MaxValue, stepB = j < momentsB.Count ? momentsB[j].Step : long.MaxValue;
                if (stepA != stepB)
                {
                    if (isSameRecipe)
                        Note(Math.Min(stepA, stepB), $"only {(stepA < stepB ? "A" : "B")} has a {kind}");
                    (i, j) = stepA < stepB ? (i + 1, j) : (i, j + 1);
                    continue;
                }
                (Moment left, Moment right) = (momentsA[i], momentsB[j]);
                if (hasSameTensors && left.Digest != right.Digest)
                {
                    Note(stepA, isSnapshot ? "the snapshots differ" : "the weights differ");
                    // A snapshot holds what the checkpoint of its step does, and the optimizer's state.
                    if (weights is not { } known || stepA < known.Step || (isSnapshot && stepA == known.Step))
                        weights = new WeightsPlace(stepA, isSnapshot, i, j);
                }
                if (!AreSame(left.TrainLoss, right.TrainLoss))
                    Note(stepA, $"the training losses differ: {ValuePair.Text(left.TrainLoss)} and {ValuePair.Text(right.TrainLoss)}");
                if (!AreSame(left.EvalLoss, right.EvalLoss))
                    Note(stepA, $"the held-out losses differ: {ValuePair.Text(left.EvalLoss)} and {ValuePair.Text(right.EvalLoss)}");
                // Networks of other recipes may be measured by other attacks.
                if (isSameRecipe && !AreSameWhereBothHave(left.Accuracy, right.Accuracy))
                    Note(stepA, $"the held-out accuracies differ: {ValuePair.Text(left.Accuracy)} and {ValuePair.Text(right.Accuracy)}");
                if (isSameRecipe && !AreSameWhereBothHave(left.Attack, right.Attack))
                    Note(stepA, $"the attack's successes differ: {ValuePair.Text(left.Attack)} and {ValuePair.Text(right.Attack)}");
                (i, j) = (i + 1, j + 1);
            }
        }

        Compare(isSnapshot: false, a.CheckpointsOf(indexA), b.CheckpointsOf(indexB));
        if (hasSameSlots)
            Compare(isSnapshot: true, a.SnapshotsOf(indexA), b.SnapshotsOf(indexB));
        if (first is null && Ends(rowA, rowB).FirstOrDefault() is { What: not null } end)
            first = (Math.Min(rowA.Steps, rowB.Steps), $"{end.What} differs: {end.A} and {end.B}");
        return first is { } place ? new NetworkDifference(indexA, indexB, place.Step, place.What, weights) : null;
    }

    /// <summary>What the rows of two networks in <c>networks.csv</c> say differently about how they ended.</summary>
    public static IEnumerable<(string What, string A, string B)> Ends(NetworkRow a, NetworkRow b)
    {
        if (a.Status != b.Status)
            yield return ("status", a.Status.ToString().ToLowerInvariant(), b.Status.ToString().ToLowerInvariant());
        if (a.Reason != b.Reason)
            yield return ("reason", a.Reason, b.Reason);
        if (a.Steps != b.Steps)
            yield return ("steps", Units.Count(a.Steps), Units.Count(b.Steps));
        if (!AreSame(a.TrainLoss, b.TrainLoss))
            yield return ("train_loss", ValuePair.Text(a.TrainLoss), ValuePair.Text(b.TrainLoss));
        if (!AreSame(a.EvalLoss, b.EvalLoss))
            yield return ("eval_loss", ValuePair.Text(a.EvalLoss), ValuePair.Text(b.EvalLoss));
        if (!AreSameWhereBothHave(a.EvalAccuracy, b.EvalAccuracy))
            yield return ("eval_accuracy", ValuePair.Text(a.EvalAccuracy), ValuePair.Text(b.EvalAccuracy));
        if (!AreSameWhereBothHave(a.AttackSuccess, b.AttackSuccess))
            yield return ("attack_success", ValuePair.Text(a.AttackSuccess), ValuePair.Text(b.AttackSuccess));
    }

    /// <summary>Reads the weights at <see cref="Weights"/> and compares them tensor by tensor; empty where there is no such place.</summary>
    public IReadOnlyList<TensorDifference> Tensors(Side a, Side b)
    {
        if (Weights is not { } place)
            return [];
        Recipe recipe = a.RecipeOf(A);
        return place.IsSnapshot
            ? TensorDifference.Find(recipe.Architecture, recipe.Training.Optimizer.Slots, a.ReadSnapshot(A, place.A), b.ReadSnapshot(B, place.B))
            : TensorDifference.Find(recipe.Architecture, [], a.ReadWeights(A, place.A, 1), b.ReadWeights(B, place.B, 1));
    }

    /// <summary>Every bit is the same, but for the payload of a NaN; a loss that is not there is the same as another that is not there.</summary>
    private static bool AreSame(float? a, float? b) => a.Equals(b) && (a is not { } x || b is not { } y || float.IsNegative(x) == float.IsNegative(y) || float.IsNaN(x));

    /// <summary>The same of shares that a zoo of an older format has not.</summary>
    private static bool AreSameWhereBothHave(float? a, float? b) => a is null || b is null || AreSame(a, b);

    private static bool HasSameTensors(Architecture a, Architecture b) => a.Parameters.Parameters.Count == b.Parameters.Parameters.Count
        && a.Parameters.Parameters.Zip(b.Parameters.Parameters).All(pair => pair.First.Name == pair.Second.Name && pair.First.Shape.SequenceEqual(pair.Second.Shape));
}
