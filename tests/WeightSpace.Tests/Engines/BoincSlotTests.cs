using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using WeightSpace.Engines;
using WeightSpace.Engines.Boinc;
using WeightSpace.Tests.Cli;
using WeightSpace.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Engines;

/// <summary>A task in a slot as BOINC's client lays it out; the client's part is played here, by the same file.</summary>
public sealed class BoincSlotTests : IDisposable
{
    private const int Channel = 1024, Control = 0, Status = 5 * Channel;

    private readonly Folder _folder = new();

    public BoincSlotTests()
    {
        Directory.CreateDirectory(_folder["slots/0"]);
        Directory.CreateDirectory(_folder["projects/p"]);
        _folder.Write("slots/0/init_data.xml", $"<app_init_data>\n<project_dir>{_folder["projects/p"]}/</project_dir>\n<checkpoint_period>7.000000</checkpoint_period>\n<wu_cpu_time>12.5</wu_cpu_time>\n<project_preferences>\n<a & b>\n</project_preferences>\n</app_init_data>\n");
        File.WriteAllBytes(_folder["slots/0/boinc_mmap_file"], new byte[8 * Channel]);
    }

    private string Slot => _folder["slots/0"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ALinkLeadsIntoTheProjectsFolderAndNowhereElse()
    {
        using var slot = BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None);
        _folder.Write("slots/0/unit.json", "<soft_link>../../projects/p/unit_7</soft_link>\n");
        Assert.Equal(_folder["projects/p/unit_7"], slot.Resolve("unit.json"));
        _folder.Write("slots/0/plain", "{}");
        Assert.Equal(_folder["slots/0/plain"], slot.Resolve("plain"));
        Assert.Equal(_folder["slots/0/absent"], slot.Resolve("absent"));
        _folder.Write("slots/0/out", "<soft_link>../../../etc/passwd</soft_link>\n");
        Assert.Contains("project's folder", Assert.Throws<InputException>(() => slot.Resolve("out")).Message, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromSeconds(7), slot.SaveInterval);
    }

    [Fact]
    public void TheClientIsToldHowFarATaskIsAndThatItHasEnded()
    {
        using (var slot = BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None))
        {
            slot.Report(0.25);
            string status = "";
            WaitFor(() => (status = TakeStatus()).Contains("<fraction_done>2.5", StringComparison.Ordinal));
            // What earlier starts of the task used is counted.
            Assert.InRange(double.Parse(Regex.Match(status, "<current_cpu_time>(.*?)</").Groups[1].Value, CultureInfo.InvariantCulture), 12.5, 1e6);
            Assert.Contains("<checkpoint_cpu_time>1.25", status, StringComparison.Ordinal);
            slot.ReportSaved();
            WaitFor(() => TakeStatus() is { Length: > 0 } text && !text.Contains("<checkpoint_cpu_time>1.25", StringComparison.Ordinal));
            slot.Finish(0);
        }
        Assert.Equal("0\n", File.ReadAllText(Path.Combine(Slot, "boinc_finish_called")));
    }

    [Fact]
    public void ATaskSuspendsResumesAndQuitsWhenItIsAsked()
    {
        using var slot = BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None);
        int reports = 0;
        var working = new Thread(() =>
        {
            while (!slot.Stop.IsCancellationRequested)
            {
                slot.Report(0.5);
                Interlocked.Increment(ref reports);
                Thread.Sleep(1);
            }
        });
        working.Start();
        WaitFor(() => reports > 10);
        Order("<suspend/>");
        WaitUntilObeyed();
        // The report under way may end.
        Thread.Sleep(50);
        int before = reports;
        Thread.Sleep(200);
        Assert.Equal(before, reports);
        Order("<resume/>");
        WaitFor(() => reports > before + 10);
        Order("<quit/>");
        Assert.True(working.Join(TimeSpan.FromSeconds(10)));
        Assert.False(slot.IsAborted);
    }

    [Fact]
    public void AbortEndsATaskEvenASuspendedOne()
    {
        using var slot = BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None);
        Order("<suspend/>");
        WaitUntilObeyed();
        var waiting = new Thread(() => slot.Report(0.5));
        waiting.Start();
        Order("<abort/>");
        Assert.True(slot.Stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)));
        Assert.True(waiting.Join(TimeSpan.FromSeconds(10)));
        Assert.True(slot.IsAborted);
    }

    [Fact]
    public void ATaskWhoseClientIsGoneQuits()
    {
        var time = new Clock();
        using var slot = BoincSlot.Open(Slot, time, CancellationToken.None);
        time.Seconds = 29;
        WaitFor(() => TakeStatus().Length > 0);
        WaitFor(() => TakeStatus().Length > 0);
        Assert.False(slot.Stop.IsCancellationRequested);
        time.Seconds = 31;
        Assert.True(slot.Stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void AUnitThatWasQuitGoesOnToTheSameBytes()
    {
        Experiment experiment = Experiment.Parse(Slurm.Experiments.Text(2, 2000), "slot.yaml");
        Recipe[] recipes = [.. experiment.Networks.Select(network => network.Recipe)];
        WorkUnit.Write(_folder["projects/p/unit_7"], recipes);
        using var trainer = new Trainer();
        WorkUnitRunner.Run(_folder["projects/p/unit_7"], _folder["whole"], trainer, TimeProvider.System, null, CancellationToken.None);
        _folder.Write("slots/0/unit.json", "<soft_link>../../projects/p/unit_7</soft_link>\n");
        string result = Path.Combine(Slot, "result.safetensors");
        using (var slot = BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None))
        {
            Order("<quit/>");
            Assert.ThrowsAny<OperationCanceledException>(() => WorkUnitRunner.Run(slot.Resolve("unit.json"), result, trainer, TimeProvider.System, done =>
            {
                if (done.Networks > 0)
                    slot.Stop.WaitHandle.WaitOne(TimeSpan.FromSeconds(10));
            }, slot.Stop));
        }
        Assert.True(File.Exists(WorkUnitRunner.PartialPath(result)));
        Assert.False(File.Exists(Path.Combine(Slot, "boinc_finish_called")));
        using (var slot = BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None))
            WorkUnitRunner.Run(slot.Resolve("unit.json"), result, trainer, TimeProvider.System, null, slot.Stop);
        Assert.Equal(File.ReadAllBytes(_folder["whole"]), File.ReadAllBytes(result));
    }

    [Theory]
    [InlineData("init_data.xml", null)]
    [InlineData("init_data.xml", "something else")]
    [InlineData("boinc_mmap_file", "too short")]
    public void AFolderThatIsNoSlotIsNamed(string file, string? text)
    {
        File.Delete(Path.Combine(Slot, file));
        if (text is not null)
            File.WriteAllText(Path.Combine(Slot, file), text);
        Assert.Contains(file, Assert.Throws<InputException>(() => BoincSlot.Open(Slot, TimeProvider.System, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AMessageWaitsUntilItIsTaken()
    {
        // Memory without a file, as Windows has it.
        using var memory = new SlotMemory(System.IO.MemoryMappedFiles.MemoryMappedFile.CreateNew(null, SlotMemory.ChannelBytes * SlotMemory.Channels));
        Assert.Null(memory.Take(SlotChannel.Control));
        Assert.True(memory.Put(SlotChannel.Status, "a long message"));
        Assert.False(memory.Put(SlotChannel.Status, "another"));
        Assert.Null(memory.Take(SlotChannel.Control));
        Assert.Null(memory.Take(SlotChannel.Heartbeat));
        Assert.Equal("a long message", memory.Take(SlotChannel.Status));
        Assert.Null(memory.Take(SlotChannel.Status));
        Assert.True(memory.Put(SlotChannel.Status, "short"));
        Assert.Equal("short", memory.Take(SlotChannel.Status));
        Assert.True(memory.Put(SlotChannel.Status, new string('x', SlotMemory.ChannelBytes - 2)));
        Assert.Equal(SlotMemory.ChannelBytes - 2, memory.Take(SlotChannel.Status)!.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Put(SlotChannel.Status, new string('x', SlotMemory.ChannelBytes - 1)));
    }

    [Fact]
    public void TheMemoryOfAWindowsSlotHasTheNamesThatAClientGivesIt()
    {
        Assert.Equal([@"Global\shm_boinc_17", "shm_boinc_17"], SlotMemory.Names("boinc_17"));
        foreach (string wrong in (string[])["", @"..\x", @"Global\boinc_1", "boinc 1", new string('a', 101)])
            Assert.Contains("comm_obj_name", Assert.Throws<InputException>(() => SlotMemory.Names(wrong)).Message, StringComparison.Ordinal);
    }

    private static void WaitFor(Func<bool> isSo)
    {
        for (int i = 0; i < 1000; i++)
        {
            if (isSo())
                return;
            Thread.Sleep(10);
        }
        Assert.Fail("waited in vain");
    }

    /// <summary>A task tells its status behind each order that it took: the next one it tells comes after that.</summary>
    private void WaitUntilObeyed()
    {
        WaitFor(() => ReadByte(Control) == 0);
        TakeStatus();
        WaitFor(() => TakeStatus().Length > 0);
    }

    private byte ReadByte(int at)
    {
        using FileStream file = OpenMap();
        file.Position = at;
        return (byte)file.ReadByte();
    }

    private void Order(string order)
    {
        WaitFor(() => ReadByte(Control) == 0);
        using FileStream file = OpenMap();
        file.Position = Control + 1;
        file.Write(Encoding.ASCII.GetBytes(order + "\n\0"));
        file.Flush();
        file.Position = Control;
        file.WriteByte(1);
    }

    private string TakeStatus()
    {
        using FileStream file = OpenMap();
        file.Position = Status;
        byte[] channel = new byte[Channel];
        file.ReadExactly(channel);
        if (channel[0] == 0)
            return "";
        file.Position = Status;
        file.WriteByte(0);
        return Encoding.ASCII.GetString(channel, 1, Array.IndexOf(channel, (byte)0, 1) - 1);
    }

    private FileStream OpenMap() => new(Path.Combine(Slot, "boinc_mmap_file"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

    private sealed class Clock : TimeProvider
    {
        public double Seconds;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => (long)(Volatile.Read(ref Seconds) * 1000);
    }
}
