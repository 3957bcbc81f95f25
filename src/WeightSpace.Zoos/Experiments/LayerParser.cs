using System.Globalization;
using WeightSpace.Networks;

namespace WeightSpace.Zoos.Experiments;

/// <summary>
/// Reads the items of <c>layers</c>, one on the other. A layer is a mapping whose first word is its kind (<c>{conv: 8, kernel: 5}</c>), or the word alone where no setting
/// is needed (<c>flatten</c>).
/// </summary>
internal sealed class LayerParser(string source, Shape input)
{
    /// <summary>What an item of each kind may say beside its kind.</summary>
    private static readonly Dictionary<string, string[]> s_settings = new()
    {
        ["dense"] = ["activation", "repeat", "name"],
        ["conv"] = ["kernel", "stride", "padding", "activation", "repeat", "name"],
        ["max_pool"] = ["stride", "name"],
        ["avg_pool"] = ["stride", "name"],
        ["gru"] = ["layers", "name"],
        ["lstm"] = ["layers", "name"],
        ["rnn"] = ["layers", "nonlinearity", "name"],
    };

    private static readonly string[] s_justName = ["name"];

    private static readonly string[] s_keys = [.. RecipeJson.LayerTypes, .. s_settings.Values.SelectMany(settings => settings).Distinct()];

    /// <summary>The kinds that may stand as a word alone.</summary>
    private static readonly string[] s_words = [.. RecipeJson.LayerTypes.Where(type => type is not ("dense" or "conv" or "gru" or "lstm" or "rnn"))];

    private const double DefaultSlope = 0.01, DefaultDropout = 0.5;
    private const int DefaultPool = 2;

    private readonly List<LayerSpec> _layers = [];

    /// <summary>Modules so far, as torch.nn.Sequential would count them.</summary>
    private int _modules;

    public IReadOnlyList<LayerSpec> Layers => _layers;

    /// <summary>What the last layer gives.</summary>
    public Shape Shape { get; private set; } = input;

    /// <summary>Adds the layers of one item.</summary>
    public void Add(YamlNode node, string path)
    {
        if (node is YamlScalar { IsEmpty: false } word)
        {
            if (RecipeJson.LayerTypes.Contains(word.Text) && !s_words.Contains(word.Text))
                throw Error(node, $"{path}: '{word.Text}' stands without its {(word.Text == "conv" ? "channels and kernel" : "units")}, expected such as {{{word.Text}: 8{(word.Text == "conv" ? ", kernel: 3" : "")}}}");
            string kind = YamlSection.WordOf(source, node, path, s_words);
            Append(node, path, Make(null, kind, kind, NextName()));
            return;
        }
        var section = new YamlSection(node, source, path, s_keys);
        YamlScalar[] kinds = [.. section.Keys.Where(key => RecipeJson.LayerTypes.Contains(key.Text))];
        if (kinds.Length != 1)
            throw section.Error($"{path}: found {(kinds.Length == 0 ? "no kind of layer" : string.Join(" and ", kinds.Select(key => key.Text)))}, expected exactly one of {string.Join(", ", RecipeJson.LayerTypes)}");
        string type = kinds[0].Text;
        string[] settings = s_settings.GetValueOrDefault(type, s_justName);
        if (section.Keys.FirstOrDefault(key => key.Text != type && !settings.Contains(key.Text)) is { } other)
            throw section.Error(other, $"{section.Full(other.Text)} is no setting of a {type} layer; its keys: {type}, {string.Join(", ", settings)}");
        string? name = section.Find("name") is { } given ? section.Name(given, section.Full("name")) : null;
        switch (type)
        {
            case "dense" or "conv":
                AddRepeated(section, node, type, name);
                break;
            case "gru" or "lstm" or "rnn":
                AddRecurrent(section, node, type, name ?? NextName());
                break;
            default:
                Append(node, path, Make(section, type, type, name ?? NextName()));
                break;
        }
    }

    private void AddRepeated(YamlSection section, YamlNode node, string type, string? name)
    {
        int width = section.Required(type, RecipeLimits.Width);
        Activation? activation = section.Find("activation") is { } word
            ? Activations.Find(section.Word(word, section.Full("activation"), ["none", .. Activations.Words])) : null;
        int count = section.Int32("repeat", 1, new NumberRange(1, RecipeLimits.MaxRepeat));
        int kernel = 0, stride = 0, padding = 0;
        if (type == "conv")
        {
            kernel = section.Required("kernel", RecipeLimits.Kernel);
            stride = section.Int32("stride", 1, RecipeLimits.Kernel);
            padding = section.Int32("padding", 0, RecipeLimits.Padding);
        }
        for (int i = 0; i < count; i++)
        {
            string own = name is null ? NextName() : section.Has("repeat") ? string.Create(CultureInfo.InvariantCulture, $"{name}.{i}") : name;
            if (type == "dense" && Shape.Pixels > 1)
                throw Error(node, $"{section.Path}: a dense layer takes a vector, the {Before()} an image of {Shape}; put 'flatten' before it");
            Append(node, section.Path, type == "dense" ? new DenseSpec(own, Shape.Features, width) : new ConvSpec(own, Shape, width, kernel, stride, padding));
            if (activation is { } function)
                Append(node, section.Path, Act(name is null ? NextName() : $"{own}.{Activations.Word(function)}", function, DefaultSlope));
        }
    }

    private void AddRecurrent(YamlSection section, YamlNode node, string type, string name)
    {
        int width = section.Required(type, RecipeLimits.Width);
        int count = section.Int32("layers", 1, new NumberRange(1, RecipeLimits.MaxRepeat));
        Activation nonlinearity = section.Find("nonlinearity") is { } word && section.Word(word, section.Full("nonlinearity"), "tanh", "relu") == "relu" ? Activation.Relu : Activation.Tanh;
        if (Shape.Pixels > 1)
            throw Error(node, $"{section.Path}: a {type} layer takes a vector at each place, the {Before()} an image of {Shape}; put 'flatten' before it");
        for (int i = 0; i < count; i++)
        {
            Append(node, section.Path, type switch
            {
                "gru" => new GruSpec(name, i, Shape.Features, width),
                "lstm" => new LstmSpec(name, i, Shape.Features, width),
                _ => new RnnSpec(name, i, Shape.Features, width, nonlinearity),
            });
        }
    }

    /// <summary>A layer without units; <paramref name="section"/> is null, or the value of <paramref name="key"/> empty, where its number takes the default.</summary>
    private LayerSpec Make(YamlSection? section, string type, string key, string name)
    {
        YamlNode? value = section?.FindOrEmpty(key);
        switch (type)
        {
            case "max_pool" or "avg_pool":
                int kernel = value is null ? DefaultPool : (int)section!.Int64(value, section.Full(key), RecipeLimits.Kernel);
                return new PoolSpec(name, Shape, type == "max_pool", kernel, section?.Int32("stride", kernel, RecipeLimits.Kernel) ?? kernel);
            case "dropout":
                return new DropoutSpec(name, Shape, value is null ? DefaultDropout : section!.Double(value, section.Full(key), RecipeLimits.Dropout));
            case "leaky_relu":
                return Act(name, Activation.LeakyRelu, value is null ? DefaultSlope : section!.Double(value, section.Full(key), RecipeLimits.Slope));
        }
        if (value is not null)
            throw section!.Error(value, $"{section.Full(key)}: found {value.Found}, expected no value; a {type} layer has none, write '{type}' alone or {{{type}, name: ...}}");
        return type switch
        {
            "flatten" => new FlattenSpec(name, Shape),
            "batch_norm" => new BatchNormSpec(name, Shape),
            "layer_norm" => new LayerNormSpec(name, Shape),
            _ => Act(name, Activations.Find(type)!.Value, 0),
        };
    }

    private ActivationSpec Act(string name, Activation function, double slope) => new(name, Shape, function, function == Activation.LeakyRelu ? slope : 0);

    private void Append(YamlNode node, string path, LayerSpec layer)
    {
        if (RecipeLimits.LayerError(layer) is { } error)
            throw Error(node, $"{path}: {error}");
        _layers.Add(layer);
        Shape = layer.Output;
        if (layer is not RecurrentSpec { Index: > 0 })
            _modules++;
    }

    private string NextName() => _modules.ToString(CultureInfo.InvariantCulture);

    private string Before() => _layers.Count == 0 ? "task gives" : $"layer before it ({_layers[^1].Type}) gives";

    /// <summary>What a layer gives, in words for messages: <c>8 units</c>, <c>an image of 6x4x4</c>.</summary>
    public static string Units(Shape shape) => shape.Pixels == 1 ? $"{shape.Channels} units" : $"an image of {shape}";

    /// <summary>What a task gives: <c>vectors of 9</c>, <c>images of 1x8x8</c>.</summary>
    public static string Inputs(Shape shape) => $"{(shape.Pixels == 1 ? "vectors" : "images")} of {shape}";

    private InputException Error(YamlNode at, string message) => new($"{source}:{at.Line}:{at.Column}: {message}");
}
