using System.Globalization;
using System.Text.Json.Nodes;
using WeightSpace.Cli.Differences;
using WeightSpace.Engines;
using WeightSpace.Zoos;

namespace WeightSpace.Cli.Fuzzing;

/// <summary>A recipe that came out differently under two settings, or that could not be trained under one of them.</summary>
/// <param name="Unit">The recipe as a work unit; null where it could not be written.</param>
/// <param name="Step">The first step at which they part; null where both were the same when they were trained again, or could not be.</param>
internal sealed record FuzzDifference(int Recipe, string A, string B, string? Unit, long? Step, string What, IReadOnlyList<TensorDifference> Tensors)
{
    /// <summary>
    /// Trains a recipe again under both settings, which leaves its unit and both results in a folder, and finds where they part.
    /// </summary>
    public static FuzzDifference Locate(FuzzOptions options, int index, FuzzSetting a, FuzzSetting b, FuzzOutcome outcomeA, FuzzOutcome outcomeB, string folder, CancellationToken stop)
    {
        Recipe recipe = options.Draw(index);
        string? unitPath = WriteUnit(recipe, index, folder);
        if (unitPath is null || outcomeA.Problem is not null || outcomeB.Problem is not null)
            return new FuzzDifference(index, a.Name, b.Name, unitPath, null, $"{outcomeA.Problem ?? "trained"} under {a.Name}, {outcomeB.Problem ?? "trained"} under {b.Name}", []);
        WorkUnit unit = WorkUnit.Read(unitPath);
        (Side left, Side right) = (Train(unit, unitPath, a, stop), Train(unit, unitPath, b, stop));
        return NetworkDifference.Find(left, 0, right, 0, isSameRecipe: true) is { } difference
            ? new FuzzDifference(index, a.Name, b.Name, unitPath, difference.Step, difference.What, difference.Tensors(left, right))
            : new FuzzDifference(index, a.Name, b.Name, unitPath, null, "the digests differed, but not when both were trained again: the same setting gives different bytes", []);
    }

    /// <summary>Writes a recipe as a work unit and returns its path; null where what is at fault is the recipe's JSON itself.</summary>
    public static string? WriteUnit(Recipe recipe, int index, string folder)
    {
        string path = Path.Combine(folder, $"recipe-{index.ToString("D6", CultureInfo.InvariantCulture)}.json");
        Directory.CreateDirectory(folder);
        try
        {
            WorkUnit.Write(path, [recipe]);
            WorkUnit.Read(path);
            return path;
        }
        catch (Exception problem) when (problem is InputException or NotSupportedException or ArgumentException)
        {
            return null;
        }
    }

    private static ResultSide Train(WorkUnit unit, string unitPath, FuzzSetting setting, CancellationToken stop)
    {
        string result = Path.ChangeExtension(unitPath, $"{setting.Name}.safetensors");
        setting.Work(unitPath, result, stop);
        return new ResultSide(result, unit, UnitResult.Read(result, unit));
    }

    public JsonObject ToJson() => new()
    {
        ["recipe"] = Recipe,
        ["a"] = A,
        ["b"] = B,
        ["unit"] = Unit,
        ["step"] = Step,
        ["what"] = What,
        ["tensors"] = new JsonArray([.. Tensors.Select(tensor => tensor.ToJson())]),
    };

    public override string ToString() => $"recipe {Recipe}, {A} and {B}{(Step is { } step ? $", step {step}" : "")}: {What}{(Unit is null ? "" : $" ({Unit})")}";
}
