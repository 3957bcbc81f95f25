using System.Globalization;
using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Conformance;

namespace WeightSpace.Tests.Networks;

public sealed class InitialisationTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A weight of a dense layer, of a convolution, of a GRU; a normalisation; biases.</summary>
    private static ParameterLayout Layout { get; } = new Architecture("test",
    [
        new ConvSpec("conv", new Shape(3, 8, 8), 20, 3, 1, 0), new BatchNormSpec("norm", new Shape(20, 6, 6)), new FlattenSpec("flat", new Shape(20, 6, 6)),
        new DenseSpec("dense", 720, 15), new LayerNormSpec("layer", Shape.Vector(15)), new GruSpec("gru", 0, 15, 24), new DenseSpec("out", 24, 7),
    ]).Parameters;

    /// <summary>Catches what torch.nn.init asks its tensors for: the bound of a uniform distribution or the deviation of a normal one.</summary>
    private const string Reference = """
        import json, torch
        caught = []
        torch.Tensor.uniform_ = lambda tensor, low, high: caught.append(high)
        torch.Tensor.normal_ = lambda tensor, mean, deviation: caught.append(deviation)
        torch.nn.init._no_grad_uniform_ = lambda tensor, low, high: caught.append(high)
        torch.nn.init._no_grad_normal_ = lambda tensor, mean, deviation: caught.append(deviation)
        for shape in {0}:
            torch.nn.init.{1}
        print(json.dumps(caught))
        """;

    [Theory]
    [InlineData(InitialisationKind.Uniform, 0.3, "uniform_(torch.empty(shape), -0.3, 0.3)")]
    [InlineData(InitialisationKind.Normal, 0.02, "normal_(torch.empty(shape), 0, 0.02)")]
    [InlineData(InitialisationKind.XavierUniform, 1.7, "xavier_uniform_(torch.empty(shape), gain=1.7)")]
    [InlineData(InitialisationKind.XavierNormal, 1, "xavier_normal_(torch.empty(shape))")]
    [InlineData(InitialisationKind.KaimingUniform, 1.4142135623730951, "kaiming_uniform_(torch.empty(shape))")]
    [InlineData(InitialisationKind.KaimingNormal, 1, "kaiming_normal_(torch.empty(shape), nonlinearity='linear')")]
    public void BoundsAndDeviationsAreThoseOfTorchsInit(InitialisationKind kind, double scale, string call)
    {
        ParameterInfo[] parameters = [.. Layout.Parameters.Where(parameter => parameter.Role == ParameterRole.Weight)];
        string shapes = JsonSerializer.Serialize(parameters.Select(parameter => parameter.Shape));
        double[] sizes = JsonSerializer.Deserialize<double[]>(DebianPython.RunCode(string.Format(CultureInfo.InvariantCulture, Reference, shapes, call), _folder.Path))!;
        Assert.Equal(parameters.Length, sizes.Length);
        const int networks = 30;
        float[][] drawn = [.. Enumerable.Range(1, networks).Select(seed => Draw(kind, scale, (ulong)seed))];
        bool isUniform = kind is InitialisationKind.Uniform or InitialisationKind.XavierUniform or InitialisationKind.KaimingUniform;
        foreach ((ParameterInfo parameter, double size) in parameters.Zip(sizes))
        {
            double[] values = [.. drawn.SelectMany(weights => weights[parameter.Offset..(parameter.Offset + parameter.Count)]).Select(value => (double)value)];
            double deviation = isUniform ? size / Math.Sqrt(3) : size, mean = values.Average(), variance = values.Average(value => value * value);
            // Five standard errors; the fourth moment of a uniform distribution is 1.8 variances squared, that of a normal one 3.
            Assert.InRange(mean / deviation, -5 / Math.Sqrt(values.Length), 5 / Math.Sqrt(values.Length));
            double error = 5 * Math.Sqrt((isUniform ? 0.8 : 2) / values.Length);
            Assert.InRange(variance / (deviation * deviation), 1 - error, 1 + error);
            if (isUniform)
                Assert.InRange(values.Max(Math.Abs), size * (1 - (20.0 / values.Length)), size * (1 + 1e-7));
            else
                Assert.InRange(values.Count(value => Math.Abs(value) > 2 * deviation) / (double)values.Length, 0.0455 - 0.012, 0.0455 + 0.012);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0.7)]
    public void OrthogonalMatricesAre(double gain)
    {
        float[] weights = Draw(InitialisationKind.Orthogonal, gain, 5);
        foreach (ParameterInfo parameter in Layout.Parameters.Where(parameter => parameter.Role == ParameterRole.Weight))
        {
            int rows = parameter.Shape[0], columns = parameter.Count / rows;
            double At(int row, int column) => weights[parameter.Offset + (row * columns) + column] / gain;
            bool isHigh = rows >= columns;
            int vectors = Math.Min(rows, columns), length = Math.Max(rows, columns);
            for (int a = 0; a < vectors; a++)
            {
                for (int b = 0; b <= a; b++)
                    Assert.Equal(a == b ? 1 : 0, Enumerable.Range(0, length).Sum(e => isHigh ? At(e, a) * At(e, b) : At(a, e) * At(b, e)), 1e-6);
            }
        }
    }

    /// <summary>The same normal matrix through torch's QR and signs.</summary>
    [Fact]
    public void OrthogonalMatricesAreTorchsOfTheSameDraws()
    {
        float[] normal = Draw(InitialisationKind.Normal, 1, 9), ours = Draw(InitialisationKind.Orthogonal, 1, 9);
        foreach (ParameterInfo parameter in Layout.Parameters.Where(parameter => parameter.Role == ParameterRole.Weight && parameter.Name is "conv.weight" or "gru.weight_ih_l0" or "out.weight"))
        {
            string draws = JsonSerializer.Serialize(normal[parameter.Offset..(parameter.Offset + parameter.Count)]);
            File.WriteAllText(_folder["draws.json"], draws);
            double[] expected = JsonSerializer.Deserialize<double[]>(DebianPython.RunCode(string.Create(CultureInfo.InvariantCulture, $$"""
                import json, torch
                torch.Tensor.normal_ = lambda tensor, mean, deviation: tensor.copy_(torch.tensor(json.load(open("draws.json"))).reshape(tensor.shape))
                tensor = torch.empty({{JsonSerializer.Serialize(parameter.Shape)}}, dtype=torch.double)
                print(json.dumps(torch.nn.init.orthogonal_(tensor).ravel().tolist()))
                """), _folder.Path))!;
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], ours[parameter.Offset + i], 1e-6);
        }
    }

    [Fact]
    public void WhatIsNoWeightStartsAtZeroOrOne()
    {
        foreach (InitialisationKind kind in Enum.GetValues<InitialisationKind>())
        {
            float[] weights = Draw(kind, InitialisationSpec.DefaultScale(kind), 3);
            foreach (ParameterInfo parameter in Layout.Parameters)
            {
                float[] values = weights[parameter.Offset..(parameter.Offset + parameter.Count)];
                if (parameter.Role is ParameterRole.Scale or ParameterRole.RunningVariance)
                    Assert.All(values, value => Assert.Equal(1f, value));
                else if (parameter.Role is ParameterRole.Shift or ParameterRole.RunningMean || (parameter.Role == ParameterRole.Bias && kind != InitialisationKind.PyTorch))
                    Assert.All(values, value => Assert.Equal(0f, value));
                else
                    Assert.True(values.Distinct().Count() > 0.9 * values.Length);
            }
        }
    }

    private static float[] Draw(InitialisationKind kind, double scale, ulong seed)
    {
        float[] weights = new float[Layout.Count];
        Array.Fill(weights, float.NaN);
        Initialisation.Draw(Layout, new InitialisationSpec(kind, scale), seed, weights);
        Assert.DoesNotContain(weights, float.IsNaN);
        return weights;
    }
}
