using WeightSpace.Networks;
using WeightSpace.Tests.Networks;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Conformance;

/// <summary>Every kind of layer, loss, optimizer and schedule against PyTorch, which computes in float64, so that all difference is ours.</summary>
public sealed class PyTorchLayersTests
{
    private const int Batches = 50, HeldOut = 37;

    // Ours are off by 4e-6 at most, which float32 explains.
    private const double WeightTolerance = 2e-5;

    private static readonly ConstantRate s_constant = ConstantRate.Instance;

    [Fact]
    public void RandomNetworksHavePyTorchsOutputsLossesAndGradients()
    {
        const int networks = 60;
        using var torch = new PyTorchLayers();
        var cases = new List<(Architecture Architecture, int Places, int Samples, Loss Loss, float[] Weights, RandomData Data)>();
        for (ulong seed = 0; seed < networks; seed++)
        {
            (string text, int places, int samples) = RandomArchitecture.Draw(seed);
            Architecture architecture = TestNetworks.Parse(text);
            var loss = (Loss)(seed % 3);
            cases.Add((architecture, places, samples, loss, TestNetworks.Weights(architecture, seed), new RandomData(TestTask.For(architecture, places), loss, seed)));
            torch.Add(architecture, places, samples, loss, cases[^1].Weights, cases[^1].Data);
        }
        Assert.True(cases.SelectMany(of => of.Architecture.Layers.Select(layer => layer.Type)).Distinct().Count() == 17, "each kind of layer must come");
        var wrong = new List<string>();
        double worstOutput = 0, worstGradient = 0;
        foreach (((Architecture architecture, int places, int samples, Loss loss, float[] weights, RandomData data), (_, double[] values)) in cases.Zip(torch.Ask()))
        {
            int at = 0;
            double[] Next(int count) => values[at..(at += count)];
            int outputs = samples * places * architecture.Outputs;
            foreach (bool isTraining in (bool[])[false, true])
            {
                float[] found = Passing.Outputs(architecture, places, samples, data, weights, isTraining, PyTorchLayers.Seed, 0);
                Compare($"outputs, {(isTraining ? "training" : "evaluation")}", found, Next(outputs), 1e-5, ref worstOutput);
            }
            using var workspace = new Workspace(architecture, places, samples);
            float lossFound = workspace.LossAndGradient(data, loss, PyTorchLayers.Seed, 0, weights);
            double lossExpected = Next(1)[0];
            if (!(Math.Abs(lossFound - lossExpected) <= 1e-6 * Math.Max(1, lossExpected)))
                wrong.Add($"{architecture.Name}: loss {lossFound}, PyTorch has {lossExpected}");
            double[] gradient = Next(architecture.Parameters.TrainedCount);
            Assert.Equal(values.Length, at);
            // To 1e-5 of the tensor's largest or 3e-6 of the network's, which is what rounding leaves of a gradient that is 0 (a bias before a normalisation).
            double largest = gradient.Max(Math.Abs);
            foreach (ParameterInfo parameter in architecture.Parameters.Parameters.Where(parameter => parameter.IsTrained))
                Compare(parameter.Name, workspace.Gradient.Slice(parameter.Offset, parameter.Count).ToArray(), gradient[parameter.Offset..(parameter.Offset + parameter.Count)], 1e-5, ref worstGradient, 0.3 * largest);

            void Compare(string what, float[] found, double[] expected, double tolerance, ref double worst, double floor = 0)
            {
                double scale = Math.Max(expected.Max(Math.Abs), floor);
                double error = found.Zip(expected).Max(pair => double.IsNaN(pair.First) ? double.PositiveInfinity : Math.Abs(pair.First - pair.Second)) / scale;
                worst = Math.Max(worst, error);
                if (!(error <= tolerance))
                    wrong.Add($"{architecture.Name} (places {places}, samples {samples}, {loss}): {what} differ by {error:E2} of {scale:E2}");
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"largest differences: outputs {worstOutput:E2}, gradients {worstGradient:E2}");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    /// <summary>In the order of the packed block: PyTorch's parameters, then its buffers.</summary>
    [Fact]
    public void ParametersHavePyTorchsNamesAndShapes()
    {
        var image = new Shape(1, 28, 28);
        Architecture[] architectures =
        [
            KnownArchitectures.Mlds(9, 8),
            KnownArchitectures.LeNet5(image, 10),
            KnownArchitectures.ZooCnnSmall(image, 10, Activation.Gelu, 0.1),
            KnownArchitectures.ZooCnnLarge(new Shape(3, 32, 32), 10),
            TestNetworks.Parse("3: dense 4, batch_norm, layer_norm, gru 5, lstm 3, rnn 2 relu, batch_norm, dense 4"),
            TestNetworks.Parse("2x6x5: batch_norm, conv 3 k2, batch_norm, layer_norm, max_pool 2, flatten, batch_norm, layer_norm, dense 4"),
            new("stacks", [new LstmSpec("cells.lstm", 0, 3, 5), new LstmSpec("cells.lstm", 1, 5, 5), new RnnSpec("cells.rnn", 0, 5, 2, Activation.Tanh), new RnnSpec("cells.rnn", 1, 2, 2, Activation.Tanh), new DenseSpec("head", 2, 1)]),
        ];
        using var torch = new PyTorchLayers();
        foreach (Architecture architecture in architectures)
            torch.AddNames(architecture);
        foreach ((Architecture architecture, (TorchTensor[] tensors, _)) in architectures.Zip(torch.Ask()))
            Assert.Equal(tensors.Select(tensor => $"{tensor.Name} {string.Join('x', tensor.Shape)}"), architecture.Parameters.Parameters.Select(parameter => $"{parameter.Name} {string.Join('x', parameter.Shape)}"));
    }

    /// <summary>A run, what PyTorch calls it, and what must not pass for it.</summary>
    private sealed record Run(string Layers, int Places, int Batch, Loss Loss, OptimizerSpec Optimizer, string Torch, RateSchedule Rate, string? Schedule, double? Clip)
    {
        /// <summary>The same run with a setting or formula of ours that is a little wrong.</summary>
        public Func<TrainingSpec, TrainingSpec>? Planted { get; init; }

        /// <summary>What PyTorch is to do wrong.</summary>
        public string? Mistake { get; init; }

        public TrainingSpec Training => new(Optimizer, Batch, 1, new StopSpec(1000, null, 1), new StepSchedule.At([0, Batches]), null, new EvaluationSpec(HeldOut, 1)) { Loss = Loss, Rate = Rate, ClipNorm = Clip };
    }

    private static Run[] Runs() =>
    [
        new("5: dense 7, tanh, dense 3", 1, 33, Loss.MeanSquaredError, new SgdSpec(0.1, 0), "SGD(lr=0.1)", s_constant, null, null)
            { Planted = of => of with { Loss = Loss.BinaryCrossEntropy } },
        new("5: dense 7, sigmoid, dense 3", 3, 70, Loss.BinaryCrossEntropy, new SgdSpec(0.1, 0.8, true, 0.01), "SGD(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01)", new StepRate(20, 0.3), "StepLR(optimizer, 20, 0.3)", null)
            { Planted = of => of with { Optimizer = new SgdSpec(0.1, 0.8, false, 0.01) } },
        new("2x7x6: conv 3 k3 p1, relu, max_pool 2, flatten, dense 3", 1, 16, Loss.CrossEntropy, new AdamSpec(0.01, 0.9, 0.999, 1e-8), "Adam(lr=0.01)", new CosineRate(50, 0.001), "CosineAnnealingLR(optimizer, 50, 0.001)", 0.5)
            { Planted = of => of with { ClipNorm = 0.55 } },
        new("1x8x8: conv 3 k3 s2 p1, silu, avg_pool 2, flatten, dense 4", 1, 33, Loss.CrossEntropy, new AdamWSpec(0.01, 0.9, 0.99, 1e-6, 0.2), "AdamW(lr=0.01, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.2)", new CosineRestartsRate(12, 2, 0.001), "CosineAnnealingWarmRestarts(optimizer, 12, 2, 0.001)", null)
            { Planted = of => of with { Optimizer = new AdamSpec(0.01, 0.9, 0.99, 1e-6, 0.2) } },
        new("3: gru 5, dropout 0.3, dense 2", 11, 17, Loss.MeanSquaredError, new RmsPropSpec(0.003, 0.9, 1e-4, 0.5), "RMSprop(lr=0.003, alpha=0.9, eps=1e-4, momentum=0.5)", new OneCycleRate(60, 0.3, 25, 1e4), "OneCycleLR(optimizer, 0.003, total_steps=60, cycle_momentum=False)", null)
            { Planted = of => of with { Rate = new OneCycleRate(61, 0.3, 25, 1e4) } },
        new("3: lstm 5, dense 2", 9, 33, Loss.BinaryCrossEntropy, new RmsPropSpec(0.003, 0.95, 1e-5, 0, 0.01), "RMSprop(lr=0.003, alpha=0.95, eps=1e-5, weight_decay=0.01)", s_constant with { WarmUpSteps = 10 }, "LinearLR(optimizer, total_iters=10)", 0.1)
            { Planted = of => of with { Rate = s_constant with { WarmUpSteps = 11 } } },
        new("3: rnn 5 tanh, dense 2", 9, 7, Loss.MeanSquaredError, new AdamSpec(0.01, 0.8, 0.95, 1e-5, 0.1), "Adam(lr=0.01, betas=(0.8, 0.95), eps=1e-5, weight_decay=0.1)", s_constant, null, 1)
            { Planted = of => of with { Optimizer = new AdamWSpec(0.01, 0.8, 0.95, 1e-5, 0.1) } },
        new("3: rnn 4 relu, dense 4, leaky_relu 0.1, dense 2", 5, 33, Loss.MeanSquaredError, new SgdSpec(0.05, 0.9), "SGD(lr=0.05, momentum=0.9)", s_constant, null, 0.5) { Mistake = "slope" },
        new("6: dense 8, gelu, dense 3", 1, 70, Loss.CrossEntropy, new AdamSpec(0.01, 0.9, 0.999, 1e-5), "Adam(lr=0.01, eps=1e-5)", s_constant, null, null) { Mistake = "gelu_tanh" },
        new("6: dense 8, batch_norm, tanh, dense 3", 1, 33, Loss.CrossEntropy, new SgdSpec(0.1, 0.9), "SGD(lr=0.1, momentum=0.9)", s_constant, null, null) { Mistake = "batch_norm_momentum" },
        new("2x6x6: conv 3 k3, batch_norm, tanh, flatten, dense 3", 3, 17, Loss.MeanSquaredError, new SgdSpec(0.1, 0.5), "SGD(lr=0.1, momentum=0.5)", s_constant, null, null) { Mistake = "batch_norm_eps" },
        new("2x5x5: conv 3 k3, layer_norm, tanh, flatten, layer_norm, dense 3", 1, 33, Loss.CrossEntropy, new SgdSpec(0.1, 0.9), "SGD(lr=0.1, momentum=0.9)", s_constant, null, null) { Mistake = "layer_norm_eps" },
        new("4: gru 5, batch_norm, layer_norm, dense 2", 5, 33, Loss.BinaryCrossEntropy, new AdamWSpec(0.003, 0.9, 0.999, 1e-5), "AdamW(lr=0.003, eps=1e-5)", new StepRate(10, 0.7), "StepLR(optimizer, 10, 0.7)", 0.2)
            { Planted = of => of with { Rate = new StepRate(11, 0.7) } },
    ];

    /// <summary>
    /// Fifty steps from the same weights on the same data and masks. Losses agree to 2e-6 and weights, running means and variances to 2e-5 of the furthest way that
    /// one of their tensor went. Each run has a twin with a planted mistake, a formula or setting that is a little wrong on one side: its weights must be off by ten
    /// times the tolerance at least. Clipping at 0.55 for 0.5 gives 4e-4, eps of 1e-3 in batch normalisation 8e-4 and in layer normalisation 4e-3, its momentum 0.11 for
    /// 0.1 8e-3, schedules that are a step off 1e-2 to 6e-2, no Nesterov 3e-2, L2 for decoupled decay 2.
    /// </summary>
    [Fact]
    public void TrainingRunsEndWithPyTorchsWeights()
    {
        Run[] runs = Runs();
        using var torch = new PyTorchLayers();
        foreach ((Run run, string? mistake) in runs.Select(run => (run, (string?)null)).Concat(runs.Select(run => (run, run.Mistake))))
        {
            (Architecture architecture, RandomData data, float[] weights) = Start(run);
            torch.Add(architecture, run.Places, run.Batch, run.Loss, weights, data, new TorchTraining(Batches, run.Torch, run.Schedule, run.Clip, HeldOut), mistake);
        }
        (TorchTensor[] Tensors, double[] Values)[] answers = torch.Ask();
        var wrong = new List<string>();
        for (int i = 0; i < runs.Length; i++)
        {
            (double loss, double weights) = Furthest(runs[i], runs[i].Training, answers[i].Values);
            (_, double planted) = Furthest(runs[i], runs[i].Planted?.Invoke(runs[i].Training) ?? runs[i].Training, answers[runs.Length + i].Values);
            Assert.True(runs[i].Planted is not null ^ runs[i].Mistake is not null, "a run needs one planted mistake");
            string summary = $"{runs[i].Layers}, {runs[i].Torch}: losses differ by {loss:E2}, weights by {weights:E2}, with a planted mistake by {planted:E2}";
            TestContext.Current.TestOutputHelper?.WriteLine(summary);
            if (!(loss <= 2e-6 && weights <= WeightTolerance && planted >= 10 * WeightTolerance))
                wrong.Add(summary);
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static (Architecture Architecture, RandomData Data, float[] Weights) Start(Run run)
    {
        Architecture architecture = TestNetworks.Parse(run.Layers);
        return (architecture, new RandomData(TestTask.For(architecture, run.Places), run.Loss, seed: 21), TestNetworks.Weights(architecture, 22));
    }

    /// <summary>Trains, and gives the largest difference of a loss, as a share of it, and of a weight, as a share of its tensor's largest movement.</summary>
    private static (double Loss, double Weights) Furthest(Run run, TrainingSpec training, double[] torch)
    {
        (Architecture architecture, RandomData data, float[] start) = Start(run);
        using var workspace = new Workspace(architecture, run.Places, run.Batch);
        var recipe = new Recipe(data.Task, architecture, training, initSeed: 1, dataSeed: PyTorchLayers.Seed);
        var loop = new TrainingLoop(workspace, [data], recipe, new TrainingState(new Snapshot(0, null, start, new float[training.Optimizer.Slots.Count * start.Length]), [], []));
        // Held-out loss of the start, losses of the steps, held-out loss of the end, as torch_layers.py has them.
        var losses = new List<double> { workspace.Evaluate(data, training.Loss, training.Evaluation, start).Loss };
        for (int step = 0; step < Batches; step++)
        {
            loop.Advance(1);
            losses.Add(loop.Save().Now.TrainLoss!.Value);
        }
        Checkpoint end = loop.Save().Checkpoints[^1];
        Assert.Equal(Batches, end.Step);
        losses.Add(end.EvalLoss);
        Assert.Equal(losses.Count + end.Weights.Length, torch.Length);
        double loss = losses.Zip(torch).Max(pair => Math.Abs(pair.First - pair.Second) / pair.Second), weights = 0;
        foreach (ParameterInfo parameter in architecture.Parameters.Parameters)
        {
            double movement = 0, difference = 0;
            for (int i = parameter.Offset; i < parameter.Offset + parameter.Count; i++)
            {
                double expected = torch[losses.Count + i];
                movement = Math.Max(movement, Math.Abs(expected - start[i]));
                difference = Math.Max(difference, Math.Abs(expected - end.Weights[i]));
            }
            weights = Math.Max(weights, difference / Math.Max(movement, 1e-3));
        }
        return (loss, weights);
    }
}
