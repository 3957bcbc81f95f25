using System.Text;
using WeightSpace.Analysis.Monitoring;
using WeightSpace.Analysis.Statistics;
using WeightSpace.Analysis.Trajectories;
using WeightSpace.Numerics;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Analysis.Monitoring;

/// <summary>Monitors that are learned from made-up features, whose truth is known.</summary>
public sealed class PathMonitorTests
{
    private const int Steps = 14;
    private static readonly PackedTensor[] s_tensors = [new("weight", [3, 2], 0), new("bias", [2], 6)];
    private static readonly int s_features = new StepFeatures(s_tensors).Count;

    [Fact]
    public void UnchangedNetworksAlarmNoMoreOftenThanPromised()
    {
        // Over references and networks together the rate is the promised one, however heavy the tails: 40 references of 60 networks, 60 new ones each, at 5 %.
        const double Rate = 0.05;
        int alarms = 0, networks = 0;
        for (ulong draw = 0; draw < 40; draw++)
        {
            PathMonitor monitor = Fit(draw, 60, Rate, jumps: true);
            for (ulong n = 0; n < 60; n++, networks++)
                alarms += FirstAlarm(monitor, Path(draw, 10_000 + n, jumps: true)) is null ? 0 : 1;
        }
        // Cross-fitted scores are of models from fewer networks than the final one: a little below is expected, far below would say that the threshold is wrong.
        Assert.InRange(alarms / (double)networks, 0.02, 0.062);
    }

    [Theory]
    [InlineData(0, 8, 0)] // the whole step is longer, at once
    [InlineData(5, 2.5, 4)] // one tensor's, less, and found within some checkpoints
    public void APlantedChangeIsCaught(int feature, double deviations, int delay)
    {
        PathMonitor monitor = Fit(1, 200, 0.01);
        int found = 0;
        for (ulong n = 0; n < 50; n++)
        {
            double[]?[] path = Path(1, 20_000 + n);
            for (int k = 8; k < Steps; k++)
                path[k]![feature] += deviations;
            found += FirstAlarm(monitor, path) is { } first && first >= 8 && first <= 8 + delay ? 1 : 0;
        }
        Assert.InRange(found, 45, 50);
    }

    [Fact]
    public void TheThresholdIsTheConformalQuantile()
    {
        PathMonitor monitor = Fit(3, 100, 0.02);
        Assert.Equal(99, PathMonitor.Rank(100, 0.02));
        Assert.Equal(monitor.Maxima[98], monitor.Threshold);
        Assert.Equal((99, 199, 19), (PathMonitor.LeastNetworks(0.01), PathMonitor.LeastNetworks(0.005), PathMonitor.LeastNetworks(0.05)));
        // The rate of one monitor: Beta(2, 99), of which scipy.stats.beta.ppf([.025, .975], 2, 99) gives these.
        Assert.Equal(0.00243134, monitor.RateOfThis.Low, 1e-7);
        Assert.Equal(0.05445939, monitor.RateOfThis.High, 1e-7);
    }

    [Fact]
    public void AMissingCheckpointIsNotComparedAndNeitherAreThoseBehindIt()
    {
        PathMonitor monitor = Fit(4, 100, 0.05);
        double[]?[] path = Path(4, 30_000);
        MonitorChart chart = monitor.Begin();
        var compared = new List<int>();
        for (int k = 0; k < Steps; k++)
        {
            if (k == 6)
                continue; // never came
            if (chart.Next(k * 10, path[k]).Statistic is not null)
                compared.Add(k);
        }
        Assert.Equal([2, 3, 4, 5, 10, 11, 12, 13], compared);
        MonitorAnswer unknown = chart.Next(135, path[5]);
        Assert.Null(unknown.Statistic);
        Assert.Contains("no checkpoint at step 135: it ends at step 130", unknown.Why, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileGivesTheMonitorBack()
    {
        PathMonitor monitor = Fit(5, 100, 0.05);
        byte[] bytes = MonitorFile.Write(monitor);
        PathMonitor read = MonitorFile.Read(bytes, "monitor.json");
        Assert.Equal(bytes, MonitorFile.Write(read));
        double[]?[] path = Path(5, 40_000);
        (MonitorChart a, MonitorChart b) = (monitor.Begin(), read.Begin());
        for (int k = 0; k < Steps; k++)
            Assert.Equal(a.Next(k * 10, path[k]), b.Next(k * 10, path[k]));
        string text = Encoding.UTF8.GetString(bytes);
        foreach ((string from, string to, string message) in new[]
        {
            ("weightspace-monitor", "weightspace-detector", "format: found 'weightspace-detector'"),
            ("\"format_version\":1", "\"format_version\":2", "use a newer weightspace"),
            ("\"false_alarms\":0.05", "\"false_alarms\":0.001", "cannot promise"),
            ("{\"step\":10}", "{\"step\":0}", "ascending"),
            ("\"whitening\":\"", "\"whitening\":\"AAAA", "base64"),
            ("\"threshold\":", "\"threshold\":1", "threshold: found"),
        })
        {
            var error = Assert.Throws<InputException>(() => MonitorFile.Read(Encoding.UTF8.GetBytes(text.Replace(from, to, StringComparison.Ordinal)), "monitor.json"));
            Assert.StartsWith("monitor.json: ", error.Message, StringComparison.Ordinal);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ARetestStaysDueUntilALaterVersionIsAccepted()
    {
        var gate = new PathGate(null, 0.5);
        CheckpointMeasures Row(long step) => new($"step_{step}", step, null);
        Assert.Equal(PathVerdict.OnPath, gate.Next(Row(10), null, new SinceTested("a", 1, 0.5)).Verdict);
        Assert.Equal(PathVerdict.RetestDue, gate.Next(Row(20), null, new SinceTested("a", 1, 0.51)).Verdict);
        PathJudgement still = gate.Next(Row(30), null, new SinceTested("a", 1, 0.1));
        Assert.True(still.IsRetestDue && still.Reason.Contains("since 'step_20'", StringComparison.Ordinal), still.Reason);
        gate.Accept(Row(10));
        Assert.True(gate.Next(Row(40), null, null).IsRetestDue);
        gate.Accept(Row(20));
        Assert.False(gate.Next(Row(50), null, null).IsRetestDue);
        Assert.Equal(PathVerdict.LeftPath, gate.Next(Row(60) with { Problem = "'weight' holds NaN" }, null, null).Verdict);
    }

    [Theory]
    // scipy.stats.beta.ppf
    [InlineData(0, 400, 0, 0.009180)]
    [InlineData(5, 350, 0.004654, 0.033021)]
    [InlineData(50, 50, 0.928878, 1)]
    public void ExactIntervalsOfProportions(int successes, int draws, double low, double high)
    {
        Interval interval = Intervals.ClopperPearson(successes, draws);
        Assert.Equal(low, interval.Low, 2e-6);
        Assert.Equal(high, interval.High, 2e-6);
    }

    private static PathMonitor Fit(ulong draw, int networks, double rate, bool jumps = false) =>
        MonitorFit.Learn("made-up", s_tensors, [.. Enumerable.Range(0, Steps).Select(k => k * 10L)], [.. Enumerable.Range(0, networks).Select(n => Path(draw, (ulong)n, jumps))], new MonitorOptions { FalseAlarms = rate, Seed = draw });

    /// <summary>Features that a network has in common over its path, and wander; where asked for, all of them jump now and then: tails far heavier than a normal distribution's.</summary>
    private static double[]?[] Path(ulong draw, ulong network, bool jumps = false)
    {
        var random = new RandomStream(draw, RandomPurpose.Testing, network);
        double[] own = [.. Enumerable.Range(0, s_features).Select(_ => (double)random.NextNormal())], wander = new double[s_features];
        var path = new double[]?[Steps];
        for (int k = 2; k < Steps; k++)
        {
            double jump = jumps && random.NextBelow(100) == 0 ? 4 * random.NextNormal() : 0;
            path[k] = new double[s_features];
            for (int i = 0; i < s_features; i++)
            {
                wander[i] = (0.7 * wander[i]) + (0.3 * random.NextNormal());
                path[k]![i] = -k + own[i] + wander[i] + jump;
            }
        }
        return path;
    }

    private static int? FirstAlarm(PathMonitor monitor, double[]?[] path)
    {
        MonitorChart chart = monitor.Begin();
        for (int k = 0; k < Steps; k++)
        {
            if (chart.Next(k * 10, path[k]).IsAlarm)
                return k;
        }
        return null;
    }
}
