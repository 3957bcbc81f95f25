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
    private TaskData[] _data = [];

    public ITrainingRun Start(Recipe recipe, TrainingState? from)
    {
        if (_workspace is null || _workspace.Places != recipe.Task.Places || _workspace.Batch != recipe.Training.Batch
            || !SameLayers(_workspace.Architecture, recipe.Architecture))
        {
            _workspace?.Dispose();
            _workspace = new Workspace(recipe.Architecture, recipe.Task.Places, recipe.Training.Batch);
        }
        OpenData(recipe);
        return new TrainingLoop(_workspace, _data, recipe, from);
    }

    /// <summary>The data of each phase: those of the network before where the task is the same, and one object for phases of one task.</summary>
    private void OpenData(Recipe recipe)
    {
        var data = new TaskData[recipe.Phases.Count];
        for (int i = 0; i < data.Length; i++)
        {
            TaskSpec task = recipe.Phases[i].Task;
            data[i] = Array.Find(data, earlier => earlier?.Task == task) ?? Array.Find(_data, known => known.Task == task) ?? TaskSources.Open(task, images);
        }
        _data = data;
    }

    private static bool SameLayers(Architecture a, Architecture b) => ReferenceEquals(a, b) || a.Layers.SequenceEqual(b.Layers);

    public void Dispose() => _workspace?.Dispose();
}
