using System.Globalization;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// Finds the model among what a checkpoint holds: a state dict, or a training dictionary with a model's under one of the usual names beside optimizer, epoch and loss. What is chosen is
/// said, and so is what is not.
/// </summary>
internal sealed class StateDictionary
{
    public const int MaxMetadata = 100, MaxValueLength = 200, MaxKeyLength = 100;

    private const int MaxDepth = 32, MaxVisits = 5_000_000;

    /// <summary>Under what names models are kept, the likeliest first.</summary>
    private static readonly string[] s_models = ["model_state_dict", "state_dict", "model_state", "model", "module", "net", "network", "net_state_dict", "network_state_dict", "weights", "params", "parameters"];

    /// <summary>Parts of names under which no model is kept.</summary>
    private static readonly string[] s_others = ["optim", "sched", "scaler", "rng", "random", "callback", "sampler"];

    private readonly FileBytes _file;
    private readonly List<(string Name, TorchTensor Tensor)> _tensors = [], _numbers = [];
    private readonly List<LeftOut> _leftOut = [];
    private readonly Dictionary<string, string> _metadata = [];
    private readonly HashSet<object> _visited = new(ReferenceEqualityComparer.Instance);

    private int _visits;

    private StateDictionary(FileBytes file) => _file = file;

    /// <summary>The model's tensors, of whatever type, in their order; without the prefixes that wrappers put before all names.</summary>
    public IReadOnlyList<(string Name, TorchTensor Tensor)> Tensors => _tensors;

    /// <summary>Tensors of one floating-point number beside the model: a loss.</summary>
    public IReadOnlyList<(string Name, TorchTensor Tensor)> Numbers => _numbers;

    public IReadOnlyList<LeftOut> LeftOut => _leftOut;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    public static StateDictionary Find(FileBytes file, object? value)
    {
        var found = new StateDictionary(file);
        found.Choose(value, 0);
        if (found._tensors.Count == 0)
            throw file.Bad("it holds no tensors; a model's state_dict(), or a dictionary with one, was expected");
        string[] names = WrapperPrefix.Strip([.. found._tensors.Select(tensor => tensor.Name)]);
        for (int i = 0; i < names.Length; i++)
            found._tensors[i] = (names[i], found._tensors[i].Tensor);
        return found;
    }

    private void Choose(object? value, int depth)
    {
        switch (value)
        {
            case TorchTensor tensor:
                _tensors.Add(("tensor", tensor));
                return;
            case PickleSequence sequence:
                Flatten("", sequence, 0);
                return;
            case PickleObject known:
                Choose(known.Attributes, depth);
                return;
            case not PickleDictionary:
                throw _file.Bad("it holds no dictionary; a model's state_dict(), or a dictionary with one, was expected");
        }
        var dictionary = (PickleDictionary)value;
        if (dictionary.TryGet("param_groups", out _) && dictionary.TryGet("state", out _))
            throw _file.Bad("it holds the state of an optimizer and no model");
        string? name = depth < 4 ? s_models.FirstOrDefault(name => dictionary.TryGet(name, out object? model) && HasTensors(model)) : null;
        if (name is not null)
        {
            dictionary.TryGet(name, out object? model);
            Describe(dictionary, name, $"stands beside '{name}', which is taken for the model");
            Choose(model, depth + 1);
            return;
        }
        (object? Key, object? Value)[] items = [.. dictionary.Items];
        if (items.Any(item => item.Value is TorchTensor tensor && !IsNumber(tensor)) || (items.Any(item => item.Value is TorchTensor) && !items.Any(item => item.Value is PickleDictionary && HasTensors(item.Value))))
        {
            Flatten("", dictionary, 0);
            return;
        }
        // Several models (a generator and a discriminator): all of them, each under its name.
        (string Key, object? Value)[] models = [.. items.Where(item => item.Key is string key && HasTensors(item.Value) && !s_others.Any(other => key.Contains(other, StringComparison.OrdinalIgnoreCase))).Select(item => ((string)item.Key!, item.Value))];
        Describe(dictionary, null, "is taken for the state of training and not of a model");
        foreach ((string key, object? model) in models)
            Flatten(models.Length == 1 ? "" : key + ".", model, 0);
    }

    /// <summary>Notes the numbers and texts of a training dictionary, and the tensors in it that are not the model's.</summary>
    private void Describe(PickleDictionary dictionary, string? model, string reason)
    {
        foreach ((object? keyOf, object? value) in dictionary.Items)
        {
            if (keyOf is not string key || key == model)
                continue;
            switch (value)
            {
                case TorchTensor { Storage.Type: not null, DType: null } tensor when IsNumber(tensor) && _numbers.Count < MaxMetadata && key.Length <= MaxKeyLength && _numbers.All(number => number.Name != key):
                    _numbers.Add((key, tensor));
                    break;
                case PickleDictionary inner when !HasTensors(inner):
                    foreach ((object? innerKey, object? innerValue) in inner.Items)
                        Note($"{key}.{innerKey as string}", innerKey is string ? innerValue : null);
                    break;
                case PickleObject inner:
                    foreach ((object? innerKey, object? innerValue) in inner.Attributes.Items)
                        Note($"{key}.{innerKey as string}", innerKey is string ? innerValue : null);
                    break;
                default:
                    if (HasTensors(value) && (model is not null || s_others.Any(other => key.Contains(other, StringComparison.OrdinalIgnoreCase))))
                        _leftOut.Add(new LeftOut(key, reason));
                    else
                        Note(key, value);
                    break;
            }
        }
    }

    private void Note(string key, object? value)
    {
        string? text = value switch
        {
            bool truth => truth ? "true" : "false",
            long number => number.ToString(CultureInfo.InvariantCulture),
            double number => number.ToString(CultureInfo.InvariantCulture),
            string words when words.Length <= MaxValueLength => words,
            _ => null,
        };
        if (text is not null && key.Length <= MaxKeyLength && _metadata.Count < MaxMetadata && !key.Any(char.IsControl) && !text.Any(char.IsControl))
            _metadata.TryAdd(key, text);
    }

    private void Flatten(string prefix, object? value, int depth)
    {
        IEnumerable<(object? Key, object? Value)> items = value switch
        {
            PickleDictionary dictionary => dictionary.Items,
            PickleSequence sequence => sequence.Items.Select((item, index) => ((object?)(long)index, item)),
            _ => [],
        };
        // What stands in itself, or in many places, is gone through once.
        if (depth > MaxDepth || value is null || !_visited.Add(value))
            return;
        foreach ((object? key, object? item) in items)
        {
            string? part = key as string ?? (key is long number ? number.ToString(CultureInfo.InvariantCulture) : null);
            if (part is null || prefix.Length + part.Length > 1000)
                continue;
            if (item is TorchTensor tensor)
                _tensors.Add((prefix + part, tensor));
            else if (item is PickleDictionary inner && inner.TryGet("param_groups", out _))
                _leftOut.Add(new LeftOut(prefix + part, "is the state of an optimizer"));
            else if (item is PickleDictionary or PickleSequence)
                Flatten($"{prefix}{part}.", item, depth + 1);
            else if (depth == 0)
                Note(part, item);
        }
    }

    private static bool IsNumber(TorchTensor tensor) => tensor.Shape.All(size => size == 1);

    /// <summary>Whether there is a tensor in it, at any depth that is looked at.</summary>
    private bool HasTensors(object? value)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var left = new Stack<(object? Value, int Depth)>([(value, 0)]);
        while (left.TryPop(out (object? Value, int Depth) next))
        {
            if (next.Value is TorchTensor)
                return true;
            if (next.Value is null || next.Depth > MaxDepth || next.Value is not (PickleDictionary or PickleSequence) || !seen.Add(next.Value))
                continue;
            foreach (object? item in next.Value is PickleDictionary dictionary ? dictionary.Items.Select(item => item.Value) : ((PickleSequence)next.Value).Items)
            {
                if (item is not (TorchTensor or PickleDictionary or PickleSequence))
                    continue;
                if (++_visits > MaxVisits)
                    throw _file.Bad("its dictionaries and lists stand in each other so often that they cannot be gone through");
                left.Push((item, next.Depth + 1));
            }
        }
        return false;
    }
}

/// <summary>What wrappers put before the names of all parameters of the model inside.</summary>
internal static class WrapperPrefix
{
    private static readonly string[] s_prefixes = ["module.", "_orig_mod.", "_fsdp_wrapped_module."];

    /// <summary>The names without such prefixes, where all have them.</summary>
    public static string[] Strip(IReadOnlyList<string> names)
    {
        string[] stripped = [.. names];
        while (stripped.Length > 0 && Array.Find(s_prefixes, prefix => stripped[0].StartsWith(prefix, StringComparison.Ordinal) && stripped[0].Length > prefix.Length) is { } found
            && stripped.All(name => name.StartsWith(found, StringComparison.Ordinal) && name.Length > found.Length))
        {
            stripped = [.. stripped.Select(name => name[found.Length..])];
        }
        return stripped;
    }
}
