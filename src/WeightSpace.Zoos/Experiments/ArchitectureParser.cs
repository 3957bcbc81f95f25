using WeightSpace.Networks;
using WeightSpace.Tasks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>Reads the section <c>architecture</c>: a known name, layers of one's own, or a list of these.</summary>
internal static class ArchitectureParser
{
    public static IReadOnlyList<Architecture> Parse(YamlSection top)
    {
        if (top.FindItems("architecture") is not { } items)
            return [KnownArchitectures.Mlds(MachineTask.CommandBits, MachineTask.AnswerBits)];
        var architectures = new List<Architecture>();
        foreach (YamlNode item in items)
        {
            Architecture architecture = ParseOne(top, item, items.Count == 1 ? "architecture" : $"architecture[{architectures.Count}]");
            if (architectures.Any(other => other.Name == architecture.Name))
                throw top.Error(item, $"architecture: two architectures are named '{architecture.Name}'; name them apart");
            architectures.Add(architecture);
        }
        return architectures;
    }

    private static Architecture ParseOne(YamlSection top, YamlNode node, string path)
    {
        if (node is YamlScalar)
        {
            top.Word(node, path, "mlds");
            return KnownArchitectures.Mlds(MachineTask.CommandBits, MachineTask.AnswerBits);
        }
        var section = new YamlSection(node, top.Source, path, "name", "layers");
        string name = section.Name(section.Get("name", "the architecture's name"), section.Full("name"));
        if (name == "mlds")
            throw section.Error(section.Find("name")!, $"{section.Full("name")}: 'mlds' is the name of a built-in architecture; choose another");
        YamlNode list = section.Get("layers", "a list of layers");
        var layers = new List<LayerSpec>();
        int index = 0, width = MachineTask.CommandBits;
        foreach (YamlNode item in section.Items(list, section.Full("layers")))
        {
            AddLayers(layers, top, item, $"{section.Full("layers")}[{index}]", index, ref width);
            if (layers.Count > RecipeLimits.MaxLayers)
                throw section.Error(item, $"{section.Full("layers")}: found more than {RecipeLimits.MaxLayers} layers, expected at most as many");
            index++;
        }
        if (width != MachineTask.AnswerBits)
            throw section.Error(list, $"{section.Full("layers")}: the last layer has {width} units, expected {MachineTask.AnswerBits}, the outputs of a machine");
        try
        {
            return RecipeJson.ToArchitecture(name, layers, path);
        }
        catch (InvalidDataException error)
        {
            throw section.Error(error.Message);
        }
    }

    private static void AddLayers(List<LayerSpec> layers, YamlSection top, YamlNode node, string path, int index, ref int width)
    {
        var section = new YamlSection(node, top.Source, path, "gru", "layers", "dense", "activation", "repeat", "name");
        if (section.Has("gru") == section.Has("dense"))
            throw section.Error($"{path}: expected exactly one of 'gru: <units>' and 'dense: <units>'");
        bool isGru = section.Has("gru");
        string[] known = isGru ? ["gru", "layers", "name"] : ["dense", "activation", "repeat", "name"];
        if (section.Keys.FirstOrDefault(key => !known.Contains(key.Text)) is { } other)
            throw section.Error(other, $"{section.Full(other.Text)} is no setting of a {known[0]} layer; its keys: {string.Join(", ", known)}");
        string name = index.ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (section.Find("name") is { } given)
            name = section.Name(given, section.Full("name"));
        int units = section.Int32(isGru ? "gru" : "dense", 0, RecipeLimits.Width);
        int count = section.Int32(isGru ? "layers" : "repeat", 1, new NumberRange(1, RecipeLimits.MaxLayers));
        bool relu = section.Find("activation") is { } word && section.Word(word, section.Full("activation"), "none", "relu") == "relu";
        for (int i = 0; i < count; i++)
        {
            layers.Add(isGru ? new GruSpec(name, i, width, units) : new DenseSpec(section.Has("repeat") ? $"{name}.{i}" : name, width, units));
            if (relu)
                layers.Add(new ActivationSpec($"{layers[^1].Name}.relu", Shape.Vector(units), Activation.Relu));
            width = units;
        }
    }
}
