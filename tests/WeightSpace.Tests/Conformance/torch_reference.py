"""PyTorch's answers: python3 torch_reference.py TASK FOLDER, with FOLDER/request.json; prints JSON."""
import csv
import json
import os
import sys

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)


class Mlds(nn.Module):
    """The network of MLDS DS1 and DS2."""

    def __init__(self, inputs=9, outputs=8, width=12):
        super().__init__()
        self.gru = nn.GRU(inputs, width, 4)
        self.linears = nn.ModuleList([nn.Linear(width, width) for _ in range(4)])
        self.out = nn.Linear(width, outputs)

    def forward(self, x):
        x, _ = self.gru(x)
        for linear in self.linears:
            x = torch.relu(linear(x))
        return self.out(x)


def load(module, weights):
    """Sets the module's weights from arrays by name; every name must be used."""
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    module.load_state_dict(state, strict=True)


def losses_of(data, packed, request, dtype, order=None):
    """The loss of every step, and the module at the end; with the samples of each batch in another order, which changes nothing but rounding."""
    batch, steps, change = request["batch"], request["steps"], request.get("change")
    module = Mlds()
    weights, at = {}, 0
    for key, value in module.state_dict().items():
        weights[key] = packed[at:at + value.numel()].reshape(tuple(value.shape))
        at += value.numel()
    assert at == len(packed)
    load(module, weights)
    module = module.to(dtype)
    optimizer = getattr(torch.optim, request["optimizer"])(module.parameters(), **request["settings"])
    losses = []
    for step in range(steps):
        if change and step == change["at"]:
            if change["fresh"]:
                optimizer = getattr(torch.optim, request["optimizer"])(module.parameters(), **request["settings"])
            for group in optimizer.param_groups:
                group["lr"] = change["lr"]
        x, y = (torch.from_numpy(data[key][:, step * batch:(step + 1) * batch]).to(dtype) for key in ("x", "y"))
        if order is not None:
            x, y = x[:, order].contiguous(), y[:, order].contiguous()
        loss = nn.functional.mse_loss(module(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, module


def train(folder, request):
    """The loss of every step in float32, in float64, and in float32 with the samples of each batch in as many other orders as are asked for."""
    data = dict(np.load(os.path.join(folder, "data.npz")))
    packed = np.fromfile(os.path.join(folder, "weights.f32"), "<f4")
    if request.get("change"):
        # What is seen behind the step of the change.
        after = np.load(os.path.join(folder, "after.npz"))
        data = {key: np.concatenate([data[key], after[key]], axis=1) for key in ("x", "y")}
    def run(dtype, order=None):
        losses, module = losses_of(data, packed, request, dtype, order)
        return {"losses": losses, "weights": [value for tensor in module.state_dict().values() for value in tensor.double().ravel().tolist()]}

    orders = np.random.default_rng(1)
    reordered = [run(torch.float32, torch.from_numpy(orders.permutation(request["batch"]))) for _ in range(request.get("orders", 0))]
    return {"single": run(torch.float32), "double": run(torch.float64), "reordered": reordered}


def initialise(folder, request):
    """Of many default initialisations: each parameter's name, shape, extremes, and the quantiles of all its draws."""
    torch.manual_seed(1)
    draws = {}
    for _ in range(request["networks"]):
        for key, value in Mlds().state_dict().items():
            draws.setdefault(key, []).append(value.numpy().copy())
    levels = np.linspace(0.05, 0.95, 19)
    return [{"name": key, "shape": list(values[0].shape), "lowest": float(np.min(values)), "highest": float(np.max(values)),
             "quantiles": np.quantile(np.array(values, np.float64), levels).tolist()} for key, values in draws.items()]


def load_shard(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {name: np.memmap(path, "<f4", "r", 8 + size + tensor["data_offsets"][0], tuple(tensor["shape"]))
            for name, tensor in header.items()}


def checkpoints_of(zoo):
    """Every checkpoint of a zoo: its row, its network's row, its weights by name."""
    networks = {row["id"]: row for row in csv.DictReader(open(os.path.join(zoo, "networks.csv"), newline=""))}
    shards = {}
    for row in csv.DictReader(open(os.path.join(zoo, "checkpoints.csv"), newline="")):
        shard = shards.setdefault(row["shard"], load_shard(os.path.join(zoo, row["shard"])))
        yield row, networks[row["network"]], {name: stack[int(row["row"])] for name, stack in shard.items()}


def evaluate(folder, request):
    """Both losses of every checkpoint of the zoo in FOLDER/zoo, as the zoo has them and as PyTorch computes them."""
    rows, before = [], None
    for row, network, weights in checkpoints_of(os.path.join(folder, "zoo")):
        name = network["task"] + ("Modified" if network["variant"] == "modified" else "")
        module = Mlds()
        load(module, weights)
        with torch.no_grad():
            data = np.load(os.path.join(folder, name + "-eval.npz"))
            loss = nn.functional.mse_loss(module(torch.from_numpy(data["x"])), torch.from_numpy(data["y"])).item()
            rows.append({"step": int(row["step"]), "kind": "eval", "zoo": float(row["eval_loss"]), "torch": loss})
            step, batch = int(row["step"]), request["batch"]
            if step > 0:
                # The batch of step s, with the weights of step s - 1.
                data = np.load(os.path.join(folder, f"{name}-{network['data_seed']}-train.npz"))
                x, y = (torch.from_numpy(data[key][:, (step - 1) * batch:step * batch]) for key in ("x", "y"))
                assert before["network"] == row["network"] and int(before["step"]) == step - 1
                loss = nn.functional.mse_loss(previous(x), y).item()
                rows.append({"step": step, "kind": "train", "zoo": float(row["train_loss"]), "torch": loss})
        previous, before = module, row
    return rows


def automata(folder, request):
    """The held-out loss of every checkpoint of a zoo of automata: an LSTM, an output layer, and the cross-entropy of all places with the class of each."""
    rows = []
    for row, network, weights in checkpoints_of(os.path.join(folder, "zoo")):
        data = np.load(os.path.join(folder, network["task"] + "-eval.npz"))
        module = nn.ModuleDict({"lstm": nn.LSTM(data["x"].shape[-1], request["width"]), "out": nn.Linear(request["width"], data["y"].shape[-1])})
        load(module, weights)
        with torch.no_grad():
            logits = module["out"](module["lstm"](torch.from_numpy(data["x"]))[0])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(data["y"]).argmax(-1).flatten()).item()
        rows.append({"step": int(row["step"]), "kind": "eval", "zoo": float(row["eval_loss"]), "torch": loss})
    return rows


with open(os.path.join(sys.argv[2], "request.json")) as request_file:
    request = json.load(request_file)
json.dump({"train": train, "initialise": initialise, "evaluate": evaluate, "automata": automata}[sys.argv[1]](sys.argv[2], request), sys.stdout)
