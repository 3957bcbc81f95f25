using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Training;
using WeightSpace.Zoos;

// Times one thing on one thread and prints one line, in the format of the peers in bench/peers, so that one script can run them in turn.
//   weightspace-bench peak SECONDS              the FMA peak of this core
//   weightspace-bench phases SEQUENCE           microseconds of each part of that step
//   weightspace-bench rnn SEQUENCE SECONDS      training steps of the MLDS network, batch 32
if (args is ["peak", string peakSeconds])
    Peak(double.Parse(peakSeconds, CultureInfo.InvariantCulture));
else if (args is ["rnn", string sequence, string seconds])
    Rnn(int.Parse(sequence, CultureInfo.InvariantCulture), double.Parse(seconds, CultureInfo.InvariantCulture));
else if (args is ["phases", string places])
    Phases(int.Parse(places, CultureInfo.InvariantCulture));
else
{
    Console.Error.WriteLine("usage: weightspace-bench peak SECONDS | phases SEQUENCE | rnn SEQUENCE SECONDS");
    return 2;
}
return 0;

static void Peak(double seconds)
{
    const int rounds = 1_000_000;
    double best = 0;
    long start = Stopwatch.GetTimestamp();
    do
    {
        long round = Stopwatch.GetTimestamp();
        float sum = FmaChains(rounds);
        double elapsed = Stopwatch.GetElapsedTime(round).TotalSeconds;
        if (sum != 0) // always; keeps the chains from being optimised away
            best = Math.Max(best, rounds * 10.0 * 32 / elapsed / 1e9);
    }
    while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"peak GFLOP/s={best:F1} bits={Lanes.HardwareBits}"));
}

static float FmaChains(int rounds)
{
    Vector512<float> m = Vector512.Create(0.999f), x = Vector512.Create(0.001f);
    Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x;
    for (int round = 0; round < rounds; round++)
    {
        a = Vector512.FusedMultiplyAdd(a, m, x);
        b = Vector512.FusedMultiplyAdd(b, m, x);
        c = Vector512.FusedMultiplyAdd(c, m, x);
        d = Vector512.FusedMultiplyAdd(d, m, x);
        e = Vector512.FusedMultiplyAdd(e, m, x);
        f = Vector512.FusedMultiplyAdd(f, m, x);
        g = Vector512.FusedMultiplyAdd(g, m, x);
        h = Vector512.FusedMultiplyAdd(h, m, x);
        i = Vector512.FusedMultiplyAdd(i, m, x);
        j = Vector512.FusedMultiplyAdd(j, m, x);
    }
    return Lanes.Sum(a + b + c + d + e + f + g + h + i + j);
}

static void Rnn(int sequence, double seconds)
{
    Architecture mlds = KnownArchitectures.Mlds(MachineTask.CommandBits, MachineTask.AnswerBits);
    var training = new TrainingSpec(new AdamSpec(1e-3, 0.9, 0.999, 1e-8), 32, 100, new StopSpec(long.MaxValue / 2, null, 1), new StepSchedule.At([]), null, new EvaluationSpec(32, 1));
    var recipe = new Recipe(new MachineTask(Machine.ParityMachine, sequence, null), mlds, training, 1, 1);
    using var trainer = new Trainer();
    ITrainingRun run = trainer.Start(recipe, null);
    run.Advance(200);
    var times = new List<double>();
    long start = Stopwatch.GetTimestamp();
    do
    {
        long begin = Stopwatch.GetTimestamp();
        run.Advance(10);
        times.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds / 10);
    }
    while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
    times.Sort();
    double median = times[times.Count / 2];
    double flops = (double)mlds.TrainingFlops * sequence * 32;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"weightspace models=1 threads=1 ms/step={median * 1e3:F4} models*steps/s={1 / median:F1} GFLOP/s={flops / median / 1e9:F2} n={times.Count}"));
}

static void Phases(int sequence)
{
    const int batch = 32;
    Architecture mlds = KnownArchitectures.Mlds(MachineTask.CommandBits, MachineTask.AnswerBits);
    var task = new MachineTask(Machine.ParityMachine, sequence, null);
    using var workspace = new Workspace(mlds, sequence, batch);
    using var forward = new NetworkPass(mlds, sequence, batch);
    TaskData data = TaskData.Of(task);
    float[] weights = new float[mlds.Parameters.Count], state = new float[2 * weights.Length];
    Initialisation.PyTorchDefault(mlds.Parameters, 1, weights);
    var adam = new AdamSpec(1e-3, 0.9, 0.999, 1e-8);
    long step = 0;
    float[] x = new float[sequence * 9 * 32], y = new float[sequence * 8 * 32];
    Time("sample", () => data.Sample(1, Split.Train, 0, batch, 32, x, y));
    Time("pack", () => forward.Load(weights));
    Time("forward", () => forward.Forward(new WeightSpace.Networks.Passes.Chunk(0, 0, batch, true, 1)));
    Time("loss and gradient", () => workspace.LossAndGradient(data, Loss.MeanSquaredError, 1, 0, weights));
    Time("adam", () => Optimizers.Step(adam, ++step, weights, workspace.Gradient, state));

    static void Time(string name, Action phase)
    {
        for (int i = 0; i < 200; i++)
            phase();
        double[] times = new double[31];
        for (int round = 0; round < times.Length; round++)
        {
            long begin = Stopwatch.GetTimestamp();
            for (int i = 0; i < 200; i++)
                phase();
            times[round] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds / 200;
        }
        Array.Sort(times);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-20} {times[times.Length / 2],10:F3} us   least {times[0],10:F3} us"));
    }
}
