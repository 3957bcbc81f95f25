namespace WeightSpace.Zoos.Checkpoints;

/// <summary>A group of checkpoints that can be imported: they come from files.</summary>
internal interface ISourcedGroup : ICheckpointGroup
{
    /// <summary>Types of the numbers of each tensor where they came from.</summary>
    IReadOnlyList<string> Types { get; }

    /// <summary>The file that a checkpoint stands in, relative to what was opened; its length in bytes, and when it was last written, in UTC ticks.</summary>
    (string File, long Length, long Written) SourceOf(int item);
}
