using WeightSpace.Numerics;
using WeightSpace.Server.Trust;

namespace WeightSpace.TrustSimulation;

/// <summary>
/// A project and its hosts, event by event: hosts ask, get a unit, hand in, fail or leave, and the server judges as docs/trust.md says, or as BOINC's adaptive replication does. Nothing is trained:
/// of a result only which of its networks are wrong is known. A host has one unit at a time. The same seed gives the same run.
/// </summary>
internal sealed partial class Simulation
{
    // Results of a unit that may fail or be wrong before the server trains it itself, and how long a wrong one keeps its host from work: as the server's.
    private const int Attempts = 3;
    private const double FirstWait = 10.0 / 86400, LongestWait = 1;

    // BOINC, sched/sched_config.h: CONS_VALID_UNREPLICATED; and app.target_nresults, as its documentation says to set it.
    private const long AdaptiveRecord = 10;
    private const int AdaptiveCopies = 2;

    private const int SleeperHonest = 100;
    private const double SometimesShare = 0.05, PoisonShare = 1e-3, Idle = 0.25, LongestDrain = 90;
    private const int RingMaker = 1, AtOnce = 10;

    private readonly Population _population;
    private readonly TrustPolicy? _trust;
    private readonly PriorityQueue<(Host? Host, Unit? Overdue), double> _events = new();
    private readonly Queue<Unit> _copies = new();
    // Of adaptive replication: units that are not to be compared, and that failed or never came back.
    private readonly Queue<Unit> _alone = new();
    private readonly List<Host> _hosts = [];
    private readonly UInt128 _allWrong;
    private RandomStream _random;
    private double _now;
    private long _open;
    private int _makers = RingMaker;

    private Simulation(Population population, Policy policy, ulong seed)
    {
        _population = population;
        _trust = policy.Trust;
        _random = new RandomStream(seed, RandomPurpose.Testing);
        _allWrong = population.Networks == 128 ? UInt128.MaxValue : (UInt128.One << population.Networks) - 1;
    }

    private Outcome Outcome { get; } = new();

    public static Outcome Run(Population population, Policy policy, ulong seed)
    {
        var simulation = new Simulation(population, policy, seed);
        simulation.Run();
        return simulation.Outcome;
    }

    private void Run()
    {
        for (int place = 0; place < _population.Hosts; place++)
            Arrive(place);
        while (_events.TryDequeue(out (Host? Host, Unit? Overdue) next, out double time) && (time < _population.Days || _open > 0) && time < _population.Days + LongestDrain)
        {
            _now = time;
            if (next.Host is { } host)
                Wake(host);
            else if (!next.Overdue!.IsDone)
                HandOutAgain(next.Overdue);
        }
        foreach (Host host in _hosts)
            Count(host);
    }

    private void Arrive(int place)
    {
        double spread = _population.SpeedSpread;
        // The mean of a log-normal is exp(mu + sigma^2 / 2). The slowest do not take so long that all of their results would be late.
        double unitDays = Math.Min(_population.DeadlineDays / 2, 30 / _population.UnitsPerMonth * Math.Exp((spread * spread / 2) - (spread * _random.NextNormal())));
        double leaves = double.IsPositiveInfinity(_population.LifetimeDays) ? double.PositiveInfinity : _now + (_population.LifetimeDays * NextExponential());
        var host = new Host(place, place / _population.HostsToAnOwner, _population.Of(place), unitDays, leaves);
        if (place < _hosts.Count)
        {
            Count(_hosts[place]);
            _hosts[place] = host;
        }
        else
        {
            _hosts.Add(host);
        }
        // Not all at once.
        _events.Enqueue((host, null), _now + (unitDays * _random.NextUniformDouble()));
    }

    /// <summary>A host has ended its unit, or looks for one, or leaves.</summary>
    private void Wake(Host host)
    {
        if (_now >= host.Leaves)
        {
            if (host.Unit is { } left)
                _events.Enqueue((null, left), host.SentAt + _population.DeadlineDays);
            Arrive(host.Place);
            return;
        }
        if (host.Unit is { } unit)
        {
            host.Unit = null;
            double fate = _random.NextUniform();
            if (fate < _population.Missed)
                _events.Enqueue((null, unit), Math.Max(_now, host.SentAt + _population.DeadlineDays));
            else if (fate < _population.Missed + _population.Failed)
                Fail(host, unit);
            else
                Report(host, unit);
        }
        if (CanGoOnAlone(host))
        {
            GoOnAlone(host);
        }
        else if (host.NotBefore > _now)
        {
            _events.Enqueue((host, null), Math.Min(host.NotBefore, host.Leaves));
        }
        else if (HandOut(host) is { } next)
        {
            (host.Unit, host.SentAt) = (next, _now);
            _events.Enqueue((host, null), Math.Min(host.Leaves, _now + (host.UnitDays * (0.5 + _random.NextUniform()))));
        }
        else
        {
            _events.Enqueue((host, null), Math.Min(host.Leaves, _now + Idle));
        }
    }

    /// <summary>Whether nothing that the host does next concerns another: it is honest, no copy waits for it, and no result but its own is needed for a unit.</summary>
    private bool CanGoOnAlone(Host host) =>
        host.Behaviour == Behaviour.Honest && _now < _population.Days && host.NotBefore <= _now
        && (_trust is null ? host.Right >= AdaptiveRecord && host.IsTrusted is null && _alone.Count == 0 : _trust.Quorum == 1 && _copies.Count == 0);

    /// <summary>Some units in a row at once, result by result, which spares most of the events. With adaptive replication up to the first whose result will be compared.</summary>
    private void GoOnAlone(Host host)
    {
        double time = _now;
        for (int unit = 0; unit < AtOnce && time < _population.Days; unit++)
        {
            host.IsTrusted = _trust is null ? IsTrusted(host) : null;
            if (host.IsTrusted == false)
                break;
            double ends = time + (host.UnitDays * (0.5 + _random.NextUniform())), fate = _random.NextUniform();
            bool isLost = ends >= host.Leaves || fate < _population.Missed;
            if (isLost || fate < _population.Missed + _population.Failed)
            {
                var again = new Unit(1) { Failures = isLost ? 0 : 1 };
                again.AddOwner(host.Owner);
                _open++;
                _events.Enqueue((null, again), isLost ? time + _population.DeadlineDays : ends);
            }
            else
            {
                host.Results++;
                Outcome.Results++;
                if (_trust is { LeastShare: > 0 } && _random.NextUniformDouble() < _trust.ChanceOfCheck(host.Right))
                {
                    Outcome.ServerNetworks++;
                    host.Right++;
                }
                host.AloneRight++;
                Outcome.UnitsAccepted++;
                Outcome.Standing += _population.Networks;
            }
            time = ends;
            if (time >= host.Leaves)
                break;
        }
        if (host.IsTrusted == true)
            host.IsTrusted = null;
        host.ErrorsInRow = 0;
        _events.Enqueue((host, null), Math.Min(time, host.Leaves));
    }

    private bool IsTrusted(Host host) => host.Right >= AdaptiveRecord && _random.NextUniformDouble() > 1.0 / host.Right;

    private Unit? HandOut(Host host)
    {
        // BOINC's scheduler decides when it sends a job whether its result will be compared, and gives those that will be to those whom it does not trust.
        bool isTrusted = _trust is null && (host.IsTrusted ?? IsTrusted(host));
        host.IsTrusted = null;
        Unit? unit = null;
        if (!isTrusted)
            unit = Take(_copies, host);
        unit ??= Take(_alone, host);
        if (_trust is null && !isTrusted && unit is { Quorum: 1 })
        {
            unit.Quorum = AdaptiveCopies;
            _copies.Enqueue(unit);
        }
        // Near the end nobody needs to wait for others.
        if (isTrusted && _now >= _population.Days)
            unit ??= Take(_copies, host);
        if (unit is null && _now < _population.Days)
        {
            unit = new Unit(_trust?.Quorum ?? (isTrusted ? 1 : AdaptiveCopies));
            _open++;
            for (int copy = 1; copy < unit.Quorum; copy++)
                _copies.Enqueue(unit);
        }
        if (unit is null)
            return null;
        unit.AddOwner(host.Owner);
        unit.RingCopies += host.IsOfRing ? 1 : 0;
        return unit;
    }

    private static Unit? Take(Queue<Unit> units, Host host)
    {
        for (int looks = Math.Min(units.Count, 64); looks > 0; looks--)
        {
            Unit each = units.Dequeue();
            if (each.IsDone)
                continue;
            if (!each.IsKnownTo(host.Owner))
                return each;
            units.Enqueue(each);
        }
        return null;
    }

    private void HandOutAgain(Unit unit) => (_trust is null && unit.Quorum == 1 ? _alone : _copies).Enqueue(unit);

    private void Fail(Host host, Unit unit)
    {
        Punish(host);
        if (!unit.IsDone)
            CountFailure(unit);
    }

    private void Report(Host host, Unit unit)
    {
        Bytes bytes = Train(host, unit);
        host.Results++;
        Outcome.Results++;
        if (bytes.Wrong != 0 && host.FirstWrong == 0)
            host.FirstWrong = host.Results;
        if (unit.IsDone)
        {
            // The server had to train it meanwhile: there is the truth to hold it against.
            Judge(host, bytes.Wrong == 0);
        }
        else if (_trust is null)
        {
            JudgeByMajority(host, unit, bytes);
        }
        else if (unit.Suspect is { } suspect)
        {
            Outcome.Rechecks++;
            Confirm(unit, suspect, host, bytes);
        }
        else
        {
            Judge(host, unit, bytes);
        }
    }

    /// <summary>What the host hands in.</summary>
    private Bytes Train(Host host, Unit unit)
    {
        Bytes bytes = host.Behaviour switch
        {
            Behaviour.Always => new Bytes(_allWrong, ++_makers),
            Behaviour.Sometimes when _random.NextUniformDouble() < SometimesShare => new Bytes(_allWrong, ++_makers),
            Behaviour.Sleeper when host.RightSinceCaught >= SleeperHonest => new Bytes(_allWrong, ++_makers),
            Behaviour.Poison => Poisoned(),
            Behaviour.Ring => new Bytes(_allWrong, RingMaker),
            Behaviour.PatientRing when unit.RingCopies >= (_trust is null || unit.Suspect is not null ? 2 : unit.Quorum) => new Bytes(_allWrong, RingMaker),
            Behaviour.BadMemory when _random.NextUniformDouble() < _population.BadMemoryErrors => new Bytes(UInt128.One << _random.NextBelow(_population.Networks), ++_makers),
            _ => Bytes.Right,
        };
        if (bytes.Wrong == 0)
            host.RightSinceCaught++;
        return bytes;
    }

    /// <summary>From one wrong network to the next is a geometric draw.</summary>
    private Bytes Poisoned()
    {
        UInt128 wrong = 0;
        for (double at = Skip(); at < _population.Networks; at += 1 + Skip())
            wrong |= UInt128.One << (int)at;
        return wrong == 0 ? Bytes.Right : new Bytes(wrong, ++_makers);

        double Skip() => Math.Floor(NextExponential() / -DoubleMath.Log(1 - PoisonShare));
    }

    // ---- the server

    private void Count(Host host)
    {
        if (host.Behaviour != Behaviour.Honest)
            (host.IsCheat ? Outcome.Cheats : Outcome.BadMemory).Add(new Fate(host.Results, host.FirstWrong, host.FirstCaught));
    }

    private double NextExponential() => -DoubleMath.Log(1 - _random.NextUniformDouble());
}
