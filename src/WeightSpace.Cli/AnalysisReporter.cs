using WeightSpace.Analysis;

namespace WeightSpace.Cli;

/// <summary>Shows where an analysis stands. Not <see cref="Progress{T}"/>, which would report later and on other threads.</summary>
internal sealed class AnalysisReporter(ProgressLine line) : IProgress<AnalysisProgress>
{
    public void Report(AnalysisProgress value) =>
        line.Report(value.Stage, value.Done, value.Total, $"{Units.Count(value.Done)} of {Units.Count(value.Total)}", speed => $"{Units.Short(speed)}/s");
}
