using System.CommandLine;
using System.CommandLine.Parsing;

namespace WeightSpace.Cli;

/// <summary>
/// Arguments and options that name a file or a folder. An empty one is refused: it is what a variable that was never set leaves of a script's
/// command line, and would otherwise name the working folder.
/// </summary>
internal static class PathSymbols
{
    public static Argument<string> AsPath(this Argument<string> argument)
    {
        argument.Validators.Add(result => Check(result, argument.Name));
        return argument;
    }

    public static T AsPath<T>(this T option)
        where T : Option
    {
        option.Validators.Add(result => Check(result, option.Name));
        return option;
    }

    private static void Check(SymbolResult result, string name)
    {
        if (result.Tokens.Any(token => token.Value.Length == 0))
            result.AddError($"{name}: found an empty path, expected the name of a file or a folder");
    }
}
