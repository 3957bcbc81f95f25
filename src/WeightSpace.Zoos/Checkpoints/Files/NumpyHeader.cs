using System.Globalization;
using System.Text;

namespace WeightSpace.Zoos.Checkpoints.Files;

/// <summary>
/// What stands before an array's numbers in a .npy file (format 1.0, 2.0, 3.0): a Python dictionary of exactly <c>descr</c>, <c>fortran_order</c> and <c>shape</c>, read as text.
/// </summary>
/// <param name="Type">Null where the numbers are no weights.</param>
/// <param name="TypeName">In NumPy's words: <c>&lt;f4</c>.</param>
/// <param name="Bytes">Of the header: the numbers begin behind it.</param>
internal sealed record NumpyHeader(NumberType? Type, string TypeName, bool IsBigEndian, bool IsColumnMajor, long[] Shape, int Bytes)
{
    private const int MaxBytes = 1 << 16;

    /// <summary>Bytes of one number.</summary>
    public int Size => NumberTypes.SizeOf(Type!.Value);

    /// <summary>Strides in numbers of a column-major array; null of a row-major one.</summary>
    public long[]? Strides()
    {
        if (!IsColumnMajor || Shape.Length < 2)
            return null;
        var strides = new long[Shape.Length];
        long stride = 1;
        for (int axis = 0; axis < Shape.Length; axis++)
        {
            strides[axis] = stride;
            stride *= Math.Max(1, Shape[axis]);
        }
        return strides;
    }

    /// <param name="read">Reads the next bytes, all that are asked for.</param>
    /// <param name="name">Of the array, for messages.</param>
    public static NumpyHeader Read(FileBytes file, string name, Action<byte[]> read)
    {
        byte[] head = new byte[8];
        read(head);
        if (!head.AsSpan(0, 6).SequenceEqual((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y']))
            throw file.Bad($"'{Shown.Of(name)}' is no NumPy array: it does not begin as one");
        if (head[6] is < 1 or > 3)
            throw file.Bad($"'{Shown.Of(name)}' is of version {head[6]} of NumPy's format, expected 1 to 3");
        byte[] length = new byte[head[6] == 1 ? 2 : 4];
        read(length);
        long bytes = length.Select((value, index) => (long)value << (8 * index)).Sum();
        if (bytes > MaxBytes)
            throw file.Bad($"the header of '{Shown.Of(name)}' is said to have {bytes} bytes, expected at most {MaxBytes}");
        byte[] text = new byte[bytes];
        read(text);
        return new Parser(file, name, Encoding.UTF8.GetString(text)).Parse(head.Length + length.Length + (int)bytes);
    }

    private sealed class Parser(FileBytes file, string name, string text)
    {
        private int _at;

        public NumpyHeader Parse(int bytes)
        {
            string? type = null;
            bool? isColumnMajor = null;
            long[]? shape = null;
            Expect('{');
            while (!Take('}'))
            {
                string key = Quoted();
                Expect(':');
                switch (key)
                {
                    case "descr" when type is null:
                        type = Next() == '[' ? throw file.Bad($"'{Shown.Of(name)}' is an array of records, expected numbers") : Quoted();
                        break;
                    case "fortran_order" when isColumnMajor is null:
                        isColumnMajor = Word("True") || (Word("False") ? false : throw Bad());
                        break;
                    case "shape" when shape is null:
                        shape = Tuple();
                        break;
                    default:
                        throw Bad();
                }
                if (!Take(','))
                {
                    Expect('}');
                    break;
                }
            }
            if (type is null || isColumnMajor is null || shape is null || text[_at..].Trim().Length > 0)
                throw Bad();
            if (type.EndsWith('O'))
                throw file.Bad($"'{Shown.Of(name)}' is an array of Python objects, which would have to be executed; save it as numbers");
            // float32 has another byte order than this machine's where it says so; '=' and '|' are this machine's.
            NumberType? number = type.TrimStart('<', '>', '=', '|') switch
            {
                "f4" => NumberType.F32,
                "f8" => NumberType.F64,
                "f2" => NumberType.F16,
                _ => null,
            };
            // Checked before anything is computed from it.
            TensorCollector.Elements(file, name, shape);
            return new NumpyHeader(number, type, type.StartsWith('>'), isColumnMajor.Value, shape, bytes);
        }

        private long[] Tuple()
        {
            var sizes = new List<long>();
            Expect('(');
            while (!Take(')'))
            {
                Next();
                int begin = _at;
                while (_at < text.Length && char.IsAsciiDigit(text[_at]))
                    _at++;
                sizes.Add(long.TryParse(text.AsSpan(begin, _at - begin), NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : throw Bad());
                // Python 2 wrote long numbers with an L.
                Take('L');
                if (!Take(','))
                {
                    Expect(')');
                    break;
                }
            }
            return [.. sizes];
        }

        private string Quoted()
        {
            char quote = Next();
            int end = quote is '\'' or '"' ? text.IndexOf(quote, _at + 1) : -1;
            if (end < 0)
                throw Bad();
            string value = text[(_at + 1)..end];
            _at = end + 1;
            return value;
        }

        private bool Word(string word)
        {
            Next();
            if (!text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal))
                return false;
            _at += word.Length;
            return true;
        }

        private char Next()
        {
            while (_at < text.Length && text[_at] == ' ')
                _at++;
            return _at < text.Length ? text[_at] : throw Bad();
        }

        private bool Take(char letter)
        {
            if (Next() != letter)
                return false;
            _at++;
            return true;
        }

        private void Expect(char letter)
        {
            if (!Take(letter))
                throw Bad();
        }

        private InputException Bad() => file.Bad($"the header of '{Shown.Of(name)}' is '{Shown.Of(text)}', expected a dictionary of descr, fortran_order and shape");
    }
}
