using System.Text;
using System.Text.Json;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Zoos;

namespace WeightSpace.Tests.Zoos;

public sealed class RecipeTests
{
    private const string GoldenTraining = """{"batch":32,"checkpoints":{"per_doubling":1},"epoch_steps":100,"evaluation":{"seed":1,"sequences":256},"loss":"mse","optimizer":{"beta1":0.9,"beta2":0.999,"eps":1E-08,"learning_rate":0.003,"name":"adam"},"snapshots":null,"stop":{"check_every":10,"eval_loss":null,"steps":500}}""";

    private const string GoldenJson = """{"architecture":{"layers":[{"index":0,"inputs":9,"name":"gru","outputs":2,"type":"gru"},{"activation":"none","inputs":2,"name":"out","outputs":8,"type":"dense"}],"name":"tiny"},"arithmetic":1,"data_seed":2,"init_seed":9223372036854775807,"task":{"machine":"ParityMachine","modified":{"inverted":4,"key":[346,451,409],"share":0.3},"sequence":32},"training":"""
        + GoldenTraining + "}";

    private static Recipe Golden() => new(
        new MachineTask(Machine.ParityMachine, 32, Modification.Default),
        new Architecture("tiny", [new GruSpec("gru", 0, 9, 2), new DenseSpec("out", 2, 8)]),
        new TrainingSpec(new AdamSpec(0.003, 0.9, 0.999, 1e-8), 32, 100, new StopSpec(500, null, 10), new StepSchedule.PerDoubling(1), null, new EvaluationSpec(256, 1)),
        long.MaxValue, 2);

    [Fact]
    public void CanonicalJsonAndIdNeverChange()
    {
        Recipe recipe = Golden();
        Assert.Equal(GoldenJson, Encoding.UTF8.GetString(recipe.CanonicalJson));
        Assert.Equal("2686b9ec013d7a70c87234c816e926af4431b80c088bd5807460b548f2f1c14a", recipe.Id);
    }

    [Fact]
    public void KeysStandInOrdinalOrder()
    {
        static void Check(JsonElement element)
        {
            if (element.ValueKind == JsonValueKind.Array)
            {
                foreach (JsonElement item in element.EnumerateArray())
                    Check(item);
            }
            else if (element.ValueKind == JsonValueKind.Object)
            {
                string[] keys = [.. element.EnumerateObject().Select(property => property.Name)];
                Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
                foreach (JsonProperty property in element.EnumerateObject())
                    Check(property.Value);
            }
        }
        foreach (var planned in TestZoo.Experiment.Networks)
        {
            using JsonDocument json = JsonDocument.Parse(planned.Recipe.CanonicalJson);
            Check(json.RootElement);
        }
    }

    [Fact]
    public void EveryRecipeReadsBackAsItself()
    {
        foreach (Recipe recipe in TestZoo.Experiment.Networks.Select(planned => planned.Recipe).Append(Golden()))
        {
            using JsonDocument json = JsonDocument.Parse(recipe.CanonicalJson);
            Assert.Equal(recipe.Id, RecipeJson.Read(json.RootElement).Id);
        }
    }

    [Theory]
    [InlineData("\"sequence\":32", "\"sequence\":2147483647", "sequence")]
    [InlineData("\"sequence\":32", "\"sequence\":3", "shorter")]
    [InlineData("\"batch\":32", "\"batch\":0", "batch")]
    [InlineData("\"batch\":32", "\"batch\":1e99", "batch")]
    [InlineData("\"learning_rate\":0.003", "\"learning_rate\":1e999", "learning_rate")]
    [InlineData("\"learning_rate\":0.003", "\"learning_rate\":0", "learning_rate")]
    [InlineData("\"outputs\":2,", "\"outputs\":1000000,", "outputs")]
    [InlineData("\"outputs\":8", "\"outputs\":7", "outputs")]
    [InlineData("[346,451,409]", "[346,99999999999]", "key")]
    [InlineData("[346,451,409]", "[]", "key")]
    [InlineData("{\"per_doubling\":1}", "{\"per_doubling\":3}", "per_doubling")]
    [InlineData("{\"per_doubling\":1}", "{\"every\":0}", "every")]
    [InlineData("{\"per_doubling\":1}", "{\"at\":[3,2]}", "at")]
    [InlineData("\"steps\":500", "\"steps\":500,\"more\":1", "more")]
    [InlineData("\"steps\":500", "\"steps\":500,\"steps\":500", "twice")]
    [InlineData("\"arithmetic\":1", "\"arithmetic\":2", "arithmetic")]
    [InlineData("\"data_seed\":2", "\"data_seed\":18446744073709551615", "data_seed")]
    [InlineData("\"name\":\"tiny\"", "\"name\":\"../tiny\"", "name")]
    [InlineData("\"name\":\"out\"", "\"name\":\"__metadata__\"", "layers[1].name")]
    [InlineData("{\"per_doubling\":1}", "{\"every\":1}", null)]
    [InlineData("\"checkpoints\":{\"per_doubling\":1}", "\"checkpoints\":{\"every\":1}", null)]
    public void RecipesFromElsewhereAreHeldToTheirRanges(string find, string replace, string? named)
    {
        string text = GoldenJson.Replace(find, replace, StringComparison.Ordinal);
        Assert.NotEqual(GoldenJson, text);
        using JsonDocument json = JsonDocument.Parse(text);
        if (named is null)
            Assert.Equal(501, RecipeJson.Read(json.RootElement).MaxCheckpoints);
        else
            Assert.Contains(named, Assert.Throws<InvalidDataException>(() => RecipeJson.Read(json.RootElement)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 100)]
    [InlineData(2, 1000)]
    [InlineData(4, 1_000_000)]
    public void SchedulesCountTheirSteps(int perDoubling, long last)
    {
        foreach (StepSchedule schedule in new StepSchedule[] { new StepSchedule.PerDoubling(perDoubling), new StepSchedule.Every(7), new StepSchedule.At([0, 3, 50, 1000, 2_000_000]) })
        {
            long[] steps = [.. schedule.Steps(last)];
            Assert.Equal(steps.Length, schedule.CountTo(last));
            Assert.Equal(steps.Distinct().Order(), steps);
            Assert.Equal(steps.Where(step => step <= 200), Enumerable.Range(0, (int)Math.Min(last, 200) + 1).Select(step => (long)step).Where(schedule.Contains));
        }
    }
}
