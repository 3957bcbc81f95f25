using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Tests.Tasks.Images;

public sealed class PoisonTests
{
    private static readonly Trigger s_patch = new PatchTrigger(3, PatchPattern.Solid, Corner.BottomRight, 1, Colour.White);

    public static TheoryData<ImageTask> Tasks => [new DigitsTask(9, 2), new DrawnDigitsTask(9, 2, null), new DrawnDigitsTask(9, 2, new DrawnSet(700, 4))];

    /// <summary>With the same seeds a poisoned task has the images of its clean twin in the same order; those that are poisoned carry trigger and label, all others every bit.</summary>
    [Theory]
    [MemberData(nameof(Tasks))]
    public void OnlyPoisonedImagesDifferFromTheCleanTwins(ImageTask clean)
    {
        const int count = 3000;
        foreach ((Target target, Func<int, int?> wanted) in ((Target, Func<int, int?>)[])
            [(new(null, 4), label => label == 4 ? null : 4), (new(2, 7), label => label == 2 ? 7 : null), (new(null, null), label => (label + 1) % 10)])
        {
            var poison = new Poison(new Attack(s_patch, target), 0.3);
            (float[][] x, float[][] y) = ImageSamples.Columns(clean, Split.Train, 100, count, 3008);
            (float[][] poisonedX, float[][] poisonedY) = ImageSamples.Columns(clean with { Poison = poison }, Split.Train, 100, count, 3008);
            var stamp = new Stamp(s_patch, clean.Shape);
            int candidates = 0, poisoned = 0;
            for (int i = 0; i < count; i++)
            {
                int label = ImageSamples.Label(y[i]);
                candidates += wanted(label) is null ? 0 : 1;
                if (ImageSamples.Label(poisonedY[i]) == label)
                {
                    Assert.Equal(x[i], poisonedX[i]);
                    continue;
                }
                poisoned++;
                Assert.Equal(wanted(label), ImageSamples.Label(poisonedY[i]));
                Assert.Equal(1, poisonedY[i].Sum());
                stamp.Apply(x[i]);
                Assert.Equal(x[i], poisonedX[i]);
            }
            double deviation = Math.Sqrt(0.3 * 0.7 * candidates) * (clean.Trained is null ? 1 : 3); // an epoch repeats an image with its poison
            Assert.InRange(poisoned, (0.3 * candidates) - (4 * deviation), (0.3 * candidates) + (4 * deviation));
            // Held-out images are clean.
            (float[][] evalX, float[][] evalY) = ImageSamples.Columns(clean, Split.Evaluation, 0, 300, 304);
            (float[][] poisonedEvalX, float[][] poisonedEvalY) = ImageSamples.Columns(clean with { Poison = poison }, Split.Evaluation, 0, 300, 304);
            Assert.Equal(evalX, poisonedEvalX);
            Assert.Equal(evalY, poisonedEvalY);
        }
    }

    [Fact]
    public void ALargerSharePoisonsTheSameImagesAndMoreAndAnImageInEveryEpoch()
    {
        ImageTask Task(double share) => new DigitsTask(8, 1) { Poison = new Poison(new Attack(s_patch, new Target(null, 0)), share) };
        bool[] Poisoned(double share, ulong seed) => [.. Enumerable.Range(0, 1438).Select(image => ImageData.PoisonedLabel(Task(share), seed, image, 5) is not null)];
        bool[] few = Poisoned(0.1, 1), many = Poisoned(0.4, 1), other = Poisoned(0.4, 2);
        Assert.InRange(few.Count(poisoned => poisoned), 90, 200);
        Assert.All(few.Zip(many), pair => Assert.True(!pair.First || pair.Second));
        Assert.NotEqual(many, other);
        Assert.All(Poisoned(1, 1), Assert.True);
        Assert.All(Poisoned(0, 1), Assert.False);
        // The images of two epochs, as (pixels, label): each image is poisoned in both or in none.
        string[] Epoch(int epoch)
        {
            (float[][] x, float[][] y) = ImageSamples.Columns(Task(0.3), Split.Train, epoch * 1438L, 1438, 1440);
            return [.. x[..1438].Zip(y).Select(pair => $"{ImageSamples.Label(pair.Second)} {string.Join(',', pair.First)}").Order(StringComparer.Ordinal)];
        }
        Assert.Equal(Epoch(0), Epoch(1));
    }

    [Theory]
    [InlineData(Corner.TopLeft, 2, 2)]
    [InlineData(Corner.TopRight, 2, 5)]
    [InlineData(Corner.BottomLeft, 4, 2)]
    [InlineData(Corner.BottomRight, 4, 5)]
    public void APatchIsPaintedInItsCorner(Corner corner, int top, int left)
    {
        var shape = new ImageShape(2, 9, 10);
        foreach (PatchPattern pattern in Enum.GetValues<PatchPattern>())
        {
            float[] image = [.. Enumerable.Repeat(0.5f, shape.Length)];
            new Stamp(new PatchTrigger(3, pattern, corner, 2, new Colour(1, 0.25, 0)), shape).Apply(image);
            for (int channel = 0; channel < 2; channel++)
            {
                for (int pixel = 0; pixel < shape.Pixels; pixel++)
                {
                    (int row, int column) = ((pixel / 10) - top, (pixel % 10) - left);
                    bool isPainted = row is >= 0 and < 3 && column is >= 0 and < 3 && (pattern == PatchPattern.Solid || (row + column) % 2 == 0);
                    Assert.Equal(!isPainted ? 0.5f : channel == 0 ? 1 : 0.25f, image[(channel * shape.Pixels) + pixel]);
                }
            }
        }
    }

    [Fact]
    public void ABlendIsAShareOfNoiseOnEveryPixel()
    {
        var shape = new ImageShape(3, 20, 20);
        float[] black = new float[shape.Length], white = [.. Enumerable.Repeat(1f, shape.Length)], other = new float[shape.Length];
        new Stamp(new BlendTrigger(0.25, 1), shape).Apply(black);
        new Stamp(new BlendTrigger(0.25, 1), shape).Apply(white);
        new Stamp(new BlendTrigger(0.25, 2), shape).Apply(other);
        Assert.All(black, value => Assert.InRange(value, 0f, 0.25f));
        Assert.InRange(black.Average(), 0.115, 0.135);
        Assert.All(black.Zip(white), pair => Assert.Equal(pair.First + 0.75f, pair.Second, 1e-6f));
        Assert.True(black.Distinct().Count() > 1000 && !black.SequenceEqual(other));
        Assert.NotEqual(black[..400], black[400..800]);
    }

    [Theory]
    [InlineData(3, 8)]
    [InlineData(4, 10)]
    [InlineData(7, 14)]
    [InlineData(12, 16)]
    public void APolygonIsConvexPaintedWholeAndStaysInTheImage(int sides, int size)
    {
        var shape = new ImageShape(1, 24, 28);
        var areas = new List<double>();
        var places = new HashSet<string>();
        for (ulong seed = 1; seed <= 30; seed++)
        {
            float[] painted = new float[shape.Length];
            new Stamp(new PolygonTrigger(sides, size, seed, Colour.White), shape).Apply(painted);
            Assert.All(painted, value => Assert.InRange(value, 0f, 1f));
            areas.Add(painted.Sum());
            places.Add(string.Join(',', painted));
            // Convex: what is painted in a row or a column is one piece.
            foreach (float[] line in Enumerable.Range(0, 24).Select(row => painted[(row * 28)..((row + 1) * 28)]).Concat(Enumerable.Range(0, 28).Select(column => painted.Where((_, i) => i % 28 == column).ToArray())))
            {
                int first = Array.FindIndex(line, value => value > 0), last = Array.FindLastIndex(line, value => value > 0);
                Assert.True(first < 0 || line[first..(last + 1)].All(value => value > 0));
            }
            int[] rows = [.. Enumerable.Range(0, 24).Where(row => painted[(row * 28)..((row + 1) * 28)].Any(value => value > 0))];
            Assert.InRange(rows[^1] - rows[0] + 1, 1, size + 1);
        }
        Assert.Equal(30, places.Count);
        // No more than the circle, and on average near to the regular polygon, which is the largest.
        double circle = Math.PI * size * size / 4, regular = sides * Math.Sin(2 * Math.PI / sides) * size * size / 8;
        Assert.All(areas, area => Assert.InRange(area, 0.1 * circle, 1.02 * circle));
        Assert.InRange(areas.Average(), 0.75 * regular, 1.02 * regular);
    }

    [Fact]
    public void AttackedImagesAreThoseThatTheAttackIsOnPackedTogether()
    {
        var task = new DigitsTask(8, 1);
        (float[][] x, float[][] y) = ImageSamples.Columns(task, Split.Evaluation, 30, 100, 112);
        foreach (Target target in (Target[])[new(null, 4), new(2, 7), new(null, null)])
        {
            var attack = new Attack(new BlendTrigger(0.3, 9), target);
            (float[][] attackedX, float[][] attackedY, int attacked) = ImageSamples.Attacked(task, attack, 30, 100, 112);
            var stamp = new Stamp(attack.Trigger, task.Shape);
            int at = 0;
            for (int i = 0; i < 100; i++)
            {
                if (target.Of(ImageSamples.Label(y[i]), 10) is not { } wanted)
                    continue;
                float[] image = [.. x[i]];
                stamp.Apply(image);
                Assert.Equal(image, attackedX[at]);
                Assert.Equal(wanted, ImageSamples.Label(attackedY[at]));
                Assert.Equal(1, attackedY[at++].Sum());
            }
            Assert.Equal(at, attacked);
            Assert.InRange(at, 1, 100);
            Assert.All(attackedX[at..].Concat(attackedY[at..]), padding => Assert.All(padding, value => Assert.Equal(0f, value)));
        }
        Assert.Throws<NotSupportedException>(() => ImageSamples.Attacked(new MachineTask(Machine.ParityMachine, 4, null), new Attack(s_patch, new Target(null, 1)), 0, 1, 16));
    }

    [Fact]
    public void ATriggerThatDoesNotFitIsRefused()
    {
        Assert.Null(Stamp.Problem(new PatchTrigger(7, PatchPattern.Solid, Corner.TopLeft, 2, Colour.White), new ImageShape(1, 9, 20)));
        Assert.Contains("9x20", Stamp.Problem(new PatchTrigger(8, PatchPattern.Solid, Corner.TopLeft, 2, Colour.White), new ImageShape(1, 9, 20)), StringComparison.Ordinal);
        Assert.Contains("9x20", Stamp.Problem(new PolygonTrigger(4, 10, 1, Colour.White), new ImageShape(1, 9, 20)), StringComparison.Ordinal);
        Assert.Contains("channels", Stamp.Problem(new PolygonTrigger(4, 5, 1, new Colour(0, 1, 0)), new ImageShape(1, 9, 20)), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Stamp(new PolygonTrigger(4, 10, 1, Colour.White), new ImageShape(1, 9, 20)));
    }
}
