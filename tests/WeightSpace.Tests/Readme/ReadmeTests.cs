using System.Diagnostics;
using System.Text.RegularExpressions;

namespace WeightSpace.Tests.Readme;

/// <summary>What the README says is done as it stands there, from the project's root, and must succeed.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string s_root = Repository.Root;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(20); // of one command
    private static readonly string s_readme = File.ReadAllText(Path.Combine(s_root, "README.md"));

    [Fact]
    public void TheExperimentIsTheFileItClaimsToBe() =>
        Assert.Equal(File.ReadAllText(Path.Combine(s_root, "experiments", "first.yaml")).TrimEnd(), Blocks("yaml").Single().TrimEnd());

    [Fact]
    public void EveryLinkLeadsSomewhere()
    {
        string[] pages = [.. Directory.GetFiles(s_root, "*.md"), .. ((string[])["docs", "bench", "studies"]).SelectMany(folder => Directory.GetFiles(Path.Combine(s_root, folder), "*.md", SearchOption.AllDirectories))];
        foreach (string page in pages)
        {
            foreach (Match link in Link().Matches(Regex.Replace(File.ReadAllText(page), "^```.*?^```", "", RegexOptions.Singleline | RegexOptions.Multiline)))
            {
                string target = link.Groups[1].Value.Split('#')[0];
                Assert.True(target.StartsWith("https://", StringComparison.Ordinal) || target.Length == 0 || Path.Exists(Path.Combine(Path.GetDirectoryName(page)!, target)), $"{page} links to {target}, which is not there");
            }
        }
    }

    /// <summary>The quickstart among them: this is the longest test of all.</summary>
    [Fact]
    public void EveryCommandSucceeds()
    {
        string folder = Path.Combine(Path.GetTempPath(), $"weightspace-readme-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "experiments"));
            File.Copy(Path.Combine(s_root, "experiments", "first.yaml"), Path.Combine(folder, "experiments", "first.yaml"), overwrite: true);
            string[] commands = [.. Blocks("sh").SelectMany(block => block.Split('\n')).Select(line => line.Split('#')[0].Trim()).Where(line => line.StartsWith("./weightspace", StringComparison.Ordinal))];
            Assert.True(commands.Length >= 7, "the README has lost its commands");
            string said = "";
            foreach (string command in commands)
                said += Run(Path.Combine(s_root, "weightspace") + command["./weightspace".Length..], folder);
            foreach (string sentence in Quoted())
                Assert.Contains(WithoutNumbers(sentence), WithoutNumbers(said), StringComparison.Ordinal);
            Assert.Contains("prefers-color-scheme", File.ReadAllText(Path.Combine(folder, "quickstart", "report.html")), StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(folder, "quickstart", "zoo", "zoo.json")));
            Assert.True(File.Exists(Path.Combine(folder, "quickstart", "analysis.json")));
        }
        finally
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string> Blocks(string language) =>
        Regex.Matches(s_readme, $"^```{language}\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline).Select(match => match.Groups[1].Value);

    /// <summary>The findings that the README quotes.</summary>
    private static string[] Quoted()
    {
        string[] lines = [.. s_readme.Split('\n').Where(line => line.StartsWith("> ", StringComparison.Ordinal)).Select(line => line[2..])];
        string[] sentences = [.. string.Join('\n', lines).Split("* ", StringSplitOptions.RemoveEmptyEntries)];
        Assert.True(sentences.Length >= 3, "the README has lost its findings");
        return sentences;
    }

    /// <summary>
    /// The words alone: which findings there are is what the README promises. Their last digits come from the platform's math library.
    /// </summary>
    private static string WithoutNumbers(string text) => WhiteSpace().Replace(Number().Replace(text, "#"), " ").Trim();

    private static string Run(string command, string folder)
    {
        var start = new ProcessStartInfo("bash", ["-c", command]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(s_limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} was still running after {s_limit.TotalMinutes} minutes");
        }
        Assert.True(process.ExitCode == 0, $"{command} ended with {process.ExitCode}:\n{output.Result}\n{error.Result}");
        Assert.NotEmpty(output.Result);
        return output.Result;
    }

    [GeneratedRegex("−?[0-9]+([.,][0-9]+)?")]
    private static partial Regex Number();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    [GeneratedRegex(@"\]\(([^)]+)\)")]
    private static partial Regex Link();
}
