using WeightSpace.Zoos;

namespace WeightSpace.Tests.Engines;

/// <summary>What ends a worker in the middle, as a crash would: no code of the product knows it.</summary>
internal sealed class CrashException : Exception;

/// <summary>A clock that moves on by the same time whenever it is looked at.</summary>
internal sealed class SteppingClock(TimeSpan step) : TimeProvider
{
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Add(ref _now, step.Ticks);
}

/// <summary>Tells where each network was begun.</summary>
internal sealed class RecordingTrainer(ITrainer inner) : ITrainer
{
    public List<(string Id, long Step)> Starts { get; } = [];

    public ITrainingRun Start(Recipe recipe, TrainingState? from)
    {
        Starts.Add((recipe.Id, from?.Now.Step ?? 0));
        return inner.Start(recipe, from);
    }
}
