using System.Globalization;
using System.Text.RegularExpressions;
using WeightSpace.Tests.Conformance;

namespace WeightSpace.Tests.Cli;

/// <summary>The callback of docs/monitor.md, run in PyTorch, and what it writes, watched.</summary>
public sealed partial class WatchCallbackTests
{
    [Fact]
    public void TheCallbackOfThePageWritesWhatAWatchReads()
    {
        using var folder = new Folder();
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "monitor.md")), callback = Code().Match(page).Groups[1].Value;
        Assert.Contains("class Checkpoints", callback, StringComparison.Ordinal);
        Assert.InRange(callback.Split('\n').Count(line => line.StartsWith(' ') || line.StartsWith("class", StringComparison.Ordinal)), 5, 10);
        string said = DebianPython.RunCode(callback + """

            model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
            optimizer, keep = torch.optim.SGD(model.parameters(), lr=0.1), Checkpoints("run", 10)
            for step in range(51):
                keep(model, step)
                if step == 40:
                    start = {name: value.clone() for name, value in model.state_dict().items()}
                model(torch.randn(8, 6)).square().mean().backward()
                optimizer.step()
                optimizer.zero_grad()
            last = torch.load("run/step_50.pt")["model"]
            print(torch.sqrt(sum(((last[name] - start[name]).double() ** 2).sum() for name in last)).item())
            """, folder.Path);
        Spoken spoken = BuiltProgram.Run("watch", folder["run"], "--once", "--settle", "0", "--json");
        Assert.True(spoken.ExitCode == 0, spoken.ToString());
        Assert.Equal(6, spoken.Json.GetProperty("judged").GetInt32());
        string last = File.ReadLines(Path.Combine(folder["run"], "watch.jsonl")).Last();
        Assert.Equal(double.Parse(said, CultureInfo.InvariantCulture), System.Text.Json.JsonDocument.Parse(last).RootElement.GetProperty("place").GetProperty("step_length").GetDouble(), 1e-6);
    }

    [GeneratedRegex("```python\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Code();
}
