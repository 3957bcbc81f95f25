namespace WeightSpace.Analysis.Statistics;

/// <summary>An interval that holds the true value at a stated level of confidence.</summary>
public readonly record struct Interval(double Low, double High);
