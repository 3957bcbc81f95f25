using Npgsql;
using WeightSpace.Engines;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Projects;

/// <summary>
/// Cuts units and keeps some ready for each class of hosts that asks for work. It goes through an experiment's networks in their order; a group is cut when one of its size is wanted, its file written
/// and synced, and only then known. Units are as large as their class of hosts needs for the experiment's minutes, towards the end no larger than what is left over twice the cores (guided
/// self-scheduling), so that the last ones end together. Which units they were does not show in the zoo.
/// </summary>
internal sealed class Stager(Project project, Experiments experiments)
{
    private const int UnitsPerTransaction = 200;

    // Units kept ready for a class: twice what was handed out since the last look, one for each of its cores, in these bounds.
    private const int LeastReady = 8, MostReadyForCores = 500, MostReady = 5000;

    // Parts of what is left that a core may be given at once.
    private const double PartsPerCore = 2;

    private static readonly TimeSpan s_refresh = TimeSpan.FromMinutes(1);

    private DateTimeOffset _refreshed;

    private sealed record Open(int Id, string Name, double? UnitFlops, double UnitSeconds);

    /// <summary>Cuts what is missing now.</summary>
    public async Task Stage(CancellationToken stop)
    {
        List<Open> open;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
        {
            if (_refreshed == default)
                await project.Demand.Load(connection, project.Now);
            else if (project.Now - _refreshed > s_refresh)
                await project.Demand.Refresh(connection, project.Now);
            if (_refreshed == default || project.Now - _refreshed > s_refresh)
                _refreshed = project.Now;
            open = await connection.Rows(row => new Open(row.GetInt32(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetDouble(2), row.GetDouble(3)),
                "SELECT id, name, unit_flops, unit_seconds FROM experiments WHERE state IN ('staging', 'running') ORDER BY priority DESC, id");
        }
        IReadOnlyDictionary<int, int> taken = project.Demand.Taken();
        foreach (Open experiment in open)
        {
            if (experiments.Find(experiment.Id) is not var (zoo, costs))
                continue;
            while (await Stage(experiment, zoo.Plan, costs, taken) == UnitsPerTransaction)
                stop.ThrowIfCancellationRequested();
        }
        await using NpgsqlConnection last = await project.Source.OpenConnectionAsync(stop);
        await project.Pools.Refresh(last);
        foreach (Open experiment in open.Where(each => experiments.Find(each.Id) is not null))
        {
            if (await last.Execute("UPDATE experiments SET state = 'running', reason = '' WHERE id = $1 AND state = 'staging'", experiment.Id) == 1)
            {
                await project.Pools.Refresh(last);
                project.Settings.Say($"{experiment.Name}: its first work units are ready to be handed out");
            }
        }
    }

    /// <summary>Cuts at most so many units as a transaction may have; how many it were.</summary>
    private async Task<int> Stage(Open experiment, UnitPlan plan, NetworkCosts costs, IReadOnlyDictionary<int, int> taken)
    {
        SortedDictionary<int, double> classes = experiment.UnitFlops is { } all ? new() { [Demand.SizeClass(all)] = project.Demand.Cores } : project.Demand.Classes(experiment.UnitSeconds);
        plan.UnitFlops = experiment.UnitFlops ?? project.Demand.UnitFlops(experiment.UnitSeconds);
        if (plan.Grouped == plan.Experiment.Networks.Count)
            return 0;
        List<int> cut = await project.InTransaction(async connection =>
        {
            // One after the other: where it is not known whether an earlier transaction was committed, this waits until it is, and sees what it cut. Whoever pauses or cancels waits for it.
            if (await connection.Scalar<string>("SELECT state FROM experiments WHERE id = $1 FOR NO KEY UPDATE", experiment.Id) is not ("staging" or "running"))
                return [];
            await Experiments.ReadGroups(connection, experiment.Id, plan);
            Dictionary<int, long> ready = (await connection.Rows(row => (Class: row.GetInt32(0), Units: row.GetInt64(1)), "SELECT size_class, count(*) FROM units WHERE experiment_id = $1 AND wanted > 0 GROUP BY 1", experiment.Id))
                .ToDictionary(each => each.Class, each => each.Units);
            return await Cut(connection, experiment, plan, costs, classes, ready, taken);
        });
        foreach (int networks in cut)
            plan.Append(networks);
        return cut.Count;
    }

    private async Task<List<int>> Cut(NpgsqlConnection connection, Open experiment, UnitPlan plan, NetworkCosts costs, SortedDictionary<int, double> classes, Dictionary<int, long> ready, IReadOnlyDictionary<int, int> taken)
    {
        var cut = new List<int>();
        (int group, int first, int networks, int below) = (plan.Groups, plan.Grouped, plan.Experiment.Networks.Count, int.MinValue);
        foreach ((int sizeClass, double cores) in classes)
        {
            // What is smaller than this class, and not yet another's, serves it as well: the small units of an experiment's end among them.
            bool IsOfClass(int each) => experiment.UnitFlops is not null || (each > below && each <= sizeClass);
            long wanted = Math.Clamp((long)Math.Max(2.0 * taken.Where(each => IsOfClass(each.Key)).Sum(each => each.Value), Math.Min(cores, MostReadyForCores)), LeastReady, MostReady);
            for (long there = ready.Where(each => IsOfClass(each.Key)).Sum(each => each.Value); there < wanted && first < networks && cut.Count < UnitsPerTransaction; there++)
            {
                double size = experiment.UnitFlops ?? Math.Pow(2, sizeClass);
                int fit = costs.Fit(first, experiment.UnitFlops is null ? Math.Min(size, costs.From(first) / (PartsPerCore * project.Demand.Cores)) : size);
                plan.MakeFoldersOf(group);
                Recipe[] recipes = [.. Enumerable.Range(first, fit).Select(index => plan.Experiment.Networks[index].Recipe)];
                await Units.Add(connection, experiment.Id, experiment.Name, plan, group, 0, recipes, null, project.Settings.Trust.Quorum, first, size);
                cut.Add(fit);
                (group, first) = (group + 1, first + fit);
            }
            below = sizeClass;
        }
        return cut;
    }
}
