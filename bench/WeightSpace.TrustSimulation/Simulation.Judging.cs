namespace WeightSpace.TrustSimulation;

/// <summary>What the server makes of results: accepts, compares, withdraws, and catches.</summary>
internal sealed partial class Simulation
{
    private void Judge(Host host, Unit unit, Bytes bytes)
    {
        bool isChecked = _trust!.LeastShare > 0 && _random.NextUniformDouble() < _trust.ChanceOfCheck(host.Right);
        if (isChecked)
        {
            Outcome.ServerNetworks++;
            if (bytes.IsWrong(_random.NextBelow(_population.Networks)))
            {
                Catch(host);
                CountFailure(unit);
                return;
            }
        }
        if (unit.Quorum == 1)
        {
            host.Right += isChecked ? 1 : 0;
            Accept(unit, host, bytes);
            return;
        }
        var result = new Held(host, bytes);
        if (isChecked)
            Compared(result);
        if (unit.Held.Count > 0 && !Compare(unit, result))
            return;
        unit.Held.Add(result);
        if (unit.Held.Count < unit.Quorum)
            return;
        foreach (Held each in unit.Held)
            each.Host.ErrorsInRow = 0;
        Accept(unit, bytes);
    }

    /// <summary>Holds a result against those of its unit that wait, which are all equal; false where it is not to wait with them.</summary>
    private bool Compare(Unit unit, Held result)
    {
        int network = Bytes.FirstDifference(unit.Held[0].Bytes, result.Bytes);
        if (network < 0)
        {
            Compared(unit.Held[0]);
            Compared(result);
            return true;
        }
        // One training says who is wrong, and that may be both.
        Outcome.ServerNetworks++;
        if (unit.Held[0].Bytes.IsWrong(network))
        {
            Held[] wrong = [.. unit.Held];
            unit.Held.Clear();
            foreach (Held each in wrong)
            {
                Catch(each.Host);
                CountFailure(unit);
            }
        }
        if (result.Bytes.IsWrong(network))
        {
            Catch(result.Host);
            CountFailure(unit);
            return false;
        }
        Compared(result);
        if (unit.IsDone && result.Bytes.Wrong != 0)
            Catch(result.Host);
        return !unit.IsDone;
    }

    /// <summary>Another owner's result for a unit whose accepted one came from a host that was caught.</summary>
    private void Confirm(Unit unit, Held suspect, Host host, Bytes bytes)
    {
        int network = Bytes.FirstDifference(suspect.Bytes, bytes);
        if (network < 0)
        {
            Judge(host, isRight: true);
            Close(unit);
            return;
        }
        Outcome.ServerNetworks++;
        if (suspect.Bytes.IsWrong(network))
        {
            Withdraw(unit);
            suspect.Host.Right = 0;
            if (bytes.IsWrong(network))
            {
                Catch(host);
                CountFailure(unit);
                return;
            }
            Judge(host, unit, bytes);
            return;
        }
        Catch(host);
        CountFailure(unit);
    }

    /// <summary>BOINC, sched/validate_util2.cpp: what more than half of the quorum say is right, and who said else is not. What was not compared is taken as it is, and makes no record.</summary>
    private void JudgeByMajority(Host host, Unit unit, Bytes bytes)
    {
        unit.Held.Add(new Held(host, bytes));
        if (unit.Quorum == 1)
        {
            Accept(unit, bytes);
            return;
        }
        if (unit.Held.Count < unit.Quorum)
            return;
        foreach (Held candidate in unit.Held)
        {
            List<Held> equal = unit.Held.FindAll(each => Bytes.FirstDifference(candidate.Bytes, each.Bytes) < 0);
            if (equal.Count < (unit.Quorum / 2) + 1)
                continue;
            foreach (Held each in unit.Held)
            {
                if (equal.Contains(each))
                    each.Host.Right++;
                else
                    Catch(each.Host, isRight: each.Bytes.Wrong == 0);
            }
            Accept(unit, candidate.Bytes);
            return;
        }
        _copies.Enqueue(unit);
    }

    /// <summary>Accepts what nobody else confirmed.</summary>
    private void Accept(Unit unit, Host host, Bytes bytes)
    {
        host.ErrorsInRow = 0;
        if (bytes.Wrong == 0)
            host.AloneRight++;
        else
            host.AloneWrong.Add(bytes);
        Accept(unit, bytes);
    }

    private void Accept(Unit unit, Bytes bytes)
    {
        Outcome.UnitsAccepted++;
        Outcome.Standing += _population.Networks;
        Outcome.AcceptedWrong += bytes.WrongNetworks;
        Outcome.StandingWrong += bytes.WrongNetworks;
        Close(unit);
    }

    private void Close(Unit unit)
    {
        unit.IsDone = true;
        _open--;
    }

    private void Withdraw(Unit unit)
    {
        int wrong = unit.Suspect!.Bytes.WrongNetworks;
        Outcome.UnitsAccepted--;
        Outcome.Standing -= _population.Networks;
        Outcome.StandingWrong -= wrong;
        Outcome.Withdrawn += wrong;
        unit.Suspect = null;
    }

    /// <summary>A result failed or was wrong: another takes its place, or the server trains the unit where too many did.</summary>
    private void CountFailure(Unit unit)
    {
        if (unit.IsDone)
            return;
        if (++unit.Failures < Attempts || _trust is null)
        {
            HandOutAgain(unit);
            return;
        }
        Outcome.ServerNetworks += _population.Networks;
        if (unit.Suspect is { } suspect && suspect.Bytes.Wrong != 0)
        {
            Withdraw(unit);
            suspect.Host.Right = 0;
        }
        bool wasAccepted = unit.Suspect is not null;
        Close(unit);
        foreach (Held each in unit.Held)
            Judge(each.Host, each.Bytes.Wrong == 0);
        if (!wasAccepted)
        {
            Outcome.UnitsAccepted++;
            Outcome.Standing += _population.Networks;
        }
    }

    /// <summary>A result was held against the truth.</summary>
    private void Judge(Host host, bool isRight)
    {
        if (isRight)
            (host.Right, host.ErrorsInRow) = (host.Right + 1, 0);
        else
            Catch(host);
    }

    private static void Compared(Held result)
    {
        if (!result.WasCompared)
            result.Host.Right++;
        result.WasCompared = true;
    }

    /// <summary>A result of the host was found wrong: its record is gone, it waits, and what was accepted from it alone is to be confirmed.</summary>
    private void Catch(Host host, bool isRight = false)
    {
        host.Right = 0;
        host.RightSinceCaught = 0;
        if (isRight && !host.IsCheat)
            Outcome.HonestPunished++;
        else if (!isRight && host.FirstCaught == 0)
            host.FirstCaught = host.Results;
        if (_trust is null)
            return;
        Punish(host);
        if (!_population.ChecksAgain)
            return;
        for (; host.AloneRight > 0; host.AloneRight--)
            Suspect(host, Bytes.Right);
        foreach (Bytes wrong in host.AloneWrong)
            Suspect(host, wrong);
        host.AloneWrong.Clear();
    }

    private void Suspect(Host host, Bytes bytes)
    {
        var unit = new Unit(_trust!.Quorum) { Suspect = new Held(host, bytes), RingCopies = host.IsOfRing ? 1 : 0 };
        unit.AddOwner(host.Owner);
        _open++;
        _copies.Enqueue(unit);
    }

    private void Punish(Host host)
    {
        host.NotBefore = _now + Math.Min(LongestWait, FirstWait * Math.Pow(2, Math.Min(host.ErrorsInRow, 20)));
        host.ErrorsInRow++;
    }

    // ---- the books
}
