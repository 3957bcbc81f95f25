using System.Globalization;
using System.Security.Cryptography;
using Npgsql;
using WeightSpace.Engines;
using WeightSpace.Server.Database;
using WeightSpace.Zoos;

namespace WeightSpace.Server.Projects;

/// <summary>A work unit as it is handed out.</summary>
internal sealed record UnitRow(long Id, string Name, long Bytes, string Md5, long Flops, long MaxBytes, int Sent);

/// <summary>Work units in the database. Each is the file that any engine would write, in its zoo's work folder.</summary>
internal static class Units
{
    // Of a result beside its weights, at most: the row of a network, and of a checkpoint or snapshot.
    private const long NetworkBytes = 4096, StepBytes = 512, OtherBytes = 1 << 16;

    public static string Name(string experiment, int group, int unit) => string.Create(CultureInfo.InvariantCulture, $"{experiment}_{group:D6}_{unit}");

    /// <summary>The file that a unit's result has on the host and on the wire.</summary>
    public static string ResultFile(string result) => result + "_0";

    /// <summary>
    /// Writes a unit's file and syncs it, and only then makes it known. Nothing happens, to the file either, where it is known already.
    /// </summary>
    /// <param name="quorum">Equal results from different owners that it needs.</param>
    /// <param name="first">Of a group's first unit: the network that the group begins with.</param>
    /// <param name="flops">How large a unit of a network that needs more may be; null: as the plan has it.</param>
    public static async Task Add(NpgsqlConnection connection, int experiment, string name, UnitPlan plan, int group, int index, IReadOnlyList<Recipe> recipes, Snapshot? from, int quorum, int? first = null, double? flops = null)
    {
        if (await connection.Scalar<bool>("SELECT EXISTS (SELECT FROM units WHERE experiment_id = $1 AND group_number = $2 AND unit_number = $3 AND voided = 0)", experiment, group, index))
            return;
        string path = plan.UnitPath(group, index);
        WorkUnit unit = WorkUnit.Write(path, recipes, recipes.Count == 1 ? UnitPlan.Steps(recipes[0], flops ?? plan.UnitFlops) : null, from);
        byte[] bytes = await File.ReadAllBytesAsync(path);
        long most = Flops(unit);
        // A client takes a file of a name that it knows for the one that it has.
        long voided = await connection.Scalar<long>("SELECT count(*) FROM units WHERE experiment_id = $1 AND group_number = $2 AND unit_number = $3 AND voided <> 0", experiment, group, index);
        string called = Name(name, group, index) + (voided == 0 ? "" : $"r{voided}");
        await connection.Execute(
            """
            INSERT INTO units (experiment_id, group_number, unit_number, name, networks, bytes, md5, flops, max_bytes, wanted, quorum, first_network, size_class) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11::int, $12)
            ON CONFLICT DO NOTHING
            """,
            experiment, group, index, called, recipes.Count, (long)bytes.Length, Convert.ToHexStringLower(MD5.HashData(bytes)), most, MaxResultBytes(recipes), quorum, first, Demand.SizeClass(most));
    }

    /// <summary>Counts a result that failed or was wrong. After so many, the unit goes to no host any more: the server trains it.</summary>
    /// <param name="isWanted">Whether another result has to take this one's place; where it was overdue before, one was asked for already.</param>
    public static Task<int> CountFailure(NpgsqlConnection connection, long unit, int attempts, bool isWanted) => connection.Execute(
        "UPDATE units SET failures = failures + 1, wanted = CASE WHEN (is_done AND NOT is_suspect) OR failures + 1 >= $2 THEN 0 WHEN $3 THEN wanted + 1 ELSE wanted END WHERE id = $1", unit, attempts, isWanted);

    /// <summary>Operations that training a unit takes at most.</summary>
    public static long Flops(WorkUnit unit)
    {
        double all = unit.Recipes.Sum(recipe => recipe.TrainingFlops);
        double steps = unit.Recipes.Sum(recipe => (double)recipe.Training.Stop.Steps) - (unit.From?.Step ?? 0);
        Recipe first = unit.Recipes[0];
        double flops = all - ((unit.From?.Step ?? 0) * (first.TrainingFlops / first.Training.Stop.Steps));
        return ToCount(unit.Steps is { } most && most < steps ? flops * (most / steps) : flops);
    }

    /// <summary>Operations that a result's training took, by the steps that it says were made.</summary>
    public static long Flops(WorkUnit unit, UnitResult result)
    {
        double flops = 0;
        for (int i = 0; i < result.Networks.Count; i++)
            flops += Of(unit.Recipes[i], result.Networks[i].Steps);
        if (result.Current is { } state)
            flops += Of(unit.Recipes[result.Networks.Count], state.Now.Step);
        return ToCount(flops - Of(unit.Recipes[0], unit.From?.Step ?? 0));

        static double Of(Recipe recipe, long steps) => recipe.TrainingFlops / recipe.Training.Stop.Steps * steps;
    }

    /// <summary>A result, of networks that have ended and one that has not, has at most so many bytes.</summary>
    private static long MaxResultBytes(IReadOnlyList<Recipe> recipes) =>
        (long)recipes.Sum(recipe => UnitPlan.Bytes(recipe) + NetworkBytes + (StepBytes * ((double)recipe.MaxCheckpoints + recipe.MaxSnapshots)))
        + (long)recipes.Max(recipe => 4.0 * recipe.Architecture.Parameters.Count * (1 + recipe.Training.Optimizer.Slots.Count)) + OtherBytes;

    private static long ToCount(double flops) => (long)Math.Clamp(flops, 0, 9e18);
}
