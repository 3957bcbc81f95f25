using System.Diagnostics;
using Npgsql;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Projects;

/// <summary>Looks at the project now and then, for its pages and metrics: counts, samples of the progress, maps. It takes a small share of the database's time, however large the project is.</summary>
internal sealed class Observer(Project project, WeightMaps maps)
{
    // Counting takes at most a twentieth of the time.
    private const int Ease = 20;

    private static readonly TimeSpan s_sample = TimeSpan.FromMinutes(1), s_keep = TimeSpan.FromHours(25), s_waitForFirst = TimeSpan.FromSeconds(10), s_afterFailure = TimeSpan.FromMinutes(1);

    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Tally? _latest;
    private DateTimeOffset _sampled, _mapsNotBefore;

    /// <summary>The last count; the first may have to be waited for. Throws <see cref="TimeoutException"/> where it does not come.</summary>
    public async Task<Tally> Latest()
    {
        await _first.Task.WaitAsync(s_waitForFirst);
        return _latest!;
    }

    /// <summary>One look, and a rest.</summary>
    public async Task Look(CancellationToken stop)
    {
        long began = Stopwatch.GetTimestamp();
        Tally tally = await Tally.Count(project);
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        _latest = tally;
        _first.TrySetResult();
        if (tally.At - _sampled >= s_sample || tally.At < _sampled)
        {
            await Sample(tally);
            _sampled = tally.At;
        }
        try
        {
            if (tally.At >= _mapsNotBefore)
                await maps.MakeNext(stop);
        }
        catch (Exception error) when (error is InputException or IOException or KeyNotFoundException)
        {
            // Its zoo was just completed, or a file of it is damaged, which is noticed elsewhere: the map comes later.
            _mapsNotBefore = tally.At + s_afterFailure;
        }
        TimeSpan rest = took * Ease;
        await Task.Delay(rest > project.Settings.LookEvery ? rest : project.Settings.LookEvery, stop);
    }

    private async Task Sample(Tally tally) => await project.InTransaction(async connection =>
    {
        foreach (ExperimentTally each in tally.Experiments.Where(each => each.IsUnderWay))
            await Add(connection, each.Id, tally.At, each.NetworksDone, each.UnitsDone, 0);
        await Add(connection, 0, tally.At, tally.NetworksDone, tally.UnitsDone, tally.Flops);
        await connection.Execute("DELETE FROM samples WHERE at < $1", tally.At - s_keep);
        await connection.Execute("DELETE FROM sessions WHERE expires_at < $1", tally.At);
        return 0;
    });

    private static Task<int> Add(NpgsqlConnection connection, int experiment, DateTimeOffset at, long networks, long units, double flops) =>
        connection.Execute("INSERT INTO samples (experiment_id, at, networks, units, flops) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", experiment, at, networks, units, flops);
}
