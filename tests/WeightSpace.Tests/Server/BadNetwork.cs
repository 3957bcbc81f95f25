using System.Net;
using System.Net.Sockets;
using System.Text;

namespace WeightSpace.Tests.Server;

/// <summary>A wire between clients and a server, which cuts one upload off in its middle, and changes a bit in another.</summary>
internal sealed class BadNetwork : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _server;
    private int _toCut, _toChange;

    /// <param name="server">The server's port on loopback.</param>
    public BadNetwork(int server)
    {
        _server = server;
        _listener.Start();
        _ = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Uploads that were cut off, and that were changed.</summary>
    public (int Cut, int Changed) Done { get; private set; }

    /// <summary>The next upload with data is cut off.</summary>
    public void CutNext() => Interlocked.Exchange(ref _toCut, 1);

    /// <summary>In the next upload with data a bit is changed.</summary>
    public void ChangeNext() => Interlocked.Exchange(ref _toChange, 1);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task Accept()
    {
        try
        {
            while (true)
                _ = Serve(await _listener.AcceptTcpClientAsync(_stop.Token));
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    private async Task Serve(TcpClient client)
    {
        using (client)
        {
            using var server = new TcpClient();
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _server, _stop.Token);
                await Task.WhenAny(Up(client.GetStream(), server.GetStream()), server.GetStream().CopyToAsync(client.GetStream(), _stop.Token));
            }
            catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The server is away, or one of them has ended: to the other, a network that fails.
            }
        }
    }

    private async Task Up(NetworkStream client, NetworkStream server)
    {
        byte[] buffer = new byte[1 << 14];
        // Uploads are a connection of their own to BOINC's clients, or one after the other; what stands between their head and their data is short.
        string head = "";
        long data = -1;
        while (await client.ReadAsync(buffer, _stop.Token) is var length and > 0)
        {
            if (data < 0)
            {
                head += Encoding.Latin1.GetString(buffer, 0, length);
                int begin = head.Contains("POST /upload/", StringComparison.Ordinal) ? head.IndexOf("<data>", StringComparison.Ordinal) : -1;
                data = begin < 0 ? -1 : head.Length - begin;
                head = head.Length > 1 << 16 ? "" : head;
            }
            else
            {
                data += length;
            }
            if (data > 1000 && Interlocked.Exchange(ref _toCut, 0) == 1)
            {
                await server.WriteAsync(buffer.AsMemory(0, length / 2), _stop.Token);
                Done = (Done.Cut + 1, Done.Changed);
                return;
            }
            if (data > 1000 && Interlocked.Exchange(ref _toChange, 0) == 1)
            {
                buffer[length - 1] ^= 1;
                Done = (Done.Cut, Done.Changed + 1);
            }
            await server.WriteAsync(buffer.AsMemory(0, length), _stop.Token);
        }
    }
}
