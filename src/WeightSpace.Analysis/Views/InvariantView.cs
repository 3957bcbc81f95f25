using WeightSpace.Networks;

namespace WeightSpace.Analysis.Views;

/// <summary>
/// Everything here stays as it is when hidden units are reordered, so that two networks differ only where their functions can. Which
/// axes may be reordered is read from the layout (<see cref="ParameterAxis.Permutation"/>): along an axis of hidden units only statistics of
/// sets are taken; along an axis with a fixed meaning (inputs and outputs of the network, gates) each index keeps its own.
/// </summary>
/// <remarks>
/// Reconstructed: published work takes statistics of whole tensors (s(W)) or learns equivariant layers (Navon et al., arXiv 2301.12780;
/// Zhou et al., arXiv 2302.14040), whose symmetric sums over rows, columns, diagonals and both are what is written out here by hand.
/// Six families, for every parameter and gate; where hidden units meet at several places (the taps of a kernel, the pixels behind a flattened image), for each place and for the
/// norms over all places:
/// <list type="number">
/// <item>sets: mean, standard deviation, root mean square, least, greatest and quartiles of the values along the hidden axes;</item>
/// <item>norms: quantiles of row norms, column norms, row means and column means; of the diagonal of hidden-to-hidden gates, which stays
/// a set because rows and columns are reordered together; the participation ratio |W|^4 / |W W^T|^2, the number of directions in use;</item>
/// <item>cosines of pairs of columns (rows) that belong to two inputs (outputs) of the network: whether the hidden units use them together;</item>
/// <item>alignments: the correlation over hidden units of incoming norm, outgoing norm, self-connections and biases;</item>
/// <item>paths: the product of the layers' matrices (of a recurrent layer the candidate gate, of a kernel the sum of its taps) from the inputs to each depth, from each depth to the outputs, and
/// from end to end, where the sum over hidden units leaves no order: |path| for each input and output, and the end-to-end [outputs, inputs];</item>
/// <item>probes: the answers that are <see cref="ProbesView"/>'s features, for a path is linear and the network is not.</item>
/// </list>
/// </remarks>
public sealed class InvariantView : IView
{
    public string Name => "invariant";

    public string Title => "Invariant features";

    public string Short => "invariant";

    public string Explanation =>
        "Statistics for each gate, each input and each output, norms, paths through the layers and answers to probes, all unchanged when hidden units are reordered.";

    public bool IsStandardised => true;

    public string[] FeatureNames(Architecture architecture) => FeatureSink.NamesOf(architecture, InvariantFeatures.Write);

    public void Compute(Architecture architecture, ReadOnlySpan<float> weights, Span<float> features) =>
        FeatureSink.Compute(architecture, weights, features, InvariantFeatures.Write);
}
