using WeightSpace.Networks;
using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;
using WeightSpace.Zoos;

namespace WeightSpace.Training;

/// <summary>Trains networks one after the other on one thread, keeping the memory between networks of one shape.</summary>
/// <param name="images">Where images from files are looked for; null: in the default folder.</param>
public sealed class Trainer(ImageLibrary? images = null) : ITrainer, IDisposable
{
    private Workspace? _workspace;
    private TaskData? _data;

    public ITrainingRun Start(Recipe recipe, TrainingState? from)
    {
        if (_workspace is null || _workspace.Places != recipe.Task.Places || _workspace.Batch != recipe.Training.Batch
            || !SameLayers(_workspace.Architecture, recipe.Architecture))
        {
            _workspace?.Dispose();
            _workspace = new Workspace(recipe.Architecture, recipe.Task.Places, recipe.Training.Batch);
        }
        if (_data is null || _data.Task != recipe.Task)
            _data = TaskSources.Open(recipe.Task, images);
        return new TrainingLoop(_workspace, _data, recipe, from);
    }

    private static bool SameLayers(Architecture a, Architecture b) => ReferenceEquals(a, b) || a.Layers.SequenceEqual(b.Layers);

    public void Dispose() => _workspace?.Dispose();
}
