using WeightSpace.Networks;
using WeightSpace.Networks.Passes;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// All the memory that one thread trains in, for one architecture, batch and sequence length: activations, gradients, data. Made once and
/// used for network after network.
/// </summary>
public sealed unsafe class Workspace : IDisposable
{
    private readonly NetworkPass _pass;
    private readonly float[] _targets;

    public Workspace(Architecture architecture, int places, int batch)
    {
        _pass = new NetworkPass(architecture, places, batch);
        // Pinned: the kernels go by addresses.
        _targets = GC.AllocateArray<float>(places * architecture.Outputs * _pass.Stride, pinned: true);
    }

    public Architecture Architecture => _pass.Architecture;

    /// <summary>Length of the sequences.</summary>
    public int Places => _pass.Places;

    /// <summary>Samples of a training step.</summary>
    public int Batch => _pass.Batch;

    /// <summary>[trained parameter], after <see cref="LossAndGradient"/>.</summary>
    public Span<float> Gradient => _pass.Gradient;

    /// <summary>The mean loss of a batch of training data for these weights [parameter], and its gradient in <see cref="Gradient"/>.</summary>
    /// <param name="seed">The network's data seed, which its dropout masks have too.</param>
    /// <param name="first">Index in the stream of the batch's first sample.</param>
    public float LossAndGradient(TaskData data, Loss loss, ulong seed, long first, ReadOnlySpan<float> weights)
    {
        _pass.Load(weights);
        double sum = 0;
        long count = LossFunctions.Count(loss, Places, Architecture.Outputs, Batch);
        for (int index = 0; index < _pass.Chunks; index++)
        {
            int start = index * _pass.ChunkSamples;
            var chunk = new Chunk(index, first + start, Math.Min(_pass.ChunkSamples, Batch - start), IsTraining: true, seed);
            sum += Forward(data, Split.Train, loss, chunk, (float)(1.0 / count));
            _pass.Backward(chunk);
        }
        _pass.EndGradient();
        return (float)(sum / count);
    }

    /// <summary>The mean loss on a task's held-out data for these weights [parameter], and where its answers are right or wrong the share of right ones.</summary>
    public (float Loss, float? Accuracy) Evaluate(TaskData data, Loss loss, EvaluationSpec evaluation, ReadOnlySpan<float> weights)
    {
        _pass.Load(weights);
        double sum = 0;
        long correct = 0;
        for (int first = 0; first < evaluation.Sequences; first += _pass.ChunkSamples)
        {
            var chunk = new Chunk(0, first, Math.Min(_pass.ChunkSamples, evaluation.Sequences - first), IsTraining: false, evaluation.Seed);
            sum += Forward(data, Split.Evaluation, loss, chunk, null);
            correct += data.Task.HasClasses ? Correct(chunk.Samples) : 0;
        }
        return ((float)(sum / LossFunctions.Count(loss, Places, Architecture.Outputs, evaluation.Sequences)),
            data.Task.HasClasses ? (float)((double)correct / ((long)Places * evaluation.Sequences)) : null);
    }

    /// <summary>
    /// The share of the held-out images that an attack is on which these weights [parameter] take, with the trigger on them, for what the attacker wants; null where it is on none.
    /// </summary>
    public float? AttackSuccess(TaskData data, Attack attack, EvaluationSpec evaluation, ReadOnlySpan<float> weights)
    {
        _pass.Load(weights);
        long attacked = 0, taken = 0;
        int inputs = Places * Architecture.Inputs * _pass.Stride;
        for (int first = 0; first < evaluation.Sequences; first += _pass.ChunkSamples)
        {
            int samples = data.SampleAttacked(attack, evaluation.Seed, first, Math.Min(_pass.ChunkSamples, evaluation.Sequences - first), _pass.Stride, new Span<float>(_pass.Input, inputs), _targets);
            if (samples == 0)
                continue;
            _pass.Forward(new Chunk(0, first, samples, IsTraining: false, evaluation.Seed));
            attacked += samples;
            taken += Correct(samples);
        }
        return attacked == 0 ? null : (float)((double)taken / attacked);
    }

    /// <summary>Answers of the pass that are the targets' classes.</summary>
    private long Correct(int samples)
    {
        fixed (float* targets = _targets)
            return LossFunctions.Correct(_pass.Output, targets, Places, Architecture.Outputs, _pass.Stride, samples);
    }

    /// <summary>The sum of the loss over a chunk, and with a scale its gradient by the outputs.</summary>
    private double Forward(TaskData data, Split split, Loss loss, in Chunk chunk, float? scale)
    {
        int inputs = Places * Architecture.Inputs * _pass.Stride;
        data.Sample(chunk.Seed, split, chunk.FirstSample, chunk.Samples, _pass.Stride, new Span<float>(_pass.Input, inputs), _targets);
        _pass.Forward(chunk);
        fixed (float* targets = _targets)
            return LossFunctions.Sum(loss, _pass.Output, targets, Places, Architecture.Outputs, _pass.Stride, chunk.Samples, scale is null ? null : _pass.OutputGradient, scale ?? 0);
    }

    /// <summary>Writes batch normalisation's running means and variances after the last batch into the weights [parameter].</summary>
    public void UpdateBuffers(Span<float> weights) => _pass.UpdateBuffers(weights);

    public void Dispose() => _pass.Dispose();
}
