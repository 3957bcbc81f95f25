using WeightSpace.Analysis.Statistics;
using WeightSpace.Server.Trust;

namespace WeightSpace.Tests.Server.Trust;

/// <summary>The closed formulas of docs/trust.md.</summary>
public sealed class DetectionTests
{
    [Fact]
    public void WithEveryResultCheckedAPoisonedNetworkInAThousandIsAPower()
    {
        Assert.Equal(Math.Pow(0.999, 1000), new Detection(new TrustPolicy(1, 1), 100).ChanceUnnoticed(Cheat.OneInAThousand, 1000), 1e-12);
        // As the check is of one network, it does not matter how many there are.
        Assert.Equal(Math.Pow(0.999, 1000), new Detection(new TrustPolicy(1, 1), 7).ChanceUnnoticed(Cheat.OneInAThousand, 1000), 1e-12);
    }

    [Fact]
    public void WhoMakesUpEverythingIsCaughtAtTheFirstResult()
    {
        Assert.Equal(0, new Detection(new TrustPolicy(0.02, 1), 100).ChanceUnnoticed(Cheat.Wholly, 1));
        Assert.Equal(0, new Detection(new TrustPolicy(0, 2), 100).ChanceUnnoticed(Cheat.Wholly, 1));
        Assert.Equal(1, new Detection(new TrustPolicy(0, 1), 100).ChanceUnnoticed(Cheat.Wholly, 1000));
    }

    [Fact]
    public void AQuorumAloneIsAProductOfEqualFactors()
    {
        double anything = 1 - Math.Pow(0.999, 100);
        Assert.Equal(Math.Pow(1 - anything, 30), new Detection(new TrustPolicy(0, 2), 100).ChanceUnnoticed(Cheat.OneInAThousand, 30), 1e-12);
        Assert.Equal(Math.Pow(1 - (0.96 * anything), 30), new Detection(new TrustPolicy(0, 3), 100, colluding: 0.2).ChanceUnnoticed(Cheat.OneInAThousand, 30), 1e-12);
    }

    [Fact]
    public void AQuorumWithSpotChecksIsAProductOverTheResults()
    {
        var policy = new TrustPolicy(0.1, 2);
        double expected = 1;
        for (int before = 0; before < 200; before++)
            expected *= 1 - (0.8 * (1 - Math.Pow(0.999, 50))) - (0.2 * policy.ChanceOfCheck(before) * 0.001);
        Assert.Equal(expected, new Detection(policy, 50, colluding: 0.2).ChanceUnnoticed(Cheat.OneInAThousand, 200), 1e-14);
    }

    /// <summary>Every way that things may go, one by one.</summary>
    [Theory]
    [InlineData(0.3, 1, 0)]
    [InlineData(0.02, 1, 0)]
    [InlineData(0.3, 2, 0.4)]
    [InlineData(0, 2, 0.4)]
    [InlineData(0.5, 3, 0.6)]
    public void IsWhatAllWaysTogetherGive(double leastShare, int quorum, double colluding)
    {
        const int networks = 3, results = 4;
        var policy = new TrustPolicy(leastShare, quorum);
        var cheat = new Cheat(Results: 0.7, Networks: 0.3, Segments: 0.5, HonestBefore: 1);
        Detection.Standing sum = AllWays(policy, networks, Math.Pow(colluding, quorum - 1), cheat, result: 0, results, record: 0, brought: 0, chance: 1);
        Detection.Standing standing = new Detection(policy, networks, colluding).After(cheat, results);
        Assert.Equal(sum.Unnoticed, standing.Unnoticed, 1e-13);
        Assert.Equal(sum.Checks, standing.Checks, 1e-13);
        Assert.Equal(sum.Accepted, standing.Accepted, 1e-13);
        Assert.Equal(sum.Left, standing.Left, 1e-13);
    }

    private static Detection.Standing AllWays(TrustPolicy policy, int networks, double alone, Cheat cheat, int result, int results, long record, int brought, double chance)
    {
        if (result == results)
            return new Detection.Standing(chance, 0, 0, chance * brought);
        var sum = default(Detection.Standing);
        for (int wrong = 0; wrong <= networks; wrong++)
        {
            double of = (wrong == 0 ? 1 : 0) * (1 - cheat.Results) + cheat.Results * Binomial(networks, wrong) * Math.Pow(cheat.Networks, wrong) * Math.Pow(1 - cheat.Networks, networks - wrong);
            if (result < cheat.HonestBefore)
                of = wrong == 0 ? 1 : 0;
            foreach (bool isAlone in (bool[])[false, true])
            {
                foreach (bool isChecked in (bool[])[false, true])
                {
                    double check = policy.ChanceOfCheck(record), way = chance * of * (isAlone ? alone : 1 - alone) * (isChecked ? check : 1 - check);
                    sum = sum with { Checks = sum.Checks + (isChecked ? way : 0) };
                    if (wrong > 0 && !isAlone)
                        continue;
                    double passes = isChecked ? 1 - ((double)wrong / networks * cheat.Segments) : 1;
                    sum = sum with { Accepted = sum.Accepted + (way * passes * wrong) };
                    Detection.Standing rest = AllWays(policy, networks, alone, cheat, result + 1, results, record + (isChecked || policy.Quorum > 1 ? 1 : 0), brought + wrong, way * passes);
                    sum = new(sum.Unnoticed + rest.Unnoticed, sum.Checks + rest.Checks, sum.Accepted + rest.Accepted, sum.Left + rest.Left);
                }
            }
        }
        return sum;

        static double Binomial(int n, int k) => k == 0 ? 1 : Binomial(n, k - 1) * (n - k + 1) / k;
    }

    [Fact]
    public void RecordsWithTheLeastChanceMayBeTakenAsOne()
    {
        // The plain recursion, with a record for each number of checks.
        var policy = new TrustPolicy(0.1, 1);
        const int results = 1500;
        double[] unnoticed = new double[results + 1];
        unnoticed[0] = 1;
        for (int result = 0; result < results; result++)
        {
            for (int record = result; record >= 0; record--)
            {
                double chance = policy.ChanceOfCheck(record), host = unnoticed[record];
                unnoticed[record + 1] += host * chance * 0.999;
                unnoticed[record] = host * (1 - chance);
            }
        }
        Assert.Equal(unnoticed.Sum(), new Detection(policy, 100).ChanceUnnoticed(Cheat.OneInAThousand, results), 1e-12);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(3000)]
    public void WhatChecksThatPassRuleOutIsClopperAndPearsons(int checks) => Assert.Equal(Intervals.ClopperPearson(0, checks, 0.9).High, Detection.MostWrong(checks), 1e-9);
}
