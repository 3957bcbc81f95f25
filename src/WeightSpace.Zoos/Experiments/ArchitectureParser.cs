using System.Globalization;
using System.Text;
using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>
/// Reads the section <c>architecture</c>: a known name, a known name with settings, layers of one's own, or a list of these. An architecture is built for
/// what the experiment's tasks give and expect.
/// </summary>
internal sealed class ArchitectureParser
{
    private readonly YamlSection _top;
    private readonly TaskSpec _task;
    private readonly Shape _input;
    private readonly List<Architecture> _architectures = [];
    private readonly Dictionary<string, string> _nameOfLayers = [];

    private ArchitectureParser(YamlSection top, TaskSpec task) => (_top, _task, _input) = (top, task, new Shape(task.Channels, task.Height, task.Width));

    /// <param name="task">Any task of the experiment: all have the same inputs and outputs.</param>
    public static IReadOnlyList<Architecture> Parse(YamlSection top, TaskSpec task)
    {
        var parser = new ArchitectureParser(top, task);
        if (top.FindItems("architecture") is not { } items)
        {
            if (task is not MachineTask)
                throw top.Error($"architecture is missing; the default, {KnownArchitectures.MldsName}, is for machines; {(task.IsSequence ? "name it for automata too, or write layers such as '{lstm: 16}'" : $"name one for images, such as {KnownArchitectures.ZooCnnSmallName}, or write layers")}");
            return [KnownArchitectures.Mlds(task.Inputs, task.Outputs)];
        }
        for (int i = 0; i < items.Count; i++)
            parser.Read(items[i], items.Count == 1 ? "architecture" : $"architecture[{i}]");
        return parser._architectures;
    }

    private void Read(YamlNode node, string path)
    {
        if (node is YamlScalar)
        {
            Add(node, path, BuildKnown(node, path, _top.Word(node, path, KnownArchitectures.Names), null, 0));
            return;
        }
        var section = new YamlSection(node, _top.Source, path, "name", "layers", "activation", "dropout");
        string name = section.Name(section.Get("name", "the architecture's name"), section.Full("name"));
        if (KnownArchitectures.Names.Contains(name))
            ReadKnown(section, node, name);
        else
            ReadLayers(section, node, name);
    }

    /// <summary>A known architecture with settings, whose lists make a grid.</summary>
    private void ReadKnown(YamlSection section, YamlNode node, string name)
    {
        if (section.Find("layers") is { } layers)
            throw section.Error(layers, $"{section.Full("layers")}: '{name}' is the name of a built-in architecture, which has layers of its own; choose another name");
        if (name == KnownArchitectures.MldsName && section.Keys.FirstOrDefault(key => key.Text != "name") is { } setting)
            throw section.Error(setting, $"{section.Full(setting.Text)} has no effect on {name}, which has no settings; write its layers out under another name to change them");
        Activation?[] functions = [null];
        if (section.FindItems("activation") is { } words)
            functions = [.. section.Distinct(words, section.Full("activation"), word => Activations.Find(section.Word(word, section.Full("activation"), Activations.Words)))];
        double[] dropouts = [0];
        if (section.FindItems("dropout") is { } numbers)
            dropouts = [.. section.Distinct(numbers, section.Full("dropout"), number => section.Double(number, section.Full("dropout"), RecipeLimits.Dropout))];
        foreach (Activation? function in functions)
        {
            foreach (double dropout in dropouts)
                Add(node, section.Path, BuildKnown(node, section.Path, name, function, dropout));
        }
    }

    private Architecture BuildKnown(YamlNode node, string path, string name, Activation? activation, double dropout)
    {
        try
        {
            Architecture plain = name switch
            {
                KnownArchitectures.MldsName => KnownArchitectures.Mlds(_task.Inputs, _task.Outputs),
                KnownArchitectures.LeNet5Name => KnownArchitectures.LeNet5(_input, _task.Outputs, activation ?? KnownArchitectures.DefaultActivation, dropout),
                KnownArchitectures.ZooCnnSmallName => KnownArchitectures.ZooCnnSmall(_input, _task.Outputs, activation ?? KnownArchitectures.DefaultActivation, dropout),
                KnownArchitectures.ZooCnnLargeName => KnownArchitectures.ZooCnnLarge(_input, _task.Outputs, activation ?? KnownArchitectures.DefaultActivation, dropout),
                _ => throw new ArgumentException($"unknown architecture '{name}'", nameof(name)),
            };
            if (plain.Input != _input)
                throw _top.Error(node, $"{path}: {name} takes vectors, task {_task.Source} gives images of {_input}; expected an architecture for images, such as {KnownArchitectures.ZooCnnSmallName}");
            var derived = new StringBuilder(name);
            if (activation is { } function && function != KnownArchitectures.DefaultActivation)
                derived.Append('-').Append(Activations.Word(function));
            if (dropout > 0)
                derived.Append(CultureInfo.InvariantCulture, $"-dropout{dropout}");
            return RecipeJson.ToArchitecture(derived.ToString(), plain.Layers, path);
        }
        catch (Exception error) when (error is ArgumentException or InvalidDataException)
        {
            string hint = _input.Pixels == 1 ? "it is for images, which task " + _task.Source + " does not give" : "give the task larger images, or write layers that fit";
            throw _top.Error(node, $"{path}: {name} does not fit inputs of {_input}: {RecipeJson.WithoutParameter(error)}; {hint}");
        }
    }

    private void ReadLayers(YamlSection section, YamlNode node, string name)
    {
        if (section.Keys.FirstOrDefault(key => key.Text is "activation" or "dropout") is { } setting)
            throw section.Error(setting, $"{section.Full(setting.Text)} is a setting of built-in architectures ({string.Join(", ", KnownArchitectures.Names.Skip(1))}), '{name}' is none; put it into the layers");
        YamlNode list = section.Get("layers", "a list of layers");
        var layers = new LayerParser(section.Source, _input);
        int index = 0;
        foreach (YamlNode item in section.Items(list, section.Full("layers")))
        {
            layers.Add(item, $"{section.Full("layers")}[{index++}]");
            if (layers.Layers.Count > RecipeLimits.MaxLayers)
                throw section.Error(item, $"{section.Full("layers")}: found more than {RecipeLimits.MaxLayers} layers, expected at most as many");
        }
        if (layers.Shape != Shape.Vector(_task.Outputs))
            throw section.Error(list, $"{section.Full("layers")}: the last layer gives {LayerParser.Units(layers.Shape)}, expected {_task.Outputs}, the outputs of {(_task is MachineTask ? "a machine" : $"task {_task.Source}")}");
        try
        {
            Add(node, section.Path, RecipeJson.ToArchitecture(name, layers.Layers, section.Path));
        }
        catch (InvalidDataException error)
        {
            throw section.Error(error.Message);
        }
    }

    private void Add(YamlNode node, string path, Architecture architecture)
    {
        if (_architectures.Any(other => other.Name == architecture.Name))
            throw _top.Error(node, $"{path}: two architectures are named '{architecture.Name}'; name them apart");
        if (!_nameOfLayers.TryAdd(LayersKey(architecture), architecture.Name))
            throw _top.Error(node, $"{path}: '{architecture.Name}' has the same layers as '{_nameOfLayers[LayersKey(architecture)]}'; each network may stand once, so remove one of the two");
        if (_architectures.Count == RecipeLimits.MaxArchitectures)
            throw _top.Error(node, $"{path}: found more than {RecipeLimits.MaxArchitectures} architectures, expected at most as many");
        _architectures.Add(architecture);
    }

    /// <summary>Text that two architectures share if their layers are the same.</summary>
    internal static string LayersKey(Architecture architecture) => string.Join('\n', architecture.Layers);

    /// <summary>
    /// The architecture with another probability in each of its dropout layers, under a name derived from its own; the same object where nothing
    /// changes. Throws <see cref="InvalidDataException"/> when the name becomes too long.
    /// </summary>
    public static Architecture WithDropout(Architecture architecture, double probability)
    {
        LayerSpec[] layers = [.. architecture.Layers.Select(layer => layer is DropoutSpec dropout ? dropout with { Probability = probability } : layer)];
        return layers.SequenceEqual(architecture.Layers) ? architecture
            : RecipeJson.ToArchitecture(string.Create(CultureInfo.InvariantCulture, $"{architecture.Name}-dropout{probability}"), layers, "factors.dropout");
    }

    public static bool HasDropout(Architecture architecture) => architecture.Layers.Any(layer => layer is DropoutSpec);
}
