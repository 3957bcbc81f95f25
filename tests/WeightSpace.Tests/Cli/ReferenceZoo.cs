namespace WeightSpace.Tests.Cli;

/// <summary>
/// A zoo with a little of everything whose bytes must not depend on how it was grown: trained with one thread in one work unit. Some networks
/// reach their threshold, some their budget, some diverge.
/// </summary>
public sealed class ReferenceZoo : IDisposable
{
    private const string Yaml = """
        experiment: determinism
        description: How a zoo is grown leaves no trace in it.
        licence: CC0-1.0
        tasks:
          - {machine: [ParityMachine, EightBitMachine], variant: [clean, modified], sequence: 12}
          - {machine: SimpleXORMachine, sequence: 5}
        architecture: [mlds, {name: small, layers: [{gru: 5}, {dense: 7, activation: relu}, {dense: 8}]}]
        training:
          optimizer: {learning_rate: 0.003, momentum: 0.9}
          batch: 20
          stop: {steps: 120, eval_loss: 0.09, check_every: 10}
          checkpoints: {every: 30}
          snapshots: {every: 50}
          evaluation: {sequences: 40, seed: 3}
        factor_list:
          - {optimizer: adam}
          - {optimizer: sgd}
          - {optimizer: sgd, learning_rate: 500}
        """;

    private readonly Folder _folder = new();

    public ReferenceZoo()
    {
        Experiment = _folder.Write("determinism.yaml", Yaml);
        BuiltProgram.Succeed("train", Experiment, "--out", _folder["reference"], "--threads", "1", "--unit", "50");
        Digests = Folder.Digests(_folder["reference"]);
    }

    public string Experiment { get; }

    /// <summary>The SHA-256 of each file of the zoo.</summary>
    public IReadOnlyDictionary<string, string> Digests { get; }

    public string Zoo => _folder["reference"];

    /// <summary>A path in the folder of the reference.</summary>
    public string this[string name] => _folder[name];

    /// <summary>Every file of another zoo has the bytes of this one's, and there is no other file.</summary>
    public void AssertSame(string zoo) => Assert.Equal(Digests, Folder.Digests(zoo));

    public void Dispose() => _folder.Dispose();
}
