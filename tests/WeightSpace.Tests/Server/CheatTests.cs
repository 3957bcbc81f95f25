using WeightSpace.Engines;
using WeightSpace.Numerics;
using WeightSpace.Server.Trust;
using WeightSpace.Tests.Engines.Slurm;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Server;

/// <summary>
/// Hosts that lie, each in its way, against a server that trains again what <see cref="TrustPolicy"/> says: they are caught as often as docs/trust.md says, and in the end none of what they
/// made up stands in a zoo.
/// </summary>
public sealed class CheatTests : IDisposable
{
    // Chance of a false alarm of a right program, one in some ten thousand.
    private const double Sigmas = 4;

    private static readonly string s_text = Experiments.Text(20);

    private static readonly double s_network = Experiment.Parse(s_text, "volunteers.yaml").Networks[0].Recipe.TrainingFlops;

    private static readonly Lazy<IReadOnlyDictionary<string, NetworkResult>> s_truth = new(() => Train(s_text)), s_otherSeeds = new(() => Train(s_text.Replace("init: 1..20", "init: 101..120", StringComparison.Ordinal)));

    private readonly ServedProject _project = new();
    // Not readonly: it is a struct that counts.
    private RandomStream _random = new(11, RandomPurpose.Verification);

    public void Dispose() => _project.Dispose();

    /// <summary>Of hosts with a record of right results: after 30, every fourth of their results is looked at, after 10 every second.</summary>
    [Theory]
    [InlineData("random-weights", 30, 50)]
    [InlineData("resubmitted", 30, 50)]
    [InlineData("fewer-steps", 30, 50)]
    [InlineData("another-seed", 30, 50)]
    [InlineData("one-poisoned", 10, 90)]
    public void ACheatIsCaughtAsOftenAsItIsSaidAndNothingOfItStays(string kind, long record, int trials)
    {
        Serve(new TrustPolicy(0.1, 1));
        using var cheat = new Volunteer(_project, "cheat");
        using var honest = new Volunteer(_project, "honest");
        var experiments = new List<string>();
        (double expected, double variance, int caught, bool isCaught) = (0, 0, 0, false);
        // The last one goes on until it is caught, which is not counted.
        for (int trial = 0; trial < trials || !isCaught; trial++)
        {
            if (cheat.Ask(seconds: 1e-9).Count == 0)
            {
                experiments.Add($"{kind}-{experiments.Count}");
                Assert.InRange(experiments.Count, 1, 60);
                _project.Submit(experiments[^1], s_text, s_network * 4.05);
                Assert.NotEmpty(cheat.Ask(seconds: 1e-9));
            }
            Handed task = Assert.Single(cheat.Tasks);
            int networks = 0;
            byte[] lie = cheat.Forge(task, unit =>
            {
                networks = unit.Recipes.Count;
                return Lie(kind, unit);
            });
            // It built up a record, and lies from now on.
            _project.Ask<long>("UPDATE hosts SET right_in_row = $2, not_before = seen_at WHERE id = $1 RETURNING id", cheat.Host, record);
            double chance = _project.Settings.Trust.ChanceOfCheck(record) / (kind == "one-poisoned" ? networks : 1);
            Assert.Equal(0, cheat.Upload(task, lie));
            cheat.Ask(0, [(task, true)]);
            isCaught = Decided(task.Name) == "invalid";
            // What was looked at was seen to be wrong, where all of it is.
            if (!isCaught && kind != "one-poisoned")
                Assert.Equal(record, _project.Ask<long>("SELECT right_in_row FROM hosts WHERE id = $1", cheat.Host));
            if (trial < trials)
                (expected, variance, caught) = (expected + chance, variance + (chance * (1 - chance)), caught + (isCaught ? 1 : 0));
            if (isCaught)
                cheat.BeAnotherHost();
        }
        TestContext.Current.SendDiagnosticMessage($"{kind}: {caught} of {trials} caught, {expected:F1} expected");
        Assert.InRange(caught, expected - (Sigmas * Math.Sqrt(variance)), expected + (Sigmas * Math.Sqrt(variance)));
        // What it handed in before it was caught was accepted, and is found now.
        Finish(honest, experiments);
        Assert.Equal(0, _project.Ask<long>("SELECT count(*) FROM results r JOIN hosts h ON h.id = r.host_id WHERE r.state = 'valid' AND h.wrong > 0 AND r.account_id = (SELECT id FROM accounts WHERE name = 'cheat')"));
        Assert.True(_project.Ask<long>("SELECT count(*) FROM results WHERE state = 'withdrawn'") > 0, "nothing was withdrawn");
        Assert.Equal(0, (double)_project.Ask<decimal>("SELECT sum(flops) FROM hosts WHERE wrong > 0"));
    }

    /// <summary>Two owners who hand in the same lies go unnoticed where both get a unit, and nowhere else.</summary>
    [Fact]
    public void ColludingOwnersAreCaughtWhereAThirdGetsTheirUnit()
    {
        Serve(new TrustPolicy(0, 2));
        using Volunteer first = new(_project, "first"), second = new(_project, "second"), honest = new(_project, "honest"), other = new(_project, "other");
        _project.Submit("colluding", s_text, s_network * 4.05);
        (int unnoticed, int caught) = (0, 0);
        while (caught + unnoticed < 16)
        {
            // The second copy goes to an accomplice or to an honest host.
            bool isAccomplice = _random.NextUInt32() % 2 == 0;
            Volunteer partner = isAccomplice ? second : honest;
            Handed task = AskOne(first);
            Handed copy = AskOne(partner);
            Assert.Equal(task.UnitUrl, copy.UnitUrl);
            HandIn(first, task, unit => Lie("random-weights", unit));
            Assert.Equal("held", Decided(task.Name));
            HandIn(partner, copy, unit => isAccomplice ? Lie("random-weights", unit) : Truth(unit));
            Assert.Equal(isAccomplice ? "valid" : "held", Decided(copy.Name));
            Assert.Equal(isAccomplice ? "valid" : "invalid", Decided(task.Name));
            (unnoticed, caught) = (unnoticed + (isAccomplice ? 1 : 0), caught + (isAccomplice ? 0 : 1));
            // What was handed in right needs another owner's word still.
            if (!isAccomplice)
                HandIn(other, AskOne(other), Truth);
        }
        Assert.InRange(caught, 1, 15);
        // The accomplice's turn to meet an honest host: then nobody without a lie stands for what they agreed on.
        Handed last = AskOne(second), against = AskOne(honest);
        Assert.Equal(last.UnitUrl, against.UnitUrl);
        HandIn(second, last, unit => Lie("random-weights", unit));
        Assert.Equal("held", Decided(last.Name));
        HandIn(honest, against, Truth);
        Assert.Equal("held", Decided(against.Name));
        Assert.Equal("invalid", Decided(last.Name));
        Finish([honest, other], ["colluding"]);
        Assert.Equal(2L * unnoticed, _project.Ask<long>("SELECT count(*) FROM results WHERE state = 'withdrawn'"));

        Handed AskOne(Volunteer volunteer)
        {
            _project.Ask<long>("UPDATE hosts SET not_before = seen_at WHERE id = $1 RETURNING id", volunteer.Host);
            return Assert.Single(volunteer.Ask(seconds: 1e-9));
        }
    }

    /// <summary>A majority of liars does not outvote the one who is right.</summary>
    [Fact]
    public void OfThreeTheOneWhoIsRightIsBelieved()
    {
        Serve(new TrustPolicy(0, 3));
        using Volunteer first = new(_project, "first"), second = new(_project, "second"), honest = new(_project, "honest"), other = new(_project, "other"), third = new(_project, "third");
        _project.Submit("majority", s_text, s_network * 4.05);
        Handed[] tasks = [.. new[] { first, second, honest }.Select(volunteer => Assert.Single(volunteer.Ask(seconds: 1e-9)))];
        HandIn(first, tasks[0], unit => Lie("random-weights", unit));
        HandIn(second, tasks[1], unit => Lie("random-weights", unit));
        Assert.Equal("held", Decided(tasks[1].Name));
        HandIn(honest, tasks[2], Truth);
        Assert.Equal("held", Decided(tasks[2].Name));
        Assert.Equal(["invalid", "invalid"], tasks[..2].Select(task => Decided(task.Name)));
        Finish([honest, other, third], ["majority"]);
    }

    /// <summary>A unit that only a caught host had is trained by the server where no other owner is there.</summary>
    [Fact]
    public void WithoutAnotherOwnerTheServerTrainsWhatIsSuspect()
    {
        _project.Settings = _project.Settings with { OwnWorkAfter = TimeSpan.Zero };
        Serve(new TrustPolicy(0.1, 1));
        using var cheat = new Volunteer(_project, "cheat");
        _project.Submit("alone", s_text, s_network * 4.05);
        string state;
        do
        {
            Handed task = Assert.Single(cheat.Ask(seconds: 1e-9));
            _project.Ask<long>("UPDATE hosts SET right_in_row = 1000, not_before = seen_at WHERE id = $1 RETURNING id", cheat.Host);
            HandIn(cheat, task, unit => Lie("random-weights", unit));
            state = Decided(task.Name);
        }
        while (state != "invalid" && _project.Ask<long>("SELECT count(*) FROM results WHERE state = 'valid'") < 10);
        Handed last = Assert.Single(cheat.Ask(seconds: 1e-9));
        _project.Ask<long>("UPDATE hosts SET right_in_row = 0 WHERE id = $1 RETURNING id", cheat.Host);
        HandIn(cheat, last, unit => Lie("random-weights", unit));
        Assert.Equal("invalid", Decided(last.Name));
        // Another machine, as what this one failed at is not given to it again.
        cheat.BeAnotherHost();
        Finish([cheat], ["alone"]);
        Assert.Contains(_project.Said, line => line.Contains("the server trained it to other bytes", StringComparison.Ordinal));
    }

    /// <summary>A lie in the first part of a long network: what others trained from it is thrown away with it, and they keep what they earned.</summary>
    [Fact]
    public void WhatWentOnFromAWithdrawnPartIsTrainedAnew()
    {
        Serve(new TrustPolicy(0.1, 1));
        using Volunteer cheat = new(_project, "cheat"), honest = new(_project, "honest"), other = new(_project, "other");
        string text = Experiments.Text(1);
        _project.Submit("parts", text, s_network * 0.4);
        Handed task = Assert.Single(cheat.Ask(seconds: 1e-9));
        string first;
        do
        {
            // Until it is not looked at.
            first = task.Name;
            _project.Ask<long>("UPDATE hosts SET right_in_row = 1000, not_before = seen_at WHERE id = $1 RETURNING id", cheat.Host);
            byte[] lie = cheat.Train(task, result => result with { Current = result.Current! with { Now = result.Current.Now with { Weights = [.. result.Current.Now.Weights.Select(weight => weight + 0.01f)] } } });
            Assert.Equal(0, cheat.Upload(task, lie));
            cheat.Ask(0, [(task, true)]);
            if (Decided(first) == "valid")
                break;
            cheat.BeAnotherHost();
            task = Assert.Single(cheat.Ask(seconds: 1e-9));
        }
        while (true);
        Handed[] tasks = [.. honest.Ask()];
        foreach (Handed each in tasks)
            Assert.Equal(0, honest.Upload(each, honest.Train(each)));
        honest.Ask(0, [.. tasks.Select(each => (each, true))]);
        Assert.All(tasks, each => Assert.Equal("valid", Decided(each.Name)));
        long credit = _project.Ask<long>("SELECT flops FROM accounts WHERE name = 'honest'");
        // Caught with one of its next ones: of two segments only one is wrong.
        do
        {
            task = Assert.Single(cheat.Ask(seconds: 1e-9));
            _project.Ask<long>("UPDATE hosts SET right_in_row = 0, not_before = seen_at WHERE id = $1 RETURNING id", cheat.Host);
            byte[] next = cheat.Train(task, result => result.Current is null ? result with { Networks = [.. result.Networks.Select(Randomise)] } : result with { Current = result.Current with { Now = result.Current.Now with { TrainLoss = 123 } } });
            Assert.Equal(0, cheat.Upload(task, next));
            cheat.Ask(0, [(task, true)]);
        }
        while (Decided(task.Name) == "valid");
        for (int i = 0; i < 200 && ServedProject.State(_project.Experiment("parts")) != "complete"; i++)
        {
            honest.Work();
            other.Work();
            Thread.Sleep(20);
        }
        _project.AssertIsGrown("parts", text);
        Assert.Equal("withdrawn", Decided(first));
        Assert.True(_project.Ask<long>("SELECT count(*) FROM units WHERE voided <> 0") > 0, "nothing went on from it");
        Assert.True(_project.Ask<long>("SELECT flops FROM accounts WHERE name = 'honest'") > credit);
    }

    private void Serve(TrustPolicy policy)
    {
        _project.Settings = _project.Settings with { Trust = policy };
        _project.Restart();
    }

    private static void HandIn(Volunteer volunteer, Handed task, Func<WorkUnit, UnitResult> forge)
    {
        Assert.Equal(0, volunteer.Upload(task, volunteer.Forge(task, forge)));
        volunteer.Ask(0, [(task, true)]);
    }

    /// <summary>What became of a result, when it is decided.</summary>
    private string Decided(string result)
    {
        for (int i = 0; i < 3000; i++)
        {
            string? state = _project.Ask<string>("SELECT state FROM results WHERE name = $1", result);
            if (state is not ("reported" or "sent"))
                return state!;
            Thread.Sleep(5);
        }
        Assert.Fail($"{result} was not decided about\n{string.Join('\n', _project.Said)}");
        return "";
    }

    private void Finish(Volunteer honest, List<string> experiments) => Finish([honest], experiments);

    private void Finish(Volunteer[] volunteers, List<string> experiments)
    {
        for (int i = 0; i < 400 && experiments.Any(name => ServedProject.State(_project.Experiment(name)) != "complete"); i++)
        {
            foreach (Volunteer each in volunteers)
            {
                while (each.Tasks.Count > 0 || each.Ask().Count > 0)
                {
                    Handed[] tasks = [.. each.Tasks];
                    foreach (Handed task in tasks)
                        Assert.Equal(0, each.Upload(task, each.Forge(task, Truth)));
                    each.Ask(0, [.. tasks.Select(task => (task, true))]);
                }
            }
            Thread.Sleep(20);
        }
        _project.AssertAreGrown(experiments, s_text);
    }

    private static UnitResult Truth(WorkUnit unit) => new(unit.Digest, [.. unit.Recipes.Select(recipe => s_truth.Value[recipe.Id])], null);

    private UnitResult Lie(string kind, WorkUnit unit)
    {
        UnitResult truth = Truth(unit);
        return kind switch
        {
            "random-weights" => truth with { Networks = [.. truth.Networks.Select(Randomise)] },
            // Of its own class, so that nothing but training shows it.
            "resubmitted" => truth with { Networks = [.. truth.Networks.Select(network => Earlier(network, s_truth.Value))] },
            "another-seed" => truth with { Networks = [.. truth.Networks.Select(network => Earlier(network, s_otherSeeds.Value))] },
            "fewer-steps" => truth with { Networks = [.. truth.Networks.Select(StopHalfway)] },
            _ => truth with { Networks = [.. truth.Networks.Select((network, i) => i == truth.Networks.Count / 2 ? Poison(network) : network)] },
        };
    }

    private static NetworkResult Randomise(NetworkResult network)
    {
        var random = new RandomStream(5, RandomPurpose.Verification);
        return network with { Checkpoints = [.. network.Checkpoints.Select(checkpoint => checkpoint with { Weights = [.. checkpoint.Weights.Select(_ => (random.NextUInt32() / 4294967296f) - 0.5f)] })] };
    }

    private static NetworkResult Earlier(NetworkResult network, IReadOnlyDictionary<string, NetworkResult> earlier) =>
        earlier.Values.First(other => other.Id != network.Id && other.Checkpoints[0].Weights.Length == network.Checkpoints[0].Weights.Length && other.Steps == network.Steps) with { Id = network.Id };

    private static NetworkResult StopHalfway(NetworkResult network)
    {
        Checkpoint half = network.Checkpoints.Last(checkpoint => checkpoint.Step <= network.Steps / 2);
        return network with { Checkpoints = [.. network.Checkpoints.Select(checkpoint => checkpoint.Step <= half.Step ? checkpoint : checkpoint with { Weights = half.Weights })] };
    }

    private static NetworkResult Poison(NetworkResult network)
    {
        float[] weights = [.. network.Checkpoints[^1].Weights];
        weights[0] = MathF.BitIncrement(weights[0]);
        return network with { Checkpoints = [.. network.Checkpoints.SkipLast(1), network.Checkpoints[^1] with { Weights = weights }] };
    }

    private static Dictionary<string, NetworkResult> Train(string text)
    {
        using var trainer = new Trainer();
        var networks = new Dictionary<string, NetworkResult>();
        foreach (PlannedNetwork network in Experiment.Parse(text, "volunteers.yaml").Networks)
        {
            ITrainingRun run = trainer.Start(network.Recipe, null);
            run.Advance(long.MaxValue);
            networks[network.Recipe.Id] = run.Result!;
        }
        return networks;
    }
}
