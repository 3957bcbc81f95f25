using System.Globalization;
using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Analysis.Blocks;

/// <summary>Which Gram matrix of an analysis.</summary>
/// <param name="Architecture">The number of the architecture, in the order in which the zoo's networks first have it; the first is 0.</param>
/// <param name="Moment">The name of the moment of training: <c>step-60</c>, <c>loss</c>, <c>end</c>.</param>
/// <param name="View">The name of the view: <c>raw</c>, <c>aligned</c>.</param>
public readonly record struct GramPlace(int Architecture, string Moment, string View)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"view {View} at {Moment} of architecture {Architecture}");
}

/// <summary>Gives Gram matrices that were computed elsewhere.</summary>
public interface IGramSource
{
    /// <summary>The Gram matrix of so many networks. Throws <see cref="InputException"/> where it is not there or not whole. May be called from several threads.</summary>
    GramMatrix Read(GramPlace place, int networks);
}

/// <summary>A part of a Gram matrix: some neighbouring networks by some others, on its diagonal or above it.</summary>
/// <param name="Networks">Networks of the whole matrix.</param>
public sealed record BlockPlace(GramPlace Gram, int Networks, int FirstRow, int Rows, int FirstColumn, int Columns)
{
    /// <summary>Entries that a block may have: its values take at most 256 MiB.</summary>
    public const int MaxEntries = 1 << 26;
}
