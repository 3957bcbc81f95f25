using WeightSpace.Analysis;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Analysis;

/// <summary>
/// Networks that nobody trained: their weights are initial weights plus what a test plants. At step t of T a network has
/// w0(init seed) + (t / T) (machine strength x direction(machine) + draw strength x noise(machine, init seed, data seed)
/// + change strength x (shared direction or, for each network, one of its own) when modified).
/// </summary>
internal sealed record SyntheticPopulation
{
    public IReadOnlyList<Machine> Machines { get; init; } = [Machine.SingleDirectMachine, Machine.SimpleXORMachine, Machine.ParityMachine];

    public int InitSeeds { get; init; } = 10;

    public int DataSeeds { get; init; } = 2;

    public bool WithModified { get; init; } = true;

    public IReadOnlyList<long> Steps { get; init; } = [0, 10, 100];

    public double MachineStrength { get; init; }

    public double DrawStrength { get; init; } = 1;

    public double ChangeStrength { get; init; }

    /// <summary>Whether a modified network has a draw of its own, as if its data were merely drawn again; else it has its clean twin's.</summary>
    public bool HasOwnDraw { get; init; }

    public bool IsChangeShared { get; init; } = true;

    public Architecture Architecture { get; init; } = Small();

    public ulong Seed { get; init; } = 1;

    public Population Build(Func<PopulationNetwork, PopulationNetwork>? change = null)
    {
        var networks = new List<PopulationNetwork>();
        foreach (Machine machine in Machines)
        {
            for (int variant = 0; variant < (WithModified ? 2 : 1); variant++)
            {
                var task = new MachineTask(machine, 16, variant == 0 ? null : Modification.Default);
                for (ulong init = 0; init < (ulong)InitSeeds; init++)
                {
                    for (ulong data = 0; data < (ulong)DataSeeds; data++)
                    {
                        var network = new PopulationNetwork($"{networks.Count:x8}", Architecture, task, "adam", init, data, NetworkStatus.Finished, "budget", Steps[^1], 0.01, 0.01,
                            new Dictionary<string, string>(), [.. Steps.Select(step => new PopulationCheckpoint(step, step == 0 ? null : 1.0 / (step + 1), 1.0 / (step + 1)))]);
                        networks.Add(change?.Invoke(network) ?? network);
                    }
                }
            }
        }
        return new Population("synthetic", networks, [new Fact("made by", "a test")], (places, weights) => Read(networks, places, weights));
    }

    public static AnalysisResult Analyse(Population population, AnalysisOptions options, IProgress<AnalysisProgress>? progress = null) =>
        ZooAnalysis.Run(population, options, progress, TestContext.Current.CancellationToken);

    public static Architecture Small() => new("small",
    [
        new GruSpec("gru", 0, 9, 5), new GruSpec("gru", 1, 5, 4), new DenseSpec("linears.0", 4, 6), new ActivationSpec("relu", Shape.Vector(6), Activation.Relu), new DenseSpec("out", 6, 8),
    ]);

    private void Read(List<PopulationNetwork> networks, IReadOnlyList<CheckpointPlace> places, Span<float> weights)
    {
        int count = Architecture.Parameters.Count;
        for (int i = 0; i < places.Count; i++)
        {
            PopulationNetwork network = networks[places[i].Network];
            Span<float> target = weights.Slice(i * count, count);
            Initialisation.PyTorchDefault(Architecture.Parameters, network.InitSeed, target);
            double progress = network.Checkpoints[places[i].Checkpoint].Step / (double)Steps[^1];
            ulong machine = network.Task is AutomatonTask automaton ? 100 + automaton.Seed : (ulong)((MachineTask)network.Task).Machine;
            ulong own = (((machine * 1000) + network.InitSeed) * 1000) + network.DataSeed;
            Add(target, progress * MachineStrength, 1_000_000_000 + machine);
            Add(target, progress * DrawStrength, (HasOwnDraw && network.Task.Change is not null ? 5_000_000_000UL : 2_000_000_000UL) + own);
            if (network.Task.Change is not null)
                Add(target, progress * ChangeStrength, IsChangeShared ? 3_000_000_000 : 4_000_000_000 + own);
        }
    }

    /// <summary>Adds strength x a random direction of length 1.</summary>
    private void Add(Span<float> target, double strength, ulong item)
    {
        if (strength == 0)
            return;
        var draw = new RandomStream(Seed, RandomPurpose.Testing, item);
        double scale = strength / Math.Sqrt(target.Length);
        for (int i = 0; i < target.Length; i++)
            target[i] += (float)(scale * draw.NextNormal());
    }
}
