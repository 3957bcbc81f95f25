using WeightSpace.Engines;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Engines;

public sealed class UnitPlanTests
{
    private static readonly Experiment s_experiment = Experiment.Parse(Slurm.Experiments.Text(25), "plan.yaml");

    [Fact]
    public void GroupsByOperationsHoldEveryNetworkOnceAndNoneIsTooLarge()
    {
        double[] flops = [.. s_experiment.Networks.Select(network => network.Recipe.TrainingFlops)];
        // Two tasks of different cost, of which one group at least holds both.
        Assert.Equal(2, flops.Distinct().Count());
        double unit = flops.Max() * 7.5;
        var plan = new UnitPlan(s_experiment, "work", new UnitCut.ByFlops(unit));
        var seen = new List<int>();
        bool isMixed = false;
        for (int group = 0; group < plan.Groups; group++)
        {
            int[] networks = [.. Enumerable.Range(plan.First(group), plan.Count(group))];
            seen.AddRange(networks);
            double sum = networks.Sum(index => flops[index]);
            Assert.InRange(sum, 0, unit);
            // As many as there is room for.
            if (group + 1 < plan.Groups)
                Assert.True(sum + flops[plan.First(group + 1)] > unit);
            isMixed |= networks.Select(index => flops[index]).Distinct().Count() > 1;
            Assert.Null(plan.Steps(group));
        }
        Assert.Equal(Enumerable.Range(0, flops.Length), seen);
        Assert.True(isMixed);
    }

    [Fact]
    public void ANetworkThatNeedsMoreThanAUnitIsARowOfUnitsOfSteps()
    {
        double flops = s_experiment.Networks[0].Recipe.TrainingFlops;
        var plan = new UnitPlan(s_experiment, "work", new UnitCut.ByFlops(flops / 3));
        Assert.Equal(s_experiment.Networks.Count, plan.Groups);
        Assert.Equal(20, plan.Steps(0));
        // The other task's steps are cheaper.
        Assert.InRange(plan.Steps(plan.Groups - 1)!.Value, 21, 59);
    }

    [Fact]
    public void APlanIsReadAsItWasWritten()
    {
        using var folder = new Folder();
        UnitPlan written = UnitPlan.ReadOrWrite(s_experiment, folder.Path, new UnitCut.ByFlops(1.2345e9 / 7));
        UnitPlan read = UnitPlan.ReadOrWrite(s_experiment, folder.Path, new UnitCut.ByNetworks(3));
        Assert.Equal(written.Cut, read.Cut);
        Assert.Equal(written.Groups, read.Groups);
    }

    [Fact]
    public void GroupsThatAreCutOnDemandAreAppended()
    {
        using var folder = new Folder();
        UnitPlan plan = UnitPlan.ReadOrWrite(s_experiment, folder.Path, new UnitCut.OnDemand());
        int networks = s_experiment.Networks.Count;
        plan.Append(3);
        plan.Append(networks - 4);
        Assert.Equal((2, networks - 1, 3, networks - 4), (plan.Groups, plan.Grouped, plan.First(1), plan.Count(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Append(2));
        plan.Append(1);
        Assert.Equal(networks, plan.Grouped);
        // The size of a unit may change from one to the next.
        plan.UnitFlops = s_experiment.Networks[networks - 1].Recipe.TrainingFlops / 2;
        Assert.Equal(30, plan.Steps(2));
        plan.UnitFlops *= 2;
        Assert.Null(plan.Steps(2));
        // Nobody but who remembers the groups can go on.
        InputException refused = Assert.Throws<InputException>(() => UnitPlan.ReadOrWrite(s_experiment, folder.Path, new UnitCut.ByNetworks(3)));
        Assert.Contains("volunteers", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(7, 0, "000007")]
    [InlineData(999, 2, "000999-000002")]
    [InlineData(12_345, 0, "012/012345")]
    [InlineData(1_234_567, 3, "1234/1234567-000003")]
    public void NamesOfUnitsReadBack(int group, int unit, string name)
    {
        Assert.Equal(name, UnitPlan.Name(group, unit));
        Assert.Equal((group, unit), UnitPlan.Parse(name));
    }

    [Theory]
    [InlineData("7")]
    [InlineData("000007-000000")]
    [InlineData("001/000007")]
    [InlineData("../000007")]
    [InlineData("000007-000001-2")]
    [InlineData("")]
    public void OtherNamesAreNone(string name) => Assert.Null(UnitPlan.Parse(name));
}
