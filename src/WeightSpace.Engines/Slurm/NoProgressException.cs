namespace WeightSpace.Engines.Slurm;

/// <summary>Units fail and none has ever left a result: it is not the networks' fault, and they must not be taken for failed.</summary>
public sealed class NoProgressException(string message) : IOException(message);
