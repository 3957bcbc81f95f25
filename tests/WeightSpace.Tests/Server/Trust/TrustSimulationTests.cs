using WeightSpace.Analysis.Statistics;
using WeightSpace.Server.Trust;
using WeightSpace.TrustSimulation;

namespace WeightSpace.Tests.Server.Trust;

/// <summary>The simulation behind docs/trust.md: against the closed formulas where there are any, and in plain cases.</summary>
public sealed class TrustSimulationTests
{
    private static readonly Population s_small = new() { Hosts = 1000, Days = 10, BadMemory = 0 };

    // Hosts that all go on at one pace, to the end.
    private static readonly Population s_even = s_small with { SpeedSpread = 0, LifetimeDays = double.PositiveInfinity, Failed = 0, Missed = 0 };

    private static Policy Of(double leastShare, int quorum) => new("a policy", new TrustPolicy(leastShare, quorum));

    [Fact]
    public void ACleanPopulationGivesNoAlarm() => Assert.All(Policy.All, policy =>
    {
        Outcome outcome = Simulation.Run(s_small, policy, seed: 1);
        Assert.True(outcome.UnitsAccepted > 20_000);
        Assert.Equal(100 * outcome.UnitsAccepted, outcome.Standing);
        Assert.Equal((0, 0, 0, 0), (outcome.AcceptedWrong, outcome.StandingWrong, outcome.Withdrawn, outcome.HonestPunished));
        Assert.Equal(0, outcome.Rechecks);
        Assert.Empty(outcome.Cheats);
    });

    [Fact]
    public void TheSameSeedGivesTheSameRun()
    {
        Population population = s_small with { Cheats = 0.2, Kinds = Runs.Mix, BadMemory = 0.05 };
        Assert.All(Policy.All, policy =>
        {
            (Outcome first, Outcome again, Outcome other) = (Simulation.Run(population, policy, 1), Simulation.Run(population, policy, 1), Simulation.Run(population, policy, 2));
            Assert.Equal(Numbers(first), Numbers(again));
            Assert.Equal(first.Cheats, again.Cheats);
            Assert.NotEqual(Numbers(first), Numbers(other));
        });

        static (long, long, long, long, long, long) Numbers(Outcome of) => (of.Results, of.UnitsAccepted, of.AcceptedWrong, of.Withdrawn, of.ServerNetworks, of.Rechecks);
    }

    [Fact]
    public void WithNoCheckEverythingStays()
    {
        Outcome outcome = Simulation.Run(s_even with { Cheats = 0.1 }, Of(0, 1), seed: 1);
        Assert.Equal(0, outcome.Caught);
        Assert.Equal(outcome.AcceptedWrong, outcome.StandingWrong);
        Assert.InRange(outcome.AfterPerMillion, 99_000, 101_000);
    }

    [Theory]
    [InlineData(0.02, 1)]
    [InlineData(0, 2)]
    public void WhoMakesUpEverythingBringsNothingIn(double leastShare, int quorum)
    {
        Outcome outcome = Simulation.Run(s_small with { Cheats = 0.2 }, Of(leastShare, quorum), seed: 1);
        // Of those whose result was compared: with a quorum it may wait at the end for one that came too late.
        Assert.True(outcome.Caught > 0.97);
        Assert.Equal((0, 0), (outcome.AcceptedWrong, outcome.HonestPunished));
    }

    /// <summary>Who never has a right result earns no record, and no two of them agree.</summary>
    [Fact]
    public void AdaptiveReplicationComparesThoseWithoutARecordAlways() =>
        Assert.Equal(0, Simulation.Run(s_small with { Cheats = 0.2 }, Policy.All[^1], seed: 1).AcceptedWrong);

    [Fact]
    public void WhatACaughtHostBroughtIsTakenBack()
    {
        Outcome with = Simulation.Run(s_small with { Cheats = 0.1, Kinds = [Behaviour.Sleeper], Days = 20 }, Of(0.1, 1), seed: 1);
        Outcome without = Simulation.Run(s_small with { Cheats = 0.1, Kinds = [Behaviour.Sleeper], Days = 20, ChecksAgain = false }, Of(0.1, 1), seed: 1);
        Assert.True(with.Withdrawn > 10_000);
        Assert.Equal(with.AcceptedWrong, with.StandingWrong + with.Withdrawn);
        Assert.True(with.StandingWrong < without.StandingWrong / 10);
        Assert.Equal((0, 0), (with.HonestPunished, without.Withdrawn));
    }

    /// <summary>The share of cheats that was not caught in their first results, against the formula.</summary>
    [Theory]
    [InlineData(true, 1, 100)]
    [InlineData(true, 0.1, 100)]
    [InlineData(false, 0.5, 30)]
    [InlineData(false, 0.1, 100)]
    public void SpotChecksFindWhatTheFormulaSays(bool isPoison, double leastShare, int results)
    {
        Outcome outcome = Simulation.Run(s_even with { Hosts = 4000, Days = 15, Cheats = 1, Kinds = [isPoison ? Behaviour.Poison : Behaviour.Sometimes], ChecksAgain = false }, Of(leastShare, 1), seed: 3);
        Cheat cheat = isPoison ? Cheat.OneInAThousand : new Cheat(Results: 0.05);
        Assert.All(outcome.Cheats, each => Assert.True(each.Results >= results));
        int unnoticed = outcome.Cheats.Count(each => each.FirstCaught == 0 || each.FirstCaught > results);
        Interval interval = Intervals.ClopperPearson(unnoticed, outcome.Cheats.Count, 0.999);
        Assert.InRange(new Detection(Of(leastShare, 1).Trust!, 100).ChanceUnnoticed(cheat, results), interval.Low, interval.High);
    }

    /// <summary>Wrong networks among those that were accepted, where each result is checked once.</summary>
    [Fact]
    public void WhatIsAcceptedIsWhatTheFormulaSays()
    {
        Outcome outcome = Simulation.Run(s_even with { Hosts = 4000, Days = 5, Cheats = 1, Kinds = [Behaviour.Poison], ChecksAgain = false }, Of(1, 1), seed: 4);
        // Of a result that is checked, all networks but the one that was seen may be wrong: 99 of 100 pass unseen.
        Interval interval = Intervals.ClopperPearson((int)outcome.StandingWrong, (int)outcome.Standing, 0.999);
        double expected = new Detection(new TrustPolicy(1, 1), 100).After(Cheat.OneInAThousand, 1).Accepted / (100 * (1 - 0.001));
        Assert.InRange(expected, interval.Low, interval.High);
    }

    /// <summary>Both copies of a unit lie with a ring as often as two draws of hosts do.</summary>
    [Fact]
    public void APatientRingGetsWhatAQuorumLetsThrough()
    {
        Population population = s_even with { Hosts = 2000, Cheats = 0.2, Kinds = [Behaviour.PatientRing] };
        Outcome outcome = Simulation.Run(population, Of(0, 2), seed: 5);
        Assert.Equal((0, 0), (outcome.Caught, outcome.HonestPunished));
        Interval interval = Intervals.ClopperPearson((int)(outcome.StandingWrong / 100), (int)outcome.UnitsAccepted, 0.999);
        Assert.InRange(0.2 * (398 / 1998.0), interval.Low, interval.High);
    }

    [Fact]
    public void AMajorityOfLiarsPunishesTheHonestUnderAdaptiveReplicationAlone()
    {
        Population population = s_small with { Cheats = 0.3, Kinds = [Behaviour.Ring] };
        Assert.True(Simulation.Run(population, Policy.All[^1], seed: 6).HonestPunished > 0);
        Assert.Equal(0, Simulation.Run(population, Of(0, 2), seed: 6).HonestPunished);
        Assert.Equal(0, Simulation.Run(population, Of(0.1, 2), seed: 6).HonestPunished);
    }

    [Fact]
    public void BadMemoryIsFoundAndItsErrorsTakenBack()
    {
        Outcome outcome = Simulation.Run(s_small with { BadMemory = 0.2, BadMemoryErrors = 1, Days = 30 }, Of(0.5, 1), seed: 7);
        Assert.True(outcome.BadMemoryCaught > 0.4);
        Assert.True(outcome.Withdrawn > 0);
        Assert.Equal(0, outcome.HonestPunished);
    }

    /// <summary>The tables of formulas in the documentation are the program's.</summary>
    [Fact]
    public void TheDocumentationHasTheFormulasTables()
    {
        using var text = new StringWriter { NewLine = "\n" };
        Tables.WriteFormulas(text);
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "trust.md"));
        Assert.All(text.ToString().Split("\n\n"), table => Assert.Contains(table.Trim(), docs, StringComparison.Ordinal));
    }
}
