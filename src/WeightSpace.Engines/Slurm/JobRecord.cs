using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Engines.Slurm;

/// <summary>Units that were submitted as one job array, element i being unit i.</summary>
public sealed class Batch(int number, DateTimeOffset at)
{
    public int Number => number;

    public DateTimeOffset At => at;

    /// <summary>Group and unit, and which attempt it is, the first being 1; empty where the batch was given up.</summary>
    public IReadOnlyList<(int Group, int Unit, int Attempt)> Units { get; internal set; } = [];

    /// <summary>Null: not known, or there was none.</summary>
    public long? Job { get; internal set; }

    /// <summary>It never became a job, and if it does, that finds nothing to do.</summary>
    public bool IsGivenUp { get; internal set; }

    /// <summary>Its jobs were cancelled.</summary>
    public bool IsStopped { get; internal set; }

    public bool MayHaveJobs => !IsGivenUp && !IsStopped;
}

/// <summary>
/// What was submitted, as a file to which lines of JSON are added: a batch with its name before sbatch is called, and its job's number after. A submitter that was killed in between finds the job by its
/// name; where there is none, the list of the batch's units is removed first, so that a job that comes later all the same finds nothing to do.
/// </summary>
public sealed class JobRecord
{
    private const string Format = "weightspace-slurm";
    private const int FormatVersion = 1;

    private readonly SlurmFolder _folder;
    private readonly List<Batch> _batches = [];

    private JobRecord(SlurmFolder folder, string name, int? networksPerClass) => (_folder, Name, NetworksPerClass) = (folder, name, networksPerClass);

    /// <summary>What all jobs of this zoo are called, with the batch's number behind it.</summary>
    public string Name { get; }

    /// <summary>The subset that is grown; null: all networks.</summary>
    public int? NetworksPerClass { get; }

    /// <summary>In the order of their numbers, the first of which is 1.</summary>
    public IReadOnlyList<Batch> Batches => _batches;

    public string JobName(int batch) => $"{Name}-{SlurmFolder.Number(batch)}";

    /// <summary>Whether jobs of the zoo with this work folder may be queued or running.</summary>
    public static bool MayHaveJobs(SlurmFolder folder) => Read(folder) is { } record && record.Batches.Any(batch => batch.MayHaveJobs);

    /// <summary>Reads the record, or begins one.</summary>
    public static JobRecord Open(SlurmFolder folder, int? networksPerClass, TimeProvider time)
    {
        if (Read(folder) is { } record)
            return record;
        // Another zoo in the same place, later, is another: its jobs must not be taken for this one's.
        string origin = string.Create(CultureInfo.InvariantCulture, $"{folder.Root}\0{time.GetUtcNow():O}");
        string name = "weightspace-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(origin)))[..8];
        var first = new JsonObject { ["format"] = Format, ["format_version"] = FormatVersion, ["name"] = name, ["networks_per_class"] = networksPerClass };
        byte[] line = Encoding.UTF8.GetBytes(first.ToJsonString() + "\n");
        AtomicFile.Write(folder.Record, stream => stream.Write(line));
        return new JobRecord(folder, name, networksPerClass);
    }

    /// <summary>The record of a zoo; null where it has none.</summary>
    public static JobRecord? Read(SlurmFolder folder)
    {
        if (!File.Exists(folder.Record))
            return null;
        string text = File.ReadAllText(folder.Record);
        // What stands behind the last line's end was being added when the process or the machine ended.
        string[] lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        JobRecord? record = null;
        for (int i = 0; i < lines.Length; i++)
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(lines[i]);
                var json = new JsonReader(document.RootElement, $"{folder.Record}: line {i + 1}");
                if (record is null)
                {
                    if (json.String("format") != Format || json.Int32("format_version") != FormatVersion)
                        throw new InvalidDataException("it is of another release");
                    record = new JobRecord(folder, json.String("name"), json.Has("networks_per_class") && json.OptionalDouble("networks_per_class") is { } count ? (int)count : null);
                }
                else
                {
                    record.Take(json);
                }
            }
            catch (Exception error) when (error is JsonException or InvalidDataException or FormatException)
            {
                throw new InputException($"{folder.Record}: line {i + 1}: the record of the jobs cannot be read: {error.Message}; cancel them by hand (scancel), remove {folder.Root} and call the same command again: what is done stays", error);
            }
        }
        if (record is null)
            return null;
        foreach (Batch batch in record._batches.Where(batch => !batch.IsGivenUp))
            batch.Units = ReadUnits(folder.UnitList(batch.Number));
        return record;
    }

    /// <summary>Writes down that units are about to be submitted.</summary>
    public Batch Begin(IReadOnlyList<(int Group, int Unit, int Attempt)> units, TimeProvider time)
    {
        var batch = new Batch(_batches.Count + 1, time.GetUtcNow()) { Units = units };
        AtomicFile.Write(_folder.UnitList(batch.Number), stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true) { NewLine = "\n" };
            foreach ((int group, int unit, int attempt) in units)
                writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{UnitPlan.Name(group, unit)} {attempt}"));
        });
        Add(new JsonObject { ["batch"] = batch.Number, ["at"] = batch.At.ToString("O", CultureInfo.InvariantCulture) });
        _batches.Add(batch);
        return batch;
    }

    public void Confirm(Batch batch, long job)
    {
        Add(new JsonObject { ["batch"] = batch.Number, ["job"] = job });
        batch.Job = job;
    }

    /// <summary>A batch that is no job, as far as can be known.</summary>
    public void GiveUp(Batch batch)
    {
        File.Delete(_folder.UnitList(batch.Number));
        Add(new JsonObject { ["batch"] = batch.Number, ["given_up"] = true });
        (batch.IsGivenUp, batch.Units) = (true, []);
    }

    /// <summary>The jobs of a batch were cancelled; its attempts do not count.</summary>
    public void Stop(Batch batch)
    {
        Add(new JsonObject { ["batch"] = batch.Number, ["stopped"] = true });
        batch.IsStopped = true;
    }

    private void Take(JsonReader json)
    {
        int number = json.Int32("batch");
        if (json.Has("at"))
        {
            // The number of a batch whose line was torn off is free again.
            if (number != _batches.Count + 1)
                throw new InvalidDataException($"found batch {number}, expected {_batches.Count + 1}");
            _batches.Add(new Batch(number, DateTimeOffset.Parse(json.String("at"), CultureInfo.InvariantCulture)));
            return;
        }
        if (number < 1 || number > _batches.Count)
            throw new InvalidDataException($"found batch {number}, expected 1 to {_batches.Count}");
        Batch batch = _batches[number - 1];
        if (json.Has("job"))
            batch.Job = json.Int64("job");
        batch.IsGivenUp |= json.Has("given_up");
        batch.IsStopped |= json.Has("stopped");
    }

    private void Add(JsonObject line)
    {
        using var file = new FileStream(_folder.Record, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        // Half a line that a crash left is cut off.
        file.Seek(0, SeekOrigin.End);
        while (file.Position > 0)
        {
            file.Seek(-1, SeekOrigin.Current);
            if (file.ReadByte() == '\n')
                break;
            file.Seek(-1, SeekOrigin.Current);
        }
        file.SetLength(file.Position);
        file.Write(Encoding.UTF8.GetBytes(line.ToJsonString() + "\n"));
        file.Flush(flushToDisk: true);
    }

    private static List<(int Group, int Unit, int Attempt)> ReadUnits(string path)
    {
        var units = new List<(int, int, int)>();
        // A batch whose list was removed was about to be given up.
        if (!File.Exists(path))
            return units;
        foreach (string line in File.ReadLines(path))
        {
            string[] fields = line.Split(' ');
            if (fields.Length != 2 || UnitPlan.Parse(fields[0]) is not { } unit || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out int attempt))
                throw new InvalidDataException($"{path}: found '{line}', expected the name of a unit and the number of an attempt");
            units.Add((unit.Group, unit.Unit, attempt));
        }
        return units;
    }
}
