namespace WeightSpace.Networks;

/// <summary>The functions that an activation layer applies, each as PyTorch's module of the same name defines it.</summary>
public enum Activation
{
    /// <summary>max(x, 0).</summary>
    Relu,
    /// <summary>x where x > 0, slope x elsewhere; PyTorch's default slope is 0.01.</summary>
    LeakyRelu,
    Tanh,
    Sigmoid,
    /// <summary>x Phi(x), Phi the normal distribution function: the exact form, PyTorch's default (Hendrycks and Gimpel, arXiv 1606.08415).</summary>
    Gelu,
    /// <summary>x sigmoid(x) (Elfwing et al., arXiv 1702.03118).</summary>
    Silu,
}

public static class Activations
{
    private static readonly string[] s_words = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu"];

    /// <summary>The words for the functions in experiments and recipes, in the order of <see cref="Activation"/>.</summary>
    public static IReadOnlyList<string> Words => s_words;

    public static string Word(Activation function) => s_words[(int)function];

    /// <summary>The function that a word names, or null.</summary>
    public static Activation? Find(string word) => Array.IndexOf(s_words, word) is >= 0 and int index ? (Activation)index : null;
}
