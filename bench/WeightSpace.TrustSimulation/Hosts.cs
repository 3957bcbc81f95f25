namespace WeightSpace.TrustSimulation;

/// <summary>A result as a comparison of bytes sees it: which networks are wrong, and whose bytes they are. Two results differ where one alone is wrong, or both are with other bytes.</summary>
internal readonly record struct Bytes(UInt128 Wrong, int Maker)
{
    public static Bytes Right => default;

    public int WrongNetworks => (int)UInt128.PopCount(Wrong);

    public bool IsWrong(int network) => (Wrong >> network & UInt128.One) != 0;

    /// <summary>The first network in which two results differ, -1 where they are equal.</summary>
    public static int FirstDifference(Bytes a, Bytes b)
    {
        UInt128 differing = a.Maker == b.Maker ? a.Wrong ^ b.Wrong : a.Wrong | b.Wrong;
        return differing == 0 ? -1 : (int)UInt128.TrailingZeroCount(differing);
    }
}

/// <summary>A host, from its arrival to its departure.</summary>
internal sealed class Host(int place, int owner, Behaviour behaviour, double unitDays, double leaves)
{
    public int Place => place;

    public int Owner => owner;

    public Behaviour Behaviour => behaviour;

    /// <summary>How long a unit takes, on average.</summary>
    public double UnitDays => unitDays;

    public double Leaves => leaves;

    public bool IsCheat => behaviour is not (Behaviour.Honest or Behaviour.BadMemory);

    public bool IsOfRing => behaviour is Behaviour.Ring or Behaviour.PatientRing;

    public Unit? Unit { get; set; }

    public double SentAt { get; set; }

    /// <summary>As the server's <c>hosts.right_in_row</c>; of BOINC's adaptive replication, <c>consecutive_valid</c>.</summary>
    public long Right { get; set; }

    public int ErrorsInRow { get; set; }

    /// <summary>What was drawn already for its next unit under adaptive replication; null: nothing.</summary>
    public bool? IsTrusted { get; set; }

    public double NotBefore { get; set; }

    /// <summary>Results that it handed in, and how many of these when the first of its wrong ones came; 0: none.</summary>
    public int Results { get; set; }

    public int FirstWrong { get; set; }

    /// <summary>Results that it had handed in when it was first found wrong; 0: it was not.</summary>
    public int FirstCaught { get; set; }

    /// <summary>Right results since it came or was last caught: what a sleeper counts.</summary>
    public int RightSinceCaught { get; set; }

    /// <summary>Its accepted results that nobody else confirmed: how many are right, and those that are not.</summary>
    public int AloneRight { get; set; }

    public List<Bytes> AloneWrong { get; } = [];
}

/// <summary>A result that waits for others of its unit.</summary>
internal sealed class Held(Host host, Bytes bytes)
{
    public Host Host => host;

    public Bytes Bytes => bytes;

    public bool WasCompared { get; set; }
}

/// <summary>A unit that is not accepted yet, or that has become suspect.</summary>
internal sealed class Unit(int quorum)
{
    public int Quorum { get; set; } = quorum;

    public int Failures { get; set; }

    public bool IsDone { get; set; }

    /// <summary>The accepted result that is to be confirmed by another owner; null where none is.</summary>
    public Held? Suspect { get; set; }

    /// <summary>Results that wait for others; of BOINC's adaptive replication, all.</summary>
    public List<Held> Held => field ??= [];

    // Most units have one owner, and there are millions.
    private int _owner = -1;
    private List<int>? _moreOwners;

    /// <summary>Copies that went to members of the ring.</summary>
    public int RingCopies { get; set; }

    public void AddOwner(int owner)
    {
        if (_owner < 0)
            _owner = owner;
        else
            (_moreOwners ??= []).Add(owner);
    }

    /// <summary>Whether an owner got a copy.</summary>
    public bool IsKnownTo(int owner) => _owner == owner || _moreOwners?.Contains(owner) == true;
}
