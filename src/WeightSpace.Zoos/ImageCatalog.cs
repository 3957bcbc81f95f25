using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos;

/// <summary>The image sets that a zoo's manifest names: its experiment can be read where the images themselves are not.</summary>
internal sealed class ImageCatalog(IReadOnlyList<ImageSetInfo> sets) : IImageCatalog
{
    public ImageSetInfo Find(string name) => sets.FirstOrDefault(set => set.Name == name)
        ?? throw new InvalidDataException($"the image set '{name}' is not among the manifest's images");
}
