using System.Globalization;
using System.Text.RegularExpressions;
using WeightSpace.Engines.Local;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Conformance;

/// <summary>The script of docs/python.md, as it stands there, loads zoos into Debian's PyTorch and finds the losses that the zoo has.</summary>
public sealed partial class PythonPageTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gru", "tasks: [{machine: ParityMachine, sequence: [7, 9]}]", "{name: net, layers: [{gru: 6, layers: 2, name: gru}, {dense: 7, activation: silu, repeat: 2, name: linears}, {dense: 8, name: out}]}", "loss: [mse, binary_cross_entropy]")]
    [InlineData("lstm", "tasks: [{machine: EightBitMachine, variant: modified, sequence: 7}]", "{name: net, layers: [{lstm: 5}, layer_norm, {rnn: 4, nonlinearity: relu}, {leaky_relu: 0.2}, {dense: 8}]}", "share: [0.2, 0.5]")]
    [InlineData("cnn", "tasks: {digits: {size: 10, channels: 2}}", "{name: net, layers: [{conv: 4, kernel: 3, padding: 1, stride: 2, activation: gelu}, batch_norm, max_pool, {conv: 3, kernel: 2}, {avg_pool: 1}, flatten, {dropout: 0.3}, {dense: 10}]}", "loss: [cross_entropy, mse]")]
    [InlineData("dense", "tasks: [{machine: SimpleXORMachine, variant: [clean, modified], sequence: 6}]", "{name: net, layers: [{dense: 12, activation: tanh}, batch_norm, {dense: 9}, sigmoid, {dense: 8}]}", "optimizer: [adam, sgd]")]
    public void ItsLossesAreThoseOfTheZoo(string name, string tasks, string architecture, string factor)
    {
        string yaml = $$"""
            experiment: {{name}}
            {{tasks}}
            architecture: {{architecture}}
            training: {optimizer: {name: adam, learning_rate: 0.01}, batch: 16, stop: {steps: 40}, checkpoints: {every: 10}, evaluation: {sequences: 50, seed: 7} }
            factors: { {{factor}} }
            """;
        Experiment experiment = Experiment.Parse(yaml, name + ".yaml");
        LocalEngine.Grow(experiment, _folder["zoo"], 2, 1, () => new Trainer(), TimeProvider.System, null, CancellationToken.None);
        Zoo zoo = Zoo.Open(_folder["zoo"]);
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "python.md"));
        string script = _folder.Write("evaluate.py", Script().Match(page).Groups[1].Value);
        Assert.Contains("python3 evaluate.py zoos/first eval", page, StringComparison.Ordinal);
        // The first and the last network differ in the factor.
        var losses = new HashSet<double>();
        foreach (NetworkRow network in (NetworkRow[])[zoo.Networks[0], zoo.Networks[^1]])
        {
            Spoken sampled = BuiltProgram.Succeed("sample", _folder["zoo"], "--network", network.Id, "--split", "eval", "--out", _folder["eval.npz"], "--json");
            _folder.Write("eval.json", sampled.Output);
            string[][] rows = [.. DebianPython.Run(script, _folder["zoo"], _folder["eval"]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(row => row.Split(','))];
            IReadOnlyList<CheckpointRow> checkpoints = zoo.CheckpointsOf(network.Id);
            Assert.Equal(checkpoints.Select(row => row.Step), rows.Select(row => long.Parse(row[0], CultureInfo.InvariantCulture)));
            foreach ((CheckpointRow checkpoint, string[] row) in checkpoints.Zip(rows))
            {
                double torch = double.Parse(row[1], CultureInfo.InvariantCulture);
                Assert.True(Math.Abs(torch - checkpoint.EvalLoss) <= 1e-5, $"{name}, step {checkpoint.Step}: eval_loss {checkpoint.EvalLoss}, PyTorch has {torch}");
                losses.Add(torch);
            }
        }
        Assert.Equal(10, losses.Count);
    }

    [GeneratedRegex("```python\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Script();
}
