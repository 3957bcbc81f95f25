using WeightSpace.Networks;

namespace WeightSpace.Tests.Networks;

/// <summary>The slow, obvious network in double precision that the fast one is checked against: one sample, PyTorch's equations as written.</summary>
internal static class PlainNetwork
{
    /// <summary>Outputs [place][output] for inputs [place][input].</summary>
    public static double[][] Forward(Architecture architecture, double[] weights, double[][] inputs)
    {
        double[][] activations = inputs;
        for (int i = 0; i < architecture.Layers.Count; i++)
        {
            int offset = architecture.Parameters.OffsetOf(i);
            LayerSpec layer = architecture.Layers[i];
            activations = layer switch
            {
                DenseSpec dense => Dense(dense, weights.AsSpan(offset), activations),
                ActivationSpec => [.. activations.Select(place => (double[])[.. place.Select(x => Math.Max(0, x))])],
                _ => Gru(layer, weights.AsSpan(offset), activations),
            };
        }
        return activations;
    }

    /// <summary>Mean squared error over samples x places x outputs.</summary>
    public static double Loss(Architecture architecture, double[] weights, double[][][] inputs, double[][][] targets)
    {
        double sum = 0;
        long count = 0;
        for (int sample = 0; sample < inputs.Length; sample++)
        {
            double[][] outputs = Forward(architecture, weights, inputs[sample]);
            for (int place = 0; place < outputs.Length; place++)
            {
                for (int k = 0; k < outputs[place].Length; k++, count++)
                    sum += Math.Pow(outputs[place][k] - targets[sample][place][k], 2);
            }
        }
        return sum / count;
    }

    private static double[][] Dense(DenseSpec layer, ReadOnlySpan<double> weights, double[][] inputs)
    {
        double[][] outputs = new double[inputs.Length][];
        for (int place = 0; place < inputs.Length; place++)
            outputs[place] = Product(weights, weights[(layer.Outputs * layer.Inputs)..], layer.Outputs, inputs[place]);
        return outputs;
    }

    private static double[][] Gru(LayerSpec layer, ReadOnlySpan<double> weights, double[][] inputs)
    {
        int width = layer.Outputs;
        ReadOnlySpan<double> hidden = weights[(3 * width * layer.Inputs)..];
        ReadOnlySpan<double> inputBias = hidden[(3 * width * width)..];
        ReadOnlySpan<double> hiddenBias = inputBias[(3 * width)..];
        double[] state = new double[width];
        double[][] outputs = new double[inputs.Length][];
        for (int place = 0; place < inputs.Length; place++)
        {
            double[] fromInput = Product(weights, inputBias, 3 * width, inputs[place]);
            double[] fromState = Product(hidden, hiddenBias, 3 * width, state);
            double[] next = new double[width];
            for (int k = 0; k < width; k++)
            {
                double r = Sigmoid(fromInput[k] + fromState[k]);
                double z = Sigmoid(fromInput[width + k] + fromState[width + k]);
                double n = Math.Tanh(fromInput[(2 * width) + k] + (r * fromState[(2 * width) + k]));
                next[k] = ((1 - z) * n) + (z * state[k]);
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

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
