using System.Runtime.InteropServices;
using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Networks;
using WeightSpace.Zoos;
using Architecture = WeightSpace.Networks.Architecture;

namespace WeightSpace.Tests.Conformance;

/// <summary>A parameter or buffer as PyTorch has it.</summary>
internal sealed record TorchTensor(string Name, int[] Shape);

/// <summary>A training run that PyTorch does as well: torch.optim's and lr_scheduler's words beside ours.</summary>
internal sealed record TorchTraining(int Steps, string Optimizer, string? Schedule, double? Clip, int HeldOut);

/// <summary>
/// Asks PyTorch, in float64 and in one process, what it computes of many networks. Everything of a case is derived from its index: weights, data and masks.
/// </summary>
internal sealed class PyTorchLayers : IDisposable
{
    /// <summary>Of the data and of the dropout masks.</summary>
    public const ulong Seed = 3;

    private readonly Folder _folder = new();
    private readonly List<object> _requests = [];

    public void Dispose() => _folder.Dispose();

    /// <summary>Adds a case: outputs at evaluation and in training, the loss and all gradients; or with <paramref name="training"/> a whole run.</summary>
    /// <param name="mistake">What torch_layers.py is to do wrong on purpose; null: nothing.</param>
    public void Add(Architecture architecture, int places, int batch, Loss loss, float[] weights, RandomData data, TorchTraining? training = null, string? mistake = null)
    {
        string file = $"{_requests.Count}";
        var arrays = new List<float>(weights);
        if (training is not null)
            AddSamples(arrays, data, Split.Evaluation, 0, training.HeldOut);
        for (int step = 0; step < (training?.Steps ?? 1); step++)
        {
            AddSamples(arrays, data, Split.Train, step * batch, batch);
            foreach ((_, double[][][] masks) in DropoutMasks.Of(architecture, places, Seed, step * batch, batch))
                arrays.AddRange(masks.SelectMany(sample => sample.SelectMany(place => place.Select(value => (float)value))));
        }
        File.WriteAllBytes(_folder[$"{file}.f32"], MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(arrays)));
        Add(architecture, file, places, batch, loss, training, mistake);
    }

    /// <summary>Adds a case of which the parameters' names and shapes are asked alone.</summary>
    public void AddNames(Architecture architecture) => Add(architecture, null, 1, 1, Loss.MeanSquaredError, null, null);

    private void Add(Architecture architecture, string? file, int places, int batch, Loss loss, TorchTraining? training, string? mistake) =>
        _requests.Add(new { file, layers = architecture.Layers.Select(Words), places, batch, outputs = architecture.Outputs, loss = Losses.Word(loss), training, mistake });

    private static void AddSamples(List<float> arrays, RandomData data, Split split, long first, int count)
    {
        (double[][][] x, double[][][] y) = data.Samples(split, first, count);
        foreach (double[][][] array in (double[][][][])[x, y])
            arrays.AddRange(array.SelectMany(sample => sample.SelectMany(place => place.Select(value => (float)value))));
    }

    private static Dictionary<string, object> Words(LayerSpec layer)
    {
        var words = new Dictionary<string, object>
        {
            ["name"] = layer.Name,
            ["type"] = layer.Type,
            ["input"] = (int[])[layer.Input.Channels, layer.Input.Height, layer.Input.Width],
            ["outputs"] = layer.Outputs,
        };
        if (layer is ConvSpec conv)
            (words["channels"], words["kernel"], words["stride"], words["padding"]) = (conv.Channels, conv.Kernel, conv.Stride, conv.Padding);
        if (layer is PoolSpec pool)
            (words["kernel"], words["stride"]) = (pool.Kernel, pool.Stride);
        if (layer is RnnSpec rnn)
            words["nonlinearity"] = Activations.Word(rnn.Nonlinearity);
        if (layer is ActivationSpec activation)
            words["slope"] = activation.Slope;
        return words;
    }

    /// <summary>Of each case its tensors, and what was asked for, one number behind the other.</summary>
    public (TorchTensor[] Tensors, double[] Values)[] Ask()
    {
        _folder.Write("request.json", JsonSerializer.Serialize(_requests, JsonSerializerOptions.Web));
        TorchTensor[][] tensors = JsonSerializer.Deserialize<TorchTensor[][]>(DebianPython.Run("Conformance/torch_layers.py", _folder.Path), JsonSerializerOptions.Web)!;
        return [.. tensors.Select((of, index) => (of, File.Exists(_folder[$"{index}.f64"]) ? MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(_folder[$"{index}.f64"])).ToArray() : []))];
    }
}
