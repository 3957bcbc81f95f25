namespace WeightSpace.Analysis.Report;

/// <summary>
/// An analysis as one HTML page that holds everything it needs: no script, no network. It is written as XHTML, so any XML reader takes it
/// apart. Conclusions come first; then each question with the reason to ask it, a figure, the numbers, and how to read them.
/// </summary>
public static class HtmlReport
{
    /// <summary>Writes the page; the same result gives the same text.</summary>
    public static void Write(AnalysisResult result, TextWriter writer)
    {
        ReportPage.Begin(writer, $"{result.Title}: what its weights say");
        Header(result, writer);
        for (int i = 0; i < result.Architectures.Count; i++)
        {
            ArchitectureAnalysis analysis = result.Architectures[i];
            string prefix = result.Architectures.Count == 1 ? "" : $"a{i}-";
            if (prefix.Length > 0)
                writer.Write($"<h2 id=\"{prefix}top\">Architecture {Html.Escape(analysis.Name)}</h2>\n<p class=\"lead\">{Html.Escape(analysis.Layers)}; {Html.Count(analysis.Parameters)} weights; {Html.Count(analysis.Members.Count)} networks.</p>\n");
            ReportSections.Conclusions(analysis, prefix, writer);
            ReportSections.Population(result, analysis, prefix, writer);
            ReportSections.Reading(analysis, prefix, writer);
            ReportSections.Structure(analysis, prefix, writer);
            TwinSection.Write(analysis, prefix, writer);
            if (analysis.Detection is { } detection)
                TrojanSection.Write(detection, prefix, writer);
        }
        ReportSections.NotAnalysed(result.Population, writer);
        MethodsSection.Write(result, writer);
        ReportPage.End(writer);
    }

    private static void Header(AnalysisResult result, TextWriter writer)
    {
        PopulationSummary population = result.Population;
        writer.Write($"<header>\n<p class=\"eyebrow\">WeightSpace \u00b7 analysis of a zoo</p>\n<h1>{Html.Escape(result.Title)}</h1>\n");
        string shapes = string.Join(" and ", result.Architectures.Select(analysis => $"{Html.Escape(analysis.Name)} ({Html.Count(analysis.Parameters)} weights)"));
        writer.Write($"<p class=\"lead\">{Html.Count(population.Networks)} neural networks of {Html.Count(population.Classes.Count)} class{(population.Classes.Count == 1 ? "" : "es")}, architecture {shapes}, read by their weights alone. "
            + $"{Html.Count(population.Finished)} finished, {Html.Count(population.Diverged)} diverged, {Html.Count(population.Failed)} failed; {Html.Count(population.Classes.Sum(item => item.Analysed))} are analysed.</p>\n");
        string first = result.Architectures.Count == 1 ? "" : "a0-";
        writer.Write($"<nav><a href=\"#{first}short\">In short</a> <a href=\"#{first}zoo\">The networks</a> <a href=\"#{first}reading\">Reading the weights</a> <a href=\"#{first}structure\">Clusters</a> <a href=\"#{first}twins\">Twins</a> {(result.Architectures[0].Detection is null ? "" : $"<a href=\"#{first}trojans\">Trojans</a> ")}<a href=\"#left-out\">Left out</a> <a href=\"#methods\">Methods</a> <a href=\"#provenance\">Provenance</a></nav>\n</header>\n");
    }
}
