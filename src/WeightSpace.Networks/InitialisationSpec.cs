namespace WeightSpace.Networks;

/// <summary>How initial weights are drawn. All but <see cref="PyTorch"/> set biases to 0, as torch.nn.init leaves them to the user.</summary>
public enum InitialisationKind
{
    /// <summary>
    /// What PyTorch's modules do by themselves: weights and biases uniform in [-1/sqrt(fan), 1/sqrt(fan)), where fan is the inputs of a unit, or the
    /// hidden width of a recurrent layer.
    /// </summary>
    PyTorch,
    /// <summary>Uniform in [-scale, scale).</summary>
    Uniform,
    /// <summary>Normal with standard deviation scale.</summary>
    Normal,
    /// <summary>torch.nn.init.xavier_uniform_ with gain scale (Glorot and Bengio, AISTATS 2010).</summary>
    XavierUniform,
    /// <summary>torch.nn.init.xavier_normal_ with gain scale.</summary>
    XavierNormal,
    /// <summary>torch.nn.init.kaiming_uniform_, fan_in, with gain scale (He et al., arXiv 1502.01852).</summary>
    KaimingUniform,
    /// <summary>torch.nn.init.kaiming_normal_, fan_in, with gain scale.</summary>
    KaimingNormal,
    /// <summary>torch.nn.init.orthogonal_ with gain scale (Saxe et al., arXiv 1312.6120).</summary>
    Orthogonal,
}

/// <summary>An initialisation and its scale, whose meaning <see cref="InitialisationKind"/> says.</summary>
public sealed record InitialisationSpec(InitialisationKind Kind, double Scale)
{
    private static readonly string[] s_words = ["pytorch", "uniform", "normal", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal"];

    /// <summary>The default: PyTorch's own.</summary>
    public static InitialisationSpec PyTorch { get; } = new(InitialisationKind.PyTorch, 1);

    /// <summary>The words for the kinds in experiments and recipes, in the order of <see cref="InitialisationKind"/>.</summary>
    public static IReadOnlyList<string> Words => s_words;

    public string Word => s_words[(int)Kind];

    /// <summary>The scale where none is given: 0.1 for uniform and normal, sqrt(2) (the gain of ReLU) for Kaiming's, 1 for all others.</summary>
    public static double DefaultScale(InitialisationKind kind) => kind switch
    {
        InitialisationKind.Uniform or InitialisationKind.Normal => 0.1,
        InitialisationKind.KaimingUniform or InitialisationKind.KaimingNormal => Math.Sqrt(2),
        _ => 1,
    };
}
