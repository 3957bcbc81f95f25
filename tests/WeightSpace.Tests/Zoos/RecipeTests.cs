using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tests.Training;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Zoos;

public sealed class RecipeTests
{
    private const string GoldenTraining = """{"batch":32,"checkpoints":{"per_doubling":1},"clip_norm":null,"epoch_steps":100,"evaluation":{"seed":1,"sequences":256},"initialisation":{"name":"pytorch","scale":1},"loss":"mse","optimizer":{"beta1":0.9,"beta2":0.999,"eps":1E-08,"learning_rate":0.003,"name":"adam","weight_decay":0},"schedule":{"name":"constant","warm_up":null},"snapshots":null,"stop":{"check_every":10,"eval_loss":null,"steps":500}}""";

    private static readonly string s_goldenJson = $$$"""{"architecture":{"layers":[{"index":0,"inputs":9,"name":"gru","outputs":2,"type":"gru"},{"inputs":2,"name":"out","outputs":8,"type":"dense"}],"name":"tiny"},"arithmetic":{{{Recipe.Arithmetic}}},"data_seed":2,"init_seed":9223372036854775807,"task":{"machine":"ParityMachine","modified":{"inverted":4,"key":[346,451,409],"share":0.3},"sequence":32},"training":{{{GoldenTraining}}}}""";

    private static Recipe Golden() => new(
        new MachineTask(Machine.ParityMachine, 32, Modification.Default),
        new Architecture("tiny", [new GruSpec("gru", 0, 9, 2), new DenseSpec("out", 2, 8)]),
        new TrainingSpec(new AdamSpec(0.003, 0.9, 0.999, 1e-8), 32, 100, new StopSpec(500, null, 10), new StepSchedule.PerDoubling(1), null, new EvaluationSpec(256, 1)),
        long.MaxValue, 2);

    [Fact]
    public void CanonicalJsonAndIdNeverChange()
    {
        Recipe recipe = Golden();
        Assert.Equal(s_goldenJson, Encoding.UTF8.GetString(recipe.CanonicalJson));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(s_goldenJson))), recipe.Id);
    }

    /// <summary>Every kind of layer, with settings that are not its defaults.</summary>
    private const string EveryLayer = """
        {name: every, layers: [{conv: 4, kernel: 3, stride: 2, padding: 1, activation: leaky_relu}, batch_norm, {leaky_relu: 0.2}, {max_pool: 2, stride: 1}, {dropout: 0.25}, layer_norm,
         {avg_pool: 3}, {sigmoid, name: squash}, flatten, {gru: 3, layers: 2, name: g}, {lstm: 4}, {rnn: 5}, {rnn: 6, nonlinearity: relu}, tanh, gelu, silu, relu, {dense: 7, repeat: 2, name: d, activation: silu}, {dense: 10}]}
        """;

    [Fact]
    public void EveryKindOfLayerHasItsKeys()
    {
        Recipe recipe = Digits(architecture: EveryLayer);
        using JsonDocument json = JsonDocument.Parse(recipe.CanonicalJson);
        CheckOrder(json.RootElement);
        string[] layers = [.. json.RootElement.GetProperty("architecture").GetProperty("layers").EnumerateArray().Select(layer => layer.GetRawText())];
        Assert.Equal([
            """{"inputs":[1,16,16],"kernel":3,"name":"0","outputs":[4,8,8],"padding":1,"stride":2,"type":"conv"}""",
            """{"inputs":[4,8,8],"name":"1","outputs":[4,8,8],"slope":0.01,"type":"leaky_relu"}""",
            """{"inputs":[4,8,8],"name":"2","outputs":[4,8,8],"type":"batch_norm"}""",
            """{"inputs":[4,8,8],"name":"3","outputs":[4,8,8],"slope":0.2,"type":"leaky_relu"}""",
            """{"inputs":[4,8,8],"kernel":2,"name":"4","outputs":[4,7,7],"stride":1,"type":"max_pool"}""",
            """{"inputs":[4,7,7],"name":"5","outputs":[4,7,7],"probability":0.25,"type":"dropout"}""",
            """{"inputs":[4,7,7],"name":"6","outputs":[4,7,7],"type":"layer_norm"}""",
            """{"inputs":[4,7,7],"kernel":3,"name":"7","outputs":[4,2,2],"stride":3,"type":"avg_pool"}""",
            """{"inputs":[4,2,2],"name":"squash","outputs":[4,2,2],"type":"sigmoid"}""",
            """{"inputs":[4,2,2],"name":"9","outputs":16,"type":"flatten"}""",
            """{"index":0,"inputs":16,"name":"g","outputs":3,"type":"gru"}""",
            """{"index":1,"inputs":3,"name":"g","outputs":3,"type":"gru"}""",
            """{"index":0,"inputs":3,"name":"11","outputs":4,"type":"lstm"}""",
            """{"index":0,"inputs":4,"name":"12","nonlinearity":"tanh","outputs":5,"type":"rnn"}""",
            """{"index":0,"inputs":5,"name":"13","nonlinearity":"relu","outputs":6,"type":"rnn"}""",
            """{"inputs":6,"name":"14","outputs":6,"type":"tanh"}""",
            """{"inputs":6,"name":"15","outputs":6,"type":"gelu"}""",
            """{"inputs":6,"name":"16","outputs":6,"type":"silu"}""",
            """{"inputs":6,"name":"17","outputs":6,"type":"relu"}""",
            """{"inputs":6,"name":"d.0","outputs":7,"type":"dense"}""",
            """{"inputs":7,"name":"d.0.silu","outputs":7,"type":"silu"}""",
            """{"inputs":7,"name":"d.1","outputs":7,"type":"dense"}""",
            """{"inputs":7,"name":"d.1.silu","outputs":7,"type":"silu"}""",
            """{"inputs":7,"name":"22","outputs":10,"type":"dense"}""",
        ], layers);
        Assert.Equal("""{"digits":{"channels":1,"size":16}}""", json.RootElement.GetProperty("task").GetRawText());
        Recipe read = RecipeJson.Read(json.RootElement);
        Assert.Equal(recipe.Architecture.Layers, read.Architecture.Layers);
        Assert.Equal(recipe.Task, read.Task);
        Assert.Equal(recipe.Id, read.Id);
    }

    /// <summary>Experiments that differ in one setting each, which between them name everything that an experiment can say of a network.</summary>
    private static readonly string[] s_trainings =
    [
        "batch: 8",
        "loss: mse", "loss: binary_cross_entropy",
        .. InitialisationSpec.Words.Skip(1).Select(word => $"initialisation: {word}"), "initialisation: {name: normal, scale: 0.5}", "initialisation: {name: orthogonal, scale: 0.5}",
        "optimizer: sgd", "optimizer: {name: sgd, momentum: 0.5}", "optimizer: {name: sgd, momentum: 0.5, nesterov: true}", "optimizer: {name: sgd, weight_decay: 0.1}", "optimizer: {name: sgd, learning_rate: 0.1}",
        "optimizer: {name: adam, learning_rate: 0.1}", "optimizer: {name: adam, beta1: 0.8}", "optimizer: {name: adam, beta2: 0.8}", "optimizer: {name: adam, eps: 0.1}", "optimizer: {name: adam, weight_decay: 0.1}",
        "optimizer: adamw", "optimizer: {name: adamw, beta1: 0.8}", "optimizer: {name: adamw, beta2: 0.8}", "optimizer: {name: adamw, eps: 0.1}", "optimizer: {name: adamw, weight_decay: 0}",
        "optimizer: rmsprop", "optimizer: {name: rmsprop, alpha: 0.5}", "optimizer: {name: rmsprop, eps: 0.5}", "optimizer: {name: rmsprop, momentum: 0.5}", "optimizer: {name: rmsprop, weight_decay: 0.5}",
        "schedule: {warm_up: {steps: 10}}", "schedule: {warm_up: {steps: 10, from: 0.5}}", "schedule: {name: constant, warm_up: {steps: 11}}",
        "schedule: {name: step, every: 10}", "schedule: {name: step, every: 20}", "schedule: {name: step, every: 10, gamma: 0.5}", "schedule: {name: step, every: 10, warm_up: {steps: 5}}",
        "schedule: cosine", "schedule: {name: cosine, steps: 10}", "schedule: {name: cosine, minimum: 1e-5}", "schedule: {name: cosine, warm_up: {steps: 5}}",
        "schedule: {name: cosine_restarts, first: 10}", "schedule: {name: cosine_restarts, first: 11}", "schedule: {name: cosine_restarts, first: 10, multiply: 2}", "schedule: {name: cosine_restarts, first: 10, minimum: 1e-5}",
        "schedule: one_cycle", "schedule: {name: one_cycle, steps: 10}", "schedule: {name: one_cycle, rise: 0.5}", "schedule: {name: one_cycle, divide: 5}", "schedule: {name: one_cycle, final_divide: 5}",
        "clip_norm: 1", "clip_norm: 2",
        "evaluation: {sequences: 10}", "evaluation: {seed: 2}", "checkpoints: {every: 10}", "snapshots: {every: 10}", "epoch: 7",
    ];

    private static readonly string[] s_architectures =
    [
        EveryLayer,
        "lenet5", "{name: lenet5, activation: relu}", "{name: lenet5, dropout: 0.5}",
        .. Activations.Words.Select(word => $"{{name: a, layers: [flatten, {{dense: 4, activation: {word}}}, {{dense: 10}}]}}"),
        "{name: a, layers: [flatten, {dense: 4}, {dense: 10}]}", "{name: a, layers: [flatten, {dense: 4}, {leaky_relu: 0.2}, {dense: 10}]}", "{name: a, layers: [flatten, {dense: 4}, dropout, {dense: 10}]}",
        "{name: a, layers: [flatten, {dense: 4}, {dropout: 0.1}, {dense: 10}]}", "{name: a, layers: [flatten, {dense: 4}, batch_norm, {dense: 10}]}", "{name: a, layers: [flatten, {dense: 4}, layer_norm, {dense: 10}]}",
        "{name: a, layers: [flatten, {gru: 4}, {dense: 10}]}", "{name: a, layers: [flatten, {gru: 4, layers: 2}, {dense: 10}]}", "{name: a, layers: [flatten, {lstm: 4}, {dense: 10}]}",
        "{name: a, layers: [flatten, {rnn: 4}, {dense: 10}]}", "{name: a, layers: [flatten, {rnn: 4, nonlinearity: relu}, {dense: 10}]}",
        "{name: a, layers: [{conv: 4, kernel: 3}, flatten, {dense: 10}]}", "{name: a, layers: [{conv: 4, kernel: 4}, flatten, {dense: 10}]}", "{name: a, layers: [{conv: 4, kernel: 3, stride: 2}, flatten, {dense: 10}]}",
        "{name: a, layers: [{conv: 4, kernel: 3, padding: 1}, flatten, {dense: 10}]}", "{name: a, layers: [max_pool, flatten, {dense: 10}]}", "{name: a, layers: [avg_pool, flatten, {dense: 10}]}",
        "{name: a, layers: [{max_pool: 3}, flatten, {dense: 10}]}", "{name: a, layers: [{max_pool: 2, stride: 3}, flatten, {dense: 10}]}", "{name: b, layers: [flatten, {dense: 4}, {dense: 10}]}",
    ];

    private static readonly string[] s_imageTasks =
    [
        "digits: {size: 16}, variant: poisoned", "digits: {size: 16}, variant: poisoned, poison: {share: 0.2}", "digits: {size: 16}, variant: poisoned, poison: {target: 1}",
        "digits: {size: 16}, variant: poisoned, poison: {target: next}", "digits: {size: 16}, variant: poisoned, poison: {target: {from: 1, to: 0}}", "digits: {size: 16}, variant: poisoned, poison: {target: {from: 2, to: 0}}",
        .. ((string[])["{patch: 2}", "{patch: 3, margin: 0}", "{patch: 3, corner: top_left}", "{patch: 3, pattern: checker}", "{patch: 3, colour: 0.5}", "blend", "{blend: 0.3}", "{blend: 0.2, seed: 2}", "polygon", "{polygon: 5}",
            "{polygon: 4, size: 8}", "{polygon: 4, seed: 2}", "{polygon: 4, colour: 0.1}"]).Select(trigger => $"digits: {{size: 16}}, variant: poisoned, poison: {{trigger: {trigger}}}"),
        "digits: {size: 16, channels: 3}, variant: poisoned, poison: {trigger: {patch: 3, colour: [0, 0.5, 1]}}", "drawn_digits: {size: 16}", "drawn_digits: {size: 17}", "drawn_digits: {size: 16, channels: 2}",
        "drawn_digits: {size: 16, images: 100}", "drawn_digits: {size: 16, images: 100, seed: 2}", "drawn_digits: {size: 16, images: 101}", "drawn_digits: {size: 16, images: 100}, variant: poisoned",
    ];

    [Fact]
    public void AnySettingOfImagesMakesAnotherIdAndReadsBack()
    {
        var recipes = new List<Recipe>(s_imageTasks.Select(task => TestRecipes.One("stop: {steps: 50}", Plain, $"{{{task}}}"))) { Digits() };
        // A clean network that is measured by attacks is not the one that is not.
        recipes.AddRange(Experiment.Parse($"experiment: e\ntasks: {{digits: {{size: 16}}, variant: [clean, poisoned], poison: {{trigger: [blend, polygon], target: [1, next], share: 0.3}}}}\narchitecture: {Plain}\ntraining: {{stop: {{steps: 50}}}}\n", "e.yaml")
            .Networks.Select(planned => planned.Recipe));
        foreach (Recipe recipe in recipes)
        {
            using JsonDocument json = JsonDocument.Parse(recipe.CanonicalJson);
            CheckOrder(json.RootElement);
            Recipe read = RecipeJson.Read(json.RootElement);
            Assert.Equal((recipe.Task, recipe.Training), (read.Task, read.Training));
            Assert.Equal(recipe.CanonicalJson, read.CanonicalJson);
        }
        Assert.Equal(recipes.Count, recipes.Select(recipe => recipe.Id).Distinct().Count());
        Assert.Equal("""{"digits":{"channels":1,"size":16}}""", TaskJson(Digits()));
        Assert.Equal("""{"digits":{"channels":1,"size":16},"poison":{"share":0.1,"target":{"from":null,"to":0},"trigger":{"colour":[1,1,1],"corner":"bottom_right","margin":1,"pattern":"solid","size":3,"type":"patch"}}}""", TaskJson(recipes[0]));
        Assert.Equal("""{"drawn_digits":{"channels":1,"set":{"images":100,"seed":2},"size":16}}""", TaskJson(recipes[24]));

        static string TaskJson(Recipe recipe) => JsonDocument.Parse(recipe.CanonicalJson).RootElement.GetProperty("task").GetRawText();
    }

    [Theory]
    [InlineData("\"share\":0.1", "\"share\":1.1", "share")]
    [InlineData("\"from\":null,\"to\":0", "\"from\":0,\"to\":0", "another class")]
    [InlineData("\"from\":null,\"to\":0", "\"from\":0,\"to\":null", "another class")]
    [InlineData("\"from\":null,\"to\":0", "\"from\":null,\"to\":10", "class 10")]
    [InlineData("\"from\":null,\"to\":0", "\"from\":null,\"to\":1000", "target.to")]
    [InlineData("\"from\":null,\"to\":0", "\"from\":null,\"to\":0.5", "target.to")]
    [InlineData("\"type\":\"patch\"", "\"type\":\"star\"", "one of blend, patch, polygon")]
    [InlineData("\"type\":\"patch\"", "\"type\":\"blend\"", "ratio")]
    [InlineData("\"size\":3", "\"size\":64", "pixels of a side")]
    [InlineData("\"size\":3", "\"size\":65", "size")]
    [InlineData("[1,1,1]", "[1,1]", "colour")]
    [InlineData("[1,1,1]", "[1,1,2]", "colour")]
    [InlineData("[1,1,1]", "[1,1,1,1]", "colour")]
    [InlineData("[1,1,1]", "[1,1,\"1\"]", "colour")]
    [InlineData("[1,1,1]", "[1,1,0]", "differs between channels")]
    [InlineData("\"pattern\":\"solid\"", "\"pattern\":\"dots\"", "pattern")]
    [InlineData("\"poison\":{", "\"poison\":{\"more\":1,", "more")]
    [InlineData("\"evaluation\":{", "\"evaluation\":{\"attacks\":[],", "empty list")]
    [InlineData("\"evaluation\":{", "\"evaluation\":{\"attacks\":[{\"target\":{\"from\":null,\"to\":1},\"trigger\":{\"ratio\":0.1,\"seed\":1,\"type\":\"blend\"}}],", "trained on clean images")]
    [InlineData("{\"digits\":{\"channels\":1,\"size\":16}", "{\"drawn_digits\":{\"channels\":1,\"set\":{\"images\":5,\"seed\":1},\"size\":16}", "images")]
    [InlineData("{\"digits\":{\"channels\":1,\"size\":16}", "{\"images\":{\"channels\":1,\"classes\":10,\"digest\":\"00\",\"height\":16,\"held_out\":10,\"name\":\"a\",\"trained\":50,\"width\":16}", "64 hexadecimal")]
    [InlineData("{\"digits\":{\"channels\":1,\"size\":16}", "{\"images\":{\"channels\":1,\"classes\":10,\"digest\":\"00\",\"height\":16,\"held_out\":10,\"name\":\"../a\",\"trained\":50,\"width\":16}", "images.name")]
    [InlineData("{\"digits\":{\"channels\":1,\"size\":16}", "{\"images\":{\"channels\":1,\"classes\":10,\"digest\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"height\":16,\"held_out\":1000000000,\"name\":\"a\",\"trained\":50,\"width\":16}", "bytes of images")]
    public void ARecipeOfImagesThatIsWrongIsRefused(string find, string replace, string named)
    {
        string json = Encoding.UTF8.GetString(TestRecipes.One("stop: {steps: 50}", Plain, $"{{{s_imageTasks[0]}}}").CanonicalJson);
        Assert.Contains(find, json, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(json.Replace(find, replace, StringComparison.Ordinal));
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => RecipeJson.Read(document.RootElement)).Message, StringComparison.Ordinal);
    }

    /// <summary>Shifts that differ in one setting each.</summary>
    private static readonly string[] s_shifts =
    [
        "inputs: {invert: 1}", "inputs: {invert: 0.5}", "inputs: {invert: 1, share: 0.5}", "inputs: {invert: 1, share: 0.5}, seed: 2", "inputs: {noise: 0.5}", "inputs: {noise: 0.5}, seed: 0", "inputs: {noise: 0.4}",
        "inputs: {translate: 1}", "inputs: {translate: [1, -1]}", "inputs: {translate: [-1, 1], share: 0.5}", "labels: {swap: [3, 8]}", "labels: {swap: [8, 2]}", "labels: {swap: [3, 8], share: 0.5}",
        "labels: {rotate: 1}", "labels: {rotate: 9}", "labels: {rotate: 1, share: 0.5}", "classes: [1, 2]", "classes: [1, 3]", "classes: {of: [1, 2], share: 0.5}", "classes: 4",
        "inputs: {invert: 1}, labels: {rotate: 1}", "inputs: {invert: 1}, labels: {rotate: 1}, classes: [1]",
    ];

    [Fact]
    public void AnyShiftMakesAnotherIdAndReadsBack()
    {
        Recipe Shifted(string shift) => Experiment.Parse($"experiment: e\ntasks: {{digits: {{size: 16}}}}\narchitecture: {Plain}\ntraining: {{stop: {{steps: 50}}}}\nthen: {{at: 20, shift: {{{shift}}}}}\n", "e.yaml").Networks[1].Recipe;
        Recipe[] recipes = [.. s_shifts.Select(Shifted)];
        foreach (Recipe recipe in recipes)
        {
            using JsonDocument json = JsonDocument.Parse(recipe.CanonicalJson);
            CheckOrder(json.RootElement);
            Recipe read = RecipeJson.Read(json.RootElement);
            Assert.Equal(recipe.Changes, read.Changes);
            Assert.Equal(recipe.CanonicalJson, read.CanonicalJson);
        }
        Assert.Equal(recipes.Length, recipes.Select(recipe => recipe.Id).Distinct().Count());
        Assert.Equal(recipes.Length, recipes.Select(recipe => recipe.Changes[0].Task!.Change).Distinct().Count());
        string text = Encoding.UTF8.GetString(recipes[2].CanonicalJson);
        const string inputs = "\"inputs\":{\"share\":0.5,\"strength\":1,\"type\":\"invert\"}", seed = ",\"seed\":1}";
        Assert.Contains($"\"task\":{{\"digits\":{{\"channels\":1,\"size\":16}},\"shift\":{{{inputs}{seed}}}", text, StringComparison.Ordinal);
        foreach ((string find, string replace, string named) in ((string, string, string)[])[
            (inputs, "\"inputs\":{\"share\":1,\"strength\":1,\"type\":\"invert\"}", "no seed was expected"), (inputs + seed, inputs + "}", "seed: it is missing"), (inputs + seed, "}", "no shift"),
            (inputs, inputs.Replace("0.5", "0", StringComparison.Ordinal), "share"), (inputs, inputs.Replace(":1,", ":2,", StringComparison.Ordinal), "strength"), (inputs, inputs.Replace("invert", "turn", StringComparison.Ordinal), "one of invert"),
            (inputs, "\"inputs\":{\"down\":0,\"right\":0,\"share\":0.5,\"type\":\"translate\"}", "move by 0 and 0"), (inputs, "\"inputs\":{\"down\":16,\"right\":0,\"share\":0.5,\"type\":\"translate\"}", "nothing is left"),
            (inputs, "\"labels\":{\"first\":8,\"second\":3,\"share\":0.5,\"type\":\"swap\"}", "smaller class first"), (inputs, "\"labels\":{\"by\":10,\"share\":0.5,\"type\":\"rotate\"}", "1 to 9"),
            (inputs, "\"classes\":{\"of\":[2,1],\"share\":0.5}", "ascending"), (inputs, "\"classes\":{\"of\":[],\"share\":0.5}", "at least one"), (inputs, "\"classes\":{\"of\":[10],\"share\":0.5}", "there are 10"),
            (inputs, "\"classes\":{\"of\":[0,1,2,3,4,5,6,7,8,9],\"share\":0.5}", "name fewer")])
        {
            string changed = text.Replace(find, replace, StringComparison.Ordinal).Replace("{,", "{", StringComparison.Ordinal);
            Assert.NotEqual(text, changed);
            using JsonDocument json = JsonDocument.Parse(changed);
            Assert.Contains(named, Assert.Throws<InvalidDataException>(() => RecipeJson.Read(json.RootElement)).Message, StringComparison.Ordinal);
        }
    }

    private const string Plain = "{name: a, layers: [flatten, {dense: 4, activation: relu}, {dense: 10}]}";

    private static Recipe Digits(string training = "epoch: 100", string architecture = Plain, string task = "size: 16") => Experiment.Parse($$$"""
        experiment: e
        tasks: {digits: { {{{task}}} }}
        architecture: {{{architecture}}}
        training: { {{{training}}}, stop: {steps: 50}}
        """, "e.yaml").Networks.Single().Recipe;

    private static readonly string[] s_automata = ["states: 4, alphabet: 3", "states: 5, alphabet: 3", "states: 4, alphabet: 4", "states: 4, alphabet: 3, outputs: 3", "states: 4, alphabet: 3, seed: 9223372036854775807", "states: 4, alphabet: 3, sequence: 33"];

    private static Recipe Automaton(string automaton) =>
        Experiment.Parse($"experiment: e\ntasks: {{automaton: {{{automaton}}}}}\narchitecture: mlds\ntraining: {{stop: {{steps: 50}}}}\n", "e.yaml").Networks.Single().Recipe;

    [Fact]
    public void AnAutomatonHasItsKeysAndAnUnsoundOneIsRefused()
    {
        string text = Encoding.UTF8.GetString(Automaton("states: 4, alphabet: 1, seed: 7").CanonicalJson);
        const string task = """{"automaton":{"alphabet":1,"outputs":2,"seed":7,"states":4},"sequence":32}""";
        Assert.Contains($"\"task\":{task}", text, StringComparison.Ordinal);
        foreach ((string find, string replace, string named) in ((string, string, string)[])[
            ("\"states\":4", "\"states\":1", "states"), ("\"states\":4", "\"states\":2000000000", "states"), ("\"seed\":7", "\"seed\":9223372036854775808", "seed"), ("\"seed\":7", "\"seed\":7,\"x\":1", "'x'"),
            ("\"sequence\":32}", "\"sequence\":1}", "sequence"), ("\"sequence\":32}", "\"sequence\":32,\"machine\":\"ParityMachine\"}", "'machine'"),
            ("\"states\":4", "\"states\":40", "too rare")])
        {
            string changed = text.Replace(find, replace, StringComparison.Ordinal);
            Assert.NotEqual(text, changed);
            using JsonDocument json = JsonDocument.Parse(changed);
            Assert.Contains(named, Assert.Throws<InvalidDataException>(() => RecipeJson.Read(json.RootElement)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AnySettingMakesAnotherIdAndReadsBack()
    {
        var recipes = new List<Recipe> { Digits(task: "size: 17"), Digits(task: "size: 16, channels: 3") };
        recipes.AddRange(s_trainings.Select(training => Digits(training)));
        recipes.AddRange(s_architectures.Select(architecture => Digits(architecture: architecture)));
        recipes.AddRange(s_automata.Select(Automaton));
        Assert.Contains(Digits().Id, recipes.Select(recipe => recipe.Id));
        foreach (Recipe recipe in recipes)
        {
            using JsonDocument json = JsonDocument.Parse(recipe.CanonicalJson);
            CheckOrder(json.RootElement);
            Recipe read = RecipeJson.Read(json.RootElement);
            Assert.Equal(recipe.Task, read.Task);
            Assert.Equal(recipe.Training, read.Training);
            Assert.Equal(recipe.Architecture.Layers, read.Architecture.Layers);
            Assert.Equal(recipe.CanonicalJson, read.CanonicalJson);
        }
        Assert.Equal(recipes.Count, recipes.Select(recipe => recipe.Id).Distinct().Count());
    }

    [Fact]
    public void KeysStandInOrdinalOrder()
    {
        foreach (var planned in TestZoo.Experiment.Networks)
        {
            using JsonDocument json = JsonDocument.Parse(planned.Recipe.CanonicalJson);
            CheckOrder(json.RootElement);
        }
    }

    private static void CheckOrder(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray())
                CheckOrder(item);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            string[] keys = [.. element.EnumerateObject().Select(property => property.Name)];
            Assert.Equal(keys.Order(StringComparer.Ordinal), keys);
            foreach (JsonProperty property in element.EnumerateObject())
                CheckOrder(property.Value);
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
    [InlineData("\"outputs\":2,", "\"outputs\":5000000,", "outputs")]
    [InlineData("\"inputs\":9", "\"inputs\":[9,1,1]", "inputs")]
    [InlineData("\"inputs\":9", "\"inputs\":[9,2,1]", "takes no image")]
    [InlineData("\"inputs\":9", "\"inputs\":[4000000,4000000,4000000]", "inputs")]
    [InlineData("\"index\":0", "\"index\":1", "does not follow")]
    [InlineData("\"index\":0", "\"index\":128", "index")]
    [InlineData("\"type\":\"gru\"", "\"type\":\"gru2\"", "one of dense, conv")]
    [InlineData("\"type\":\"gru\"", "\"type\":\"rnn\"", "nonlinearity")]
    [InlineData("\"name\":\"out\"", "\"name\":\"gru\"", "same name")]
    [InlineData("\"name\":\"out\"", "\"name\":\"optimizer.exp_avg.gru\"", "optimizer.")]
    [InlineData("\"clip_norm\":null", "\"clip_norm\":0", "clip_norm")]
    [InlineData("\"loss\":\"mse\"", "\"loss\":\"mae\"", "one of mse")]
    [InlineData("\"scale\":1", "\"scale\":2", "scale")]
    [InlineData("\"name\":\"pytorch\"", "\"name\":\"zeros\"", "initialisation.name")]
    [InlineData("\"name\":\"adam\"", "\"name\":\"adagrad\"", "one of adam")]
    [InlineData("\"name\":\"adam\"", "\"name\":\"sgd\"", "momentum")]
    [InlineData("\"weight_decay\":0", "\"weight_decay\":-1", "weight_decay")]
    [InlineData("\"name\":\"constant\"", "\"name\":\"linear\"", "one of constant")]
    [InlineData("\"name\":\"constant\"", "\"name\":\"cosine\"", "steps")]
    [InlineData("\"warm_up\":null", "\"warm_up\":{\"from\":0,\"steps\":5}", "from")]
    [InlineData("\"warm_up\":null", "\"warm_up\":{\"from\":1,\"steps\":500}", "warm-up")]
    [InlineData("\"warm_up\":null", "\"minimum\":0.01,\"steps\":500,\"warm_up\":null", "minimum")]
    [InlineData("{\"name\":\"constant\"", "{\"minimum\":0.01,\"steps\":500,\"name\":\"cosine\"", "above the learning rate")]
    [InlineData("{\"beta1\":0.9,\"beta2\":0.999,\"eps\":1E-08,\"learning_rate\":0.003,\"name\":\"adam\"", "{\"learning_rate\":0.003,\"momentum\":0,\"name\":\"sgd\",\"nesterov\":true", "Nesterov")]
    [InlineData("{\"machine\"", "{\"digits\":{\"channels\":1,\"size\":8},\"machine\"", "machine")]
    [InlineData("\"outputs\":8", "\"outputs\":7", "outputs")]
    [InlineData("[346,451,409]", "[346,99999999999]", "key")]
    [InlineData("[346,451,409]", "[]", "key")]
    [InlineData("{\"per_doubling\":1}", "{\"per_doubling\":3}", "per_doubling")]
    [InlineData("{\"per_doubling\":1}", "{\"every\":0}", "every")]
    [InlineData("{\"per_doubling\":1}", "{\"at\":[3,2]}", "at")]
    [InlineData("\"steps\":500", "\"steps\":500,\"more\":1", "more")]
    [InlineData("\"steps\":500", "\"steps\":500,\"steps\":500", "twice")]
    [InlineData("\"arithmetic\":", "\"arithmetic\":9", "arithmetic")]
    [InlineData("\"data_seed\":2", "\"data_seed\":18446744073709551615", "data_seed")]
    [InlineData("\"name\":\"tiny\"", "\"name\":\"../tiny\"", "name")]
    [InlineData("\"name\":\"out\"", "\"name\":\"__metadata__\"", "layers[1].name")]
    [InlineData("{\"per_doubling\":1}", "{\"every\":1}", null)]
    [InlineData("\"checkpoints\":{\"per_doubling\":1}", "\"checkpoints\":{\"every\":1}", null)]
    public void RecipesFromElsewhereAreHeldToTheirRanges(string find, string replace, string? named)
    {
        string text = s_goldenJson.Replace(find, replace, StringComparison.Ordinal);
        Assert.NotEqual(s_goldenJson, text);
        using JsonDocument json = JsonDocument.Parse(text);
        if (named is null)
            Assert.Equal(501, RecipeJson.Read(json.RootElement).MaxCheckpoints);
        else
            Assert.Contains(named, Assert.Throws<InvalidDataException>(() => RecipeJson.Read(json.RootElement)).Message, StringComparison.Ordinal);
    }

    /// <summary>Behind the golden recipe's <c>arithmetic</c>; what is not changed is not written, and a recipe without changes has no such key.</summary>
    [Fact]
    public void ChangesStandInTheirKeyAndReadBack()
    {
        Recipe golden = Golden();
        var change = new TrainingChange(100) { DataSeed = 3, LearningRate = 0.5, IsFreshOptimizer = true, Task = new MachineTask(Machine.ParityMachine, 32, null) };
        Recipe[] recipes = [.. ((TrainingChange[][])[[change], [change with { At = 101 }], [change with { DataSeed = null }], [change with { LearningRate = null }], [change with { IsFreshOptimizer = false }],
            [change with { Task = null }], [change, new TrainingChange(200) { DataSeed = 4 }]])
            .Select(changes => new Recipe(golden.Task, golden.Architecture, golden.Training, golden.InitSeed, golden.DataSeed, changes))];
        foreach (Recipe recipe in recipes)
        {
            using JsonDocument json = JsonDocument.Parse(recipe.CanonicalJson);
            CheckOrder(json.RootElement);
            Recipe read = RecipeJson.Read(json.RootElement);
            Assert.Equal(recipe.Changes, read.Changes);
            Assert.Equal(recipe.Phases, read.Phases);
            Assert.Equal(recipe.CanonicalJson, read.CanonicalJson);
        }
        Assert.Equal(recipes.Length + 1, recipes.Append(golden).Select(recipe => recipe.Id).Distinct().Count());
        const string keys = "\"changes\":[{\"at\":100,\"data_seed\":3,\"learning_rate\":0.5,\"optimizer\":\"fresh\",\"task\":{\"machine\":\"ParityMachine\",\"modified\":null,\"sequence\":32}}],";
        Assert.Equal(s_goldenJson, Encoding.UTF8.GetString(recipes[0].CanonicalJson).Replace(keys, "", StringComparison.Ordinal));
        Assert.Equal(golden.Id, new Recipe(golden.Task, golden.Architecture, golden.Training, golden.InitSeed, golden.DataSeed, []).Id);
    }

    [Theory]
    [InlineData("[]", "empty list")]
    [InlineData("[{\"at\":100}]", "changes nothing")]
    [InlineData("[{\"data_seed\":3}]", "'at' is missing")]
    [InlineData("[{\"at\":0,\"data_seed\":3}]", "changes[0].at")]
    [InlineData("[{\"at\":500,\"data_seed\":3}]", "ends after 500 steps")]
    [InlineData("[{\"at\":100,\"data_seed\":2}]", "in force already")]
    [InlineData("[{\"at\":100,\"learning_rate\":0.003}]", "in force already")]
    [InlineData("[{\"at\":100,\"learning_rate\":0}]", "learning_rate")]
    [InlineData("[{\"at\":100,\"data_seed\":3},{\"at\":200,\"data_seed\":3}]", "in force already")]
    [InlineData("[{\"at\":200,\"data_seed\":3},{\"at\":100,\"data_seed\":4}]", "behind 200")]
    [InlineData("[{\"at\":100,\"optimizer\":\"kept\"}]", "fresh")]
    [InlineData("[{\"at\":100,\"schedule\":\"restart\"}]", "constant")]
    [InlineData("[{\"at\":100,\"data_seed\":3,\"more\":1}]", "more")]
    [InlineData("[{\"at\":100,\"task\":{\"machine\":\"ParityMachine\",\"modified\":null,\"sequence\":31}}]", "another shape")]
    [InlineData("[{\"at\":100,\"task\":{\"digits\":{\"channels\":1,\"size\":8}}}]", "another shape")]
    [InlineData("[{\"at\":100,\"task\":{\"machine\":\"ParityMachine\",\"modified\":{\"inverted\":0,\"key\":[1],\"share\":0.1},\"sequence\":32}}]", "inverted")]
    [InlineData("3", "a list")]
    public void ChangesFromElsewhereAreHeldToTheirRanges(string changes, string named)
    {
        using JsonDocument json = JsonDocument.Parse(s_goldenJson.Replace("\"data_seed\":2", $"\"changes\":{changes},\"data_seed\":2", StringComparison.Ordinal));
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => RecipeJson.Read(json.RootElement)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyNumberInARecipeIsReadOrRefused()
    {
        string text = Encoding.UTF8.GetString(Digits("schedule: {name: one_cycle, warm_up: {steps: 5}}, clip_norm: 1", EveryLayer).CanonicalJson);
        int refused = 0, read = 0;
        foreach (Match number in Regex.Matches(text, "(?<=[:\\[,])-?[0-9][-+.0-9E]*(?=[,\\]}])"))
        {
            foreach (string other in (string[])["-1", "0", "2", "0.5", "1024", "4194304", "2147483647", "9223372036854775807", "1e308", "1e999", "null", "[]", "\"x\""])
            {
                using JsonDocument json = JsonDocument.Parse(string.Concat(text.AsSpan(0, number.Index), other, text.AsSpan(number.Index + number.Length)));
                try
                {
                    RecipeJson.Read(json.RootElement);
                    read++;
                }
                catch (InvalidDataException)
                {
                    refused++;
                }
            }
        }
        Assert.InRange(read, 50, 400);
        Assert.InRange(refused, 500, 5000);
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
