using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tasks;
using WeightSpace.Training;
using WeightSpace.Zoos;

namespace WeightSpace.Bench;

/// <summary>Where the time of a step of the MLDS network goes, batch 32: kernels alone, then the parts of a step.</summary>
internal static class Phases
{
    /// <summary>Prints the median and least microseconds of each phase, over sequences of this length.</summary>
    public static void Run(int sequence)
    {
        const int batch = 32;
        Architecture mlds = KnownArchitectures.Mlds(MachineTask.CommandBits, MachineTask.AnswerBits);
        var task = new MachineTask(Machine.ParityMachine, sequence, null);
        using var workspace = new Workspace(mlds, sequence, batch);
        using var forward = new ForwardPass(mlds, sequence, batch);
        float[] weights = new float[mlds.Parameters.Count], state = new float[2 * weights.Length];
        Initialisation.PyTorchDefault(mlds.Parameters, 1, weights);
        var adam = new AdamSpec(1e-3, 0.9, 0.999, 1e-8);
        long step = 0;
        Kernels();
        Time("sample", () => workspace.Sample(task, 1, Split.Train, 0, batch));
        Time("pack", () => forward.Load(weights));
        Time("forward", forward.Run);
        Time("loss and gradient", () => workspace.LossAndGradient(weights));
        Time("adam", () => Optimizers.Step(adam, ++step, weights, workspace.Gradient, state));

        static unsafe void Kernels()
        {
            using var buffer = new LaneBuffer(1 << 20);
            float* panels = buffer.Take(36 * 13 * 2), input = buffer.Take(36 * 32 * 8), output = buffer.Take(48 * 32 * 8), sums = buffer.Take(36 * 12 * 16);
            Time("multiply 36x12 (27.6 kFLOP)", () => LaneMatrix.Multiply(panels, 36, 12, input, output, 32, false));
            Time("multiply 12x36 (27.6 kFLOP)", () => LaneMatrix.Multiply(panels, 12, 36, input, output, 32, false));
            Time("outer 36x12x8 (221 kFLOP)", () => LaneMatrix.AccumulateOuter(output, 36, 48 * 32, input, 12, 12 * 32, 8, 32, sums));
            Time("reduce 432", () => LaneMatrix.ReduceLanes(sums, 432, panels));
            Time("sigmoid 12 vectors", () =>
            {
                for (int i = 0; i < 12; i++)
                    LaneMath.Sigmoid(Vector512.Load(input + (16 * i))).Store(output + (16 * i));
            });
            Time("tanh 12 vectors", () =>
            {
                for (int i = 0; i < 12; i++)
                    LaneMath.Tanh(Vector512.Load(input + (16 * i))).Store(output + (16 * i));
            });
        }

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
}
