using WeightSpace.Analysis.Statistics;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>
/// Means over networks with percentile intervals of the bootstrap (<see cref="Intervals.BootstrapMean"/>); networks that share an initial seed are drawn together, as they are not independent.
/// </summary>
internal static class TrackPopulations
{
    /// <summary>Points of one curve that are computed; where networks have checkpoints at more places, at evenly many of them.</summary>
    private const int MostPoints = 256;

    public static IReadOnlyList<TrackedPopulation> Of(IReadOnlyList<TrackedNetwork> members, IReadOnlyList<PathItems> paths, Func<CheckpointMeasures, int, double> at, TrackOptions options) =>
    [
        .. Enumerable.Range(0, members.Count).GroupBy(index => members[index].Class).OrderBy(one => one.Key, StringComparer.Ordinal).Select(indices =>
        {
            int[] sound = [.. indices.Where(index => members[index].IsSound && members[index].Summary is not null)];
            string[] units = [.. sound.Select(index => paths[index].Unit)];
            return new TrackedPopulation(indices.Key, sound.Length, indices.Count() - sound.Length,
                [.. PathNumber.All.Select(number => Summary(number, [.. sound.Select(index => members[index].Summary!)], units, options)).OfType<SummaryEstimate>()],
                [.. PathMeasure.All.Select(measure => new MeasureCurve(measure.Name, Curve(measure, [.. sound.Select(index => members[index])], units, at, options))).Where(curve => curve.Points.Count > 0)]);
        }),
    ];

    private static SummaryEstimate? Summary(PathNumber number, PathSummary[] paths, string[] units, TrackOptions options)
    {
        int[] defined = [.. Enumerable.Range(0, paths.Length).Where(index => number.Value(paths[index]) is not null)];
        if (defined.Length == 0)
            return null;
        double[] walks = number.HasRandomWalk ? [.. defined.Select(index => number.Value(paths[index].RandomWalk!)).OfType<double>()] : [];
        return new SummaryEstimate(number.Name, defined.Length, Mean([.. defined.Select(index => number.Value(paths[index])!.Value)], [.. defined.Select(index => units[index])], options),
            walks.Length == defined.Length ? walks.Average() : null);
    }

    private static List<MeasurePoint> Curve(PathMeasure measure, TrackedNetwork[] networks, string[] units, Func<CheckpointMeasures, int, double> at, TrackOptions options)
    {
        var values = new SortedDictionary<double, List<(double Value, string Unit)>>();
        for (int n = 0; n < networks.Length; n++)
        {
            for (int i = 0; i < networks[n].Rows.Count; i++)
            {
                if (measure.Value(networks[n].Rows[i]) is not { } value || !double.IsFinite(value))
                    continue;
                double place = at(networks[n].Rows[i], i);
                if (!values.TryGetValue(place, out List<(double, string)>? list))
                    values.Add(place, list = []);
                list.Add((value, units[n]));
            }
        }
        KeyValuePair<double, List<(double Value, string Unit)>>[] places = [.. values];
        if (places.Length > MostPoints)
            places = [.. Enumerable.Range(0, MostPoints).Select(i => places[(int)((long)i * (places.Length - 1) / (MostPoints - 1))])];
        return [.. places.Select(place => new MeasurePoint(place.Key, place.Value.Count, Mean([.. place.Value.Select(one => one.Value)], [.. place.Value.Select(one => one.Unit)], options)))];
    }

    private static Estimate Mean(double[] values, string[] units, TrackOptions options)
    {
        var numbers = new Dictionary<string, int>();
        int[] groups = [.. units.Select(unit => numbers.TryGetValue(unit, out int number) ? number : numbers[unit] = numbers.Count)];
        double mean = values.Average();
        if (numbers.Count < 2)
            return new Estimate(mean, null, null);
        Interval interval = Intervals.BootstrapMean(values, groups, options.Resamples, options.Seed);
        return new Estimate(mean, interval.Low, interval.High);
    }
}
