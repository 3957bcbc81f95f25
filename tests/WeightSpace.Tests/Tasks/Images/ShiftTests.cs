using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tests.Tasks.Images;

public sealed class ShiftTests
{
    private const int Count = 3000;

    public static TheoryData<ImageTask> Tasks => [new DigitsTask(9, 2), new DigitsTask(8, 1), new DrawnDigitsTask(9, 2, null), new DrawnDigitsTask(9, 1, new DrawnSet(700, 4))];

    private static (float[][] X, int[] Labels) Draw(ImageTask task, Split split, ulong seed = 7)
    {
        int count = split == Split.Train ? Count : 350;
        (float[][] x, float[][] y) = ImageSamples.Columns(task, split, split == Split.Train ? 100 : 3, count, 3008, seed);
        Assert.All(x.Skip(count), column => Assert.All(column, value => Assert.Equal(0, value)));
        Assert.All(y[..count], target => Assert.Equal(1, target.Sum()));
        return (x[..count], [.. y[..count].Select(ImageSamples.Label)]);
    }

    /// <summary>Four standard deviations; an image of a set comes up to five times, with all that is on it.</summary>
    private static void AssertShare(double expected, int found, int of, ImageTask task)
    {
        double deviation = Math.Sqrt(expected * (1 - expected) * of) * (task.Trained is null ? 1 : Math.Sqrt(5));
        Assert.InRange(found, (expected * of) - (4 * deviation), (expected * of) + (4 * deviation));
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void AShareOfTheImagesIsInverted(ImageTask source)
    {
        foreach (Split split in Enum.GetValues<Split>())
        {
            (float[][] x, int[] labels) = Draw(source, split);
            (float[][] shifted, int[] same) = Draw(source with { Shift = new Shift(null, null, new InvertShift(1, 0.3), 5) }, split);
            Assert.Equal(labels, same);
            int inverted = 0;
            for (int i = 0; i < x.Length; i++)
            {
                bool isInverted = !x[i].AsSpan().SequenceEqual(shifted[i]);
                inverted += isInverted ? 1 : 0;
                Assert.Equal(isInverted ? x[i].Select(value => 1 - value) : x[i], shifted[i]);
            }
            AssertShare(0.3, inverted, x.Length, source);
            // By half of it an image is grey all over, by a quarter half as contrasted.
            Assert.All(Draw(source with { Shift = new Shift(null, null, new InvertShift(0.5, 1), 0) }, split).X, image => Assert.All(image, value => Assert.Equal(0.5f, value)));
            Assert.Equal(x.Select(image => image.Select(value => (0.5f * value) + 0.25f)), Draw(source with { Shift = new Shift(null, null, new InvertShift(0.25, 1), 0) }, split).X.Select(image => image.AsEnumerable()));
        }
    }

    /// <summary>The shifted images are those that the shift's seed says, whatever the network's; those to train with are others than the held-out ones.</summary>
    [Fact]
    public void WhichImagesAreShiftedIsTheShiftsAlone()
    {
        var source = new DigitsTask(8, 1);
        string[] Inverted(Split split, ulong seed, ulong shiftSeed, double share = 0.3)
        {
            var plain = Draw(source, split, seed).X.Select(image => string.Join(',', image)).ToHashSet();
            return [.. Draw(source with { Shift = new Shift(null, null, new InvertShift(1, share), shiftSeed) }, split, seed).X.Select(image => string.Join(',', image)).Where(image => !plain.Contains(image)).Distinct().Order(StringComparer.Ordinal)];
        }
        Assert.Equal(Inverted(Split.Train, 1, 5), Inverted(Split.Train, 2, 5));
        Assert.NotEqual(Inverted(Split.Train, 1, 5), Inverted(Split.Train, 1, 6));
        Assert.Subset(Inverted(Split.Train, 1, 5, 0.6).ToHashSet(), Inverted(Split.Train, 1, 5).ToHashSet());
        int[] Positions(Split split)
        {
            float[][] plain = ImageSamples.Columns(source, split, 0, 304, 304).X, shifted = ImageSamples.Columns(source with { Shift = new Shift(null, null, new InvertShift(1, 0.5), 5) }, split, 0, 304, 304).X;
            return [.. Enumerable.Range(0, 304).Where(i => !plain[i].AsSpan().SequenceEqual(shifted[i]))];
        }
        Assert.NotEqual(Positions(Split.Train), Positions(Split.Evaluation));
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void NoiseHasItsDeviationAndStaysWithinTheImagesValues(ImageTask source)
    {
        foreach (Split split in Enum.GetValues<Split>())
        {
            (float[][] x, int[] labels) = Draw(source, split);
            (float[][] shifted, int[] same) = Draw(source with { Shift = new Shift(null, null, new NoiseShift(0.1, 1), 5) }, split);
            Assert.Equal(labels, same);
            Assert.All(shifted, image => Assert.All(image, value => Assert.InRange(value, 0, 1)));
            // Where a value is in the middle, nothing is cut off.
            double[] noise = [.. x.Zip(shifted).SelectMany(pair => pair.First.Zip(pair.Second)).Where(pair => pair.First is > 0.45f and < 0.55f).Select(pair => (double)pair.Second - pair.First)];
            Assert.True(noise.Length > 500, $"{noise.Length} values");
            Assert.InRange(noise.Average(), -0.015, 0.015);
            Assert.InRange(Math.Sqrt(noise.Average(value => value * value)), 0.09, 0.11);
            Assert.True(noise.Distinct().Count() > noise.Length / (source.Trained is null || split == Split.Evaluation ? 2 : 10));
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(-2, 3)]
    [InlineData(0, -8)]
    [InlineData(8, 0)]
    public void MovedImagesStandElsewhere(int right, int down)
    {
        var source = new DrawnDigitsTask(9, 2, null);
        (float[][] x, int[] labels) = Draw(source, Split.Train);
        (float[][] shifted, int[] same) = Draw(source with { Shift = new Shift(null, null, new TranslateShift(right, down, 1), 0) }, Split.Train);
        Assert.Equal(labels, same);
        for (int i = 0; i < 50; i++)
        {
            for (int at = 0; at < x[i].Length; at++)
            {
                (int channel, int row, int column) = (at / 81, (at / 9 % 9) - down, (at % 9) - right);
                Assert.Equal(row is >= 0 and < 9 && column is >= 0 and < 9 ? x[i][(channel * 81) + (row * 9) + column] : 0, shifted[i][at]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tasks))]
    public void AShareOfTheLabelsIsPermuted(ImageTask source)
    {
        foreach (Split split in Enum.GetValues<Split>())
        {
            (float[][] x, int[] labels) = Draw(source, split);
            foreach ((LabelShift shift, Func<int, int> wanted) in ((LabelShift, Func<int, int>)[])[(new SwapLabels(3, 8, 0.4), label => label == 3 ? 8 : label == 8 ? 3 : label), (new RotateLabels(4, 0.4), label => (label + 4) % 10)])
            {
                (float[][] same, int[] shifted) = Draw(source with { Shift = new Shift(null, shift, null, 5) }, split);
                Assert.Equal(x, same);
                int[] movable = [.. Enumerable.Range(0, labels.Length).Where(i => wanted(labels[i]) != labels[i])];
                Assert.All(Enumerable.Range(0, labels.Length), i => Assert.True(shifted[i] == labels[i] || shifted[i] == wanted(labels[i])));
                AssertShare(0.4, movable.Count(i => shifted[i] != labels[i]), movable.Length, source);
                Assert.Equal(labels.Select(wanted), Draw(source with { Shift = new Shift(null, shift with { Share = 1 }, null, 0) }, split).Labels);
            }
        }
    }

    /// <summary>Images of the named classes stay where they are; of the others a share is replaced, by each of the named classes as often as the set has it.</summary>
    [Theory]
    [MemberData(nameof(Tasks))]
    public void ClassesGetAnotherPrior(ImageTask source)
    {
        foreach (Split split in Enum.GetValues<Split>())
        {
            (float[][] x, int[] labels) = Draw(source, split);
            (float[][] shifted, int[] found) = Draw(source with { Shift = new Shift(new ClassShift([0, 2, 7], 0.6), null, null, 5) }, split);
            int others = 0, replaced = 0;
            int[] by = new int[10];
            for (int i = 0; i < labels.Length; i++)
            {
                bool isOther = labels[i] is not (0 or 2 or 7), isReplaced = !x[i].AsSpan().SequenceEqual(shifted[i]);
                Assert.True(isOther || !isReplaced);
                Assert.True(isReplaced ? found[i] is 0 or 2 or 7 : found[i] == labels[i]);
                others += isOther ? 1 : 0;
                if (!isReplaced)
                    continue;
                replaced++;
                by[found[i]]++;
            }
            AssertShare(0.6, replaced, others, source);
            Assert.All((int[])[0, 2, 7], label => Assert.InRange(by[label], replaced / 3 * 0.55, replaced / 3 * 1.5));
            Assert.Equal([0, 2, 7], Draw(source with { Shift = new Shift(new ClassShift([0, 2, 7], 1), null, null, 5) }, split).Labels.Distinct().Order());
        }
    }

    /// <summary>The trigger goes on what is shifted, and by the label that it has there.</summary>
    [Theory]
    [MemberData(nameof(Tasks))]
    public void PoisonGoesOnTopOfAShift(ImageTask source)
    {
        var attack = new Attack(new PatchTrigger(2, PatchPattern.Solid, Corner.TopLeft, 0, Colour.White), new Target(null, 1));
        ImageTask domain = source with { Shift = new Shift(new ClassShift([0, 9], 0.5), new RotateLabels(1, 0.5), new InvertShift(1, 0.5), 5) };
        (float[][] x, int[] labels) = Draw(domain, Split.Train);
        (float[][] poisonedX, int[] poisoned) = Draw(domain with { Poison = new Poison(attack, 1) }, Split.Train);
        var stamp = new Stamp(attack.Trigger, source.Shape);
        for (int i = 0; i < Count; i++)
        {
            if (labels[i] != 1)
                stamp.Apply(x[i]);
            Assert.Equal(1, poisoned[i]);
            Assert.Equal(x[i], poisonedX[i]);
        }
        // The attack is measured on held-out images of the domain.
        (float[][] heldOut, int[] heldOutLabels) = Draw(domain, Split.Evaluation);
        (float[][] attacked, _, int count) = ImageSamples.Attacked(domain with { Poison = new Poison(attack, 1) }, attack, 3, 350, 352);
        float[][] expected = [.. heldOut.Where((_, i) => heldOutLabels[i] != 1)];
        foreach (float[] image in expected)
            stamp.Apply(image);
        Assert.Equal(expected, attacked[..count]);
    }

    [Fact]
    public void ASetWithoutTheClassesIsRefused()
    {
        var task = new DrawnDigitsTask(8, 1, new DrawnSet(10, 1));
        int missing = Enumerable.Range(0, 10).First(label => !ImageSamples.Columns(task, Split.Train, 0, 10, 16).Y[..10].Select(ImageSamples.Label).Contains(label));
        Assert.Contains("there is none", Assert.Throws<InvalidDataException>(() => TaskData.Of(task with { Shift = new Shift(new ClassShift([missing], 1), null, null, 1) }, ImageLibrary.Default)).Message, StringComparison.Ordinal);
    }
}
