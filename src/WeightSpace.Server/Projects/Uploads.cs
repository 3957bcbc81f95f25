using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Http;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Server.Protocol;

namespace WeightSpace.Server.Projects;

/// <summary>
/// Takes the files of results, in parts where a transfer was cut. A file is taken only for a result that was handed out, from who knows the address that was given with it, and up to the
/// size that was promised. A whole file is on the disk, and in the database, before the client is told so.
/// </summary>
internal sealed class Uploads(Project project)
{
    private const int MaxHeader = 1 << 14;

    private static readonly byte[] s_dataTag = "<data>"u8.ToArray();

    private readonly ConcurrentDictionary<long, bool> _busy = new();

    /// <summary>Where the file of a result is sent to: only the host that the result was handed to is told.</summary>
    public static string Address(byte[] secret, string result) => $"upload/{result}/{Token(secret, result)}";

    /// <summary>The file of a result, whole.</summary>
    public string Path(long result) => System.IO.Path.Combine(project.Data.Uploads, result.ToString(CultureInfo.InvariantCulture));

    /// <summary>Removes what was uploaded of a result, in part or whole.</summary>
    public static void Remove(Project project, long result)
    {
        string path = System.IO.Path.Combine(project.Data.Uploads, result.ToString(CultureInfo.InvariantCulture));
        File.Delete(path);
        File.Delete(path + ".part");
    }

    /// <summary>Takes a request's body, and says what the client is to be answered.</summary>
    public async Task<string> Take(string result, string token, PipeReader body, CancellationToken stop)
    {
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(Token(project.Data.Secret, result))))
            return Refuse("this is no address for uploads");
        Handed? handed = await Find(result);
        if (handed is null)
            return Refuse("no file is expected for this result");
        (XElement header, bool hasData) = await ReadHeader(body, stop);
        long id = handed.Id;
        if (!_busy.TryAdd(id, true))
            return TryLater("another transfer of this file is under way");
        try
        {
            // Read again: what another transfer has just finished is there now.
            handed = await Find(result);
            if (handed is null)
                return Refuse("no file is expected for this result");
            if (header.Element("get_file_size") is not null)
                return Status(0, $"<file_size>{handed.UploadedBytes ?? Length(Partial(handed.Id))}</file_size>\n");
            if (!hasData || header.Element("file_upload") is not { } upload)
                return Refuse("neither a file nor the question for its size was found");
            return handed.UploadedBytes is not null ? Status(0) : await Take(handed, upload, body, stop);
        }
        finally
        {
            _busy.TryRemove(id, out _);
        }
    }

    private async Task<string> Take(Handed handed, XElement upload, PipeReader body, CancellationToken stop)
    {
        long size = upload.Integer("nbytes", -1), offset = upload.Integer("offset", -1);
        string md5 = upload.Text("md5_cksum").ToLowerInvariant();
        if (upload.Element("file_info")?.Text("name") != Units.ResultFile(handed.Name))
            return Refuse("this address is for another file");
        if (size <= 0 || size > handed.MaxBytes)
            return Refuse($"the file has {size} bytes, at most {handed.MaxBytes} are expected");
        string partial = Partial(handed.Id);
        if (offset < 0 || offset > size || offset > Length(partial))
            return TryLater("the file cannot go on at this place");
        await using (var file = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            file.SetLength(offset);
            file.Position = offset;
            if (await Copy(body, file, size - offset, stop) is { } problem)
            {
                await file.FlushAsync(CancellationToken.None);
                return problem;
            }
            await file.FlushAsync(CancellationToken.None);
            file.Flush(flushToDisk: true);
            file.Position = 0;
            if (md5.Length > 0 && Convert.ToHexStringLower(await MD5.HashDataAsync(file, stop)) != md5)
            {
                // Something on the way changed it: all of it is needed again.
                file.SetLength(0);
                return TryLater("the file's MD5 is another than was said");
            }
            file.Position = 0;
            handed = handed with { Sha256 = Convert.ToHexStringLower(await SHA256.HashDataAsync(file, stop)) };
        }
        Zoos.Formats.AtomicFile.Rename(partial, Path(handed.Id));
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync(CancellationToken.None);
        await connection.Execute("UPDATE results SET uploaded_bytes = $2, uploaded_sha256 = $3 WHERE id = $1 AND uploaded_sha256 IS NULL", handed.Id, size, handed.Sha256);
        return Status(0);
    }

    /// <summary>Copies exactly so many bytes; the answer where fewer or more came.</summary>
    private static async Task<string?> Copy(PipeReader body, FileStream file, long bytes, CancellationToken stop)
    {
        while (true)
        {
            ReadResult read = await Read(body, stop);
            if (read.Buffer.Length > bytes)
            {
                body.AdvanceTo(read.Buffer.End);
                return Refuse("more bytes came than were promised");
            }
            foreach (ReadOnlyMemory<byte> part in read.Buffer)
                await file.WriteAsync(part, stop);
            bytes -= read.Buffer.Length;
            body.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return bytes == 0 ? null : TryLater("the transfer was cut");
        }
    }

    private static async Task<ReadResult> Read(PipeReader body, CancellationToken stop)
    {
        try
        {
            return await body.ReadAsync(stop);
        }
        catch (IOException error) when (error is not BadHttpRequestException)
        {
            // Chunks that are none, a connection that broke: the sender's, and no trouble of a disk.
            throw new ProtocolException("the request's body cannot be read", error);
        }
    }

    /// <summary>Reads what stands before the data; the reader is left where these begin.</summary>
    private static async Task<(XElement Header, bool HasData)> ReadHeader(PipeReader body, CancellationToken stop)
    {
        while (true)
        {
            ReadResult read = await Read(body, stop);
            byte[] start = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, MaxHeader)).ToArray();
            int tag = start.AsSpan().IndexOf(s_dataTag), end = tag < 0 ? -1 : tag + s_dataTag.Length;
            // The data begin behind the line's end.
            if (end >= 0 && end < start.Length)
            {
                body.AdvanceTo(read.Buffer.GetPosition(start[end] == '\n' ? end + 1 : end));
                return (Root(start.AsSpan(0, tag), "</file_upload>"), true);
            }
            if (read.IsCompleted)
            {
                body.AdvanceTo(read.Buffer.End);
                return (Root(start, ""), false);
            }
            if (start.Length == MaxHeader)
                throw new ProtocolException($"no <data> in the first {MaxHeader} bytes");
            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>What a client sends begins with an element of its own, or with one inside <c>data_server_request</c>, which it does not always close.</summary>
    private static XElement Root(ReadOnlySpan<byte> header, string close)
    {
        string text = Encoding.UTF8.GetString(header);
        bool isOpen = text.Contains("<data_server_request>", StringComparison.Ordinal);
        string closed = text + close + (isOpen && !text.Contains("</data_server_request>", StringComparison.Ordinal) ? "</data_server_request>" : "");
        XElement root = BoincXml.Read(Encoding.UTF8.GetBytes($"<upload>{closed}</upload>"), "upload");
        return root.Element("data_server_request") ?? root;
    }

    private string Partial(long result) => Path(result) + ".part";

    private static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;

    private async Task<Handed?> Find(string result)
    {
        await using NpgsqlConnection connection = await project.Source.OpenConnectionAsync();
        return await connection.Row(row => new Handed(row.GetInt64(0), row.GetString(1), row.GetInt64(2), row.IsDBNull(3) ? null : row.GetInt64(3), ""),
            "SELECT r.id, r.name, u.max_bytes, r.uploaded_bytes FROM results r JOIN units u ON u.id = r.unit_id WHERE r.name = $1 AND (r.state IN ('sent', 'expired') OR r.uploaded_bytes IS NOT NULL)", result);
    }

    private static string Token(byte[] secret, string result) => Convert.ToHexStringLower(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes("upload " + result)).AsSpan(0, 16));

    private static string Refuse(string message) => Status(-1, $"<message>{BoincXml.Escape(message)}</message>\n");

    private static string TryLater(string message) => Status(1, $"<message>{BoincXml.Escape(message)}</message>\n");

    private static string Status(int status, string more = "") => $"<data_server_reply>\n<status>{status.ToString(CultureInfo.InvariantCulture)}</status>\n{more}</data_server_reply>\n";

    private sealed record Handed(long Id, string Name, long MaxBytes, long? UploadedBytes, string Sha256);
}
