using System.Text;
using WeightSpace.Tests.Zoos;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Experiments;

namespace WeightSpace.Tests.Hostile;

public sealed class BadExperimentTests
{
    private const string Good = """
        experiment: e
        tasks:
          - machine: [ParityMachine, EightBitMachine]
            variant: [clean, modified]
            sequence: 32
            modified: {key: [1, 2, 3], inverted: 4, share: 0.3}
        architecture: {name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}
        training:
          loss: mse
          optimizer: {name: adam, learning_rate: 0.003}
          batch: 32
          stop: {steps: 500, eval_loss: 1e-4, check_every: 10}
          checkpoints: {every: 100}
        seeds: {init: 1..15, data: 1}
        factors: {learning_rate: [0.001, 0.003]}
        twins: [variant]
        """;

    [Theory]
    [InlineData("batch: 32", "bacth: 32", ":11:3:", "did you mean 'batch'")]
    [InlineData("learning_rate: 0.003", "learningrate: 0.003", "optimizer", "did you mean 'learning_rate'")]
    [InlineData("batch: 32", "batch: 0", "training.batch", "1 to 4096")]
    [InlineData("batch: 32", "batch: 32.5", "training.batch", "whole number")]
    [InlineData("batch: 32", "batch: \"32\"", "training.batch", "remove the quotes")]
    [InlineData("batch: 32", "batch: 99999999999999999999999", "training.batch", "whole number")]
    [InlineData("batch: 32", "batch: 0xFFFFFFFFFFFFFFFF", "training.batch", "whole number")]
    [InlineData("batch: 32", "batch:", "training.batch", "no value")]
    [InlineData("batch: 32", "batch: [32]", "training.batch", "a list")]
    [InlineData("batch: 32", "batch: 32\n  batch: 33", "stands twice", "line 11")]
    [InlineData("learning_rate: 0.003", "learning_rate: NaN", "learning_rate", "above 0")]
    [InlineData("learning_rate: 0.003", "learning_rate: 1e999", "learning_rate", "above 0")]
    [InlineData("learning_rate: 0.003", "learning_rate: 0", "learning_rate", "above 0")]
    [InlineData("learning_rate: 0.003", "momentum: 0.5", "momentum", "no effect on adam")]
    [InlineData("name: adam", "name: adamx", "adamx", "did you mean 'adam'")]
    [InlineData("loss: mse", "loss: mae", "training.loss", "one of mse")]
    [InlineData("ParityMachine,", "ParityMachin,", "tasks[0].machine", "did you mean 'ParityMachine'")]
    [InlineData("ParityMachine,", "EightBitMachine,", "tasks[0].machine", "stands twice")]
    [InlineData("[clean, modified]", "[]", "tasks[0].variant", "empty list")]
    [InlineData("[clean, modified]", "clean", "modified", "no effect")]
    [InlineData("sequence: 32", "sequence: 3", "key", "shorter than the sequence")]
    [InlineData("share: 0.3", "share: 1.5", "share", "0 to 1")]
    [InlineData("key: [1, 2, 3]", "key: [512]", "key", "0 to 511")]
    [InlineData("{dense: 8, name: out}", "{dense: 7, name: out}", "7 units", "8")]
    [InlineData("{dense: 8, name: out}", "{dense: 8, gru: 8}", "exactly one", "layers[1]")]
    [InlineData("{dense: 8, name: out}", "{dense: 8, layers: 2}", "layers", "dense layer")]
    [InlineData("{dense: 8, name: out}", "{dense: 8, activation: tan}", "activation", "did you mean 'tanh'")]
    [InlineData("{dense: 8, name: out}", "{dense: 9, name: out}, {dense: 8, name: out}", "the same name", "out.weight")]
    [InlineData("{dense: 8, name: out}", "{dense: 8, activation: relu, repeat: 64}", "128 layers", "more than")]
    [InlineData("{dense: 8, name: out}", "{dense: 8, repeat: 65}", "repeat", "1 to 64")]
    [InlineData("{dense: 8, name: out}", "dense", "layers[1]", "without its units")]
    [InlineData("{dense: 8, name: out}", "conv", "layers[1]", "without its channels and kernel")]
    [InlineData("{dense: 8, name: out}", "{name: out}", "layers[1]", "exactly one")]
    [InlineData("{dense: 8, name: out}", "rleu, {dense: 8}", "layers[1]", "did you mean 'relu'")]
    [InlineData("{dense: 8, name: out}", "{relu: 3}, {dense: 8}", "layers[1].relu", "expected no value")]
    [InlineData("{dense: 8, name: out}", "{relu, slope: 3}, {dense: 8}", "slope", "not known")]
    [InlineData("{dense: 8, name: out}", "{leaky_relu: 2}, {dense: 8}", "leaky_relu", "0 to 1")]
    [InlineData("{dense: 8, name: out}", "{dropout: 1}, {dense: 8}", "dropout", "below 1")]
    [InlineData("{dense: 8, name: out}", "{rnn: 8, nonlinearity: gelu}", "nonlinearity", "tanh, relu")]
    [InlineData("{dense: 8, name: out}", "{lstm: 8, nonlinearity: relu}", "nonlinearity", "no setting of a lstm layer")]
    [InlineData("{dense: 8, name: out}", "{conv: 8}", "layers[1].kernel", "missing")]
    [InlineData("{dense: 8, name: out}", "{conv: 8, kernel: 3}", "layers[1]", "3x3 does not fit into the input of 4")]
    [InlineData("{dense: 8, name: out}", "{conv: 8, kernel: 3, padding: 1}, {max_pool: 2}", "layers[2]", "2x2 does not fit")]
    [InlineData("{dense: 8, name: out}", "{conv: 1024, kernel: 1, padding: 63}", "layers[1]", "numbers (1024x127x127)")]
    [InlineData("{dense: 8, name: out}", "{conv: 2, kernel: 1, padding: 1}, {dense: 8}", "layers[2]", "put 'flatten' before it")]
    [InlineData("{dense: 8, name: out}", "{conv: 2, kernel: 1, padding: 1}, {gru: 8}", "layers[2]", "an image of 2x3x3; put 'flatten' before it")]
    [InlineData("{dense: 8, name: out}", "{conv: 2, kernel: 1, padding: 1}", "an image of 2x3x3", "expected 8")]
    [InlineData("{dense: 8, name: out}", "{conv: 1, kernel: 1, padding: 63, repeat: 12}, flatten, {dense: 1024}, {dense: 8}", "weights", "16777216")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "lenet5", ":7:15:", "lenet5 does not fit inputs of 9")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "lenet", "architecture", "did you mean 'lenet5'")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "[mlds, mlds]", "architecture[1]", "two architectures")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "[{name: a, layers: [{dense: 8}]}, {name: b, layers: [{dense: 8}]}]", "architecture[1]", "the same layers as 'a'")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "{name: mlds, activation: relu}", "architecture.activation", "no effect on mlds")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "{name: mlds, layers: [{dense: 8}]}", "architecture.layers", "built-in")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "{name: own, dropout: 0.5, layers: [{dense: 8}]}", "architecture.dropout", "put it into the layers")]
    [InlineData("{name: own, layers: [{gru: 4, layers: 2}, {dense: 8, name: out}]}", "{name: own, layers: [batch_norm]}", "gives 9 units", "expected 8")]
    [InlineData("sequence: 32", "digits: {size: 8}", "tasks[0]", "exactly one of")]
    [InlineData("share: 0.3}", "share: 0.3}\n  - digits", "tasks[1]", "images of 1x8x8 for 10 outputs")]
    [InlineData("loss: mse", "initialisation: zeros", "training.initialisation", "one of pytorch")]
    [InlineData("loss: mse", "initialisation: {name: pytorch, scale: 2}", "initialisation.scale", "no effect on pytorch")]
    [InlineData("loss: mse", "initialisation: {name: normal, scale: 0}", "initialisation.scale", "above 0")]
    [InlineData("loss: mse", "initialisation: {scale: 2}", "initialisation.name", "missing")]
    [InlineData("loss: mse", "clip_norm: 0", "training.clip_norm", "above 0")]
    [InlineData("loss: mse", "schedule: linear", "training.schedule", "one of constant")]
    [InlineData("loss: mse", "schedule: step", "training.schedule.every", "missing")]
    [InlineData("loss: mse", "schedule: {name: cosine_restarts}", "training.schedule.first", "missing")]
    [InlineData("loss: mse", "schedule: {minimum: 0}", "training.schedule.name", "missing")]
    [InlineData("loss: mse", "schedule: {name: cosine, gamma: 2}", "training.schedule.gamma", "no effect on cosine")]
    [InlineData("loss: mse", "schedule: {name: cosine, minimum: 1}", "above the learning rate", "0.001")]
    [InlineData("loss: mse", "schedule: {name: cosine, warm_up: {steps: 500}}", "warm-up", "shorter than training")]
    [InlineData("loss: mse", "schedule: {warm_up: {from: 0.5}}", "training.schedule.warm_up", "without steps")]
    [InlineData("loss: mse", "schedule: {warm_up: {steps: 5, from: 0}}", "training.schedule.warm_up.from", "above 0")]
    [InlineData("loss: mse", "schedule: {name: one_cycle, rise: 1}", "training.schedule.rise", "between 0 and 1")]
    [InlineData("name: adam, learning_rate: 0.003", "name: sgd, nesterov: true", "optimizer.nesterov", "without momentum")]
    [InlineData("name: adam, learning_rate: 0.003", "name: sgd, momentum: 0.9, nesterov: 1", "optimizer.nesterov", "one of false, true")]
    [InlineData("name: adam, learning_rate: 0.003", "name: rmsprop, beta1: 0.9", "optimizer.beta1", "alpha, eps")]
    [InlineData("name: adam, learning_rate: 0.003", "name: adam, weight_decay: -1", "optimizer.weight_decay", "0 to 1000")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{dropout: [0.1, 0.2]}", "dropout", "no architecture has a dropout layer")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{nesterov: [true, false]}", "nesterov", "no network is trained by sgd")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{init_scale: [1, 2]}", "init_scale", "pytorch")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{alpha: [0.1, 0.2]}", "alpha", "no network is trained by an optimizer that has it")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{clip_norm: [none, nil]}", "clip_norm", "a number, above 0")]
    [InlineData("batch: 32", "batch: 4096\n  evaluation: {sequences: 1000001}", "sequences", "1 to 1000000")]
    [InlineData("sequence: 32", "sequence: 4096", "numbers for", "make the batch or the layers smaller", "gru: 4, layers: 2", "gru: 1024", "{dense: 8, name: out}", "batch_norm, {dense: 8}", "batch: 32", "batch: 1024")]
    [InlineData("gru: 4", "gru: 2000", "gru", "1 to 1024")]
    [InlineData("gru: 4, layers: 2", "gru: 1024, layers: 8", "weights", "16777216")]
    [InlineData("name: own", "name: ../own", "architecture.name", "A-Z")]
    [InlineData("{name: own,", "{name: own, layer: 3,", "layer", "did you mean 'layers'")]
    [InlineData("{every: 100}", "{every: 100, at: [1]}", "checkpoints", "exactly one")]
    [InlineData("{every: 100}", "{at: [5, 5]}", "checkpoints.at", "ascending")]
    [InlineData("{every: 100}", "{at: [5, 501]}", "checkpoints.at", "more than 500 steps")]
    [InlineData("{every: 100}", "{per_doubling: 3}", "per_doubling", "one of 1, 2, 4")]
    [InlineData("{every: 100}", "{every_epochs: 10000001}", "every_epochs", "1 to 10000000")]
    [InlineData("steps: 500", "steps: 1000000000", "checkpoints", "keep fewer")]
    [InlineData("steps: 500, ", "", "training.stop.steps", "missing")]
    [InlineData("eval_loss: 1e-4, ", "", "check_every", "no effect")]
    [InlineData("1..15", "5..1", "seeds.init", "empty range")]
    [InlineData("1..15", "0..9223372036854775807", "seeds.init", "10000000 seeds")]
    [InlineData("1..15", "1..2500000", "networks", "at most 10000000")]
    [InlineData("1..15", "-1", "seeds.init", "0 to")]
    [InlineData("1..15", "1...15", "seeds.init", "a range")]
    [InlineData("1..15", "[1..3, 3]", "seed 3", "twice")]
    [InlineData("data: 1", "data: [init, init+0]", "seeds.data", "twice")]
    [InlineData("data: 1", "data: [init+1, 3]", "init seed 2", "stands in the list too")]
    [InlineData("data: 1", "data: init-1", "seeds.data", "init+n")]
    [InlineData("data: 1", "data: init+9223372036854775807", "seeds.data", "at most 9223372036854775807")]
    [InlineData("1..15", "init", "seeds.init", "a range such as 1..15, or")]
    [InlineData("[0.001, 0.003]", "[]", "factors.learning_rate", "empty list")]
    [InlineData("[0.001, 0.003]", "[0.001, 1e-3]", "factors.learning_rate", "stands twice")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{momentum: [0.1, 0.2]}", "momentum", "has no effect")]
    [InlineData("{learning_rate: [0.001, 0.003]}", "{learning_rat: 1}", "factors", "did you mean 'learning_rate'")]
    [InlineData("twins:", "factor_list: [{learning_rate: 0.001}]\ntwins:", "networks 1 (", "same recipe")]
    [InlineData("[variant]", "[data_seed]", "twins", "at least two values")]
    [InlineData("[variant]", "[momentum]", "twins", "one of variant")]
    [InlineData("experiment: e", "experiment: e\nlicence: \"a\\nb\"", "licence", "SPDX")]
    [InlineData("experiment: e", "experiment: \"a\\0b\"", "U+0000", ":1:13:")]
    [InlineData("experiment: e", "experiment: e\ndescription: \"\\uD800\"", "not valid YAML", "a.yaml:2:")]
    [InlineData("experiment: e", "experiment: &a e", "anchor", ":1:13:")]
    [InlineData("experiment: e", "experiment: *a", "alias", ":1:13:")]
    [InlineData("experiment: e", "experiment: !!str e", "tag", ":1:13:")]
    [InlineData("experiment: e", "experiment: !e e", "tag", ":1:13:")]
    [InlineData("experiment: e", "<<: {experiment: e}", "<<", "known keys")]
    [InlineData("experiment: e", "? [a]\n: b", "as a key", "a list")]
    [InlineData("experiment: e", "experiment: [e", "not valid YAML", "a.yaml:")]
    [InlineData("experiment: e", "experiment: e\n\tx: 1", "a.yaml:", "")]
    [InlineData("experiment: e\n", "", "experiment is missing", "a.yaml:")]
    [InlineData("twins:", "slurm: {partitions: a}\ntwins:", "partitions", "did you mean 'partition'")]
    [InlineData("twins:", "slurm: {partition: a b}\ntwins:", "slurm.partition: found 'a b'", "expected a word")]
    [InlineData("twins:", "slurm: {time: soon}\ntwins:", "slurm.time: found 'soon'", "hours:minutes:seconds")]
    [InlineData("twins:", "slurm: {time: 0}\ntwins:", "slurm.time: found '0'", "days-hours")]
    [InlineData("twins:", "slurm: {sbatch: [--nice, exclude=n7]}\ntwins:", "slurm.sbatch: found 'exclude=n7'", "as \"--exclude=n7\"")]
    [InlineData("twins:", "slurm: {sbatch: --array=1-9}\ntwins:", "slurm.sbatch: found '--array=1-9'", "leave it out")]
    [InlineData("twins:", "slurm: {attempts: 0}\ntwins:", "slurm.attempts: found '0'", "1 to 1000")]
    [InlineData("twins:", "slurm: {unit_minutes: 0}\ntwins:", "slurm.unit_minutes: found '0'", "100000")]
    [InlineData("twins: [variant]", "---\nexperiment: f", "second document", "a.yaml:")]
    public void EveryMistakeIsNamedWithItsPlace(string find, string replace, string named, string alsoNamed, params string[] moreReplacements)
    {
        string yaml = Good.Replace(find, replace, StringComparison.Ordinal);
        for (int i = 0; i < moreReplacements.Length; i += 2)
            yaml = yaml.Replace(moreReplacements[i], moreReplacements[i + 1], StringComparison.Ordinal);
        Assert.NotEqual(Good, yaml);
        var error = Assert.Throws<InputException>(() => Experiment.Parse(yaml, "a.yaml"));
        Assert.StartsWith("a.yaml:", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(alsoNamed, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheExperimentThatTheseTestsBreakIsSound() => Assert.Equal(2 * 2 * 2 * 15, Experiment.Parse(Good, "a.yaml").Networks.Count);

    [Theory]
    [InlineData("", "empty")]
    [InlineData("# only a comment\n", "empty")]
    [InlineData("just text", "expected a mapping")]
    [InlineData("- a\n- b\n", "expected a mapping")]
    [InlineData("a\0b: c", "U+0000")]
    [InlineData("{", "not valid YAML")]
    [InlineData("%YAML 99999999999.1\n---\na: b\n", "a.yaml")]
    public void WhatIsNoExperimentIsRefused(string yaml, string named) =>
        Assert.Contains(named, Assert.Throws<InputException>(() => Experiment.Parse(yaml, "a.yaml")).Message, StringComparison.Ordinal);

    private const string Images = """
        experiment: e
        tasks: {digits: {size: 28}}
        architecture: {name: zoo-cnn-s, dropout: 0.1}
        training: {stop: {steps: 5}}
        """;

    [Theory]
    [InlineData("size: 28", "size: 7", "tasks[0].digits.size", "8 to 64")]
    [InlineData("size: 28", "size: 28, channels: 4", "tasks[0].digits.channels", "1 to 3")]
    [InlineData("size: 28", "sise: 28", "digits", "did you mean 'size'")]
    [InlineData("size: 28}", "size: 28}, variant: modified", "tasks[0].variant", "one of clean, poisoned")]
    [InlineData("size: 28}", "size: 28}, sequence: 8", "tasks[0].sequence", "no effect on digits")]
    [InlineData("size: 28", "size: 12", "zoo-cnn-s does not fit inputs of 1x12x12", "larger images")]
    [InlineData("{digits: {size: 28}}", "[digits, {machine: ParityMachine}]", "tasks[1]", "vectors of 9 for 8 outputs")]
    [InlineData("{digits: {size: 28}}", "digit", "tasks[0]", "one of digits, drawn_digits; did you mean 'digits'?")]
    [InlineData("{digits: {size: 28}}", "[{digits: {size: 28}}, {digits: {size: 28}}]", "networks 1 (", "same recipe")]
    [InlineData("architecture: {name: zoo-cnn-s, dropout: 0.1}", "", "architecture is missing", "zoo-cnn-s")]
    [InlineData("{name: zoo-cnn-s, dropout: 0.1}", "mlds", "mlds takes vectors", "images of 1x28x28")]
    [InlineData("{name: zoo-cnn-s, dropout: 0.1}", "{name: zoo-cnn-s, dropout: [0.1, 0.1]}", "architecture.dropout", "stands twice")]
    [InlineData("{name: zoo-cnn-s, dropout: 0.1}", "[zoo-cnn-s, {name: zoo-cnn-s, activation: [tanh, relu]}]", "architecture[1]", "named 'zoo-cnn-s'")]
    [InlineData("{name: zoo-cnn-s, dropout: 0.1}", "{name: x, layers: [{conv: 3, kernel: 29}, flatten, {dense: 10}]}", ":3:34:", "does not fit into the input of 1x28x28")]
    [InlineData("{name: zoo-cnn-s, dropout: 0.1}", "{name: x, layers: [{dense: 10}]}", "the task gives an image of 1x28x28", "flatten")]
    [InlineData("{name: zoo-cnn-s, dropout: 0.1}", "{name: x, layers: [flatten, {dense: 4}, batch_norm, {dense: 10}]}", "single value", "batch larger", "{stop:", "{batch: 1, stop:")]
    [InlineData("{stop: ", "{evaluation: {sequences: 360}, stop: ", "training.evaluation.sequences", "1 to 359")]
    [InlineData("{steps: 5}}", "{steps: 5}}\nfactors: {sequence: [4, 8]}", "sequence", "no task has sequences")]
    [InlineData("{steps: 5}}", "{steps: 5}}\nfactors: {dropout: [0.1, 1]}", "factors.dropout", "below 1")]
    [InlineData("{steps: 5}}", "{steps: 5}}\nfactors: {dropout: [0.2, 0.3]}\ntwins: [dropout]", "twins", "different architectures")]
    [InlineData("{steps: 5}}", "{steps: 5}}\nfactors: {dropout: [0.1, 0.2]}", "factor dropout", "same layers as 'zoo-cnn-s-dropout0.1'", "dropout: 0.1}", "dropout: [0.1, 0.2]}")]
    [InlineData("size: 28}}", "size: 28}, poison: {share: 0.1}}", "tasks[0].poison", "variant: [clean, poisoned]")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: star}}", "tasks[0].poison.trigger", "patch, blend, polygon")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {patch: 2, polygon: 4}}}", "tasks[0].poison.trigger", "exactly one")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {blend: 0.1, corner: top_left}}}", "tasks[0].poison.trigger.corner", "no effect on a blend")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {blend: 0}}}", "tasks[0].poison.trigger.blend", "above 0")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {polygon: 2}}}", "tasks[0].poison.trigger.polygon", "3 to 12")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {patch: 28}}}", "29 pixels of a side", "28x28")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {patch: 2, colour: [1, 2, 3]}}}", "trigger.colour", "0 to 1")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {patch: 2, colour: [1, 1]}}}", "trigger.colour", "or three")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {trigger: {patch: 2, colour: [1, 0, 0]}}}", "differs between channels", "have one")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {target: 10}}", "the target names class 10", "10 classes")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {target: any}}", "tasks[0].poison.target", "next")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {target: {from: 3, to: 3}}}", "tasks[0].poison.target", "another class")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {target: {from: 3}}}", "tasks[0].poison.target.to", "missing")]
    [InlineData("size: 28}}", "size: 28}, variant: poisoned, poison: {share: [0.1, 0.1]}}", "tasks[0].poison.share", "twice")]
    [InlineData("{steps: 5}}", "{steps: 5}}\nfactors: {trigger: [patch, blend]}", "factor trigger", "no task is poisoned")]
    [InlineData("{digits: {size: 28}}", "{drawn_digits: {size: 28, seed: 2}}", "drawn_digits.seed", "no effect without")]
    [InlineData("{digits: {size: 28}}", "{drawn_digits: {size: 28, images: 9}}", "drawn_digits.images", "10 to 1000000")]
    [InlineData("{digits: {size: 28}}", "{drawn_digits: {size: 64, images: 1000000}}", "bytes", "fewer or smaller")]
    [InlineData("{digits: {size: 28}}", "{images: no-such-set}", "tasks[0].images", "no such folder")]
    [InlineData("{digits: {size: 28}}", "{images: ../etc}", "tasks[0].images", "expected 1 to 64")]
    [InlineData("{digits: {size: 28}}", "{digits: {size: 28}, drawn_digits: {size: 28}}", "tasks[0]", "exactly one of")]
    public void AMistakeAboutImagesIsNamedToo(string find, string replace, string named, string alsoNamed, params string[] moreReplacements)
    {
        string yaml = Images;
        for (int i = 0; i < moreReplacements.Length; i += 2)
            yaml = yaml.Replace(moreReplacements[i], moreReplacements[i + 1], StringComparison.Ordinal);
        yaml = yaml.Replace(find, replace, StringComparison.Ordinal);
        Assert.NotEqual(Images, yaml);
        var error = Assert.Throws<InputException>(() => Experiment.Parse(yaml, "a.yaml"));
        Assert.StartsWith("a.yaml:", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(alsoNamed, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheImagesThatTheseTestsBreakAreSound() => Assert.Equal("zoo-cnn-s-dropout0.1", Assert.Single(Experiment.Parse(Images, "a.yaml").Architectures).Name);

    private const string Automata = """
        experiment: e
        tasks: [{automaton: {states: 6, alphabet: 3, outputs: 2, seed: 1..4, sequence: 8}}]
        architecture: {name: own, layers: [{gru: 4}, {dense: 2}]}
        training: {stop: {steps: 5}}
        """;

    [Theory]
    [InlineData("states: 6", "states: 1", "tasks[0].automaton.states", "from 2 to 64")]
    [InlineData("states: 6", "states: [4..3]", "tasks[0].automaton.states", "empty range")]
    [InlineData("states: 6, ", "", "tasks[0].automaton.states is missing", "2 to 64")]
    [InlineData("states: 6", "states: 6.5", "tasks[0].automaton.states", "found '6.5'")]
    [InlineData("alphabet: 3, ", "", "tasks[0].automaton.alphabet is missing", "1 to 64")]
    [InlineData("alphabet: 3", "alphabet: 65", "tasks[0].automaton.alphabet", "1 to 64")]
    [InlineData("alphabet: 3", "alphabet: [3, 4]", "tasks[0].automaton.alphabet", "expected a whole number")]
    [InlineData("outputs: 2", "outputs: 1", "tasks[0].automaton.outputs", "2 to 64")]
    [InlineData("outputs: 2", "outputs: 7", ":2:9:", "an automaton of 6 states cannot give 7 outputs")]
    [InlineData("states: 6, alphabet: 3", "states: 64, alphabet: 1", ":2:9:", "too rare")]
    [InlineData("states: 6, alphabet: 3", "states: 2, alphabet: 1", "the seeds", "give the same automaton (2 states, 1 symbols, 2 outputs)")]
    [InlineData("seed: 1..4", "seed: [1..4, 3]", "the seed 3 stands twice", ":2:")]
    [InlineData("seed: 1..4", "seed: -1", "tasks[0].automaton.seed", "expected a seed from 0")]
    [InlineData("seed: 1..4", "seed: 1..10001", "found more than 10000 seeds", ":2:")]
    [InlineData("states: 6, alphabet: 3, outputs: 2, seed: 1..4", "states: 6..7, alphabet: 3, outputs: 2, seed: 1..6000", "found 12000 automata", "at most 10000")]
    [InlineData("sequence: 8", "sequence: 1", "tasks[0].automaton.sequence", "2 to 4096")]
    [InlineData("sequence: 8}", "size: 8}", "automaton", "the key 'size' is not known")]
    [InlineData("sequence: 8}}", "seed: 1}, sequence: 8}", "tasks[0].sequence", "stands with its other settings", ", seed: 1..4", "")]
    [InlineData("sequence: 8}}", "sequence: 8}, variant: modified}", "tasks[0].variant", "no effect on an automaton")]
    [InlineData("sequence: 8}}", "sequence: 8}, machine: ParityMachine}", "tasks[0]", "exactly one of")]
    [InlineData("sequence: 8}}]", "sequence: 8}}, {automaton: {states: 6, alphabet: 4}}]", "tasks[1]", "vectors of 4 for 2 outputs")]
    [InlineData("sequence: 8}}]", "sequence: 8}}, {automaton: {states: 6, alphabet: 3, outputs: 2, seed: 4, sequence: 8}}]", "networks 4 (", "same recipe")]
    [InlineData("alphabet: 3, outputs: 2, seed: 1..4, sequence: 8}}]", "alphabet: 9, outputs: 8}}, {machine: ParityMachine}]", "tasks[1]", "of another kind", "states: 6", "states: 9")]
    [InlineData("architecture: {name: own, layers: [{gru: 4}, {dense: 2}]}", "", "architecture is missing", "automata")]
    [InlineData("{gru: 4}, {dense: 2}", "{gru: 4}, {dense: 3}", "expected 2, the outputs", "Automaton-6-3-2-1")]
    public void AMistakeAboutAutomataIsNamedToo(string find, string replace, string named, string alsoNamed, params string[] moreReplacements)
    {
        string yaml = Automata;
        for (int i = 0; i < moreReplacements.Length; i += 2)
            yaml = yaml.Replace(moreReplacements[i], moreReplacements[i + 1], StringComparison.Ordinal);
        yaml = yaml.Replace(find, replace, StringComparison.Ordinal);
        Assert.NotEqual(Automata, yaml);
        var error = Assert.Throws<InputException>(() => Experiment.Parse(yaml, "a.yaml"));
        Assert.StartsWith("a.yaml:", error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(alsoNamed, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheAutomataThatTheseTestsBreakAreSound() => Assert.Equal(4, Experiment.Parse(Automata, "a.yaml").Networks.Count);

    [Fact]
    public void AFileOfVeryManyAutomataIsRefusedBeforeTheyAreDrawn()
    {
        string items = string.Join("\n", Enumerable.Range(0, 10_000).Select(i => $"- {{automaton: {{states: 6, alphabet: 3, seed: {i}..{i + 9_000}}}}}"));
        Assert.Contains("at most 10000", Assert.Throws<InputException>(() => Experiment.Parse($"experiment: e\ntasks:\n{items}\ntraining: {{stop: {{steps: 5}}}}\n", "a.yaml")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAliasBombIsRefusedAtItsFirstAnchor()
    {
        var bomb = new StringBuilder("a0: &a0 [x, x]\n");
        for (int i = 1; i < 40; i++)
            bomb.Append($"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n");
        Assert.Contains("anchor", Assert.Throws<InputException>(() => Experiment.Parse(bomb.ToString(), "a.yaml")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[", 500_000)]
    [InlineData("{a: ", 200_000)]
    [InlineData("- ", 400_000)]
    [InlineData("? ", 400_000)]
    public void DeepNestingIsRefused(string piece, int times)
    {
        var error = Assert.Throws<InputException>(() => Experiment.Parse(string.Concat(Enumerable.Repeat(piece, times)), "a.yaml"));
        Assert.Contains("nesting", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AGridTooLargeIsRefusedBeforeItIsMade()
    {
        string values = "[" + string.Join(", ", Enumerable.Range(1, 1000).Select(i => $"{i}e-6")) + "]";
        string yaml = $"experiment: e\ntasks: {{machine: ParityMachine}}\ntraining: {{stop: {{steps: 5}}}}\nfactors: {{learning_rate: {values}, beta1: {values}, beta2: {values}, eps: {values}, eval_loss: {values}}}\n";
        Assert.Contains("at most 10000000", Assert.Throws<InputException>(() => Experiment.Parse(yaml, "a.yaml")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FilesThatAreNoTextAreRefused()
    {
        using var folder = new TestZoo();
        File.WriteAllBytes(folder["bytes.yaml"], [0x61, 0x3A, 0x20, 0xFF, 0xFE]);
        Assert.Contains("UTF-8", Assert.Throws<InputException>(() => Experiment.Load(folder["bytes.yaml"])).Message, StringComparison.Ordinal);
        File.WriteAllText(folder["large.yaml"], "experiment: e\n#" + new string('x', 1 << 20));
        Assert.Contains("1 MiB", Assert.Throws<InputException>(() => Experiment.Load(folder["large.yaml"])).Message, StringComparison.Ordinal);
        Assert.Contains("1 MiB", Assert.Throws<InputException>(() => Experiment.Load("/dev/zero")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AMutatedExperimentIsReadOrRefused()
    {
        const string alphabet = "[]{}:,-&*!|>'\"#%@`? \n\t0159ae.xX\\~\u00e9";
        int refused = 0;
        for (ulong seed = 0; seed < 400; seed++)
        {
            var draw = new WeightSpace.Numerics.RandomStream(seed, WeightSpace.Numerics.RandomPurpose.Verification, 0);
            char[] text = TestZoo.Yaml.ToCharArray();
            for (int i = 0; i < 3; i++)
                text[draw.NextBelow(text.Length)] = alphabet[draw.NextBelow(alphabet.Length)];
            try
            {
                Experiment.Parse(new string(text), "a.yaml");
            }
            catch (InputException)
            {
                refused++;
            }
        }
        Assert.InRange(refused, 100, 400);
    }
}
