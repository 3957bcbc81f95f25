using Npgsql;
using WeightSpace.Server;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>Units that are cut to their hosts, and what an operator does with experiments. Each test has a project of its own: who asked for work elsewhere would count.</summary>
public sealed class CuttingTests : IDisposable
{
    private readonly ServedProject _project = new();

    public void Dispose() => _project.Dispose();

    [Fact]
    public void UnitsAreCutToTheSpeedThatAHostHasShown()
    {
        using Volunteer slow = new(_project, "slow"), fast = new(_project, "fast");
        double speed = Show(slow, fast);
        _project.Submit("cut", Experiments.Text(2000), null, unitSeconds: 4);
        double[] sizes = [Next(slow), Next(fast)];
        Assert.True(sizes[1] / sizes[0] is > 6 and < 10.7, $"{string.Join(", ", sizes)} at {speed} operations a second of the first");
        // At the speed that each has shown, they take the time that was asked for.
        Assert.InRange(sizes[0] / speed, 4 / 1.6, 4 * 1.6);

        double Next(Volunteer volunteer)
        {
            // What was cut before anybody had asked may be of another size; what comes when it is known who asks is not.
            volunteer.Ask(seconds: 1e-9);
            Thread.Sleep(2500);
            return Assert.Single(volunteer.Ask(seconds: 1e-9)).Flops;
        }
    }

    [Fact]
    public void ASmallExperimentIsSpreadOverItsHosts()
    {
        string text = Experiments.Text(16);
        double total = Experiment.Parse(text, "v").Networks.Sum(network => network.Recipe.TrainingFlops);
        Volunteer[] hosts = [.. Enumerable.Range(0, 4).Select(i => new Volunteer(_project, $"host{i}"))];
        foreach (Volunteer host in hosts)
            host.Ask(seconds: 1e-9);
        // An hour of any of them would be all of it.
        _project.Submit("small", text, null);
        var sizes = new List<double>();
        for (int round = 0; round < 400 && ServedProject.State(_project.Experiment("small")) != "complete"; round++)
        {
            Volunteer host = hosts[round % hosts.Length];
            sizes.AddRange(host.Ask(seconds: 1e-9).Select(task => task.Flops));
            HandIn(host);
            Thread.Sleep(10);
        }
        _project.AssertIsGrown("small", text);
        Assert.InRange(sizes.Max() / total, 0, 0.08);
        Assert.InRange(sizes.Count, 16, 64);
        // The last ones are the smallest.
        Assert.True(sizes[^1] <= sizes[0] / 2, string.Join(", ", sizes));
        foreach (Volunteer host in hosts)
            host.Dispose();
    }

    [Fact]
    public void ALongNetworkGoesOnOverHostsOfDifferentSpeedAndARestart()
    {
        string text = Experiments.Text(1, steps: 240);
        using Volunteer slow = new(_project, "slow"), fast = new(_project, "fast");
        double network = Experiment.Parse(text, "v").Networks[0].Recipe.TrainingFlops, speed = Show(slow, fast);
        // A network is 16 units of the slow one's, or two of the fast one's.
        _project.Submit("long", text, null, unitSeconds: network / 16 / speed);
        var sizes = new List<double>();
        for (int round = 0; round < 400 && ServedProject.State(_project.Experiment("long")) != "complete"; round++)
        {
            Volunteer host = round % 3 == 0 ? fast : slow;
            sizes.AddRange(host.Ask(seconds: 1e-9).Select(task => task.Flops));
            HandIn(host);
            Thread.Sleep(10);
            if (round == 3)
                _project.Restart();
        }
        _project.AssertIsGrown("long", text);
        Assert.InRange(_project.Experiment("long")["units"]!.GetValue<long>(), 8, 64);
        Assert.True(sizes.Max() > 3 * sizes.Min(), string.Join(", ", sizes));
    }

    [Fact]
    public void WhatIsPausedIsNotHandedOutAndAHigherPriorityIsFirst()
    {
        string text = Experiments.Text(3);
        double network = Experiment.Parse(text, "v").Networks[0].Recipe.TrainingFlops;
        _project.Submit("common", text, network * 1.01);
        _project.Submit("urgent", text, network * 1.01, priority: 5);
        using var volunteer = new Volunteer(_project, "ann");
        Handed first = Assert.Single(volunteer.Ask(seconds: 1e-9));
        Assert.StartsWith("urgent_", first.Name, StringComparison.Ordinal);
        Assert.Equal("paused", Control("urgent", "pause"));
        Assert.Equal("paused", Control("urgent", "pause"));
        Assert.StartsWith("common_", Assert.Single(volunteer.Ask(seconds: 1e-9)).Name, StringComparison.Ordinal);
        // Its unit may still be fetched, and its result counts.
        Assert.Equal(0, volunteer.Upload(first, volunteer.Train(first)));
        volunteer.Ask(0, [(first, true)]);
        _project.WaitFor("urgent", experiment => experiment["units_done"]!.GetValue<long>() == 1, "a result of a paused experiment");
        _project.Restart();
        Assert.Equal("paused", ServedProject.State(_project.Experiment("urgent")));
        Assert.DoesNotContain(volunteer.Ask(), task => task.Name.StartsWith("urgent", StringComparison.Ordinal));
        Assert.Equal("running", Control("urgent", "resume"));
        foreach (Handed task in volunteer.Tasks.ToArray())
            volunteer.Ask(0, [(task, true)]);
        using var helper = new Volunteer(_project, "bea");
        for (int i = 0; i < 300 && !new[] { "urgent", "common" }.All(name => ServedProject.State(_project.Experiment(name)) == "complete"); i++)
        {
            helper.Work();
            Thread.Sleep(20);
        }
        _project.AssertIsGrown("urgent", text);
        _project.AssertIsGrown("common", text);
        InputException late = Assert.Throws<InputException>(() => Control("urgent", "cancel"));
        Assert.Contains("complete", late.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_project.Zoo("urgent"), "zoo.json")));
        Assert.Contains("no experiment", Assert.Throws<InputException>(() => Control("nothing", "pause")).Message, StringComparison.Ordinal);
        Assert.Contains("expected pause", Assert.Throws<InputException>(() => Control("urgent", "praise")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsCancelledIsTakenBackAndClearedUp()
    {
        string text = Experiments.Text(3);
        double network = Experiment.Parse(text, "v").Networks[0].Recipe.TrainingFlops;
        _project.Submit("given-up", text, network * 2.01);
        using var volunteer = new Volunteer(_project, "ann");
        Handed[] tasks = [.. volunteer.Ask(seconds: 1e-9, instances: 3)];
        Assert.Equal(3, tasks.Length);
        // One was reported before: it earns what it is worth.
        Assert.Equal(0, volunteer.Upload(tasks[0], volunteer.Train(tasks[0])));
        volunteer.Ask(0, [(tasks[0], true)]);
        // One was uploaded, and is reported after: it is acknowledged and earns nothing.
        byte[] late = volunteer.Train(tasks[1]);
        Assert.Equal(0, volunteer.Upload(tasks[1], late));
        Assert.Equal("cancelled", Control("given-up", "cancel"));
        volunteer.Ask(0, [(tasks[1], true)]);
        Assert.Equal(tasks[1].Name, volunteer.Answer.Element("result_ack")!.Element("name")!.Value);
        Assert.Equal(tasks[2].Name, Assert.Single(volunteer.Answer.Elements("result_abort")).Element("name")!.Value);
        Assert.Equal(-1, volunteer.Upload(tasks[2], [1, 2, 3]));
        for (int i = 0; i < 200 && Directory.Exists(_project.Zoo("given-up")); i++)
            Thread.Sleep(50);
        Assert.False(Directory.Exists(_project.Zoo("given-up")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_project.Settings.Data, "upload")));
        Assert.Empty(volunteer.Ask());
        Assert.InRange(volunteer.Credit, 1e-12, 1);
        double credit = volunteer.Credit;
        _project.Restart();
        volunteer.Ask(0);
        Assert.Equal(credit, volunteer.Credit);
        // The name stays taken, and what was cancelled does not come back.
        Assert.Throws<InputException>(() => _project.Submit("given-up", Experiments.Text(2), network));
        Assert.Throws<InputException>(() => Control("given-up", "resume"));
    }

    [Fact]
    public void WorkOfAUnitThatIsDoneIsTakenBackIfItWasNotBegunAndCreditedIfItWas()
    {
        _project.Settings = _project.Settings with { Deadline = TimeSpan.FromSeconds(2) };
        _project.Restart();
        string text = Experiments.Text(3);
        double network = Experiment.Parse(text, "v").Networks[0].Recipe.TrainingFlops;
        _project.Submit("done", text, network * 6.01);
        using Volunteer slow = new(_project, "slow"), quick = new(_project, "quick");
        Handed[] tasks = [.. slow.Ask(seconds: 1e-9, instances: 2)];
        Assert.Equal(2, tasks.Length);
        byte[] begun = slow.Train(tasks[0]);
        _project.WaitFor("done", experiment => experiment["results_failed"]!.GetValue<long>() == 2, "the deadlines");
        for (int i = 0; i < 200 && ServedProject.State(_project.Experiment("done")) != "complete"; i++)
        {
            quick.Work();
            Thread.Sleep(20);
        }
        slow.Ask(0);
        Assert.Equal(tasks.Select(task => task.Name).Order(), slow.Answer.Elements("result_abort_if_not_started").Select(abort => abort.Element("name")!.Value).Order());
        Assert.Empty(slow.Answer.Elements("result_abort"));
        // What it ends as told is no fault of it; what it had begun is credited.
        Assert.Equal(0, slow.Upload(tasks[0], begun));
        slow.Ask(0, [(tasks[0], true), (tasks[1], false)]);
        Assert.Equal(2, slow.Answer.Elements("result_ack").Count());
        for (int i = 0; i < 100 && slow.Credit == 0; i++)
        {
            Thread.Sleep(50);
            slow.Ask(0);
        }
        Assert.True(slow.Credit > 0);
        Assert.Equal(0, _project.Experiment("done")["results_failed"]!.GetValue<long>());
        Assert.InRange(double.Parse(slow.Answer.Element("host_expavg_credit")!.Value, System.Globalization.CultureInfo.InvariantCulture), slow.Credit * 0.09, slow.Credit * 0.1);
    }

    [Fact]
    public async Task TheAverageHalvesInAWeekAndFollowsASteadyRate()
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create($"Host={Path.Combine(_project.Settings.Data, "postgresql")};Username=weightspace;Database=postgres");
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        double Average(double average, double days, long work)
        {
            using var command = new NpgsqlCommand("SELECT average_a_day($1, $2, $3, $4)", connection)
            {
                Parameters = { new() { Value = average }, new() { Value = DateTime.UnixEpoch }, new() { Value = work }, new() { Value = DateTime.UnixEpoch.AddDays(days) } },
            };
            return (double)command.ExecuteScalar()!;
        }

        Assert.Equal(50, Average(100, 7, 0), 1e-9);
        // All at once is as much as evenly over the moments.
        Assert.Equal(1000 * Math.Log(2) / 7, Average(0, 0, 1000), 1e-9);
        Assert.Equal(1000 * Math.Log(2) / 7, Average(0, 1e-4, 1000), 1e-2);
        // An hour's work each hour: after many weeks the average is a day's.
        double average = 0;
        for (int hour = 0; hour < 24 * 7 * 12; hour++)
            average = Average(average, 1 / 24.0, 1000);
        Assert.Equal(24_000, average, 24_000 * Math.Pow(2, -11));
    }

    /// <summary>Each hands in a result, and says that it took it so long that the fast one is eight times as fast. What the slow one makes a second is returned.</summary>
    private double Show(Volunteer slow, Volunteer fast)
    {
        string text = Experiments.Text(64);
        _project.Submit("shown", text, 64.01 * Experiment.Parse(text, "v").Networks[0].Recipe.TrainingFlops);
        double speed = 0;
        foreach (Volunteer volunteer in (Volunteer[])[slow, fast])
        {
            double flops = Assert.Single(volunteer.Ask(seconds: 1e-9)).Flops;
            speed = speed == 0 ? flops / 16 : speed;
            volunteer.Elapsed = flops / (volunteer == slow ? speed : 8 * speed);
            Assert.InRange(volunteer.Elapsed, 1.01, 100);
            HandIn(volunteer);
            for (int i = 0; i < 200 && volunteer.Credit == 0; i++)
            {
                Thread.Sleep(50);
                volunteer.Ask(0);
            }
            Assert.True(volunteer.Credit > 0);
        }
        Control("shown", "cancel");
        // So that it is known who asks for work.
        slow.Ask(seconds: 1e-9);
        fast.Ask(seconds: 1e-9);
        return speed;
    }

    private static void HandIn(Volunteer volunteer)
    {
        foreach (Handed task in volunteer.Tasks.ToArray())
        {
            Assert.Equal(0, volunteer.Upload(task, volunteer.Train(task)));
            volunteer.Ask(0, [(task, true)]);
        }
    }

    private string Control(string name, string what)
    {
        using ProjectClient client = _project.Operator();
        return client.Control(name, what, CancellationToken.None).GetAwaiter().GetResult()["state"]!.GetValue<string>();
    }
}
