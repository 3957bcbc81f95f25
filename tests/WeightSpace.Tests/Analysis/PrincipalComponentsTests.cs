using WeightSpace.Analysis;
using WeightSpace.Analysis.Embedding;
using WeightSpace.Numerics;

namespace WeightSpace.Tests.Analysis;

public sealed class PrincipalComponentsTests
{
    [Fact]
    public void Krylov_agrees_with_the_dense_decomposition()
    {
        foreach ((int rows, int columns, int wanted) in new[] { (150, 40, 5), (200, 400, 10), (90, 3, 8) })
        {
            var gram = GramMatrix.Compute(Planted.Clusters(rows, columns, 4, 1, 7).X.Values, rows, columns, centre: true);
            (double[] dense, double[][] denseVectors) = LeadingEigenpairs.Dense(gram, wanted);
            (double[] krylov, double[][] krylovVectors) = LeadingEigenpairs.Krylov(gram, wanted);
            for (int c = 0; c < wanted; c++)
            {
                Assert.Equal(dense[c], krylov[c], 1e-6 * dense[0]); // as far as the Gram matrix itself is known
                Assert.Equal(1, DenseVectors.Norm(krylovVectors[c]), 1e-9);
            }
            Assert.Equal(1, Math.Abs(DenseVectors.Dot(denseVectors[0], krylovVectors[0])), 1e-6);
        }
    }

    [Fact]
    public void Krylov_finds_every_copy_of_a_multiple_eigenvalue()
    {
        const int count = 120;
        var identity = new double[count * count];
        for (int i = 0; i < count; i++)
            identity[(i * count) + i] = i < 4 ? 9 : 1;
        (double[] values, _) = LeadingEigenpairs.Krylov(GramMatrix.FromValues(count, identity), 6);
        double[] expected = [9, 9, 9, 9, 1, 1];
        for (int c = 0; c < 6; c++)
            Assert.Equal(expected[c], values[c], 1e-6 * expected[0]);
    }

    [Fact]
    public void Large_populations_agree_with_the_variance_along_their_scores()
    {
        const int rows = 700, columns = 90;
        FeatureMatrix x = Planted.Clusters(rows, columns, 5, 0.5, 3).X;
        var gram = GramMatrix.Compute(x.Values, rows, columns, centre: true);
        PrincipalComponents components = PrincipalComponents.Fit(gram, 10);
        (double[] dense, _) = LeadingEigenpairs.Dense(gram, 10);
        for (int c = 0; c < 10; c++)
        {
            Assert.Equal(dense[c] / (rows - 1), components.Variances[c], 1e-6 * components.Variances[0]);
            double sum = 0, squares = 0;
            for (int i = 0; i < rows; i++)
            {
                sum += components.Scores[i, c];
                squares += components.Scores[i, c] * components.Scores[i, c];
            }
            Assert.Equal(0, sum / rows, 1e-4);
            Assert.Equal(components.Variances[c], squares / (rows - 1), 1e-7 * components.Variances[0]);
        }
    }

    [Fact]
    public void A_planted_line_is_the_first_component()
    {
        const int rows = 21, columns = 50;
        FeatureMatrix x = Planted.Noise(rows, columns, 2);
        for (int i = 0; i < x.Values.Length; i++)
            x.Values[i] = (0.01f * x.Values[i]) + (i / columns); // along (1, ..., 1), one step for each row
        PrincipalComponents components = PrincipalComponents.Fit(GramMatrix.Compute(x.Values, rows, columns, centre: true), 2);
        Assert.InRange(components.VarianceShares[0], 0.999, 1);
        Assert.Equal(columns * 38.5, components.Variances[0], 1.0); // the sample variance of 0..20 is 38.5, in each of the columns
        double direction = Math.Sign(components.Scores[1, 0] - components.Scores[0, 0]);
        for (int i = 1; i < rows; i++)
            Assert.True((components.Scores[i, 0] - components.Scores[i - 1, 0]) * direction > 0);
    }

    [Fact]
    public void All_scores_together_keep_the_distances()
    {
        for (ulong seed = 0; seed < 5; seed++)
        {
            FeatureMatrix x = Planted.Noise(12, 30, seed);
            var gram = GramMatrix.Compute(x.Values, 12, 30, centre: true);
            double[,] scores = PrincipalComponents.Fit(gram, 12).Scores;
            for (int i = 0; i < 12; i++)
            {
                for (int j = 0; j < i; j++)
                {
                    double squared = Enumerable.Range(0, 12).Sum(c => (scores[i, c] - scores[j, c]) * (scores[i, c] - scores[j, c]));
                    Assert.Equal(gram.SquaredDistance(i, j), squared, 1e-4);
                }
            }
        }
    }

    [Fact]
    public void The_largest_score_of_each_component_is_positive()
    {
        const int rows = 60;
        PrincipalComponents components = PrincipalComponents.Fit(
            GramMatrix.Compute(Planted.Noise(rows, 200, 5).Values, rows, 200, centre: true), 8);
        for (int c = 0; c < 8; c++)
            Assert.True(Enumerable.Range(0, rows).Select(i => components.Scores[i, c]).MaxBy(Math.Abs) > 0);
    }

    [Fact]
    public void Equal_rows_have_no_variance()
    {
        float[] values = [.. Enumerable.Repeat(3.5f, 6 * 4)];
        PrincipalComponents components = PrincipalComponents.Fit(GramMatrix.Compute(values, 6, 4, centre: true), 2);
        Assert.Equal([0, 0], components.Variances);
        Assert.Equal([0, 0], components.VarianceShares);
    }

    [Fact]
    public void Refuses_rows_that_are_not_centred()
    {
        float[] values = [.. Enumerable.Range(0, 20).Select(i => 10f + i)];
        Assert.Throws<ArgumentException>(() => PrincipalComponents.Fit(GramMatrix.Compute(values, 5, 4, centre: false), 2));
        var gram = GramMatrix.Compute(values, 5, 4, centre: true);
        Assert.Throws<ArgumentException>(() => PrincipalComponents.Fit(gram, 6));
        Assert.Throws<ArgumentException>(() => PrincipalComponents.Fit(gram, 0));
    }
}
