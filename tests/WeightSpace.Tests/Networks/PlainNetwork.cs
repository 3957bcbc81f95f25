using WeightSpace.Networks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Networks;

/// <summary>
/// The slow, obvious network in double precision that the fast one is checked against: PyTorch's equations as written. Activations are [sample][place][feature].
/// </summary>
internal static class PlainNetwork
{
    private const double Epsilon = 1e-5;

    /// <summary>What each layer takes, and behind the last one what the network answers: [layer][sample][place][feature].</summary>
    /// <param name="weights">[parameter].</param>
    /// <param name="masks">Of each dropout layer, by its place among the layers; null: evaluation, where batch normalisation takes its running statistics.</param>
    public static double[][][][] Activations(Architecture architecture, double[] weights, double[][][] inputs, IReadOnlyDictionary<int, double[][][]>? masks)
    {
        double[][][][] activations = new double[architecture.Layers.Count + 1][][][];
        activations[0] = inputs;
        for (int layer = 0; layer < architecture.Layers.Count; layer++)
            activations[layer + 1] = Layer(architecture, layer, weights, activations[layer], masks);
        return activations;
    }

    /// <summary>The network's answers to what layer <paramref name="from"/> takes.</summary>
    public static double[][][] Forward(Architecture architecture, double[] weights, double[][][] inputs, IReadOnlyDictionary<int, double[][][]>? masks, int from = 0)
    {
        for (int layer = from; layer < architecture.Layers.Count; layer++)
            inputs = Layer(architecture, layer, weights, inputs, masks);
        return inputs;
    }

    /// <summary>The mean loss as PyTorch's reduction "mean" has it.</summary>
    public static double Loss(Loss loss, double[][][] outputs, double[][][] targets)
    {
        double sum = 0;
        long count = 0;
        for (int sample = 0; sample < outputs.Length; sample++)
        {
            for (int place = 0; place < outputs[sample].Length; place++)
            {
                double[] output = outputs[sample][place], target = targets[sample][place];
                double logSum = Math.Log(output.Sum(x => Math.Exp(x)));
                for (int k = 0; k < output.Length; k++)
                {
                    sum += loss switch
                    {
                        WeightSpace.Zoos.Loss.MeanSquaredError => (output[k] - target[k]) * (output[k] - target[k]),
                        WeightSpace.Zoos.Loss.CrossEntropy => -target[k] * (output[k] - logSum),
                        _ => -(target[k] * Math.Log(Sigmoid(output[k]))) - ((1 - target[k]) * Math.Log(Sigmoid(-output[k]))),
                    };
                }
                count += loss == WeightSpace.Zoos.Loss.CrossEntropy ? 1 : output.Length;
            }
        }
        return sum / count;
    }

    private static double[][][] Layer(Architecture architecture, int index, double[] weights, double[][][] inputs, IReadOnlyDictionary<int, double[][][]>? masks)
    {
        LayerSpec layer = architecture.Layers[index];
        double[] parameters = weights[architecture.Parameters.OffsetOf(index)..];
        return layer switch
        {
            RecurrentSpec recurrent => [.. inputs.Select(sample => Recurrent(recurrent, parameters, sample))],
            BatchNormSpec norm => BatchNorm(norm, parameters, weights[architecture.Parameters.BufferOffsetOf(index)..], inputs, masks is not null),
            DropoutSpec when masks is not null => Zip(inputs, masks[index], (x, mask) => x * mask),
            DropoutSpec or FlattenSpec => inputs,
            _ => [.. inputs.Select(sample => (double[][])[.. sample.Select(place => Place(layer, parameters, place))])],
        };
    }

    /// <summary>The layers that do the same at every place.</summary>
    private static double[] Place(LayerSpec layer, double[] parameters, double[] x) => layer switch
    {
        DenseSpec dense => Product(parameters, parameters.AsSpan(dense.Outputs * dense.Inputs), dense.Outputs, x),
        ConvSpec conv => Conv(conv, parameters, x),
        PoolSpec pool => Pool(pool, x),
        LayerNormSpec => LayerNorm(parameters, x),
        ActivationSpec activation => [.. x.Select(value => Activate(activation, value))],
        _ => throw new ArgumentException($"no plain form of '{layer.Type}'"),
    };

    private static double Activate(ActivationSpec activation, double x) => activation.Function switch
    {
        Activation.Relu => Math.Max(0, x),
        Activation.LeakyRelu => x > 0 ? x : activation.Slope * x,
        Activation.Tanh => Math.Tanh(x),
        Activation.Sigmoid => Sigmoid(x),
        Activation.Gelu => x * NormalCdf(x),
        Activation.Silu => x * Sigmoid(x),
        _ => throw new ArgumentException($"no plain form of '{activation.Type}'"),
    };

    private static double[] Conv(ConvSpec conv, double[] parameters, double[] x)
    {
        Shape input = conv.Input, output = conv.Output;
        double[] y = new double[output.Features];
        for (int c = 0; c < output.Channels; c++)
        {
            for (int row = 0; row < output.Height; row++)
            {
                for (int column = 0; column < output.Width; column++)
                {
                    double sum = parameters[(output.Channels * conv.Taps) + c];
                    for (int k = 0; k < input.Channels; k++)
                    {
                        for (int i = 0; i < conv.Kernel; i++)
                        {
                            for (int j = 0; j < conv.Kernel; j++)
                            {
                                int from = (row * conv.Stride) + i - conv.Padding, at = (column * conv.Stride) + j - conv.Padding;
                                if (from >= 0 && from < input.Height && at >= 0 && at < input.Width)
                                    sum += parameters[(((((c * input.Channels) + k) * conv.Kernel) + i) * conv.Kernel) + j] * x[(((k * input.Height) + from) * input.Width) + at];
                            }
                        }
                    }
                    y[(((c * output.Height) + row) * output.Width) + column] = sum;
                }
            }
        }
        return y;
    }

    private static double[] Pool(PoolSpec pool, double[] x)
    {
        Shape input = pool.Input, output = pool.Output;
        double[] y = new double[output.Features];
        for (int c = 0; c < output.Channels; c++)
        {
            for (int row = 0; row < output.Height; row++)
            {
                for (int column = 0; column < output.Width; column++)
                {
                    var window = new List<double>();
                    for (int i = 0; i < pool.Kernel; i++)
                    {
                        for (int j = 0; j < pool.Kernel; j++)
                            window.Add(x[(((c * input.Height) + (row * pool.Stride) + i) * input.Width) + (column * pool.Stride) + j]);
                    }
                    y[(((c * output.Height) + row) * output.Width) + column] = pool.IsMax ? window.Max() : window.Average();
                }
            }
        }
        return y;
    }

    private static double[] LayerNorm(double[] parameters, double[] x)
    {
        double mean = x.Average(), variance = x.Average(value => (value - mean) * (value - mean));
        return [.. x.Select((value, i) => ((value - mean) / Math.Sqrt(variance + Epsilon) * parameters[i]) + parameters[x.Length + i])];
    }

    private static double[][][] BatchNorm(BatchNormSpec norm, double[] parameters, double[] running, double[][][] inputs, bool isTraining)
    {
        int channels = norm.Shape.Channels, pixels = norm.Shape.Pixels;
        double[] means = new double[channels], deviations = new double[channels];
        for (int channel = 0; channel < channels; channel++)
        {
            double[] values = [.. inputs.SelectMany(sample => sample.SelectMany(place => place.Skip(channel * pixels).Take(pixels)))];
            means[channel] = isTraining ? values.Average() : running[channel];
            double variance = isTraining ? values.Average(value => Math.Pow(value - means[channel], 2)) : running[channels + channel];
            deviations[channel] = Math.Sqrt(variance + Epsilon);
        }
        return [.. inputs.Select(sample => (double[][])[.. sample.Select(place => (double[])[.. place.Select((value, i) =>
            ((value - means[i / pixels]) / deviations[i / pixels] * parameters[i / pixels]) + parameters[channels + (i / pixels)])])])];
    }

    private static double[][] Recurrent(RecurrentSpec layer, double[] parameters, double[][] inputs)
    {
        int width = layer.Outputs, rows = layer.Gates * width;
        ReadOnlySpan<double> hidden = parameters.AsSpan(rows * layer.Inputs), inputBias = hidden[(rows * width)..], hiddenBias = inputBias[rows..];
        double[] state = new double[width], cell = new double[width];
        double[][] outputs = new double[inputs.Length][];
        for (int place = 0; place < inputs.Length; place++)
        {
            double[] i = Product(parameters, inputBias, rows, inputs[place]), h = Product(hidden, hiddenBias, rows, state), next = new double[width];
            for (int k = 0; k < width; k++)
            {
                switch (layer)
                {
                    case GruSpec:
                        double r = Sigmoid(i[k] + h[k]), z = Sigmoid(i[width + k] + h[width + k]);
                        double n = Math.Tanh(i[(2 * width) + k] + (r * h[(2 * width) + k]));
                        next[k] = ((1 - z) * n) + (z * state[k]);
                        break;
                    case LstmSpec:
                        double inputGate = Sigmoid(i[k] + h[k]), forget = Sigmoid(i[width + k] + h[width + k]);
                        double candidate = Math.Tanh(i[(2 * width) + k] + h[(2 * width) + k]), output = Sigmoid(i[(3 * width) + k] + h[(3 * width) + k]);
                        cell[k] = (forget * cell[k]) + (inputGate * candidate);
                        next[k] = output * Math.Tanh(cell[k]);
                        break;
                    case RnnSpec rnn:
                        next[k] = rnn.Nonlinearity == Activation.Tanh ? Math.Tanh(i[k] + h[k]) : Math.Max(0, i[k] + h[k]);
                        break;
                    default:
                        throw new ArgumentException($"no plain form of '{layer.Type}'");
                }
            }
            outputs[place] = state = next;
        }
        return outputs;
    }

    private static double[] Product(ReadOnlySpan<double> weights, ReadOnlySpan<double> bias, int rows, double[] input)
    {
        double[] output = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            output[row] = bias[row];
            for (int column = 0; column < input.Length; column++)
                output[row] += weights[(row * input.Length) + column] * input[column];
        }
        return output;
    }

    private static double[][][] Zip(double[][][] a, double[][][] b, Func<double, double, double> f) =>
        [.. a.Zip(b, (x, y) => (double[][])[.. x.Zip(y, (s, t) => (double[])[.. s.Zip(t, f)])])];

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>The normal distribution function: 1/2 + phi(x) times the series x + x^3/3 + x^5/(3 5) + ..., exact to rounding where |x| is not large.</summary>
    internal static double NormalCdf(double x)
    {
        double term = x, sum = x;
        for (int i = 3; Math.Abs(term) > 1e-18 * Math.Abs(sum); i += 2)
            sum += term *= x * x / i;
        return 0.5 + (sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI));
    }
}
