using System.Globalization;
using System.Runtime.InteropServices;
using WeightSpace.Networks;
using WeightSpace.Numerics;
using WeightSpace.Tests.Cli;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Tests.Conformance;

/// <summary>Hidden units that are told to be reorderable from names and shapes alone are: PyTorch's modules give the same outputs afterwards.</summary>
public sealed class UnitOrderTests
{
    [Fact]
    public void ReorderedUnitsChangeNoOutput()
    {
        using var folder = new Folder();
        string script = Path.Combine("Conformance", "unit_orders.py");
        DebianPython.Run(script, "save", folder.Path);
        foreach (string path in Directory.GetFiles(folder.Path, "*.pt"))
        {
            using CheckpointSet set = CheckpointSet.Open(path, null, null, CancellationToken.None);
            ICheckpointGroup group = set.Groups[0];
            Assert.True(group.Symmetry is not null, path);
            float[] weights = new float[group.Count];
            group.Read(0, 0, weights);
            ulong item = 0;
            foreach (UnitGroup units in UnitGroup.Of(group.Symmetry))
            {
                int[] order = new int[units.Units];
                new RandomStream(7, RandomPurpose.Testing, item++).Permute(order);
                units.Reorder(order, weights);
            }
            File.WriteAllBytes(Path.ChangeExtension(path, ".weights"), MemoryMarshal.AsBytes(weights.AsSpan()).ToArray());
        }
        string[] lines = DebianPython.Run(script, "check", folder.Path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, lines.Length);
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ');
            Assert.True(int.Parse(parts[1], CultureInfo.InvariantCulture) > 50, line);
            Assert.True(double.Parse(parts[2], CultureInfo.InvariantCulture) < 1e-5, line);
        }
    }
}
