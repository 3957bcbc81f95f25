using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace WeightSpace.Tests;

/// <summary>The projects refer to each other as docs/architecture.md says.</summary>
public sealed class LayoutTests
{
    private const string Prefix = "WeightSpace.";

    [Fact]
    public void ProjectsReferToThoseThatTheTableNames()
    {
        Dictionary<string, string[]> table = ReadTable(), projects = ReadProjects();
        Assert.Equal(table.Keys.Order(), projects.Keys.Order());
        Assert.All(table, row => Assert.Equal(row.Value.Order(), projects[row.Key].Order()));
    }

    [Fact]
    public void AProjectRefersOnlyToThoseAboveIt()
    {
        var above = new HashSet<string>();
        foreach ((string project, string[] references) in ReadTable())
        {
            Assert.All(references, reference => Assert.Contains(reference, above));
            above.Add(project);
        }
        // What the training, the analysis and the engines are kept apart for.
        string[] apart = ["Training", "Analysis", "Engines"];
        Assert.All(apart, project => Assert.Equal(["Zoos"], ReadTable()[project]));
    }

    /// <summary>Each project with those it refers to, in the order of the table.</summary>
    private static Dictionary<string, string[]> ReadTable()
    {
        var table = new Dictionary<string, string[]>();
        string docs = File.ReadAllText(Path.Combine(Repository.Root, "docs", "architecture.md"));
        string layout = docs[docs.IndexOf("| project | what | refers to |", StringComparison.Ordinal)..];
        foreach (Match row in Regex.Matches(layout, @"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", RegexOptions.Multiline))
        {
            string[] references = row.Groups[2].Value switch
            {
                "nothing" => [],
                "all of the above" => [.. table.Keys],
                var names => [.. names.Split(", ").Select(name => name.Trim('`'))],
            };
            table.Add(row.Groups[1].Value, references);
        }
        return table;
    }

    private static Dictionary<string, string[]> ReadProjects() => Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories).ToDictionary(
        path => Path.GetFileNameWithoutExtension(path)[Prefix.Length..],
        path => XDocument.Load(path).Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value)[Prefix.Length..]).ToArray());
}
