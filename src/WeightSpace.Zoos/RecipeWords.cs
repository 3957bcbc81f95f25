using System.Globalization;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos;

/// <summary>Parts of a recipe in words, for reports and dataset cards.</summary>
public static class RecipeWords
{
    /// <summary>
    /// Layers in words, each with what follows it element by element, equal neighbours counted:
    /// <c>gru 9–12, 3 × gru 12–12, 4 × dense 12–12 relu, dense 12–8</c>.
    /// </summary>
    public static string Layers(Architecture architecture)
    {
        var texts = new List<string>();
        foreach (LayerSpec layer in architecture.Layers)
        {
            if (texts.Count > 0 && layer is ActivationSpec or DropoutSpec or BatchNormSpec or LayerNormSpec)
                texts[^1] += " " + Layer(layer);
            else
                texts.Add(Layer(layer));
        }
        var parts = new List<(string Text, int Count)>();
        foreach (string text in texts)
        {
            if (parts.Count > 0 && parts[^1].Text == text)
                parts[^1] = (text, parts[^1].Count + 1);
            else
                parts.Add((text, 1));
        }
        return string.Join(", ", parts.Select(part => part.Count == 1 ? part.Text : Text($"{part.Count} \u00d7 {part.Text}")));
    }

    private static string Layer(LayerSpec layer) => layer switch
    {
        ConvSpec conv => Text($"conv {conv.Kernel}x{conv.Kernel}{(conv.Stride > 1 ? $" stride {conv.Stride}" : "")}{(conv.Padding > 0 ? $" padding {conv.Padding}" : "")} {conv.Input}\u2013{conv.Output}"),
        PoolSpec pool => Text($"{pool.Type} {pool.Kernel}x{pool.Kernel}{(pool.Stride != pool.Kernel ? $" stride {pool.Stride}" : "")}"),
        RnnSpec rnn => Text($"rnn {Activations.Word(rnn.Nonlinearity)} {rnn.Inputs}\u2013{rnn.Outputs}"),
        DenseSpec or RecurrentSpec => Text($"{layer.Type} {layer.Inputs}\u2013{layer.Outputs}"),
        ActivationSpec { Function: Activation.LeakyRelu } leaky => Text($"leaky_relu {leaky.Slope}"),
        DropoutSpec dropout => Text($"dropout {dropout.Probability}"),
        _ => layer.Type,
    };

    /// <summary>All of the training that can move a weight, beside task, architecture and seeds.</summary>
    public static string Training(TrainingSpec training)
    {
        OptimizerSpec optimizer = training.Optimizer;
        string settings = optimizer switch
        {
            SgdSpec sgd => Text($"momentum {sgd.Momentum}{(sgd.Nesterov ? " (Nesterov)" : "")}"),
            AdamSpec adam => Text($"beta1 {adam.Beta1}, beta2 {adam.Beta2}, eps {adam.Epsilon}"),
            AdamWSpec adamW => Text($"beta1 {adamW.Beta1}, beta2 {adamW.Beta2}, eps {adamW.Epsilon}"),
            RmsPropSpec rmsProp => Text($"alpha {rmsProp.Alpha}, eps {rmsProp.Epsilon}, momentum {rmsProp.Momentum}"),
            _ => throw new ArgumentException($"unknown optimizer {optimizer}", nameof(training)),
        };
        // What is as it is where nothing is said needs no words.
        var parts = new List<string> { Text($"{optimizer.Name}, learning rate {optimizer.LearningRate}, {settings}{(optimizer.WeightDecay > 0 ? $", weight decay {Text($"{optimizer.WeightDecay}")}" : "")}") };
        if (training.Rate is not ConstantRate { WarmUpSteps: 0 })
            parts.Add(Rate(training.Rate));
        if (training.ClipNorm is { } norm)
            parts.Add(Text($"gradients clipped to a norm of {norm}"));
        if (training.Initialisation != InitialisationSpec.PyTorch)
            parts.Add(Text($"initialisation {training.Initialisation.Word}{(training.Initialisation.Kind == InitialisationKind.PyTorch ? "" : $" with scale {Text($"{training.Initialisation.Scale}")}")}"));
        parts.Add($"loss {Losses.Word(training.Loss)}");
        parts.Add(Text($"batch {training.Batch}"));
        string stop = training.Stop.EvalLoss is { } loss ? Text($", or until the held-out loss is below {loss} (checked every {training.Stop.CheckEvery} steps)") : "";
        parts.Add(Text($"{training.Stop.Steps} steps{stop}"));
        return string.Join("; ", parts);
    }

    /// <summary>A change in mid-training: <c>behind step 300: data seed init+1000, learning rate 0.0003, fresh optimizer</c>.</summary>
    /// <param name="dataSeed">The words for its data seed; null: its number, where it has one.</param>
    public static string Change(TrainingChange change, string? dataSeed = null)
    {
        var parts = new List<string>();
        if (change.Task is { } task)
            parts.Add(task.Change is null ? $"task {task.Name}" : $"task {task.Name} ({task.Change})");
        if ((dataSeed ?? (change.DataSeed is { } seed ? Text($"{seed}") : null)) is { } words)
            parts.Add($"data seed {words}");
        if (change.LearningRate is { } rate)
            parts.Add(Text($"learning rate {rate}"));
        if (change.IsFreshOptimizer)
            parts.Add("fresh optimizer");
        if (change.RestartsSchedule)
            parts.Add("restarted schedule");
        return Text($"behind step {change.At}: {string.Join(", ", parts)}");
    }

    /// <summary>A number as recipes have it.</summary>
    public static string Number(double number) => Text($"{number}");

    private static string Rate(RateSchedule rate)
    {
        string text = rate switch
        {
            ConstantRate => "constant rate",
            StepRate step => Text($"rate times {step.Gamma} every {step.Every} steps"),
            CosineRate cosine => Text($"rate by a cosine to {cosine.Minimum} over {cosine.Steps} steps"),
            CosineRestartsRate restarts => Text($"rate by cosines to {restarts.Minimum}, the first over {restarts.First} steps, each next one {restarts.Multiply} times as long"),
            OneCycleRate cycle => Text($"rate in one cycle over {cycle.Steps} steps (rising for a share of {cycle.Rise}, from 1/{cycle.Divide} to 1, down to 1/{cycle.Divide}/{cycle.FinalDivide})"),
            _ => throw new ArgumentException($"unknown schedule {rate}", nameof(rate)),
        };
        return rate.WarmUpSteps == 0 ? text : Text($"{text} behind a warm-up over {rate.WarmUpSteps} steps from {rate.WarmUpFrom} of it");
    }

    /// <summary>An automaton as JSON in one line: <c>next</c> [state][symbol] and <c>outputs</c> [state]; the start is state 0.</summary>
    public static string Automaton(Automaton automaton)
    {
        IEnumerable<string> rows = automaton.Next.ToArray().Chunk(automaton.Alphabet).Select(row => $"[{string.Join(',', row)}]");
        return $"{{\"next\":[{string.Join(',', rows)}],\"outputs\":[{string.Join(',', automaton.Outputs.ToArray())}]}}";
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
