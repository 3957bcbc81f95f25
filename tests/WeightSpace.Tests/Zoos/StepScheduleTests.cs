using WeightSpace.Zoos;

namespace WeightSpace.Tests.Zoos;

public sealed class StepScheduleTests
{
    public static TheoryData<StepSchedule> Schedules =>
        [new StepSchedule.Every(1), new StepSchedule.Every(7), new StepSchedule.PerDoubling(1), new StepSchedule.PerDoubling(2), new StepSchedule.PerDoubling(4), new StepSchedule.At([0, 3, 4, 999])];

    [Theory]
    [MemberData(nameof(Schedules))]
    public void AStepIsInAScheduleWhenItIsAmongItsSteps(StepSchedule schedule)
    {
        const long last = 5000;
        long[] steps = [.. schedule.Steps(last)];
        Assert.Equal(steps.Distinct().Order(), steps);
        Assert.Equal(steps, Enumerable.Range(0, (int)last + 1).Select(step => (long)step).Where(schedule.Contains));
        Assert.Equal(steps.Length, schedule.CountTo(last));
    }
}
