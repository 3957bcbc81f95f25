using Npgsql;
using WeightSpace.Server.Database;

namespace WeightSpace.Server.Projects;

/// <summary>Units of one experiment and size that are ready to be handed out.</summary>
/// <param name="UnitSeconds">How long the experiment wants a unit to take.</param>
/// <param name="IsFixed">All units of the experiment are of one size, whoever asks.</param>
internal sealed record Pool(int Experiment, int Priority, double UnitSeconds, bool IsFixed, int SizeClass);

/// <summary>Where there are units to hand out. The list may be old by a second; what is handed out is decided by the units themselves.</summary>
internal sealed class Pools
{
    // A unit may take a host so many doublings longer than is wanted before others' are looked through.
    private const int MostAbove = 2;

    private volatile IReadOnlyList<Pool> _known = [];

    /// <summary>Looks from one pair of experiment and class in the index of ready units to the next, so it costs the same however many units are ready.</summary>
    public async Task<IReadOnlyList<Pool>> Refresh(NpgsqlConnection connection) => _known = await connection.Rows(
        row => new Pool(row.GetInt32(0), row.GetInt32(1), row.GetDouble(2), row.GetBoolean(3), row.GetInt32(4)),
        """
        WITH RECURSIVE ready AS (
            (SELECT experiment_id, size_class FROM units WHERE wanted > 0 ORDER BY 1, 2 LIMIT 1)
            UNION ALL
            SELECT following.* FROM ready CROSS JOIN LATERAL
                (SELECT experiment_id, size_class FROM units WHERE wanted > 0 AND (experiment_id, size_class) > (ready.experiment_id, ready.size_class) ORDER BY 1, 2 LIMIT 1) following)
        SELECT e.id, e.priority, e.unit_seconds, e.unit_flops IS NOT NULL, ready.size_class FROM ready JOIN experiments e ON e.id = ready.experiment_id WHERE e.state = 'running'
        """);

    /// <summary>
    /// Where a host whose core makes so many operations a second is to look, in this order: what belongs to a higher priority; of that its own class, then the nearest smaller one, then a larger one.
    /// What would take it more than 4 times as long as is wanted comes last of all.
    /// </summary>
    public IEnumerable<Pool> For(double unitSpeed) => Order(_known, unitSpeed);

    public static IEnumerable<Pool> Order(IEnumerable<Pool> pools, double unitSpeed) =>
        pools.Select(pool => (Pool: pool, Above: pool.IsFixed ? 0 : pool.SizeClass - Demand.SizeClass(unitSpeed, pool.UnitSeconds)))
            .OrderBy(each => each.Above > MostAbove).ThenByDescending(each => each.Pool.Priority).ThenBy(each => each.Above > 0).ThenBy(each => Math.Abs(each.Above)).ThenBy(each => each.Pool.Experiment)
            .Select(each => each.Pool);
}
