using WeightSpace.Tasks;
using WeightSpace.Tasks.Images;

namespace WeightSpace.Zoos;

/// <summary>Opens a task's data with errors for people.</summary>
public static class TaskSources
{
    /// <summary>The data of a task. Throws <see cref="InputException"/> where its files are not there, damaged, or other ones.</summary>
    /// <param name="images">Where images from files are looked for; null: in the default folder.</param>
    public static TaskData Open(TaskSpec task, ImageLibrary? images = null)
    {
        try
        {
            return TaskData.Of(task, images ?? ImageLibrary.Default);
        }
        catch (InvalidDataException error)
        {
            throw new InputException(error.Message, error);
        }
    }
}
