using System.Globalization;
using System.IO.Compression;
using WeightSpace.Networks;
using WeightSpace.Zoos.Checkpoints.Files;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Zoos.Checkpoints;

/// <summary>
/// The layout of the Small CNN Zoo (Unterthiner et al., arXiv 2002.11448): <c>weights.npy</c> with a row for each checkpoint, <c>layout.csv</c> that says which columns are which tensor, and
/// <c>metrics.csv.gz</c> (or <c>.csv</c>) with a line for each row. Tensors keep Keras's order of axes.
/// </summary>
internal static class MatrixCheckpoints
{
    public const string MatrixName = "weights.npy", LayoutName = "layout.csv";

    private static readonly string[] s_metrics = ["metrics.csv.gz", "metrics.csv"];

    private const long MaxRows = 20_000_000, MaxFields = 20_000_000, MaxCharacters = 1L << 25;

    public static bool IsHere(string folder) => File.Exists(Path.Combine(folder, MatrixName)) && File.Exists(Path.Combine(folder, LayoutName));

    public static CheckpointSet Open(string folder, CheckpointOptions options, CancellationToken stop)
    {
        if (options.OrderBy is not (CheckpointOptions.Auto or CheckpointOptions.ByStep))
            throw new InputException($"{folder}: the checkpoints of {MatrixName} have an order, by their step; found order-by '{options.OrderBy}', expected auto or step");
        string path = Path.Combine(folder, MatrixName);
        FileBytes file = FileBytes.Open(path);
        try
        {
            var reader = new ByteReader(file, 0, file.Length);
            NumpyHeader header = NumpyHeader.Read(file, MatrixName, bytes => reader.Read(bytes));
            if (header.Type is not { } type || header.Shape is not [long rows, long columns] || header.IsColumnMajor)
                throw file.Bad($"found an array of type {Shown.Of(header.TypeName)} and shape [{Shown.Of(header.Shape)}], expected a row-major matrix of floating-point numbers, a row for each checkpoint");
            if (rows is 0 or > MaxRows || (Int128)rows * columns * header.Size != file.Length - header.Bytes)
                throw file.Bad($"its header says {rows} rows of {columns} numbers, and the file has {file.Length - header.Bytes} bytes behind it; it was cut off, or has more rows than {MaxRows}");
            PackedBlock block = ReadLayout(Path.Combine(folder, LayoutName), columns);
            var group = new MatrixGroup(file, new StoredNumbers(type, header.IsBigEndian, header.Bytes, null, rows * columns), block, ReadMetrics(folder, (int)rows, stop));
            return new CheckpointSet(folder, CheckpointSource.Matrix, [group], [], file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The tensors, which must cover the columns in their order.</summary>
    private static PackedBlock ReadLayout(string path, long columns)
    {
        using FileStream stream = ZooFiles.Open(path);
        using var csv = new CsvReader(stream, path);
        int Column(string name) => csv.Header.ToList().IndexOf(name) is >= 0 and var index ? index : throw new InputException($"{path}:1: the column '{name}' is missing; varname, start_idx, end_idx and shape were expected");
        (int nameAt, int beginAt, int endAt, int shapeAt) = (Column("varname"), Column("start_idx"), Column("end_idx"), Column("shape"));
        var tensors = new List<(string Name, IReadOnlyList<long> Shape)>();
        long next = 0;
        while (csv.Read())
        {
            if (csv.Int64(beginAt, 0, columns) != next)
                throw csv.Wrong(beginAt, $"{next}, for the tensors stand one behind the other");
            next = csv.Int64(endAt, next, columns);
            string[] sizes = csv.String(shapeAt).Trim().TrimStart('(', '[').TrimEnd(')', ']').Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            long[] shape = [.. sizes.Take(WeightFile.MaxDimensions + 1).Select(size => long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value <= columns ? value : throw csv.Wrong(shapeAt, "a shape such as (3, 3, 1, 16)"))];
            Int128 elements = shape.Aggregate((Int128)1, (product, size) => product > columns ? product : product * size);
            if (shape.Length > WeightFile.MaxDimensions || elements != next - csv.Int64(beginAt, 0, columns))
                throw csv.Wrong(shapeAt, $"a shape of {next - csv.Int64(beginAt, 0, columns)} numbers, as start_idx and end_idx say");
            if (tensors.Any(tensor => tensor.Name == csv.String(nameAt)) || tensors.Count > 10_000)
                throw csv.Wrong(nameAt, "a name that stands once, in at most 10,000 rows");
            tensors.Add((csv.String(nameAt), shape));
        }
        return next == columns ? PackedBlock.InOrder(tensors) : throw new InputException($"{path}: its tensors cover {next} columns of {MatrixName}, expected {columns}");
    }

    /// <summary>What is said of each row; without columns where there is no such file.</summary>
    private static MatrixMetrics ReadMetrics(string folder, int rows, CancellationToken stop)
    {
        string? path = s_metrics.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (path is null)
            return new MatrixMetrics([], [], rows);
        using FileStream stream = ZooFiles.Open(path);
        using Stream plain = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
        try
        {
            using var csv = new CsvReader(plain, path);
            string[] header = [.. csv.Header];
            if ((long)rows * header.Length > MaxFields)
                throw new InputException($"{path}: found {header.Length} columns for {rows} rows, expected at most {MaxFields} fields in all");
            var lines = new List<string[]>();
            var known = new Dictionary<string, string>(StringComparer.Ordinal);
            long characters = 0;
            while (csv.Read())
            {
                stop.ThrowIfCancellationRequested();
                if (lines.Count == rows)
                    throw csv.Error($"found more lines than the {rows} rows of {MatrixName}, expected as many");
                string[] line = new string[header.Length];
                for (int i = 0; i < line.Length; i++)
                {
                    string field = csv.String(i);
                    if (field.Length > StateDictionary.MaxValueLength || field.Any(char.IsControl))
                        field = "";
                    // Most stand in many lines.
                    if (!known.TryGetValue(field, out string? same))
                    {
                        characters += field.Length + 40;
                        if (characters > MaxCharacters * 8)
                            throw csv.Error("the table is too large");
                        same = field;
                        if (known.Count < 1 << 18)
                            known.Add(field, field);
                    }
                    line[i] = same;
                }
                lines.Add(line);
            }
            return lines.Count == rows ? new MatrixMetrics(header, lines, rows) : throw new InputException($"{path}: found {lines.Count} lines, expected {rows}, one for each row of {MatrixName}");
        }
        catch (InvalidDataException error)
        {
            throw new InputException($"{path}: this is no sound gzip file: {error.Message}", error);
        }
    }
}

/// <summary>The lines of the metrics, in the order of the matrix's rows.</summary>
internal sealed class MatrixMetrics(string[] header, List<string[]> lines, int rows)
{
    private readonly int _network = Array.IndexOf(header, "modeldir"), _step = Array.IndexOf(header, "step");

    public string? Network(int row) => _network >= 0 && lines[row][_network] is { Length: > 0 } network ? network : null;

    public long? Step(int row) => _step >= 0 && double.TryParse(lines[row][_step], NumberStyles.Float, CultureInfo.InvariantCulture, out double step) && step == Math.Floor(step) && Math.Abs(step) < 1L << 53 ? (long)step : null;

    public Dictionary<string, string> Metadata(int row)
    {
        var metadata = new Dictionary<string, string>();
        for (int i = 0; lines.Count > 0 && i < header.Length; i++)
        {
            if (i != _network && header[i].Length is > 0 and <= StateDictionary.MaxKeyLength && lines[row][i].Length > 0)
                metadata.TryAdd(header[i], lines[row][i]);
        }
        return metadata;
    }

    /// <summary>The rows by network in the order in which they first come, then by step.</summary>
    public int[] Order()
    {
        var first = new Dictionary<string, int>(StringComparer.Ordinal);
        int[] networks = [.. Enumerable.Range(0, rows).Select(row => first.TryAdd(Network(row) ?? "", first.Count) ? first.Count - 1 : first[Network(row) ?? ""])];
        return [.. Enumerable.Range(0, rows).OrderBy(row => networks[row]).ThenBy(row => Step(row) ?? long.MaxValue)];
    }
}

/// <summary>The rows of a matrix as checkpoints.</summary>
internal sealed class MatrixGroup : ISourcedGroup
{
    private readonly StoredTensors _matrix;
    private readonly PackedBlock _block;
    private readonly int[] _rows;
    private readonly (string File, long Length, long Written) _source;

    public MatrixGroup(FileBytes file, StoredNumbers numbers, PackedBlock block, MatrixMetrics metrics)
    {
        _block = block;
        _rows = metrics.Order();
        _matrix = new StoredTensors(file, [new WeightTensor(MatrixCheckpoints.MatrixName, NumberTypes.Word(numbers.Type), [numbers.Extent])], [numbers]);
        _source = (MatrixCheckpoints.MatrixName, file.Length, File.GetLastWriteTimeUtc(file.Path).Ticks);
        Types = [.. block.Tensors.Select(_ => NumberTypes.Word(numbers.Type))];
        Items = new MadeList<CheckpointItem>(_rows.Length, index =>
            new CheckpointItem($"{MatrixCheckpoints.MatrixName}/{_rows[index].ToString(CultureInfo.InvariantCulture)}", metrics.Network(_rows[index]), metrics.Step(_rows[index]), metrics.Metadata(_rows[index])));
    }

    public string Name => "group-1";

    public IReadOnlyList<PackedTensor> Tensors => _block.Tensors;

    public long Count => _block.Count;

    /// <summary>Keras's axes stand in another order than those that a layout describes.</summary>
    public ParameterLayout? Symmetry => null;

    public IReadOnlyList<CheckpointItem> Items { get; }

    public IReadOnlyList<string> Types { get; }

    public (string File, long Length, long Written) SourceOf(int item) => _source;

    public void Read(int item, long first, Span<float> values)
    {
        if (first < 0 || values.Length > Count - first)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"the block has {Count} values, {values.Length} from {first} on were asked for");
        _matrix.Read(0, (_rows[item] * Count) + first, values);
    }
}
