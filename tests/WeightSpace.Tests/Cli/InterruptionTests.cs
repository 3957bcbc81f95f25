using WeightSpace.Numerics;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Cli;

/// <summary>A zoo that was stopped or killed is finished by the same command, and no byte of it tells.</summary>
public sealed class InterruptionTests(ReferenceZoo reference) : IClassFixture<ReferenceZoo>
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    // A network goes on over three units, each a file of its own.
    [InlineData(4, "--unit-steps", "50")]
    public void KilledAgainAndAgainAZooComesOutTheSame(ulong seed, params string[] more)
    {
        string zoo = reference[$"killed-{seed}"];
        var draw = new RandomStream(seed, RandomPurpose.Testing, 1);
        int kills = 0;
        for (int calls = 0; !File.Exists(Path.Combine(zoo, ZooManifest.FileName)); calls++)
        {
            Assert.InRange(calls, 0, 10);
            using BuiltProgram.Running running = BuiltProgram.Start([], ["train", reference.Experiment, "--out", zoo, "--threads", "2", "--unit", "1", .. more]);
            int target = Results(zoo) + draw.NextBelow(6);
            int moment = draw.NextBelow(30);
            if (calls < 6)
            {
                // The last of the kills comes while the zoo is being written.
                running.WaitUntil(calls == 5 ? () => File.Exists(Path.Combine(zoo, "checkpoints.csv.tmp")) : () => Results(zoo) >= target);
                if (calls < 5)
                    Thread.Sleep(moment);
                kills += running.HasEnded ? 0 : 1;
                running.Kill();
                running.Wait();
            }
            else
            {
                Spoken spoken = running.Wait();
                Assert.True(spoken.ExitCode == 0, spoken.ToString());
            }
        }
        Assert.True(kills >= 2, $"only {kills} kills found the program at work");
        // Where the last kill came between the manifest and the removal of what was under way, the same call clears it up.
        BuiltProgram.Succeed("train", reference.Experiment, "--out", zoo);
        reference.AssertSame(zoo);
    }

    [Fact]
    public void CtrlCPutsTheNetworkDownWhereItIs()
    {
        // One network of some seconds, so that the signal comes in its middle.
        File.WriteAllText(reference["one.yaml"], """
            experiment: one
            tasks: [{machine: EightBitMachine, sequence: 12}]
            training: {batch: 20, stop: {steps: 6000}, checkpoints: {every: 2000}, evaluation: {sequences: 40}}
            """);
        string zoo = reference["stopped"], unit = Path.Combine(zoo, "work", "units", "000000.json"), partial = Path.Combine(zoo, "work", "results", "000000.safetensors.partial");
        string[] arguments = ["train", reference["one.yaml"], "--out", zoo, "--json"];
        for (int time = 0; time < 2; time++)
        {
            using BuiltProgram.Running running = BuiltProgram.Start([], arguments);
            running.WaitUntil(() => File.Exists(unit));
            Thread.Sleep(300);
            running.Interrupt();
            Spoken stopped = running.Wait();
            Assert.True(stopped.ExitCode == 1, stopped.ToString());
            Assert.Contains("stopping", stopped.Error, StringComparison.Ordinal);
            Assert.Contains("nothing is lost", stopped.Json.GetProperty("error").GetString(), StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", stopped.Error, StringComparison.Ordinal);
            Assert.True(File.Exists(partial));
            Assert.DoesNotContain(Directory.GetFiles(zoo, "*", SearchOption.AllDirectories), file => file.EndsWith(".tmp", StringComparison.Ordinal));
        }
        Spoken growing = BuiltProgram.Run("info", zoo);
        Assert.True(growing.ExitCode == 2 && growing.Error.Contains("still growing", StringComparison.Ordinal), growing.ToString());
        BuiltProgram.Succeed(arguments);
        BuiltProgram.Succeed("train", reference["one.yaml"], "--out", reference["whole"]);
        Assert.Equal(Folder.Digests(reference["whole"]), Folder.Digests(zoo));
    }

    private static int Results(string zoo)
    {
        string results = Path.Combine(zoo, "work", "results");
        return Directory.Exists(results) ? Directory.GetFiles(results, "*.safetensors").Length : 0;
    }
}
