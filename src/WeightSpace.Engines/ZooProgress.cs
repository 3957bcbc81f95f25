namespace WeightSpace.Engines;

/// <summary>How far a zoo has grown.</summary>
/// <param name="Stage">What is being done: training, or writing the zoo.</param>
/// <param name="Networks">Networks done in this stage, of <paramref name="TotalNetworks"/>.</param>
/// <param name="Steps">Steps done, of <paramref name="TotalSteps"/>; networks that ended early count with their whole budget.</param>
/// <param name="StepsBefore">Steps that earlier calls had done: what a rate must not count.</param>
public readonly record struct ZooProgress(string Stage, int Networks, int TotalNetworks, long Steps, long TotalSteps, long StepsBefore);
