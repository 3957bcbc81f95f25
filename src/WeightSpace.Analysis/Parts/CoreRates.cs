using WeightSpace.Analysis.Classification;
using WeightSpace.Analysis.Views;
using WeightSpace.Networks;
using WeightSpace.Numerics;

namespace WeightSpace.Analysis.Parts;

/// <summary>How fast a core does the parts of an analysis: an estimate, on which no result depends.</summary>
/// <param name="Flops">Operations of inner products per second.</param>
public sealed record CoreRates(double Flops)
{
    // What an operation of doubles, or of a tree, costs beside one of a product, and how often a minimiser looks. Held against five units of 1,000 networks of 17,000 weights, on an AMD EPYC that others used too: they took 0.6
    // to 2.5 times what was estimated.
    private const double InDouble = 8, Branches = 100, MinimiserSteps = 300;

    // Reading weights and checking their digests: an ordinary network file system's, rather too slow than too fast.
    private const double BytesPerSecond = 2e8;

    /// <summary>Measures inner products on one core, in a fraction of a second.</summary>
    public static CoreRates Measure(TimeProvider time)
    {
        // One group of columns is one thread's.
        const int rows = 1536, columns = 1024;
        using FloatRows left = new(rows, columns), right = new(RowProducts.GroupColumns, columns);
        for (int row = 0; row < rows; row++)
            left[row].Fill(1);
        double seconds = double.PositiveInfinity;
        for (int repeat = 0; repeat < 4; repeat++)
        {
            long start = time.GetTimestamp();
            RowProducts.Inner(left, right, (in ProductTile _) => { });
            seconds = Math.Min(seconds, time.GetElapsedTime(start).TotalSeconds);
        }
        return new CoreRates(2.0 * rows * columns * RowProducts.GroupColumns / Math.Max(seconds, 1e-6));
    }

    /// <summary>Seconds of the products of so many rows and columns of features.</summary>
    public double Products(int rows, int columns, int features) => 2.0 * rows * columns * features / Flops;

    /// <summary>
    /// Seconds of a cross-validated score. A linear classifier: products of all pairs of rows and their decomposition, or the columns as they are, and then so many steps of its minimiser; a forest: for each tree and level of
    /// it all rows, by the square root of the columns, and the columns put into bins.
    /// </summary>
    internal double Score(IClassifier classifier, double rows, double columns, int classes, AnalysisOptions options)
    {
        double levels = Math.Log2(rows + 1), places = Math.Min(rows, columns);
        double each = classifier is LinearClassifier
            ? ((columns > rows ? (rows * rows * columns) + (InDouble * rows * rows * rows) : rows * columns) + (InDouble * MinimiserSteps * 4 * rows * places * classes)) / Flops
            : Branches * levels * rows * ((options.Trees * Math.Sqrt(columns)) + columns) / Flops;
        return options.Folds * each;
    }

    /// <summary>Seconds of reading the weights of networks.</summary>
    public static double Reading(int networks, int parameters) => 4.0 * networks * parameters / BytesPerSecond;

    /// <summary>Seconds of one network's features in a view, measured on two of them.</summary>
    /// <param name="weights">Of two networks, [2, parameter].</param>
    internal static double Features(IView view, Architecture architecture, FeatureMatrix weights, TimeProvider time)
    {
        if (view is RawView)
            return 0;
        IView fitted = view.Fit(architecture, weights.Values);
        var features = new float[view.FeatureNames(architecture).Length];
        fitted.Compute(architecture, weights.Row(0), features); // compiles it
        long start = time.GetTimestamp();
        fitted.Compute(architecture, weights.Row(1), features);
        // What is fitted was computed of each network once before.
        return time.GetElapsedTime(start).TotalSeconds * (view.IsFitted ? 1 : 2);
    }
}
