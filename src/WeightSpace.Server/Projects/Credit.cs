using Npgsql;
using WeightSpace.Server.Database;

namespace WeightSpace.Server.Projects;

/// <summary>What a host or an account has earned, in operations.</summary>
/// <param name="Average">A day of late, as it was <paramref name="At"/> then.</param>
internal sealed record Earned(long All, double Average, DateTimeOffset At)
{
    /// <summary>The average as it is now: it was put down when something was last earned.</summary>
    public double AverageNow(DateTimeOffset now) => now <= At ? Average : Average * Math.Pow(2, -((now - At) / Credit.HalfLife));
}

/// <summary>
/// What hosts and accounts have earned, in operations: all of it, exactly; and on average a day of late, as BOINC has it (lib/util.cpp, <c>update_average</c>): new work counts as done evenly since
/// the last time that any was counted, at the rate R' of that time; the average R becomes R·w + R'·(1 − w) with w = 2^(−time / week), so what stops halves in a week. BOINC begins with the
/// rate of the first result; here it begins with 0 when the account or host was made, so that no short first result counts for a great rate.
/// </summary>
internal static class Credit
{
    /// <summary>The average goes down by half in this time where nothing is earned.</summary>
    public static readonly TimeSpan HalfLife = TimeSpan.FromDays(7);

    /// <summary>Gives a host and its account so many operations; takes them back where they are negative.</summary>
    public static Task<int> Give(NpgsqlConnection connection, long host, long account, long flops, DateTimeOffset now) => connection.Execute(
        """
        WITH given AS (UPDATE hosts SET flops = flops + $3, recent_flops = average_a_day(recent_flops, recent_at, $3, $4), recent_at = greatest(recent_at, $4) WHERE id = $1)
        UPDATE accounts SET flops = flops + $3, recent_flops = average_a_day(recent_flops, recent_at, $3, $4), recent_at = greatest(recent_at, $4) WHERE id = $2
        """, host, account, flops, now);
}
