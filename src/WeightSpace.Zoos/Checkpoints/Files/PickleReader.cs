using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// Reads one pickle (protocols 0 to 5) as data: nothing is looked up, imported, called or executed. What a pickle asks to call is handed to <see cref="Call"/>, which knows a few functions that
/// only describe data, and refuses all others by name. Every value is charged against a budget of memory before it is made, and nothing here calls itself, so no nesting is too deep.
/// </summary>
internal abstract class PickleReader(FileBytes file, ByteReader bytes)
{
    /// <summary>About how many bytes of memory all values of one pickle may take.</summary>
    private const long Budget = 1L << 27;

    private const int ValueCost = 40, ContainerCost = 160, ListCost = 100, TextCost = 60, ItemCost = 40, MaxText = 1 << 22, MaxLine = 1 << 12, MaxLongBytes = 64;

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private long _cost;

    /// <summary>Reads up to the end of the pickle and returns its value.</summary>
    public object? Read()
    {
        while (true)
        {
            byte code = bytes.Byte();
            if (code == (byte)'.')
                return Pop();
            if (!ReadNumber(code) && !ReadText(code) && !ReadContainer(code) && !ReadMemo(code) && !ReadObject(code))
                throw Bad($"found the opcode 0x{code:x2}, which is not known");
        }
    }

    /// <summary>The value of calling a name with arguments. Throws <see cref="InputException"/> where that is not one of those that only describe data.</summary>
    protected abstract object? Call(PickleGlobal function, IReadOnlyList<object?> arguments);

    /// <summary>The value that stands outside of the pickle under this id: a storage.</summary>
    protected abstract object? Persistent(object? id);

    /// <summary>An error in the pickle.</summary>
    protected InputException Bad(string what) => file.Bad($"its pickle is not sound or not read: {what} (at byte {bytes.Position})");

    /// <summary>Reserves memory for what is about to be made.</summary>
    protected void Charge(long cost)
    {
        _cost += cost;
        if (_cost > Budget)
            throw Bad($"it would take more than {Budget >> 20} MB of memory, expected a checkpoint's table of tensors");
    }

    private void Push(object? value)
    {
        Charge(ValueCost);
        _stack.Add(value);
    }

    private object? Pop()
    {
        if (_stack.Count == 0 || (_marks.Count > 0 && _marks[^1] == _stack.Count))
            throw Bad("it takes a value where there is none");
        object? value = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object? Top() => _stack.Count > 0 && (_marks.Count == 0 || _marks[^1] < _stack.Count) ? _stack[^1] : throw Bad("it takes a value where there is none");

    /// <summary>Takes all values above the last mark, and the mark.</summary>
    private List<object?> PopMark()
    {
        if (_marks.Count == 0)
            throw Bad("it goes back to a mark where there is none");
        int mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        Charge(ContainerCost + (8L * (_stack.Count - mark)));
        List<object?> items = _stack.GetRange(mark, _stack.Count - mark);
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private bool ReadNumber(byte code)
    {
        Span<byte> raw = stackalloc byte[8];
        switch (code)
        {
            case (byte)'N':
                Push(null);
                return true;
            case 0x88 or 0x89:
                Push(code == 0x88);
                return true;
            case (byte)'K':
                Push((long)bytes.Byte());
                return true;
            case (byte)'M':
                Push((long)(ushort)Integer(2));
                return true;
            case (byte)'J':
                Push((long)(int)Integer(4));
                return true;
            case (byte)'G':
                bytes.Read(raw);
                Push(BinaryPrimitives.ReadDoubleBigEndian(raw));
                return true;
            case 0x8A:
                Push(Long(bytes.Byte()));
                return true;
            case 0x8B:
                Push(Long(Integer(4)));
                return true;
            case (byte)'I' or (byte)'L':
                string line = Line();
                Push(code == 'I' && line is "00" or "01" ? line == "01" : long.TryParse(line.TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : throw Bad($"found '{Shown.Of(line)}', expected a whole number of 64 bits"));
                return true;
            case (byte)'F':
                line = Line();
                Push(double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) ? real : throw Bad($"found '{Shown.Of(line)}', expected a number"));
                return true;
            default:
                return false;
        }
    }

    private bool ReadText(byte code)
    {
        switch (code)
        {
            case 0x8C or (byte)'X' or 0x8D:
                Push(Text(Integer(code == 0x8C ? 1 : code == 'X' ? 4 : 8), Encoding.UTF8));
                return true;
            case (byte)'U' or (byte)'T':
                Push(Text(Integer(code == 'U' ? 1 : 4), Encoding.Latin1));
                return true;
            case (byte)'C' or (byte)'B' or 0x8E or 0x96:
                Push(Raw(Integer(code == 'C' ? 1 : code == 'B' ? 4 : 8)));
                return true;
            case (byte)'S' or (byte)'V':
                string line = Line();
                if (line.Contains('\\', StringComparison.Ordinal))
                    throw Bad("found a text with escapes; save the checkpoint again with a newer protocol");
                Push(code == 'V' ? line : line.Length >= 2 && line[0] is '\'' or '"' && line[^1] == line[0] ? line[1..^1] : throw Bad($"found '{Shown.Of(line)}', expected a text in quotes"));
                return true;
            default:
                return false;
        }
    }

    private bool ReadContainer(byte code)
    {
        switch (code)
        {
            case (byte)'(':
                Charge(ValueCost);
                _marks.Add(_stack.Count);
                return true;
            case (byte)'0':
                if (_marks.Count > 0 && _marks[^1] == _stack.Count)
                    PopMark();
                else
                    Pop();
                return true;
            case (byte)'1':
                PopMark();
                return true;
            case (byte)'2':
                Push(Top());
                return true;
            case (byte)']' or (byte)')' or 0x8F:
                Charge(ListCost);
                Push(Sequence([]));
                return true;
            case (byte)'l' or (byte)'t' or 0x91:
                Push(Sequence(PopMark()));
                return true;
            case 0x85 or 0x86 or 0x87:
                Charge(ListCost);
                var items = new List<object?>(code - 0x84);
                while (items.Count < code - 0x84)
                    items.Add(Pop());
                items.Reverse();
                Push(Sequence(items));
                return true;
            case (byte)'a':
                object? item = Pop();
                Append([item]);
                return true;
            case (byte)'e' or 0x90:
                Append(PopMark());
                return true;
            case (byte)'}':
                Charge(ContainerCost);
                Push(new PickleDictionary());
                return true;
            case (byte)'d':
                List<object?> pairs = PopMark();
                Charge(ContainerCost);
                Push(new PickleDictionary());
                SetItems(pairs);
                return true;
            case (byte)'s':
                object? value = Pop(), key = Pop();
                SetItems([key, value]);
                return true;
            case (byte)'u':
                SetItems(PopMark());
                return true;
            default:
                return false;
        }
    }

    private bool ReadMemo(byte code)
    {
        switch (code)
        {
            case (byte)'q' or (byte)'r' or (byte)'p' or 0x94:
                uint key = code == 0x94 ? (uint)_memo.Count : code == 'p' ? MemoLine() : (uint)Integer(code == 'q' ? 1 : 4);
                Charge(ItemCost);
                _memo[key] = Top();
                return true;
            case (byte)'h' or (byte)'j' or (byte)'g':
                key = code == 'g' ? MemoLine() : (uint)Integer(code == 'h' ? 1 : 4);
                Push(_memo.TryGetValue(key, out object? known) ? known : throw Bad($"it asks for value {key} of its memo, which is not there"));
                return true;
            default:
                return false;
        }
    }

    private bool ReadObject(byte code)
    {
        switch (code)
        {
            case 0x80:
                if (bytes.Byte() is var protocol && protocol > 5)
                    throw Bad($"found protocol {protocol}, expected 0 to 5");
                return true;
            case 0x95:
                // A frame only says how much could be read ahead.
                Integer(8);
                return true;
            case (byte)'c':
                string module = Line(), name = Line();
                Push(Global(module, name));
                return true;
            case 0x93:
                object? second = Pop(), first = Pop();
                Push(first is string of && second is string what ? Global(of, what) : throw Bad("found a name that is no text"));
                return true;
            case (byte)'R' or 0x81:
                object? arguments = Pop();
                Push(Called(Pop(), arguments));
                return true;
            case 0x92:
                object? named = Pop();
                arguments = Pop();
                object? type = Pop();
                Push(named is PickleDictionary { Items.Count: 0 } ? Called(type, arguments) : throw Bad("found an object made with named arguments"));
                return true;
            case (byte)'i':
                (module, name) = (Line(), Line());
                Push(Called(Global(module, name), Sequence(PopMark())));
                return true;
            case (byte)'o':
                List<object?> parts = PopMark();
                Push(parts.Count > 0 ? Called(parts[0], Sequence(parts[1..])) : throw Bad("found an object without a class"));
                return true;
            case (byte)'b':
                object? state = Pop();
                Build(Top(), state);
                return true;
            case (byte)'Q':
                Push(Persistent(Pop()));
                return true;
            case (byte)'P':
                Push(Persistent(Line()));
                return true;
            default:
                return false;
        }
    }

    private object? Called(object? function, object? arguments)
    {
        if (function is not PickleGlobal global)
            throw Bad("it asks to call something that is no name");
        return Call(global, arguments is PickleSequence sequence ? sequence.Items : throw Bad($"it asks to call {Shown.Of(global.Name)} with something else than a list of arguments"));
    }

    /// <summary>Gives an object its attributes. Those of a plain dictionary (a state dict's <c>_metadata</c>) are of no use.</summary>
    private void Build(object? target, object? state)
    {
        switch (target)
        {
            case PickleObject known:
                // (attributes, slots) where a class has slots.
                foreach ((object? key, object? value) in (state as PickleDictionary ?? (state as PickleSequence)?.Items.OfType<PickleDictionary>().FirstOrDefault())?.Items ?? [])
                {
                    Charge(ItemCost);
                    known.Attributes.Set(key, value);
                }
                break;
            case PickleDictionary or PickleSequence or PickleOpaque or TorchTensor or NumpyType or NumpyArray:
                (target as NumpyType)?.Build(state);
                (target as NumpyArray)?.Build(state);
                break;
            default:
                throw Bad("it gives attributes to something that has none");
        }
    }

    private static PickleSequence Sequence(List<object?> items) => new() { Items = items };

    private PickleGlobal Global(string module, string name)
    {
        if (module.Length > 256 || name.Length > 256)
            throw Bad("found a name of more than 256 characters");
        return new PickleGlobal($"{module}.{name}");
    }

    private void Append(List<object?> items)
    {
        if (Top() is not PickleSequence list)
            throw Bad("it appends to something that is no list");
        Charge(8L * items.Count);
        list.Items.AddRange(items);
    }

    private void SetItems(List<object?> pairs)
    {
        PickleDictionary? dictionary = Top() as PickleDictionary ?? (Top() as PickleObject)?.Attributes;
        if (dictionary is null || pairs.Count % 2 != 0)
            throw Bad("it sets items of something that is no dictionary, or keys without values");
        Charge((long)ItemCost * pairs.Count);
        for (int i = 0; i < pairs.Count; i += 2)
            dictionary.Set(pairs[i], pairs[i + 1]);
    }

    /// <summary>An unsigned little-endian number of 1 to 8 bytes.</summary>
    private long Integer(int size)
    {
        Span<byte> raw = stackalloc byte[8];
        raw.Clear();
        bytes.Read(raw[..size]);
        return BinaryPrimitives.ReadInt64LittleEndian(raw);
    }

    /// <summary>A whole number of so many bytes: 64 bits where it fits.</summary>
    private object Long(long size)
    {
        if (size > MaxLongBytes)
            throw Bad($"found a whole number of {size} bytes, expected at most {MaxLongBytes}");
        byte[] raw = new byte[size];
        bytes.Read(raw);
        var value = new BigInteger(raw);
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : value;
    }

    private byte[] Raw(long size)
    {
        if (size < 0 || size > Math.Min(bytes.Left, MaxText))
            throw Bad($"found a text of {(ulong)size} bytes, expected at most {Math.Min(bytes.Left, MaxText)}");
        Charge(TextCost + size);
        byte[] raw = new byte[size];
        bytes.Read(raw);
        return raw;
    }

    private string Text(long size, Encoding encoding)
    {
        Charge(Math.Clamp(size, 0, MaxText));
        return encoding.GetString(Raw(size));
    }

    private uint MemoLine() => uint.TryParse(Line(), NumberStyles.None, CultureInfo.InvariantCulture, out uint key) ? key : throw Bad("found no number of its memo");

    /// <summary>Text up to a line feed.</summary>
    private string Line()
    {
        var line = new StringBuilder();
        for (byte next; (next = bytes.Byte()) != '\n';)
        {
            if (line.Length == MaxLine)
                throw Bad($"found a line of more than {MaxLine} characters");
            line.Append((char)next);
        }
        Charge(2L * line.Length);
        return line.ToString();
    }
}
