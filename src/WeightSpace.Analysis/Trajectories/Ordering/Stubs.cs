namespace WeightSpace.Analysis.Trajectories.Ordering;

/// <summary>
/// Takes stubs back into their paths: the shortest way leaves out a checkpoint at which a path turns sharply, and it is left hanging beside the path. It belongs between two neighbours if going through it costs no
/// more than a few of its own first steps; a fork does not come back to its parent.
/// </summary>
internal static class Stubs
{
    /// <summary>The most that a stub may lengthen the path, in squared steps, of its own first one.</summary>
    private const double Most = 3;

    /// <summary>Checkpoints of a stub, at most.</summary>
    private const int Longest = 2;

    /// <param name="parents">Of a tree of paths (<see cref="PathTree"/>); changed in place. [member]</param>
    public static void Insert(CheckpointDistances distances, int[] members, int[] parents)
    {
        List<int>[] children = PathTree.Children(parents);
        bool hasChanged = true;
        while (hasChanged)
        {
            hasChanged = false;
            for (int leaf = 0; leaf < parents.Length; leaf++)
            {
                if (children[leaf].Count == 0 && Stub(leaf) is { } stub && Place(stub) is { } place)
                {
                    Put(stub, place.Behind, place.IsReversed);
                    hasChanged = true;
                }
            }
        }

        // From its first checkpoint to the leaf; null where there is more of it.
        List<int>? Stub(int leaf)
        {
            var stub = new List<int> { leaf };
            int at = parents[leaf];
            while (at >= 0 && children[at].Count == 1 && stub.Count <= Longest)
            {
                stub.Insert(0, at);
                at = parents[at];
            }
            return at < 0 || stub.Count > Longest ? null : stub;
        }

        // Before which checkpoint it lengthens the path least, and which way round.
        (int Behind, bool IsReversed)? Place(List<int> stub)
        {
            int first = stub[0], last = stub[^1];
            ReadOnlySpan<float> fromFirst = distances.Row(members[first]), fromLast = distances.Row(members[last]);
            double least = Most * fromFirst[members[parents[first]]];
            (int, bool)? place = null;
            for (int b = 0; b < parents.Length; b++)
            {
                int a = parents[b];
                if (a < 0 || stub.Contains(a) || stub.Contains(b))
                    continue;
                double direct = distances[members[a], members[b]];
                double longer = (double)fromFirst[members[a]] + fromLast[members[b]] - direct, reversed = (double)fromLast[members[a]] + fromFirst[members[b]] - direct;
                if (longer < least)
                    (least, place) = (longer, (b, false));
                if (reversed < least)
                    (least, place) = (reversed, (b, true));
            }
            return place;
        }

        void Put(List<int> stub, int behind, bool isReversed)
        {
            int parent = parents[behind];
            children[parents[stub[0]]].Remove(stub[0]);
            foreach (int i in stub)
                children[i].Clear();
            children[parent].Remove(behind);
            if (isReversed)
                stub.Reverse();
            foreach (int i in stub.Append(behind))
            {
                parents[i] = parent;
                children[parent].Add(i);
                parent = i;
            }
        }
    }
}
