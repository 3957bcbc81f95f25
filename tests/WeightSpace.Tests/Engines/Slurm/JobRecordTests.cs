using WeightSpace.Engines.Slurm;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Engines.Slurm;

public sealed class JobRecordTests : IDisposable
{
    private readonly Folder _temporary = new();
    private readonly SlurmFolder _folder;

    public JobRecordTests()
    {
        _folder = new SlurmFolder(_temporary["work"]);
        _folder.Make();
    }

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void WhatWasSubmittedReadsBack()
    {
        JobRecord record = Open();
        record.Confirm(record.Begin([(0, 0, 1), (1234, 2, 3)], TimeProvider.System), 77);
        record.GiveUp(record.Begin([(2, 0, 1)], TimeProvider.System));
        Batch stopped = record.Begin([(3, 0, 1)], TimeProvider.System);
        record.Confirm(stopped, 78);
        record.Stop(stopped);
        JobRecord again = JobRecord.Read(_folder)!;
        Assert.Equal(record.Name, again.Name);
        Assert.Equal([(77L, false, false, 2), (null, true, false, 0), (78L, false, true, 1)], again.Batches.Select(batch => (batch.Job, batch.IsGivenUp, batch.IsStopped, batch.Units.Count)));
        Assert.Equal([(0, 0, 1), (1234, 2, 3)], again.Batches[0].Units);
        // A script of a batch that was given up finds no list.
        Assert.False(File.Exists(_folder.UnitList(2)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(40)]
    public void HalfALineThatACrashLeftIsNoLine(int lost)
    {
        JobRecord record = Open();
        record.Confirm(record.Begin([(0, 0, 1)], TimeProvider.System), 77);
        long length = new FileInfo(_folder.Record).Length;
        record.Begin([(1, 0, 1)], TimeProvider.System);
        using (FileStream file = File.OpenWrite(_folder.Record))
            file.SetLength(file.Length - lost);
        Assert.True(new FileInfo(_folder.Record).Length > length);
        JobRecord again = JobRecord.Read(_folder)!;
        Assert.Equal(77, Assert.Single(again.Batches).Job);
        again.Confirm(again.Begin([(5, 0, 1)], TimeProvider.System), 80);
        Assert.Equal([77L, 80L], JobRecord.Read(_folder)!.Batches.Select(batch => batch.Job!.Value));
        Assert.Equal([(5, 0, 1)], JobRecord.Read(_folder)!.Batches[1].Units);
    }

    [Fact]
    public void ADamagedRecordSaysWhatToDo()
    {
        Open();
        File.AppendAllText(_folder.Record, "{\"batch\":7,\"job\":1}\n");
        string message = Assert.Throws<InputException>(() => JobRecord.Read(_folder)).Message;
        Assert.Contains("line 2", message, StringComparison.Ordinal);
        Assert.Contains("scancel", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANewZooInTheSamePlaceHasAnotherName()
    {
        string first = Open().Name;
        File.Delete(_folder.Record);
        Assert.NotEqual(first, Open().Name);
    }

    private JobRecord Open() => JobRecord.Open(_folder, null, TimeProvider.System);
}
