using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>
/// All the memory that one thread trains in, for one architecture, batch and sequence length: activations, gradients, data. Made once and
/// used for network after network.
/// </summary>
public sealed unsafe class Workspace : IDisposable
{
    // Held-out data is computed this many sequences at a time, whatever the batch: two blocks of lanes fill the registers.
    private const int EvaluationBatch = 2 * Lanes.Count;

    private readonly ForwardPass _forward;
    private readonly ForwardPass _evaluation;
    private readonly BackwardPass _backward;
    private readonly LaneBuffer _targetBuffer;
    private readonly float* _targets;
    private readonly float[] _gradient;
    private int _samples;

    public Workspace(Architecture architecture, int places, int batch)
    {
        Architecture = architecture;
        Places = places;
        Batch = batch;
        _forward = new ForwardPass(architecture, places, batch);
        _evaluation = _forward.Stride == EvaluationBatch ? _forward : new ForwardPass(architecture, places, EvaluationBatch);
        _backward = new BackwardPass(_forward);
        long targets = (long)places * architecture.Outputs * Math.Max(_forward.Stride, EvaluationBatch);
        _targetBuffer = new LaneBuffer(LaneBuffer.Rounded(targets));
        _targets = _targetBuffer.Take(targets);
        _gradient = new float[architecture.Parameters.Count];
    }

    public Architecture Architecture { get; }

    /// <summary>Length of the sequences.</summary>
    public int Places { get; }

    /// <summary>Sequences of a training step.</summary>
    public int Batch { get; }

    /// <summary>[parameter], after <see cref="LossAndGradient"/>.</summary>
    public ReadOnlySpan<float> Gradient => _gradient;

    /// <summary>The batch's inputs [place, inputs, stride], to look at or to fill by hand.</summary>
    public Span<float> Inputs => new(_forward.Input, Places * Architecture.Inputs * _forward.Stride);

    /// <summary>The batch's targets [place, outputs, stride], likewise.</summary>
    public Span<float> Targets => new(_targets, Places * Architecture.Outputs * _forward.Stride);

    /// <summary>Lanes of a feature in <see cref="Inputs"/> and <see cref="Targets"/>.</summary>
    public int Stride => _forward.Stride;

    /// <summary>Draws a batch: sequences <paramref name="first"/>.. of a task's stream.</summary>
    public void Sample(TaskSpec task, ulong seed, Split split, long first, int samples)
    {
        TaskData.Of(task).Sample(seed, split, first, samples, _forward.Stride, Inputs, Targets);
        _samples = samples;
    }

    /// <summary>Takes a batch that the caller wrote to <see cref="Inputs"/> and <see cref="Targets"/>.</summary>
    public void UseBatch(int samples) => _samples = samples;

    /// <summary>The mean squared error of the batch for these weights, and its gradient in <see cref="Gradient"/>.</summary>
    public float LossAndGradient(ReadOnlySpan<float> weights)
    {
        _forward.Load(weights);
        _forward.Run();
        double count = (double)Places * _samples * Architecture.Outputs;
        double sum = MeanSquaredError.Sum(_forward.Output, _targets, Places, Architecture.Outputs, _forward.Stride, _samples, _backward.OutputGradient, (float)(2 / count));
        _backward.Run(weights, _gradient);
        return (float)(sum / count);
    }

    /// <summary>The mean squared error on a task's held-out data; overwrites the batch.</summary>
    public float Evaluate(TaskSpec task, EvaluationSpec evaluation, ReadOnlySpan<float> weights)
    {
        _evaluation.Load(weights);
        double sum = 0;
        int stride = _evaluation.Stride;
        for (int first = 0; first < evaluation.Sequences; first += EvaluationBatch)
        {
            int samples = Math.Min(EvaluationBatch, evaluation.Sequences - first);
            TaskData.Of(task).Sample(evaluation.Seed, Split.Evaluation, first, samples, stride,
                new Span<float>(_evaluation.Input, Places * Architecture.Inputs * stride), new Span<float>(_targets, Places * Architecture.Outputs * stride));
            _evaluation.Run();
            sum += MeanSquaredError.Sum(_evaluation.Output, _targets, Places, Architecture.Outputs, stride, samples, null, 0);
        }
        return (float)(sum / ((double)Places * evaluation.Sequences * Architecture.Outputs));
    }

    public void Dispose()
    {
        _backward.Dispose();
        if (_evaluation != _forward)
            _evaluation.Dispose();
        _forward.Dispose();
        _targetBuffer.Dispose();
    }
}
