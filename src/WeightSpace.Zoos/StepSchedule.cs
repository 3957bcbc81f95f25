namespace WeightSpace.Zoos;

/// <summary>
/// At which steps something is kept. Step n is the state after n updates; step 0 the initial weights. The last step of a network is
/// always kept too, whatever the schedule.
/// </summary>
public abstract record StepSchedule
{
    /// <summary>The scheduled steps in [0, last], ascending.</summary>
    public abstract IEnumerable<long> Steps(long last);

    public abstract bool Contains(long step);

    /// <summary>How many steps are scheduled in [0, last].</summary>
    public abstract long CountTo(long last);

    /// <summary>Steps 0, n, 2n, ...</summary>
    public sealed record Every(long Interval) : StepSchedule
    {
        public override IEnumerable<long> Steps(long last)
        {
            for (long step = 0; step <= last; step += Interval)
                yield return step;
        }

        public override bool Contains(long step) => step % Interval == 0;

        public override long CountTo(long last) => (last / Interval) + 1;
    }

    /// <summary>
    /// Log-spaced: 0 and the roundings of 2^(i/n), n steps a doubling, n in {1, 2, 4}, so that the steps come from square roots
    /// alone and are the same on any machine.
    /// </summary>
    public sealed record PerDoubling(int Count) : StepSchedule
    {
        public override IEnumerable<long> Steps(long last)
        {
            yield return 0;
            long previous = 0;
            for (long octave = 1; octave <= last; octave *= 2)
            {
                for (int part = 0; part < Count; part++)
                {
                    long step = Step(octave, part);
                    if (step > previous && step <= last)
                        yield return previous = step;
                }
            }
        }

        /// <summary>Asked at every step of training, so without making a sequence.</summary>
        public override bool Contains(long step)
        {
            if (step == 0)
                return true;
            // A part of the octave before may round up to the octave's own step, which is in the schedule anyway.
            long octave = 1L << System.Numerics.BitOperations.Log2((ulong)step);
            for (int part = 0; part < Count; part++)
            {
                if (Step(octave, part) == step)
                    return true;
            }
            return false;
        }

        public override long CountTo(long last) => Steps(last).LongCount();

        private long Step(long octave, int part) => (long)Math.Round(octave * Fraction(part), MidpointRounding.AwayFromZero);

        private double Fraction(int part) => (part * (4 / Count)) switch
        {
            0 => 1,
            1 => Math.Sqrt(Math.Sqrt(2)),
            2 => Math.Sqrt(2),
            _ => Math.Sqrt(2) * Math.Sqrt(Math.Sqrt(2)),
        };
    }

    /// <summary>A list of steps, ascending.</summary>
    public sealed record At(IReadOnlyList<long> List) : StepSchedule
    {
        public override IEnumerable<long> Steps(long last) => List.Where(step => step <= last);

        public override bool Contains(long step) => CountTo(step) is > 0 and var count && List[(int)count - 1] == step;

        public override long CountTo(long last)
        {
            int low = 0, high = List.Count;
            while (low < high)
            {
                int middle = (low + high) / 2;
                (low, high) = List[middle] <= last ? (middle + 1, high) : (low, middle);
            }
            return low;
        }

        public bool Equals(At? other) => other is not null && List.SequenceEqual(other.List);

        public override int GetHashCode() => List.Aggregate(17, HashCode.Combine);
    }
}
