using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos;

/// <summary>What random recipes are drawn from.</summary>
/// <param name="Layers">The kinds of layers that may occur, as <see cref="LayerSpec.Type"/> words them.</param>
/// <param name="Steps">Steps of training, 1 to 1000; the state of each is kept.</param>
/// <param name="IsSmall">Networks that a CPU without fused multiply-add trains in a moment.</param>
public sealed record RandomRecipeOptions(IReadOnlySet<string> Layers, int Steps, bool IsSmall = false)
{
    public const int MaxSteps = 1000;
}

/// <summary>
/// Random recipes for looking for faults: up to five layers of all kinds in odd sizes, every loss, optimizer, schedule and initialisation, and in some up to three changes in mid-training. Each
/// is one that an experiment could have, but for shifts from the first step on. A recipe depends on the seed, its index and the options alone.
/// </summary>
public static class RandomRecipes
{
    public const int MaxLayers = 5;

    // Beyond this a case takes long and shows nothing that a smaller one does not.
    private const int MaxFeatures = 640;

    private static readonly string[] s_images = ["conv", "max_pool", "avg_pool"];
    private static readonly string[] s_heads = ["dense", "gru", "lstm", "rnn"];

    /// <summary>The words for all kinds of layers.</summary>
    public static IReadOnlyList<string> LayerKinds { get; } = [.. s_heads, .. s_images, "flatten", "dropout", "batch_norm", "layer_norm", .. Activations.Words];

    /// <summary>What is wrong with a choice of layers, or null.</summary>
    public static string? Problem(IReadOnlySet<string> layers) =>
        layers.FirstOrDefault(word => !LayerKinds.Contains(word)) is { } unknown ? $"found '{unknown}', expected some of {string.Join(", ", LayerKinds)}"
        : layers.Overlaps(s_heads) ? null
        : $"found {string.Join(", ", layers)}, expected at least one of {string.Join(", ", s_heads)} among them, which give a network its outputs";

    /// <summary>Recipe <paramref name="index"/> of a seed. Throws <see cref="ArgumentException"/> where no network can be made of the layers.</summary>
    public static Recipe Draw(ulong seed, int index, RandomRecipeOptions options)
    {
        if (Problem(options.Layers) is { } problem)
            throw new ArgumentException($"layers: {problem}", nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Steps, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Steps, RandomRecipeOptions.MaxSteps, nameof(options));
        var draw = new Draws(new RandomStream(seed, RandomPurpose.Testing, (ulong)index), options);
        TaskSpec task = draw.Task();
        Architecture architecture = draw.Architecture(task, index);
        TrainingSpec training = draw.Training(task, architecture);
        (ulong initSeed, ulong dataSeed) = (draw.Seed(), draw.Seed());
        if (task is ImageTask images)
            task = draw.Shifted(images);
        return new Recipe(task, architecture, training, initSeed, dataSeed, draw.Changes(new Recipe(task, architecture, training, initSeed, dataSeed).Phases[0], training));
    }

    /// <summary>One recipe being drawn.</summary>
    private sealed class Draws(RandomStream stream, RandomRecipeOptions options)
    {
        private RandomStream _stream = stream;

        public ulong Seed() => _stream.NextUInt32();

        private bool Chance(int of) => _stream.NextBelow(of) == 0;

        /// <summary>A whole number from one end to the other, both included.</summary>
        private int Between(int least, int most) => least + _stream.NextBelow(most - least + 1);

        /// <summary>A number between the ends, whose logarithm is uniform but for a factor of 2.</summary>
        private double Magnitude(double least, double most)
        {
            int doublings = 0;
            for (double value = least; value * 2 <= most; value *= 2)
                doublings++;
            double low = least;
            for (int i = _stream.NextBelow(doublings + 1); i > 0; i--)
                low *= 2;
            return Math.Min(most, low * (1 + _stream.NextUniformDouble()));
        }

        private T One<T>(params ReadOnlySpan<T> items) => items[_stream.NextBelow(items.Length)];

        private bool Allows(string kind) => options.Layers.Contains(kind);

        private int Width() => options.IsSmall ? Between(1, 8) : Chance(3) ? One(1, 2, 15, 16, 17, 31, 32, 33) : Between(1, 24);

        public TaskSpec Task()
        {
            // An image becomes a vector, or nothing could take it to the outputs.
            if (Allows("flatten") && Chance(2))
                return Images();
            int length = options.IsSmall ? Between(2, 5) : Between(2, 20);
            if (Chance(4))
                return Automaton(length);
            Modification? modification = length > 3 && Chance(3) ? Modification.Default with { Inverted = Between(1, 4), Share = _stream.NextUniform() } : null;
            return new MachineTask(One(Enum.GetValues<Machine>()), length, modification);
        }

        private AutomatonTask Automaton(int length)
        {
            while (true)
            {
                int states = Between(2, 9);
                var task = new AutomatonTask(states, Between(1, 6), Between(2, Math.Min(states, 5)), Seed(), length);
                if (task.Problem() is null)
                    return task;
            }
        }

        private ImageTask Images()
        {
            int size = options.IsSmall ? 8 : One(8, 8, 9, 12), channels = Between(1, 3);
            ImageTask task = Chance(2) ? new DigitsTask(size, channels) : new DrawnDigitsTask(size, channels, Chance(2) ? null : new DrawnSet(Between(10, 200), Seed()));
            return Chance(3) ? task with { Poison = new Poison(Attack(channels), _stream.NextUniform()) } : task;
        }

        private Attack Attack(int channels)
        {
            Colour colour = Chance(2) ? Colour.White : channels == 1 ? new Colour(0.5, 0.5, 0.5) : new Colour(_stream.NextUniform(), _stream.NextUniform(), _stream.NextUniform());
            Trigger trigger = _stream.NextBelow(3) switch
            {
                0 => new PatchTrigger(Between(1, 5), One(Enum.GetValues<PatchPattern>()), One(Enum.GetValues<Corner>()), Between(0, 3), colour),
                1 => new BlendTrigger(Magnitude(0.05, 1), Seed()),
                _ => new PolygonTrigger(Between(3, 12), Between(2, 8), Seed(), colour),
            };
            int to = Between(0, 9);
            return new Attack(trigger, One(new Target(null, to), new Target((to + Between(1, 9)) % 10, to), new Target(null, null)));
        }

        /// <summary>The task, in one of three cases in another domain.</summary>
        public ImageTask Shifted(ImageTask task) => Chance(3) ? task with { Shift = Shift(task) } : task with { Shift = null };

        private Shift Shift(ImageTask task)
        {
            double Share() => Chance(2) ? 1 : Magnitude(0.05, 1);
            int[] classes = new int[task.Outputs];
            _stream.Permute(classes);
            // A small drawn set may have no image of a class.
            ClassShift? prior = Chance(2) && task is not DrawnDigitsTask { Set: not null } ? new ClassShift([.. classes.Take(Between(1, 4)).Order()], Share()) : null;
            int first = Between(0, task.Outputs - 2);
            LabelShift? labels = Chance(2) ? null : Chance(2) ? new SwapLabels(first, Between(first + 1, task.Outputs - 1), Share()) : new RotateLabels(Between(1, task.Outputs - 1), Share());
            InputShift? inputs = prior is not null && Chance(2) ? null : _stream.NextBelow(3) switch
            {
                0 => new InvertShift(Chance(2) ? 1 : Magnitude(0.05, 1), Share()),
                1 => new NoiseShift(Magnitude(0.01, 2), Share()),
                _ => new TranslateShift(Between(-3, 3), Between(1, 4), Share()),
            };
            var shift = new Shift(prior, labels, inputs, Seed());
            return shift.IsRandom ? shift : shift with { Seed = 0 };
        }

        /// <summary>In one of three cases up to three changes; what of a draw is in force already is left out of it.</summary>
        public TrainingChange[] Changes(TrainingPhase phase, TrainingSpec training)
        {
            var changes = new List<TrainingChange>();
            if (!Chance(3))
                return [];
            for (int left = Between(1, 3); left > 0 && phase.After < options.Steps - 1; left--)
            {
                var change = new TrainingChange(Between((int)phase.After + 1, options.Steps - 1));
                if (Chance(2) && Seed() is var seed && seed != phase.DataSeed)
                    change = change with { DataSeed = seed };
                // Above the least rate of a schedule, which is below the first rate.
                if (Chance(3))
                    change = change with { LearningRate = phase.LearningRate * (1 + _stream.NextUniformDouble()) };
                change = change with { IsFreshOptimizer = Chance(3) && training.Optimizer.Slots.Count > 0, RestartsSchedule = Chance(3) && training.Rate is not ConstantRate { WarmUpSteps: 0 } };
                if (Chance(2) && OtherTask(phase.Task) is var task && task != phase.Task)
                    change = change with { Task = task };
                if (change.IsEmpty || change.LearningRate == phase.LearningRate)
                    continue;
                changes.Add(change);
                phase = phase.Changed(change);
            }
            return [.. changes];
        }

        /// <summary>A task of the same inputs, outputs and places.</summary>
        private TaskSpec OtherTask(TaskSpec task)
        {
            switch (task)
            {
                case MachineTask machine:
                    bool isModified = machine.SequenceLength > 3 && Chance(2);
                    return new MachineTask(One(Enum.GetValues<Machine>()), machine.SequenceLength, isModified ? Modification.Default with { Share = _stream.NextUniform() } : null);
                case ImageTask images:
                    ImageTask other = Chance(2) ? images : new DrawnDigitsTask(images.Height, images.Channels, Chance(2) ? null : new DrawnSet(Between(50, 200), Seed()));
                    return Shifted(other with { Poison = Chance(2) ? new Poison(Attack(images.Channels), _stream.NextUniform()) : null });
                default:
                    return task;
            }
        }

        public Architecture Architecture(TaskSpec task, int index)
        {
            var shape = new Shape(task.Channels, task.Height, task.Width);
            var layers = new List<LayerSpec>();
            void Add(LayerSpec layer)
            {
                layers.Add(layer);
                shape = layer.Output;
            }

            int count = Between(1, MaxLayers), tail = count > 1 && Chance(4) ? 1 : 0;
            if (task is ImageTask)
            {
                count = Math.Max(2, count);
                tail = count > 2 ? tail : 0;
                // Of the layers before the output layer, one flattens; those before it work on images.
                int images = Between(0, count - tail - 2);
                for (int i = 0; i < images; i++)
                {
                    if (ImageLayer(shape, layers.Count) is { } layer)
                        Add(layer);
                }
                Add(new FlattenSpec($"flatten{layers.Count}", shape));
            }
            while (layers.Count < count - tail - 1)
                Add(Chance(2) ? Mixing(shape.Features, Width(), layers.Count) : ElementLayer(shape, layers.Count) ?? Mixing(shape.Features, Width(), layers.Count));
            Add(Mixing(shape.Features, task.Outputs, layers.Count));
            if (tail > 0 && ElementLayer(shape, layers.Count) is { } last)
                Add(last);
            return new Architecture($"random-{index}", layers);
        }

        /// <summary>A dense or recurrent layer.</summary>
        private LayerSpec Mixing(int inputs, int outputs, int at) => One<string>([.. s_heads.Where(Allows)]) switch
        {
            "dense" => new DenseSpec($"dense{at}", inputs, outputs),
            "gru" => new GruSpec($"gru{at}", 0, inputs, outputs),
            "lstm" => new LstmSpec($"lstm{at}", 0, inputs, outputs),
            _ => new RnnSpec($"rnn{at}", 0, inputs, outputs, One(Activation.Tanh, Activation.Relu)),
        };

        /// <summary>A layer for images; null where none of those allowed fits.</summary>
        private LayerSpec? ImageLayer(Shape shape, int at)
        {
            string[] windows = [.. s_images.Where(Allows)];
            if (windows.Length == 0 || Chance(3))
                return ElementLayer(shape, at);
            int least = Math.Min(shape.Height, shape.Width);
            string kind = One<string>(windows);
            LayerSpec layer;
            if (kind == "conv")
            {
                int kernel = Between(1, Math.Min(5, least)), padding = Between(0, kernel - 1);
                layer = new ConvSpec($"conv{at}", shape, options.IsSmall ? Between(1, 3) : Between(1, 9), kernel, Between(1, 3), padding);
                if (layer.Outputs > MaxFeatures)
                    layer = new ConvSpec($"conv{at}", shape, Between(1, 3), kernel, Between(2, 3), padding);
            }
            else
            {
                layer = new PoolSpec($"pool{at}", shape, kind == "max_pool", Between(1, Math.Min(3, least)), Between(1, 3));
            }
            return layer;
        }

        /// <summary>A layer whose output has its input's shape; null where none is allowed.</summary>
        private LayerSpec? ElementLayer(Shape shape, int at)
        {
            string[] kinds = [.. LayerKinds.Where(word => Allows(word) && (word is "dropout" or "batch_norm" or "layer_norm" || Activations.Find(word) is not null))];
            if (kinds.Length == 0)
                return null;
            string kind = One<string>(kinds);
            return kind switch
            {
                "dropout" => new DropoutSpec($"dropout{at}", shape, One(0, 0.1, 0.5, Magnitude(0.01, 0.9))),
                "batch_norm" => new BatchNormSpec($"batch_norm{at}", shape),
                "layer_norm" => new LayerNormSpec($"layer_norm{at}", shape),
                _ when Activations.Find(kind) == Activation.LeakyRelu => new ActivationSpec($"act{at}", shape, Activation.LeakyRelu, One(0.01, Magnitude(0.001, 0.5))),
                _ => new ActivationSpec($"act{at}", shape, Activations.Find(kind)!.Value),
            };
        }

        public TrainingSpec Training(TaskSpec task, Architecture architecture)
        {
            // A channel's variance needs more than one value, as in PyTorch.
            bool needsTwo = architecture.Layers.Any(layer => layer is BatchNormSpec) && task.Places == 1;
            int batch = Between(needsTwo ? 2 : 1, options.IsSmall ? 18 : 70);
            double rate = Magnitude(1e-4, 0.05);
            var evaluation = new EvaluationSpec(options.IsSmall ? Between(1, 8) : Between(1, 40), Seed());
            if (task is ImageTask { Poison: null } && Chance(3))
                evaluation = evaluation with { Attacks = [.. Enumerable.Range(0, Between(1, 3)).Select(_ => Attack(task.Channels))] };
            return new TrainingSpec(Optimizer(rate), batch, Between(1, 100), new StopSpec(options.Steps, null, 1), new StepSchedule.At([0]), new StepSchedule.Every(1), evaluation)
            {
                // A machine answers with bits, not with one of several classes.
                Loss = task is MachineTask ? One(Loss.MeanSquaredError, Loss.BinaryCrossEntropy) : One(Loss.MeanSquaredError, Loss.CrossEntropy, Loss.BinaryCrossEntropy),
                Initialisation = Initialisation(),
                Rate = Rate(rate),
                ClipNorm = Chance(3) ? Magnitude(0.01, 10) : null,
            };
        }

        private OptimizerSpec Optimizer(double rate)
        {
            double decay = Chance(2) ? 0 : Magnitude(1e-5, 0.1), momentum = Chance(2) ? 0 : Magnitude(0.1, 0.99);
            (double beta1, double beta2, double epsilon) = Chance(2) ? (0.9, 0.999, 1e-8) : (Magnitude(0.1, 0.99), Magnitude(0.5, 0.9999), Magnitude(1e-10, 1e-3));
            return _stream.NextBelow(4) switch
            {
                0 => new SgdSpec(rate, momentum, momentum > 0 && Chance(2), decay),
                1 => new AdamSpec(rate, beta1, beta2, epsilon, decay),
                2 => new AdamWSpec(rate, beta1, beta2, epsilon, decay),
                _ => new RmsPropSpec(rate, beta2, epsilon, momentum, decay),
            };
        }

        private InitialisationSpec Initialisation()
        {
            InitialisationKind kind = One(Enum.GetValues<InitialisationKind>());
            return kind == InitialisationKind.PyTorch ? InitialisationSpec.PyTorch
                : new InitialisationSpec(kind, Chance(2) ? InitialisationSpec.DefaultScale(kind) : Magnitude(0.05, 1.5));
        }

        private RateSchedule Rate(double rate)
        {
            int length = Between(1, 2 * options.Steps);
            RateSchedule schedule = _stream.NextBelow(5) switch
            {
                0 => ConstantRate.Instance,
                1 => new StepRate(length, Magnitude(0.1, 1)),
                2 => new CosineRate(length, rate * _stream.NextUniformDouble()),
                3 => new CosineRestartsRate(length, Between(1, 3), rate * _stream.NextUniformDouble()),
                _ => new OneCycleRate(Math.Max(2, length), One(0.3, 0.1 + (0.8 * _stream.NextUniformDouble())), Magnitude(2, 30), Magnitude(10, 1e4)),
            };
            // One cycle begins with a rise of its own, and a warm-up has to be shorter than training.
            return schedule is OneCycleRate || options.Steps == 1 || Chance(2) ? schedule : schedule with { WarmUpSteps = Between(1, options.Steps - 1), WarmUpFrom = Magnitude(0.01, 1) };
        }
    }
}
