using System.Globalization;
using System.Text;

namespace WeightSpace.Zoos.Checkpoints.Collections;

/// <summary>The <c>README.md</c> of a collection: what is in it, and how to load it.</summary>
internal static class CollectionCard
{
    public static byte[] Write(IReadOnlyList<CollectionGroup> groups, IReadOnlyList<RefusedFile> refused, IReadOnlyList<string> metadata)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # A collection of checkpoints

            {groups.Sum(group => group.Checkpoints)} checkpoints in {groups.Count} groups, imported by `weightspace import`. The tensors of a group have the same names and shapes; each is stacked
            `[rows, ...shape]` as float32 in `weights/`. `{CollectionManifest.TableName}` says which checkpoint stands where.

            | group | checkpoints | tensors | values of one |
            |---|---|---|---|

            """);
        foreach (CollectionGroup group in groups)
            text.Append(CultureInfo.InvariantCulture, $"| {group.Name} | {group.Checkpoints} | {group.Tensors.Count} | {group.Tensors.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size))} |\n");
        text.Append("""

            ## Loading it

            ```python
            import csv, safetensors.torch
            rows = list(csv.DictReader(open("checkpoints.csv", newline="")))
            state = {name: stack[int(rows[0]["row"])] for name, stack in safetensors.torch.load_file(rows[0]["shard"]).items()}
            ```

            `state` is the first checkpoint's `state_dict`; whole numbers (`num_batches_tracked`) are not kept, so load it with `strict=False`.

            """);
        if (metadata.Count > 0)
            text.Append(CultureInfo.InvariantCulture, $"\nThe table has what the files say of themselves: {string.Join(", ", metadata.Select(Cell))}.\n");
        if (refused.Count > 0)
        {
            text.Append("\n## Not imported\n\n| file | why |\n|---|---|\n");
            foreach (RefusedFile file in refused.Take(1000))
                text.Append(CultureInfo.InvariantCulture, $"| {Cell(file.Path)} | {Cell(file.Reason)} |\n");
            if (refused.Count > 1000)
                text.Append(CultureInfo.InvariantCulture, $"\nand {refused.Count - 1000} more; `{CollectionManifest.FileName}` lists all of them.\n");
        }
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>Text from outside as a table's cell.</summary>
    private static string Cell(string text) => string.Concat(text.Select(letter => letter is '|' or '<' or '>' or '`' || char.IsControl(letter) ? ' ' : letter));
}
