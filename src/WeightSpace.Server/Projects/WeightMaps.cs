using System.Globalization;
using Npgsql;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Engines;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;
using WeightSpace.Zoos.Formats;

namespace WeightSpace.Server.Projects;

/// <summary>A network on a map.</summary>
/// <param name="Class">What it learned, an index of the map's classes.</param>
/// <param name="IsMine">Whether the account that asks grew it, or a part of it.</param>
internal readonly record struct MapPoint(int Class, float X, float Y, bool IsMine);

/// <summary>A map of weight space: networks of one architecture along the two principal components of their last weights.</summary>
/// <param name="Networks">Networks that were there when it was made.</param>
/// <param name="Shares">Of the variance that the two axes show.</param>
internal sealed record WeightMap(int Experiment, string Name, string Architecture, long Networks, IReadOnlyList<float> Shares, IReadOnlyList<string> Classes, IReadOnlyList<MapPoint> Points);

/// <summary>
/// Makes and reads the maps of experiments. A map is made of at most <see cref="MostPoints"/> networks and <see cref="MostBytes"/> of weights: those with the smallest hashes of their places in the
/// experiment, so the same networks give the same map, and one with more networks keeps most of the points. It is made again when a quarter more are there, and when all are.
/// </summary>
internal sealed class WeightMaps(Project project, Experiments experiments)
{
    public const int MostPoints = 2000;

    private const long MostBytes = 128L << 20;
    private const int FewestPoints = 6, MostClasses = 8;
    private const double Growth = 1.25;

    private const string OtherClass = "others";

    private sealed record Due(int Id, string Name, bool IsFinal, long Networks);

    /// <summary>Where a network is: the group and unit that it ended in, and the place among that unit's networks.</summary>
    private readonly record struct Place(int Network, int Group, int Unit, int Index);

    /// <summary>Makes the map of the experiment that needs one most; false where none does.</summary>
    public async Task<bool> MakeNext(CancellationToken stop)
    {
        Due? due;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
        {
            // A complete zoo has its weights elsewhere than one that grows.
            due = await connection.Row(row => new Due(row.GetInt32(0), row.GetString(1), row.GetString(2) == "complete", row.GetInt64(3)),
                """
                SELECT e.id, e.name, e.state, u.ended FROM experiments e CROSS JOIN LATERAL (SELECT coalesce(sum(ended), 0)::bigint AS ended FROM units WHERE experiment_id = e.id AND is_done) u LEFT JOIN maps m ON m.experiment_id = e.id
                WHERE (e.state = 'complete' OR e.id = ANY($1)) AND coalesce(NOT m.is_final, true) AND u.ended >= $2 AND (e.state = 'complete' OR u.ended >= coalesce(m.networks * $3, 0)) ORDER BY e.id DESC LIMIT 1
                """, experiments.OpenIds(), FewestPoints, Growth);
        }
        if (due is null)
            return false;
        await Make(due, stop);
        return true;
    }

    /// <summary>The map of an experiment as an account sees it; null where there is none yet.</summary>
    public static async Task<WeightMap?> Read(NpgsqlConnection connection, int experiment, long? account)
    {
        WeightMap? map = await connection.Row(row => new WeightMap(experiment, row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetFieldValue<float[]>(3), row.GetFieldValue<string[]>(4), []),
            "SELECT e.name, m.architecture, m.networks, m.shares, m.classes FROM maps m JOIN experiments e ON e.id = m.experiment_id WHERE m.experiment_id = $1", experiment);
        return map is null ? null : map with
        {
            Points = await connection.Rows(row => new MapPoint(row.GetInt32(0), row.GetFloat(1), row.GetFloat(2), row.GetBoolean(3)),
                """
                SELECT class, x, y, $2::bigint IS NOT NULL AND EXISTS (SELECT FROM units u JOIN results r ON r.unit_id = u.id WHERE u.voided = 0 AND u.experiment_id = p.experiment_id AND u.group_number = p.group_number AND r.account_id = $2 AND r.state = 'valid')
                FROM map_points p WHERE experiment_id = $1 ORDER BY network LIMIT $3
                """, experiment, account, MostPoints),
        };
    }

    private async Task Make(Due due, CancellationToken stop)
    {
        List<(int Group, int Unit, int Networks, int Ended, bool IsDone)> units;
        await using (NpgsqlConnection connection = await project.Source.OpenConnectionAsync(stop))
        {
            units = await connection.Rows(row => (row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetInt32(3), row.GetBoolean(4)),
                "SELECT group_number, unit_number, networks, ended, is_done FROM units WHERE experiment_id = $1 AND voided = 0 ORDER BY group_number, unit_number", due.Id);
        }
        Place[] chosen = Choose(units);
        (Experiment experiment, Func<Place[], Architecture, FloatRows> read) = Open(due);
        // Only networks of one architecture have weights that can be compared.
        Architecture architecture = Architecture(experiment, chosen);
        int most = (int)Math.Clamp(MostBytes / (4L * architecture.Parameters.Count), 0, MostPoints);
        Place[] places = [.. chosen.Where(place => experiment.Networks[place.Network].Recipe.Architecture.Name == architecture.Name).Take(most)];
        // Weights that overflowed have no place.
        using FloatRows all = places.Length < FewestPoints ? new FloatRows(1, 1) : read(places, architecture);
        int[] finite = [.. Enumerable.Range(0, places.Length < FewestPoints ? 0 : places.Length).Where(row => IsPlain(all[row]))];
        PrincipalComponents? components = finite.Length < FewestPoints ? null : Project(all, finite, stop);
        await Write(due, experiment, architecture, [.. finite.Select(row => places[row])], components);
    }

    /// <summary>The experiment, and how the last weights of networks of it are read.</summary>
    private (Experiment, Func<Place[], Architecture, FloatRows>) Open(Due due)
    {
        if (due.IsFinal)
        {
            Zoo zoo = Zoo.Open(experiments.Folder(due.Name));
            return (zoo.Experiment, (places, architecture) =>
            {
                float[] weights = new float[(long)places.Length * architecture.Parameters.Count];
                zoo.ReadWeights([.. places.Select(place => zoo.CheckpointsOf(zoo.Networks[place.Network].Id)[^1])], weights);
                return FloatRows.Copy(weights, places.Length, architecture.Parameters.Count, centre: false);
            });
        }
        UnitPlan plan = (experiments.Find(due.Id) ?? throw new IOException($"{due.Name}: its zoo has just been closed")).Zoo.Plan;
        return (plan.Experiment, (places, architecture) =>
        {
            var rows = new FloatRows(places.Length, architecture.Parameters.Count);
            foreach (IGrouping<(int, int), int> unit in Enumerable.Range(0, places.Length).GroupBy(row => (places[row].Group, places[row].Unit)))
            {
                using SafetensorsFile file = SafetensorsFile.Open(plan.ResultPath(unit.Key.Item1, unit.Key.Item2));
                foreach (int row in unit)
                    ReadLast(file, places[row].Index, rows[row]);
            }
            return rows;
        });
    }

    /// <summary>The last checkpoint of a unit's network; not a number where it left none.</summary>
    private static void ReadLast(SafetensorsFile file, int index, Span<float> weights)
    {
        string name = index.ToString(CultureInfo.InvariantCulture) + ".weights";
        if (file.Tensors.FirstOrDefault(tensor => tensor.Name == name) is { Shape: [var checkpoints, var parameters] } && parameters == weights.Length && checkpoints > 0)
            file.ReadFloats(name, (checkpoints - 1) * parameters, weights);
        else
            weights.Fill(float.NaN);
    }

    /// <summary>Of all networks that have ended, those with the smallest hashes, in the order of these.</summary>
    private static Place[] Choose(List<(int Group, int Unit, int Networks, int Ended, bool IsDone)> units)
    {
        var smallest = new PriorityQueue<Place, ulong>(Comparer<ulong>.Create((a, b) => b.CompareTo(a)));
        (int group, int first, int next) = (-1, 0, 0);
        foreach ((int Group, int Unit, int Networks, int Ended, bool IsDone) unit in units)
        {
            if (unit.Group != group)
                (group, first, next) = (unit.Group, next, next + unit.Networks);
            // A later unit of a group has what the earlier ones left.
            int begin = next - unit.Networks;
            for (int i = 0; unit.IsDone && i < unit.Ended && begin >= first; i++)
            {
                ulong rank = Rank(begin + i);
                if (smallest.Count < MostPoints)
                    smallest.Enqueue(new Place(begin + i, unit.Group, unit.Unit, i), rank);
                else
                    smallest.EnqueueDequeue(new Place(begin + i, unit.Group, unit.Unit, i), rank);
            }
        }
        return [.. smallest.UnorderedItems.OrderBy(item => item.Priority).Select(item => item.Element)];
    }

    /// <summary>The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), one-to-one.</summary>
    private static ulong Rank(int network)
    {
        ulong z = ((ulong)network + 1) * 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>That of most of the chosen networks.</summary>
    private static Architecture Architecture(Experiment experiment, Place[] chosen) => experiment.Architectures.Count == 1 || chosen.Length == 0 ? experiment.Architectures[0]
        : chosen.Select(place => experiment.Networks[place.Network].Recipe.Architecture).GroupBy(architecture => architecture.Name).OrderByDescending(group => group.Count()).First().First();

    private static bool IsPlain(ReadOnlySpan<float> weights)
    {
        foreach (float weight in weights)
        {
            if (!(MathF.Abs(weight) < 1e15f))
                return false;
        }
        return true;
    }

    private static PrincipalComponents Project(FloatRows all, int[] finite, CancellationToken stop)
    {
        using var rows = new FloatRows(finite.Length, all.Columns);
        for (int i = 0; i < finite.Length; i++)
            all[finite[i]].CopyTo(rows[i]);
        rows.Centre();
        return PrincipalComponents.Fit(GramMatrix.Compute(rows, cancellation: stop), 2);
    }

    private async Task Write(Due due, Experiment experiment, Architecture architecture, Place[] places, PrincipalComponents? components)
    {
        string[] learned = [.. places.Select(place => experiment.Networks[place.Network].Recipe.Task.Name)];
        // The largest ones by their names, the rest together.
        string[] named = [.. learned.GroupBy(name => name).OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).Select(group => group.Key)];
        string[] classes = named.Length <= MostClasses ? [.. named.Order(StringComparer.Ordinal)] : [.. named[..(MostClasses - 1)].Order(StringComparer.Ordinal), OtherClass];
        await project.InTransaction(async connection =>
        {
            await connection.Execute("DELETE FROM maps WHERE experiment_id = $1", due.Id);
            await connection.Execute("INSERT INTO maps (experiment_id, made_at, networks, is_final, architecture, shares, classes) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                due.Id, project.Now, due.Networks, due.IsFinal, architecture.Name, components?.VarianceShares.Select(share => (float)share).ToArray() ?? [], classes);
            if (components is null)
                return 0;
            await using NpgsqlBinaryImporter import = await connection.BeginBinaryImportAsync("COPY map_points (experiment_id, network, group_number, class, x, y) FROM STDIN (FORMAT BINARY)");
            for (int i = 0; i < places.Length; i++)
            {
                await import.StartRowAsync();
                await import.WriteAsync(due.Id);
                await import.WriteAsync(places[i].Network);
                await import.WriteAsync(places[i].Group);
                await import.WriteAsync(Array.IndexOf(classes, learned[i]) is >= 0 and var place ? place : classes.Length - 1);
                await import.WriteAsync((float)components.Scores[i, 0]);
                await import.WriteAsync((float)components.Scores[i, 1]);
            }
            await import.CompleteAsync();
            return 0;
        });
    }
}
