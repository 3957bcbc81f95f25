using System.Globalization;
using WeightSpace.Bench;

// Times one thing on one thread and prints one line, in the format of the peers in bench/peers, so that one script can run them in turn.
const string usage = """
    usage: weightspace-bench COMMAND
      peak SECONDS                               the FMA peak of this core
      phases rnn SEQUENCE | automaton SEQUENCE | cnn BATCH | mlp   microseconds of each part of a step
      floor                                      operations and bytes of a step of each benchmarked network, and the least cycles they take
      rnn SEQUENCE SECONDS                       training steps of the MLDS network, batch 32
      cnn BATCH SECONDS                          training steps of zoo-cnn-s on the digits
      mlp SECONDS                                training steps of an MLP 64-32-10 on the digits, batch 64
      gru LAYERS DENSE WIDTH BATCH SEQUENCE SECONDS   a network like MLDS's: so many GRU and hidden dense layers, so wide
      map FILE ROWS COLUMNS                      a map of the rows of a file of float32, labels as int32 in FILE.labels
      map planted ROWS COLUMNS [SKETCH]          a map of planted rows that are made when they are read; sketched with so many columns
      track FOLDER CHECKPOINTS TENSORS WEIGHTS   measures of a growing path: files 0.bin, 1.bin, ... of so many float32
      dense LAYERS WIDTH BATCH SECONDS           a network like the MLP: so many hidden layers, so wide
    """;
try
{
    switch (args)
    {
        case ["peak", string seconds]:
            Peak.Run(Seconds(seconds));
            break;
        case ["phases", "rnn", string sequence]:
            Phases.Run(Workload.Mlds(Count(sequence)));
            break;
        case ["phases", "automaton", string sequence]:
            Phases.Run(Workload.Automaton(Count(sequence, least: 2)));
            break;
        case ["phases", "cnn", string batch]:
            Phases.Run(Workload.ZooCnnSmall(Count(batch)));
            break;
        case ["phases", "mlp"]:
            Phases.Run(Workload.Mlp());
            break;
        case ["floor"]:
            Floor.Run();
            break;
        case ["rnn", string sequence, string seconds]:
            Steps.Run(Workload.Mlds(Count(sequence)), Seconds(seconds));
            break;
        case ["cnn", string batch, string seconds]:
            Steps.Run(Workload.ZooCnnSmall(Count(batch)), Seconds(seconds));
            break;
        case ["mlp", string seconds]:
            Steps.Run(Workload.Mlp(), Seconds(seconds));
            break;
        case ["gru", string layers, string dense, string width, string batch, string sequence, string seconds]:
            Steps.Run(Workload.Gru(Count(layers), Count(dense, least: 0), Count(width), Count(batch), Count(sequence, least: 2)), Seconds(seconds));
            break;
        case ["dense", string layers, string width, string batch, string seconds]:
            Steps.Run(Workload.Dense(Count(layers), Count(width), Count(batch)), Seconds(seconds));
            break;
        case ["map", "planted", string rows, string columns, .. { Length: <= 1 } sketch]:
            Analyses.OfPlanted(Count(rows, most: 1 << 24), Count(columns, most: 1 << 20), sketch.Length == 0 ? null : Count(sketch[0], 0));
            break;
        case ["map", string file, string rows, string columns]:
            if (!File.Exists(file))
                throw new FormatException($"{file}: there is no such file; floats [rows, columns] were expected");
            Analyses.OfFile(file, Count(rows, most: 1 << 20), Count(columns, most: 1 << 20));
            break;
        case ["track", string folder, string checkpoints, string tensors, string weights]:
            Tracking.Run(folder, Count(checkpoints), Count(tensors), Count(weights, most: int.MaxValue));
            break;
        default:
            throw new FormatException($"no such command or not its arguments: '{string.Join(' ', args)}'");
    }
    return 0;
}
catch (FormatException problem)
{
    Console.Error.WriteLine($"weightspace-bench: {problem.Message}\n{usage}");
    return 2;
}

static int Count(string text, int least = 1, int most = 4096) =>
    int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
        ? value : throw new FormatException($"'{text}' is not a whole number from {least} to {most}");

static double Seconds(string text) =>
    double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value is > 0 and <= 3600
        ? value : throw new FormatException($"'{text}' is not a number of seconds above 0, at most 3600");
