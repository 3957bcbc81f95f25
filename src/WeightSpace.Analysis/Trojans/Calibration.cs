namespace WeightSpace.Analysis.Trojans;

/// <summary>
/// From logits to probabilities: 1 / (1 + exp(-(slope x logit + shift))), fitted to logits of networks that the detector had not seen (Platt, "Probabilistic outputs for support vector
/// machines", 1999, with his targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2) in place of 1 and 0).
/// </summary>
internal sealed record Calibration(double Slope, double Shift)
{
    private const int MostIterations = 100;

    public double Probability(double logit) => 1 / (1 + Math.Exp(-((Slope * logit) + Shift)));

    /// <summary>By Newton's method with halved steps, as Lin, Lin and Weng, "A note on Platt's probabilistic outputs", 2007, have it.</summary>
    public static Calibration Fit(ReadOnlySpan<double> logits, ReadOnlySpan<bool> isPositive)
    {
        int positives = 0;
        foreach (bool of in isPositive)
            positives += of ? 1 : 0;
        int negatives = logits.Length - positives;
        double high = (positives + 1.0) / (positives + 2), low = 1.0 / (negatives + 2);
        double slope = 0, shift = Math.Log((positives + 1.0) / (negatives + 1));
        double value = Loss(logits, isPositive, high, low, slope, shift);
        for (int iteration = 0; iteration < MostIterations; iteration++)
        {
            // Gradient and Hessian; a little on the diagonal keeps it from being singular.
            double g1 = 0, g2 = 0, h11 = 1e-12, h22 = 1e-12, h12 = 0;
            for (int i = 0; i < logits.Length; i++)
            {
                double p = 1 / (1 + Math.Exp(-((slope * logits[i]) + shift))), excess = p - (isPositive[i] ? high : low), curvature = p * (1 - p);
                g1 += logits[i] * excess;
                g2 += excess;
                h11 += logits[i] * logits[i] * curvature;
                h22 += curvature;
                h12 += logits[i] * curvature;
            }
            if (Math.Abs(g1) < 1e-9 && Math.Abs(g2) < 1e-9)
                break;
            double determinant = (h11 * h22) - (h12 * h12);
            double d1 = -((h22 * g1) - (h12 * g2)) / determinant, d2 = -((h11 * g2) - (h12 * g1)) / determinant, step = 1;
            double next = double.NaN;
            for (; step > 1e-10; step /= 2)
            {
                next = Loss(logits, isPositive, high, low, slope + (step * d1), shift + (step * d2));
                if (next < value + (1e-4 * step * ((g1 * d1) + (g2 * d2))))
                    break;
            }
            if (!(next < value))
                break;
            (slope, shift, value) = (slope + (step * d1), shift + (step * d2), next);
        }
        return new Calibration(slope, shift);
    }

    private static double Loss(ReadOnlySpan<double> logits, ReadOnlySpan<bool> isPositive, double high, double low, double slope, double shift)
    {
        double loss = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            double z = (slope * logits[i]) + shift, target = isPositive[i] ? high : low;
            loss += Math.Max(z, 0) - (target * z) + Math.Log(1 + Math.Exp(-Math.Abs(z)));
        }
        return loss;
    }
}
