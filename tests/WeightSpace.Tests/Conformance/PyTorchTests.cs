using System.Runtime.InteropServices;
using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tests.Cli;
using WeightSpace.Tests.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Conformance;

/// <summary>The network, its start and its training against PyTorch as Debian has it.</summary>
public sealed class PyTorchTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>
    /// The same initial weights, the same data: 200 steps of the network of MLDS. Every loss is within 1e-4 of PyTorch's in float32, or, where Adam divides small numbers by small ones and rounding grows, as near to
    /// PyTorch's in float64 as PyTorch's own float32 is: at most twice as far as the furthest of runs that differ in the order of the samples of a batch, which changes nothing but rounding. One such run alone would
    /// depend on the CPU, for which PyTorch has different kernels.
    /// </summary>
    [Theory]
    [InlineData("ParityMachine", "{name: adam, learning_rate: 0.003}", "Adam", "{\"lr\":0.003}")]
    [InlineData("EightBitMachine", "{name: adam, learning_rate: 0.003}", "Adam", "{\"lr\":0.003}")]
    [InlineData("EightBitMachine", "{name: sgd, learning_rate: 0.1, momentum: 0.9}", "SGD", "{\"lr\":0.1,\"momentum\":0.9}")]
    public void AWholeTrainingRunHasPyTorchsLosses(string machine, string optimizer, string name, string settings)
    {
        const int steps = 200, batch = 32;
        string yaml = _folder.Write("experiment.yaml", $$"""
            experiment: torch
            tasks: [{machine: {{machine}}, variant: modified, sequence: 32}]
            training: {optimizer: {{optimizer}}, batch: {{batch}}, stop: {steps: {{steps}}}, checkpoints: {every: 1}, evaluation: {sequences: 1} }
            """);
        NetworkResult ours = TestRecipes.Train(Experiment.Load(yaml).Networks.Single().Recipe);
        BuiltProgram.Succeed("sample", yaml, "--task", machine + "Modified", "--split", "train", "--count", $"{steps * batch}", "--out", _folder["data.npz"]);
        File.WriteAllBytes(_folder["weights.f32"], MemoryMarshal.AsBytes<float>(ours.Checkpoints[0].Weights).ToArray());
        TorchRuns Torch(int orders) => Ask<TorchRuns>("train", $$"""{"batch":{{batch}},"steps":{{steps}},"optimizer":"{{name}}","settings":{{settings}},"orders":{{orders}}}""");

        double[] losses = [.. ours.Checkpoints.Skip(1).Select(checkpoint => (double)checkpoint.TrainLoss!.Value)];
        Assert.Equal(steps, losses.Length);
        Assert.True(losses[^1] < 0.8 * losses[0], $"from {losses[0]} to {losses[^1]} nothing was learned, so nothing is compared");
        TorchRuns torch = Torch(orders: 0);
        double single = Furthest(losses, torch.Single.Losses);
        TestContext.Current.TestOutputHelper?.WriteLine($"{machine}, {name}: ours to float32 {single:E2}");
        if (single <= 1e-4)
            return;
        torch = Torch(orders: 8);
        TorchRun[] singles = [torch.Single, .. torch.Reordered];
        foreach ((string what, Func<TorchRun, double> distance) in ((string, Func<TorchRun, double>)[])
        [
            ("losses", run => Furthest(run.Losses, torch.Double.Losses)),
            ("last loss", run => Furthest(run.Losses[^1..], torch.Double.Losses[^1..])),
            ("last weights", run => FurthestWeight(run.Weights, torch.Double.Weights)),
        ])
        {
            double own = distance(new TorchRun(losses, [.. ours.Checkpoints[^1].Weights.Select(weight => (double)weight)])), rounding = singles.Max(distance);
            TestContext.Current.TestOutputHelper?.WriteLine($"{what}: ours to float64 {own:E2}, float32 to float64 {distance(torch.Single):E2}, in {singles.Length} orders at most {rounding:E2}");
            Assert.InRange(own, 0, 2 * rounding);
        }
    }

    /// <summary>A fine-tune is PyTorch's with a new optimizer, or with another rate in the same one, on other data from there on; each is not the other.</summary>
    [Theory]
    [InlineData("Adam", "{name: adam, learning_rate: 0.003}", "{\"lr\":0.003}")]
    [InlineData("SGD", "{name: sgd, learning_rate: 0.1, momentum: 0.9}", "{\"lr\":0.1,\"momentum\":0.9}")]
    public void AFineTuneHasPyTorchsLosses(string name, string optimizer, string settings)
    {
        const int steps = 120, at = 60, batch = 32;
        string yaml = _folder.Write("experiment.yaml", $$"""
            experiment: fine-tune
            tasks: [{machine: EightBitMachine, sequence: 32}]
            training: {optimizer: {{optimizer}}, batch: {{batch}}, stop: {steps: {{steps}}}, checkpoints: {every: 1}, evaluation: {sequences: 1} }
            then:
              - {at: {{at}}, learning_rate: {times: 0.5}, optimizer: fresh, task: {machine: ParityMachine}, data: 9, name: fresh}
              - {at: {{at}}, learning_rate: {times: 0.5}, task: {machine: ParityMachine}, data: 9, name: kept}
            """);
        var networks = Experiment.Load(yaml).Networks;
        var found = new List<double[]>();
        foreach (int network in (int[])[1, 2])
        {
            Recipe recipe = networks[network].Recipe;
            NetworkResult ours = TestRecipes.Train(recipe);
            foreach ((string file, int step) in ((string, int)[])[("data.npz", 1), ("after.npz", at + 1)])
                BuiltProgram.Succeed("sample", yaml, "--network", recipe.Id, "--split", "train", "--step", $"{step}", "--count", $"{at * batch}", "--out", _folder[file]);
            File.WriteAllBytes(_folder["weights.f32"], MemoryMarshal.AsBytes<float>(ours.Checkpoints[0].Weights).ToArray());
            string rate = recipe.Changes[0].LearningRate!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture), fresh = recipe.Changes[0].IsFreshOptimizer ? "true" : "false";
            TorchRuns torch = Ask<TorchRuns>("train", $$$"""{"batch":{{{batch}}},"steps":{{{steps}}},"optimizer":"{{{name}}}","settings":{{{settings}}},"change":{"at":{{{at}}},"lr":{{{rate}}},"fresh":{{{fresh}}}}}""");
            double[] losses = [.. ours.Checkpoints.Skip(1).Select(checkpoint => (double)checkpoint.TrainLoss!.Value)];
            double toDouble = Furthest(losses, torch.Double.Losses), rounding = Furthest(torch.Single.Losses, torch.Double.Losses);
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}, {networks[network].FactorValues[1]}: ours to float64 {toDouble:E2}, float32 to float64 {rounding:E2}");
            Assert.InRange(toDouble, 0, Math.Max(1e-4, rounding));
            double weights = FurthestWeight([.. ours.Checkpoints[^1].Weights.Select(weight => (double)weight)], torch.Double.Weights);
            Assert.InRange(weights / ours.Checkpoints[^1].Weights.Zip(ours.Checkpoints[0].Weights).Max(pair => Math.Abs(pair.First - pair.Second)), 0, 1e-2);
            found.Add(losses);
        }
        Assert.Equal(found[0][..(at + 1)], found[1][..(at + 1)]);
        Assert.True(Furthest(found[0], found[1]) > 1e-3, "a fresh optimizer made no difference, so nothing is compared");
    }

    [Fact]
    public void InitialWeightsAreNamedShapedAndDistributedAsPyTorchsDefaults()
    {
        const int networks = 200;
        Drawn[] torch = Ask<Drawn[]>("initialise", $$"""{"networks":{{networks}} }""");
        ParameterLayout layout = WeightSpace.Networks.KnownArchitectures.Mlds(9, 8).Parameters;
        Assert.Equal(torch.Select(drawn => (drawn.Name, string.Join(',', drawn.Shape))), layout.Parameters.Select(parameter => (parameter.Name, string.Join(',', parameter.Shape))));
        Assert.Equal(4364, layout.Count);
        float[][] weights = [.. Enumerable.Range(1, networks).Select(seed =>
        {
            float[] packed = new float[layout.Count];
            Initialisation.PyTorchDefault(layout, (ulong)seed, packed);
            return packed;
        })];
        foreach ((ParameterInfo parameter, Drawn drawn) in layout.Parameters.Zip(torch))
        {
            double bound = 1 / Math.Sqrt(parameter.DefaultFan);
            double[] draws = [.. weights.SelectMany(packed => packed[parameter.Offset..(parameter.Offset + parameter.Count)]).Select(weight => (double)weight).Order()];
            // Both keep within the bound, and of so many draws the last come near to it.
            Assert.InRange(draws[0], -bound * 1.0000001, -bound * 0.99);
            Assert.InRange(draws[^1], bound * 0.99, bound * 1.0000001);
            Assert.InRange(drawn.Lowest, -bound * 1.0000001, -bound * 0.99);
            Assert.InRange(drawn.Highest, bound * 0.99, bound * 1.0000001);
            // Kolmogorov-Smirnov against the uniform distribution at one in a thousand, for fixed seeds.
            double distance = draws.Select((draw, index) => Math.Max(Math.Abs(((draw / bound) + 1) / 2 - ((double)index / draws.Length)), Math.Abs(((draw / bound) + 1) / 2 - ((index + 1.0) / draws.Length)))).Max();
            Assert.InRange(distance, 0, 1.95 / Math.Sqrt(draws.Length));
            for (int i = 0; i < drawn.Quantiles.Length; i++)
            {
                double level = 0.05 * (i + 1), quantile = draws[(int)(level * draws.Length)];
                // Five standard errors of the difference of two empirical quantiles of a uniform distribution.
                Assert.Equal(drawn.Quantiles[i], quantile, 5 * 2 * bound * Math.Sqrt(2 * level * (1 - level) / draws.Length));
            }
        }
        // Two weights of a network are drawn apart, and so are two networks.
        Assert.True(weights.SelectMany(packed => packed).Distinct().Count() > 0.9 * networks * layout.Count);
    }

    [Fact]
    public void EveryCheckpointOfAZooHasTheLossesThatPyTorchComputes()
    {
        const int steps = 60, batch = 24;
        string yaml = _folder.Write("experiment.yaml", $$"""
            experiment: checkpoints
            tasks: [{machine: [ParityMachine, EightBitMachine], variant: [clean, modified], sequence: 16}]
            training: {optimizer: {learning_rate: 0.003, momentum: 0.9}, batch: {{batch}}, stop: {steps: {{steps}}}, checkpoints: {every: 1}, evaluation: {sequences: 50, seed: 4} }
            seeds: {data: [2]}
            factor_list: [{optimizer: adam}, {optimizer: sgd, learning_rate: 0.1}]
            """);
        BuiltProgram.Succeed("train", yaml, "--out", _folder["zoo"]);
        foreach (string task in (string[])["ParityMachine", "ParityMachineModified", "EightBitMachine", "EightBitMachineModified"])
        {
            BuiltProgram.Succeed("sample", yaml, "--task", task, "--split", "eval", "--out", _folder[$"{task}-eval.npz"]);
            BuiltProgram.Succeed("sample", yaml, "--task", task, "--split", "train", "--data-seed", "2", "--count", $"{steps * batch}", "--out", _folder[$"{task}-2-train.npz"]);
        }
        Compared[] rows = Ask<Compared[]>("evaluate", $$"""{"batch":{{batch}} }""");
        Assert.Equal((8 * (steps + 1), 8 * steps), (rows.Count(row => row.Kind == "eval"), rows.Count(row => row.Kind == "train")));
        foreach (Compared row in rows)
            Assert.True(Math.Abs(row.Zoo - row.Torch) <= Math.Min(1e-5, 1e-4 * row.Torch), $"step {row.Step}: {row.Kind}_loss {row.Zoo}, PyTorch has {row.Torch}");
        Assert.True(rows.Select(row => row.Zoo).Distinct().Count() > rows.Length / 2);
    }

    /// <summary>One-hot symbols in, one-hot outputs as targets: PyTorch takes the number of the class, and has the same cross-entropy over all places.</summary>
    [Fact]
    public void NetworksOfAutomataHaveTheLossesThatPyTorchComputes()
    {
        const int width = 9;
        string yaml = _folder.Write("automata.yaml", $$"""
            experiment: automata
            tasks: [{automaton: {states: 6, alphabet: 5, outputs: 3, seed: 1..2, sequence: 20} }]
            architecture: {name: lstm, layers: [{lstm: {{width}}, name: lstm}, {dense: 3, name: out}]}
            training: {optimizer: {name: adam, learning_rate: 0.01}, batch: 16, stop: {steps: 300}, checkpoints: {every: 30}, evaluation: {sequences: 50, seed: 4} }
            """);
        BuiltProgram.Succeed("train", yaml, "--out", _folder["zoo"]);
        foreach (string task in (string[])["Automaton-6-5-3-1", "Automaton-6-5-3-2"])
            BuiltProgram.Succeed("sample", yaml, "--task", task, "--split", "eval", "--out", _folder[$"{task}-eval.npz"]);
        Compared[] rows = Ask<Compared[]>("automata", $$"""{"width":{{width}} }""");
        Assert.Equal(2 * 11, rows.Length);
        foreach (Compared row in rows)
            Assert.True(Math.Abs(row.Zoo - row.Torch) <= 1e-5 * row.Torch, $"step {row.Step}: {row.Zoo}, PyTorch has {row.Torch}");
        Assert.True(rows[10].Zoo < 0.8 * rows[0].Zoo, $"from {rows[0].Zoo} to {rows[10].Zoo} little was learned, so little is compared");
    }

    private static double Furthest(double[] a, double[] b) => a.Zip(b).Max(pair => Math.Abs(pair.First - pair.Second) / pair.Second);

    private static double FurthestWeight(double[] a, double[] b) => a.Zip(b).Max(pair => Math.Abs(pair.First - pair.Second));

    private T Ask<T>(string task, string request)
    {
        _folder.Write("request.json", request);
        return JsonSerializer.Deserialize<T>(DebianPython.Run("Conformance/torch_reference.py", task, _folder.Path), JsonSerializerOptions.Web)!;
    }

    /// <summary>The loss of each step, and the weights behind the last.</summary>
    private sealed record TorchRun(double[] Losses, double[] Weights);

    private sealed record TorchRuns(TorchRun Single, TorchRun Double, TorchRun[] Reordered);

    private sealed record Drawn(string Name, int[] Shape, double Lowest, double Highest, double[] Quantiles);

    private sealed record Compared(int Step, string Kind, double Zoo, double Torch);
}
