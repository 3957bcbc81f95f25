using System.Text.Json.Nodes;
using WeightSpace.Server;

namespace WeightSpace.Cli.Server;

/// <summary><c>weightspace status PROJECT</c>: how far the experiments of a project are.</summary>
internal static class ProjectStatus
{
    public static bool IsProject(string target) => SubmitCommand.IsAddress(target) || File.Exists(Path.Combine(target, "project.json"));

    public static Answer Tell(CommandContext context, string target)
    {
        using ProjectClient client = SubmitCommand.Connect(target, null, "--token-file");
        JsonNode status = client.Status(context.Stop).GetAwaiter().GetResult();
        JsonArray experiments = status["experiments"]!.AsArray();
        context.Text.WriteLine($"{target}: {experiments.Count} experiments");
        foreach (JsonNode? experiment in experiments)
        {
            context.Text.WriteLine($"  {Text("name")}: {Text("state")}, {Count("networks_done")} of {Count("networks")} networks, {Count("units_done")} of {Count("units")} units; "
                + $"results: {Count("results_in_progress")} in progress, {Count("results_to_check")} to be checked, {Count("results_wrong")} wrong, {Count("results_failed")} failed or overdue");
            if (experiment!["results_held"]!.GetValue<long>() + experiment["results_withdrawn"]!.GetValue<long>() + experiment["units_suspect"]!.GetValue<long>() > 0)
                context.Text.WriteLine($"    {Count("results_held")} wait for an equal one of another owner, {Count("results_withdrawn")} withdrawn, {Count("units_suspect")} units of caught hosts to be confirmed");
            if (Text("reason").Length > 0)
                context.Text.WriteLine($"    {Text("reason")}");

            string Text(string key) => experiment![key]!.GetValue<string>();
            string Count(string key) => Units.Count(experiment![key]!.GetValue<long>());
        }
        return new Answer(status);
    }
}
