using System.Text.RegularExpressions;

namespace WeightSpace.Networks;

/// <summary>
/// Tells the layout of a plain chain of layers from the names and shapes of its tensors. A layer that the tensors do not show (an activation, pooling, flattening) changes nothing that could be
/// reordered; but a sum around layers, attention or groups of channels does, so whatever hints at one ends the attempt, and every size must fit its neighbour's.
/// </summary>
internal static partial class InferredLayout
{
    /// <summary>What the features that a layer gives are.</summary>
    private enum Kind
    {
        /// <summary>Nothing came before.</summary>
        Input,
        Vector,
        Channels,
    }

    /// <param name="Inner">Positions of each unit where something told them: pixels of a flattened channel. 0: not known yet.</param>
    private readonly record struct Features(Kind Kind, int Units, string? Permutation, int Inner);

    private sealed record Module(string Name)
    {
        public Dictionary<string, (int Index, int[] Shape)> Parts { get; } = [];

        public int[]? Shape(string part) => Parts.TryGetValue(part, out (int Index, int[] Shape) known) ? known.Shape : null;

        public bool Has(params ReadOnlySpan<string> parts)
        {
            foreach (string part in parts)
            {
                if (!Parts.ContainsKey(part))
                    return false;
            }
            return true;
        }
    }

    /// <summary>The layout; null where the tensors are no clear chain.</summary>
    public static ParameterLayout? Of(IReadOnlyList<(string Name, IReadOnlyList<long> Shape)> tensors)
    {
        if (Modules(tensors) is not { Count: > 0 } modules || modules.Any(module => NotPlain().IsMatch(module.Name)) || IsNested(modules))
            return null;
        if (IsSorted(tensors))
        {
            // The order of the layers is lost, but for names that differ in nothing but a number.
            if (modules.Select(module => Digits().Replace(module.Name, "#")).Distinct().Count() > 1)
                return null;
            modules = [.. modules.OrderBy(module => Digits().Matches(module.Name).Select(match => long.Parse(match.Value, System.Globalization.CultureInfo.InvariantCulture)).ToArray(), Comparer<long[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))];
        }
        var infos = new ParameterInfo?[tensors.Count];
        if (!new Chain(modules, infos).Fit() || infos.Any(info => info is null))
            return null;
        // What stands where in the packed block.
        int offset = 0;
        var parameters = new List<ParameterInfo>(infos.Length);
        foreach (ParameterInfo? info in infos)
        {
            parameters.Add(info! with { Offset = offset });
            offset += info.Count;
        }
        int firstBuffer = parameters.FindIndex(parameter => !parameter.IsTrained);
        return firstBuffer >= 0 && parameters[firstBuffer..].Any(parameter => parameter.IsTrained) ? null : ParameterLayout.Packed(parameters);
    }

    /// <summary>Tensors by the module that they are of, in the order in which the modules come; null where a shape cannot be one of a layer's.</summary>
    private static List<Module>? Modules(IReadOnlyList<(string Name, IReadOnlyList<long> Shape)> tensors)
    {
        var modules = new List<Module>();
        var byName = new Dictionary<string, Module>();
        long count = 0;
        for (int i = 0; i < tensors.Count; i++)
        {
            (string name, IReadOnlyList<long> shape) = tensors[i];
            int dot = name.LastIndexOf('.');
            if (dot <= 0 || shape.Count is 0 or > 5 || shape.Any(size => size is < 1 or > int.MaxValue))
                return null;
            // At most 2^31 each and no more than 2^31 in all, so no product overflows.
            long elements = 1;
            foreach (long size in shape)
            {
                elements *= size;
                if (elements > int.MaxValue)
                    return null;
            }
            count += elements;
            if (count > int.MaxValue)
                return null;
            if (!byName.TryGetValue(name[..dot], out Module? module))
            {
                byName.Add(name[..dot], module = new Module(name[..dot]));
                modules.Add(module);
            }
            if (!module.Parts.TryAdd(name[(dot + 1)..], (i, [.. shape.Select(size => (int)size)])))
                return null;
        }
        return modules;
    }

    /// <summary>Modules of modules are blocks, which often have a sum around them: those whose names go deeper than two parts behind what all have alike.</summary>
    private static bool IsNested(List<Module> modules)
    {
        string[][] names = [.. modules.Select(module => module.Name.Split('.'))];
        int alike = 0;
        while (names.All(name => alike < name.Length - 1 && name[alike] == names[0][alike]))
            alike++;
        return names.Any(name => name.Length - alike > 2);
    }

    /// <summary>Whether somebody sorted the tensors by name: then a bias comes before its weight, which PyTorch never has.</summary>
    private static bool IsSorted(IReadOnlyList<(string Name, IReadOnlyList<long> Shape)> tensors)
    {
        string[] names = [.. tensors.Select(tensor => tensor.Name).Where(name => !name.Contains(".running_", StringComparison.Ordinal))];
        return names.Length > 1 && names.Zip(names[1..]).All(pair => string.CompareOrdinal(pair.First, pair.Second) < 0);
    }

    /// <summary>Words in names that hint at something else than a chain.</summary>
    [GeneratedRegex("attn|attention|resid|(^|[._])res|skip|shortcut|downsample|block|group|(^|[._])gn|emb|transpose|deconv|upconv|(^|[._])up|proj|query|(^|[._])key|value|gate|mixer|expert|(^|[._])pos|actor|critic|policy|target|generator|discriminator|teacher|student|online|head|branch|concat", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex NotPlain();

    [GeneratedRegex("[0-9]{1,18}")]
    private static partial Regex Digits();

    /// <summary>Goes along the modules and gives each tensor its axes.</summary>
    private sealed class Chain(List<Module> modules, ParameterInfo?[] infos)
    {
        private Features _features = new(Kind.Input, 0, null, 0);

        public bool Fit()
        {
            int last = modules.FindLastIndex(module => IsRecurrent(module) || module.Shape("weight") is [_, _] or [_, _, _] or [_, _, _, _] or [_, _, _, _, _] && !IsNorm(module));
            if (last < 0)
                return false;
            for (int i = 0; i < modules.Count; i++)
            {
                Module module = modules[i];
                bool fits = IsRecurrent(module) ? FitRecurrent(module, i == last)
                    : module.Shape("weight") is not { } weight ? false
                    : IsNorm(module) ? FitNorm(module, weight)
                    : weight.Length == 2 ? FitDense(module, weight, i == last)
                    : weight.Length > 2 && FitConv(module, weight, i == last);
                if (!fits)
                    return false;
            }
            return true;
        }

        private static bool IsRecurrent(Module module) => module.Parts.ContainsKey("weight_ih_l0");

        /// <summary>Scale and shift have the same shape; a bias has one dimension, and a weight behind it more.</summary>
        private static bool IsNorm(Module module) => module.Shape("weight") is { } weight && module.Shape("bias") is { } bias && weight.AsSpan().SequenceEqual(bias);

        private bool FitDense(Module module, int[] weight, bool isLast)
        {
            if (!HasOnly(module, "weight", "bias") || (module.Shape("bias") is { } bias && !bias.AsSpan().SequenceEqual([weight[0]])) || (_features.Kind == Kind.Input && IsMaybeEmbedding(module, weight)))
                return false;
            if (InputsOf(weight[1], canFlatten: true) is not { } inputs)
                return false;
            string? units = isLast ? null : module.Name;
            var outputs = new ParameterAxis(1, weight[0], units);
            Set(module, "weight", ParameterRole.Weight, weight[1], outputs, inputs);
            Set(module, "bias", ParameterRole.Bias, weight[1], outputs);
            _features = new Features(Kind.Vector, weight[0], units, 1);
            return true;
        }

        private bool FitConv(Module module, int[] weight, bool isLast)
        {
            if (!HasOnly(module, "weight", "bias") || (module.Shape("bias") is { } bias && !bias.AsSpan().SequenceEqual([weight[0]])))
                return false;
            // Behind a vector there would be a reshape, which the tensors do not show.
            if (_features.Kind == Kind.Vector || _features.Inner > 1 || InputsOf(weight[1], canFlatten: false) is not { } inputs)
                return false;
            string? units = isLast ? null : module.Name;
            var outputs = new ParameterAxis(1, weight[0], units);
            int taps = weight[1..].Aggregate(1, (product, size) => product * size);
            Set(module, "weight", ParameterRole.Weight, taps, [outputs, inputs, .. weight[2..].Select(size => new ParameterAxis(1, size, null))]);
            Set(module, "bias", ParameterRole.Bias, taps, outputs);
            _features = new Features(Kind.Channels, weight[0], units, 0);
            return true;
        }

        private bool FitRecurrent(Module module, bool isLast)
        {
            int layers = 0;
            var known = new List<string>();
            for (; module.Parts.ContainsKey($"weight_ih_l{layers}"); layers++)
                known.AddRange([$"weight_ih_l{layers}", $"weight_hh_l{layers}", $"bias_ih_l{layers}", $"bias_hh_l{layers}"]);
            // What is unknown is a second direction or a projection.
            if (!HasOnly(module, [.. known]) || _features.Kind == Kind.Channels)
                return false;
            for (int layer = 0; layer < layers; layer++)
            {
                if (module.Shape($"weight_ih_l{layer}") is not [int rows, int columns] || module.Shape($"weight_hh_l{layer}") is not [int hiddenRows, int width] || rows != hiddenRows || rows % width != 0)
                    return false;
                // A plain one has one block of rows, a GRU three, an LSTM four.
                int gates = rows / width;
                if (gates is not (1 or 3 or 4) || InputsOf(columns, canFlatten: false) is not { } inputs)
                    return false;
                if (new[] { $"bias_ih_l{layer}", $"bias_hh_l{layer}" }.Any(bias => module.Shape(bias) is { } shape && !shape.AsSpan().SequenceEqual([rows])))
                    return false;
                string? units = isLast && layer == layers - 1 ? null : $"{module.Name}.l{layer}";
                var outputs = new ParameterAxis(1, width, units);
                ParameterAxis blocks = outputs with { Blocks = gates };
                Set(module, $"weight_ih_l{layer}", ParameterRole.Weight, width, blocks, inputs);
                Set(module, $"weight_hh_l{layer}", ParameterRole.Weight, width, blocks, outputs);
                Set(module, $"bias_ih_l{layer}", ParameterRole.Bias, width, blocks);
                Set(module, $"bias_hh_l{layer}", ParameterRole.Bias, width, blocks);
                _features = new Features(Kind.Vector, width, units, 1);
            }
            return true;
        }

        private bool FitNorm(Module module, int[] shape)
        {
            bool isBatch = module.Has("running_mean", "running_var");
            if (!(isBatch ? HasOnly(module, "weight", "bias", "running_mean", "running_var") : HasOnly(module, "weight", "bias")))
                return false;
            if (isBatch && (shape.Length != 1 || !module.Shape("running_mean").AsSpan().SequenceEqual(shape) || !module.Shape("running_var").AsSpan().SequenceEqual(shape)))
                return false;
            ParameterAxis[] axes;
            if (shape.Length == 1)
            {
                // One number a channel and no statistics: group normalisation looks the same, whose channels may not be reordered.
                if (!isBatch && _features.Kind == Kind.Channels && shape[0] == _features.Units)
                    return false;
                if (InputsOf(shape[0], canFlatten: true) is not { } inputs)
                    return false;
                axes = [inputs];
                _features = _features.Kind == Kind.Input ? new Features(Kind.Input, shape[0], null, 0)
                    : shape[0] == _features.Units ? _features : _features with { Kind = Kind.Vector, Inner = shape[0] / _features.Units };
            }
            else if (!isBatch && shape.Length == 3 && _features.Kind != Kind.Vector && InputsOf(shape[0], canFlatten: false) is { } channels)
            {
                axes = [channels, new ParameterAxis(1, shape[1], null), new ParameterAxis(1, shape[2], null)];
                _features = _features with { Units = shape[0] };
            }
            else
            {
                return false;
            }
            Set(module, "weight", ParameterRole.Scale, 1, axes);
            Set(module, "bias", ParameterRole.Shift, 1, axes);
            Set(module, "running_mean", ParameterRole.RunningMean, 1, axes);
            Set(module, "running_var", ParameterRole.RunningVariance, 1, axes);
            return true;
        }

        /// <summary>The axis of so many inputs; null where they are not what the layer before gives.</summary>
        private ParameterAxis? InputsOf(int inputs, bool canFlatten)
        {
            (Kind kind, int units, string? permutation, int inner) = _features;
            if (kind == Kind.Input)
                return units == 0 || units == inputs || (canFlatten && inputs % units == 0) ? new ParameterAxis(1, inputs, null) : null;
            if (inner == 0 && canFlatten && inputs % units == 0)
                inner = inputs / units;
            if (inputs != units * Math.Max(1, inner))
                return null;
            return permutation is null ? new ParameterAxis(1, inputs, null) : new ParameterAxis(1, units, permutation, Math.Max(1, inner));
        }

        /// <summary>A first square matrix without a bias may as well be a table of embeddings, whose rows are no units.</summary>
        private static bool IsMaybeEmbedding(Module module, int[] weight) => weight[0] == weight[1] && module.Parts.Count == 1;

        private static bool HasOnly(Module module, params string[] parts) => module.Parts.Keys.All(parts.Contains);

        private void Set(Module module, string part, ParameterRole role, int fan, params ParameterAxis[] axes)
        {
            if (module.Parts.TryGetValue(part, out (int Index, int[] Shape) known))
                infos[known.Index] = new ParameterInfo($"{module.Name}.{part}", role, 0, axes, fan);
        }
    }
}
