using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using WeightSpace.Server.Projects;

namespace WeightSpace.Server.Web;

/// <summary>
/// Who has to wait. An address that fails is slowed down: keys that nobody has, wrong passwords and tokens, requests that cannot be read. Hosts with the key of an account are not, however many of
/// them share an address; a host that does not wait as it was told is refused for itself.
/// </summary>
internal sealed class Limits(ServerSettings settings)
{
    /// <summary>Accounts that an address may make at once; one more in <see cref="s_newAccount"/>.</summary>
    private const int NewAccounts = 60;

    /// <summary>Requests of a host at once, beyond what it was told: a volunteer's click on "update" is one, and a report that cannot wait.</summary>
    private const int HostBurst = 10;

    private static readonly TimeSpan s_newAccount = TimeSpan.FromSeconds(5);

    private readonly Pace _failures = new(settings.Time, settings.FailuresAtOnce, settings.FailureInterval), _newAccounts = new(settings.Time, NewAccounts, s_newAccount), _hosts = new(settings.Time, HostBurst, settings.RequestDelay);

    // Of keys that accounts had since the server began: at most as many as there are accounts, twice.
    private readonly ConcurrentDictionary<string, bool> _goodKeys = new(StringComparer.Ordinal);
    private long _early, _refused;

    /// <summary>Requests of hosts that came too early by far, since the server began.</summary>
    public long EarlyRequests => Interlocked.Read(ref _early);

    /// <summary>Requests of addresses that failed too often, since the server began.</summary>
    public long RefusedRequests => Interlocked.Read(ref _refused);

    /// <summary>Whether an address has failed so often that it has to wait. A key that was an account's before is always heard.</summary>
    public bool MustWait(IPAddress? address, string key) => !_goodKeys.ContainsKey(Name(key)) && Refuse(_failures.Wait(Name(address)));

    /// <summary>Counts a request that failed by its sender's fault.</summary>
    public void CountFailure(IPAddress? address) => _failures.Take(Name(address));

    public void CountGoodKey(string key) => _goodKeys.TryAdd(Name(key), true);

    /// <summary>
    /// Whether an address may try a password now. It counts as one that failed, and as an account that was made, until <see cref="EndPassword"/> says otherwise: many at once are no way around.
    /// </summary>
    public bool MayTryPassword(IPAddress? address, bool makesAccount)
    {
        if (Refuse(_failures.Take(Name(address))))
            return false;
        if (!makesAccount || !Refuse(_newAccounts.Take(Name(address))))
            return true;
        _failures.GiveBack(Name(address));
        return false;
    }

    public void EndPassword(IPAddress? address, bool makesAccount, bool isRight)
    {
        if (isRight)
            _failures.GiveBack(Name(address));
        else if (makesAccount)
            _newAccounts.GiveBack(Name(address));
    }

    /// <summary>How much too early a host asks; counts this request. Only who has the host's key can use up its share. A host without a number is new; of those an account may have so many a day.</summary>
    public TimeSpan TooEarly(string key, long host)
    {
        if (host == 0)
            return TimeSpan.Zero;
        TimeSpan early = _hosts.Take($"{Name(key)} {host}");
        if (early > TimeSpan.Zero)
            Interlocked.Increment(ref _early);
        return early;
    }

    private bool Refuse(TimeSpan wait)
    {
        if (wait > TimeSpan.Zero)
            Interlocked.Increment(ref _refused);
        return wait > TimeSpan.Zero;
    }

    private static string Name(string key) => Convert.ToHexString(Accounts.HashKey(key).AsSpan(0, 16));

    /// <summary>An address; of version 6 the network of 64 bits, which one customer has all of.</summary>
    private static string Name(IPAddress? address) => address is null ? ""
        : address.IsIPv4MappedToIPv6 ? address.MapToIPv4().ToString()
        : address.AddressFamily == AddressFamily.InterNetworkV6 ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8))
        : address.ToString();
}
