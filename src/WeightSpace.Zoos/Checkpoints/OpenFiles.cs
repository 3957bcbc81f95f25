namespace WeightSpace.Zoos.Checkpoints;

/// <summary>
/// Keeps the files that were used last open, and never more than a bounded number, however many there are. What is in use is not closed. Several threads may use files, the same one too.
/// </summary>
internal sealed class OpenFiles<TFile>(int capacity, Func<string, TFile> open) : IDisposable
    where TFile : class, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);

    // The one used last stands first.
    private readonly LinkedList<Entry> _byUse = new();
    private bool _isDisposed;

    /// <summary>Takes a file into use, opening it where it is not open. Disposing what is returned ends the use.</summary>
    public Lease Use(string path)
    {
        Entry entry = Take(path);
        try
        {
            return new Lease(this, entry, entry.File(open));
        }
        catch
        {
            Release(entry);
            throw;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (Entry entry in _byUse)
                entry.Dispose();
            _byUse.Clear();
            _entries.Clear();
        }
    }

    private Entry Take(string path)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_entries.TryGetValue(path, out LinkedListNode<Entry>? node))
                _byUse.Remove(node);
            else
                _entries.Add(path, node = new LinkedListNode<Entry>(new Entry(path)));
            _byUse.AddFirst(node);
            node.Value.Users++;
            return node.Value;
        }
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            entry.Users--;
            for (LinkedListNode<Entry>? node = _byUse.Last; node is not null && _entries.Count > capacity;)
            {
                LinkedListNode<Entry>? before = node.Previous;
                if (node.Value.Users == 0)
                {
                    _entries.Remove(node.Value.Path);
                    _byUse.Remove(node);
                    node.Value.Dispose();
                }
                node = before;
            }
        }
    }

    /// <summary>A file in use.</summary>
    internal readonly struct Lease(OpenFiles<TFile> owner, Entry entry, TFile file) : IDisposable
    {
        public TFile File => file;

        public void Dispose() => owner.Release(entry);
    }

    internal sealed class Entry(string path) : IDisposable
    {
        private readonly Lock _opening = new();
        private TFile? _file;

        public string Path => path;

        public int Users { get; set; }

        public TFile File(Func<string, TFile> open)
        {
            lock (_opening)
                return _file ??= open(path);
        }

        public void Dispose() => _file?.Dispose();
    }
}
