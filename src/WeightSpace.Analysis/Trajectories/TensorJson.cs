using System.Text.Json;
using WeightSpace.Zoos;
using WeightSpace.Zoos.Checkpoints;

namespace WeightSpace.Analysis.Trajectories;

/// <summary>Names and shapes of the tensors of a packed block, as the key <c>tensors</c> of a JSON object has them.</summary>
internal static class TensorJson
{
    public static void Write(Utf8JsonWriter json, IReadOnlyList<PackedTensor> tensors)
    {
        json.WriteStartArray("tensors"u8);
        foreach (PackedTensor tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteStartArray("shape"u8);
            foreach (long size in tensor.Shape)
                json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <exception cref="OverflowException">They have more values than a long counts.</exception>
    public static List<PackedTensor> Read(JsonReader parent)
    {
        var tensors = new List<PackedTensor>();
        long offset = 0;
        foreach (JsonReader tensor in parent.Children("tensors"))
        {
            tensors.Add(new PackedTensor(tensor.String("name"), tensor.Int64Array("shape", new NumberRange(0, long.MaxValue)), offset));
            offset = checked(offset + tensors[^1].Elements);
            tensor.Done();
        }
        return tensors;
    }
}
