using WeightSpace.Server.Trust;
using WeightSpace.Tasks.Images;
using WeightSpace.Zoos;

namespace WeightSpace.Server;

/// <summary>How a project is served.</summary>
public sealed record ServerSettings
{
    /// <summary>The project's folder, which is made where there is none.</summary>
    public required string Data { get; init; }

    /// <summary>The address that volunteers attach to: http(s), a host with a dot in it, and a slash at the end. Port 0: any that is free. Null: what the project had before.</summary>
    public string? Url { get; init; }

    /// <summary>Where to listen, as <c>0.0.0.0:8080</c>, where that is not what <see cref="Url"/> names: behind a proxy. Null: there.</summary>
    public string? Listen { get; init; }

    /// <summary>The server's certificate and those between it and its authority's, in PEM; the server speaks TLS with it. Null: it speaks plain http, or is behind a proxy.</summary>
    public string? TlsCertificate { get; init; }

    /// <summary>The certificate's private key, in PEM. Null: it stands in the same file.</summary>
    public string? TlsKey { get; init; }

    /// <summary>Requests of an address that may fail at once (unknown keys, wrong passwords, what cannot be read) before it has to wait.</summary>
    public int FailuresAtOnce { get; init; } = 60;

    /// <summary>After that, one of an address may fail in so long.</summary>
    public TimeSpan FailureInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A PostgreSQL that is there already; null: one of the server's own, in <see cref="Data"/>.</summary>
    public string? Database { get; init; }

    /// <summary>The name of the project, as volunteers see it.</summary>
    public string Name { get; init; } = "WeightSpace";

    /// <summary>A folder with a signed program to take over; null: the one that was taken over before.</summary>
    public string? App { get; init; }

    /// <summary>How long a host may take for a result; then its unit is given to another.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long a client is asked to wait between two requests.</summary>
    public TimeSpan RequestDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How much of what volunteers hand in is held against the truth.</summary>
    public TrustPolicy Trust { get; init; } = TrustPolicy.Default;

    /// <summary>How long the results of a complete zoo are kept, so that those of a host that is caught later can be checked again.</summary>
    public TimeSpan KeepFor { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Results of a unit that may fail or be wrong before the server trains it itself.</summary>
    public int Attempts { get; init; } = 3;

    /// <summary>After so long that nobody took a unit that needs another owner's word, the server trains it itself.</summary>
    public TimeSpan OwnWorkAfter { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often what pages and metrics show is counted, at most.</summary>
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes that must be free on the disk of <see cref="Data"/> for the server to call itself ready.</summary>
    public long LeastRoom { get; init; } = 256L << 20;

    /// <summary>Makes what trains networks again.</summary>
    public required Func<ITrainer> NewTrainer { get; init; }

    /// <summary>Where images from files are looked for.</summary>
    public required IImageCatalog Images { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Told what a person at the server should know. Any thread.</summary>
    public required Action<string> Say { get; init; }
}
