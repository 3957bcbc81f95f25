namespace WeightSpace.Zoos;

/// <summary>
/// Something a person gave is wrong: a file, a key, a value, a folder. The message says what and where, what was found, what was expected,
/// and what to do; the program prints it without a stack trace and ends with exit code 2.
/// </summary>
public sealed class InputException(string message, Exception? inner = null) : Exception(message, inner);
