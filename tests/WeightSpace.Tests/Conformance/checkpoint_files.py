"""Saves checkpoints in every way that PyTorch and NumPy have, and beside each the values that are expected: NAME.expected holds, for each tensor, its name, its shape and its values as
float32. Usage: checkpoint_files.py FOLDER"""
import argparse
import collections
import json
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch

folder = Path(sys.argv[1])
torch.manual_seed(1)


def expect(name, tensors, metadata=None, left_out=()):
    with open(folder / f"{name}.expected.json", "w") as file:
        json.dump({
            "tensors": [{"name": key, "shape": list(value.shape), "bits": np.ascontiguousarray(value.detach().to(torch.float32).numpy()).reshape(-1).view(np.uint32).tolist()}
                        for key, value in tensors.items()],
            "metadata": metadata or {},
            "left_out": list(left_out),
        }, file)


def save(name, value, tensors, metadata=None, left_out=()):
    for ending, options in (("pt", {}), ("legacy.pth", {"_use_new_zipfile_serialization": False}), ("protocol4.bin", {"pickle_protocol": 4})):
        torch.save(value, folder / f"{name}.{ending}", **options)
        expect(f"{name}.{ending}", tensors, metadata, left_out)


model = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.Linear(36, 5), torch.nn.Linear(5, 3))
model[1].running_mean += torch.randn(4)
state = model.state_dict()
weights = {key: value for key, value in state.items() if value.is_floating_point()}
save("state", state, weights, left_out=["1.num_batches_tracked"])

# A training dictionary, of a model in DataParallel, with an optimizer that has state.
optimizer = torch.optim.Adam(model.parameters())
model(torch.randn(2, 2, 5, 5)).sum().backward()
optimizer.step()
schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
wrapped = collections.OrderedDict((f"module.{key}", value) for key, value in model.state_dict().items())
weights = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
training = {
    "epoch": 3, "global_step": 1200, "model_state_dict": wrapped, "optimizer_state_dict": optimizer.state_dict(), "scheduler": schedule.state_dict(), "loss": torch.tensor(0.25),
    "best": np.float64(0.1), "accuracy": np.float32(0.5), "count": np.int64(7), "note": "warm start", "done": False, "args": argparse.Namespace(lr=0.001, name="adam"),
    "rng_state": torch.get_rng_state(), "device": torch.device("cpu"), "size": torch.Size([2, 3]), "kinds": {"a", "b"}, "history": [1.0, 2.0], "defaults": collections.defaultdict(list, {"x": [1]}),
    "array": np.arange(6.0).reshape(2, 3), "type": torch.float32,
}
save("training", training, weights, {"epoch": "3", "global_step": "1200", "loss": "0.25", "best": "0.1", "accuracy": "0.5", "count": "7", "note": "warm start", "done": "false", "args.lr": "0.001", "args.name": "adam"},
     ["optimizer_state_dict", "1.num_batches_tracked"])

# Types.
special = torch.tensor([0.0, -0.0, 1.5, -2.25, float("inf"), float("-inf"), 6e-8, 65504.0, 3e-5])
types = {str(kind).removeprefix("torch."): special.to(kind) for kind in (torch.float16, torch.bfloat16, torch.float32, torch.float64)}
types["tiny"] = torch.tensor([1e-45, 1e-40], dtype=torch.float32)
types["third"] = torch.tensor([1 / 3, 1e300, -1e-300], dtype=torch.float64)
save("types", {**types, "whole": torch.arange(4), "truth": torch.tensor([True, False]), "bytes": torch.zeros(3, dtype=torch.uint8), "complex": torch.zeros(2, dtype=torch.complex64)},
     types, left_out=["whole", "truth", "bytes", "complex"])

# Views of one storage, not contiguous, not at its beginning, expanded, of no dimension and of no size.
base = torch.randn(6, 8)
views = {
    "base": base, "tied": base, "row": base[2], "column": base[:, 3], "transposed": base.t(), "part": base[1:5, 2:7], "steps": base[::2, 1::3], "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
    "number": torch.tensor(2.5), "of_base": base[3, 4], "empty": torch.zeros(0, 4), "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "expanded": torch.randn(3, 1).expand(3, 4),
    "parameter": torch.nn.Parameter(base[1:3]), "half_view": base.half().t()[1:],
}
save("views", views, views)

# A large tensor that is not contiguous: it is gathered a page at a time.
large = torch.randn(2100, 2200).t()
torch.save({"weight": large}, folder / "large.pt")
np.ascontiguousarray(large.numpy()).tofile(folder / "large.raw")

# Several models, and a list.
several = {"generator": {"weight": torch.randn(2)}, "discriminator": {"weight": torch.randn(3)}}
save("several", {**several, "epoch": 2}, {"generator.weight": several["generator"]["weight"], "discriminator.weight": several["discriminator"]["weight"]}, {"epoch": "2"})
listed = [torch.randn(2, 2), torch.randn(3)]
save("listed", listed, {"0": listed[0], "1": listed[1]})
one = torch.randn(3, 2)
save("one", one, {"tensor": one})

# NumPy.
arrays = {"a": np.random.RandomState(1).randn(3, 4).astype(np.float32), "b.c": np.random.RandomState(2).randn(2, 3, 2), "f": np.asfortranarray(np.arange(12, dtype=np.float16).reshape(3, 4)),
          "big": np.arange(5, dtype=">f4"), "number": np.float32(1.5), "empty": np.zeros((0, 2), np.float32)}
expected = {key: torch.from_numpy(np.array(value, dtype=np.asarray(value).dtype.newbyteorder("="))) for key, value in arrays.items()}
np.savez(folder / "arrays.npz", **arrays, whole=np.arange(3))
expect("arrays.npz", expected, left_out=["whole"])
np.savez_compressed(folder / "packed.npz", **arrays, whole=np.arange(3))
expect("packed.npz", expected, left_out=["whole"])
np.save(folder / "alone.npy", arrays["b.c"])
expect("alone.npy", {"alone": expected["b.c"]})
np.save(folder / "fortran.npy", np.asfortranarray(arrays["a"]))
expect("fortran.npy", {"fortran": expected["a"]})


# safetensors, by its specification: 8 bytes of header length, JSON, the data.
def safetensors(path, tensors, metadata=None):
    names = {torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for key, value in tensors.items():
        raw = (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).contiguous().numpy().tobytes()
        header[key] = {"dtype": names[value.dtype], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


kinds = {**types, "whole": torch.arange(3)}
safetensors(folder / "kinds.safetensors", kinds, {"format": "pt", "step": "40"})
expect("kinds.safetensors", types, {"format": "pt", "step": "40"}, ["whole"])
parts = {"model-00001-of-00002.safetensors": {"a.weight": torch.randn(3, 2)}, "model-00002-of-00002.safetensors": {"b.weight": torch.randn(4), "b.bias": torch.randn(2)}}
for part, tensors in parts.items():
    safetensors(folder / part, tensors)
(folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": {key: part for part, tensors in parts.items() for key in tensors}}))
expect("model.safetensors.index.json", {key: value for tensors in parts.values() for key, value in tensors.items()})

# Big-endian, as a machine of that kind would write it.
torch.save({"weight": torch.from_numpy(np.frombuffer(np.arange(5, dtype=">f4").tobytes(), dtype=np.float32).copy())}, folder / "little.pt")
with zipfile.ZipFile(folder / "little.pt") as little, zipfile.ZipFile(folder / "big.pt", "w") as big:
    for item in little.infolist():
        if not item.filename.endswith("byteorder"):
            big.writestr(item.filename, little.read(item.filename))
    big.writestr("little/byteorder", "big")
(folder / "little.pt").unlink()
expect("big.pt", {"weight": torch.arange(5.0)})

# A zip whose lengths stand in zip64 fields.
with zipfile.ZipFile(folder / "state.pt") as plain, zipfile.ZipFile(folder / "zip64.pt", "w") as large_zip:
    for item in plain.infolist():
        with large_zip.open(item.filename, "w", force_zip64=True) as file:
            file.write(plain.read(item.filename))
expect("zip64.pt", {key: value for key, value in torch.load(folder / "state.pt").items() if value.is_floating_point()}, left_out=["1.num_batches_tracked"])


# ONNX: what PyTorch exports (raw data), and the other ways to store numbers, by onnx.proto3.
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
torch.onnx.export(net, torch.zeros(1, 3), str(folder / "exported.onnx"))
expect("exported.onnx", net.state_dict())


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    return varint(number << 3) + varint(content) if isinstance(content, int) else varint(number << 3 | 2) + varint(len(content)) + content


def tensor_proto(name, shape, kind, *data, packed_shape=False):
    dims = field(1, b"".join(map(varint, shape))) if packed_shape else b"".join(field(1, size) for size in shape)
    return field(5, dims + field(2, kind) + b"".join(data) + field(8, name.encode()))


def external(location, offset, length):
    return [field(13, field(1, key) + field(2, value)) for key, value in ((b"location", location), (b"offset", str(offset).encode()), (b"length", str(length).encode()))] + [field(14, 1)]


values = np.array([[1.5, -2.25, 3e-5], [0.0, 65504.0, 1e-7]])
halves, uppers = values.astype(np.float16), torch.from_numpy(values).to(torch.bfloat16)
(folder / "outside.data").write_bytes(b"12345678" + values.astype("<f4").tobytes() + values.astype("<f8").tobytes())
graph = b"".join([
    tensor_proto("float_data", [2, 3], 1, field(4, values.astype("<f4").tobytes())),
    tensor_proto("double_data", [2, 3], 11, field(10, values.astype("<f8").tobytes()), packed_shape=True),
    tensor_proto("half_raw", [6], 10, field(9, halves.tobytes())),
    tensor_proto("half_int32", [3, 2], 10, field(5, b"".join(varint(int(bits)) for bits in halves.view(np.uint16).reshape(-1)))),
    tensor_proto("bfloat_int32", [2, 3], 16, field(5, b"".join(varint(int(bits) & 0xFFFF) for bits in uppers.view(torch.int16).reshape(-1)))),
    tensor_proto("scalar", [], 1, field(4, struct.pack("<f", 7.0))),
    tensor_proto("shape", [2], 7, field(7, b"".join(map(varint, [1, 2 ** 64 - 1])))),
    tensor_proto("external", [2, 3], 1, *external(b"outside.data", 8, 24)),
    tensor_proto("external_double", [6], 11, *external(b"outside.data", 32, 48)),
])
(folder / "made.onnx").write_bytes(field(1, 8) + field(2, b"made by hand") + field(7, field(2, b"graph") + graph) + field(14, field(1, b"epoch") + field(2, b"12")))
single, double = torch.from_numpy(values).float(), torch.from_numpy(values)
expect("made.onnx", {"float_data": single, "double_data": double, "half_raw": torch.from_numpy(halves).reshape(6), "half_int32": torch.from_numpy(halves).reshape(3, 2), "bfloat_int32": uppers,
                     "scalar": torch.tensor(7.0), "external": single, "external_double": double.reshape(6)}, {"epoch": "12"}, ["shape"])
