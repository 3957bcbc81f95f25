"""Networks of any layers as PyTorch computes them, in float64: python3 torch_layers.py FOLDER, with FOLDER/request.json; prints JSON.

A request is a list of cases. A case has layers (name, type and settings), the shape of its input, and arrays in FOLDER/<file>.f32, one behind the
other. What PyTorch computes of it goes to FOLDER/<file>.f64, in the order in which it was asked for.
"""
import json
import os
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.optim import lr_scheduler

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
warnings.simplefilter("ignore")

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU}
RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class Masked(nn.Module):
    """Dropout with the masks that it is given."""

    def __init__(self):
        super().__init__()
        self.mask = None

    def forward(self, x):
        return x * self.mask.reshape(x.shape) if self.training else x


def module_of(layer, run, mistake):
    """The module of a layer, or of a run of recurrent layers of one name."""
    kind, (channels, height, width) = layer["type"], layer["input"]
    if kind in RECURRENT:
        settings = {"nonlinearity": layer["nonlinearity"]} if kind == "rnn" else {}
        return RECURRENT[kind](channels * height * width, layer["outputs"], num_layers=run, batch_first=True, **settings)
    if kind == "dense":
        return nn.Linear(channels * height * width, layer["outputs"])
    if kind == "conv":
        return nn.Conv2d(channels, layer["channels"], layer["kernel"], layer["stride"], layer["padding"])
    if kind == "max_pool":
        return nn.MaxPool2d(layer["kernel"], layer["stride"])
    if kind == "avg_pool":
        return nn.AvgPool2d(layer["kernel"], layer["stride"])
    if kind == "flatten":
        return nn.Flatten()
    if kind == "dropout":
        return Masked()
    if kind == "batch_norm":
        settings = {"eps": 1e-3} if mistake == "batch_norm_eps" else {"momentum": 0.11} if mistake == "batch_norm_momentum" else {}
        return (nn.BatchNorm1d if height * width == 1 else nn.BatchNorm2d)(channels, **settings)
    if kind == "layer_norm":
        settings = {"eps": 1e-3} if mistake == "layer_norm_eps" else {}
        return nn.LayerNorm(channels if height * width == 1 else [channels, height, width], **settings)
    if kind == "leaky_relu":
        return nn.LeakyReLU(layer["slope"] + (0.01 if mistake == "slope" else 0))
    if kind == "gelu" and mistake == "gelu_tanh":
        return nn.GELU(approximate="tanh")
    return ACTIVATIONS[kind]()


class Network(nn.Module):
    """Layers one behind the other; all but the recurrent ones see samples x places as a batch."""

    def __init__(self, case):
        super().__init__()
        self.runs, self.last = [], case["layers"][-1]
        layers, at = case["layers"], 0
        while at < len(layers):
            run = 1
            while at + run < len(layers) and layers[at]["type"] in RECURRENT and layers[at + run]["name"] == layers[at]["name"]:
                run += 1
            module, name = module_of(layers[at], run, case["mistake"]), layers[at]["name"]
            parent = self
            for part in name.split(".")[:-1]:
                if not hasattr(parent, part):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.add_module(name.split(".")[-1], module)
            self.runs.append((layers[at], module))
            at += run

    def forward(self, x):
        """[sample, place, features] to [sample, place, outputs]."""
        samples, places = x.shape[:2]
        for layer, module in self.runs:
            if layer["type"] in RECURRENT:
                x, _ = module(x.reshape(samples, places, -1))
            else:
                channels, height, width = layer["input"]
                flat = height * width == 1 and layer["type"] not in ("conv", "max_pool", "avg_pool")
                x = module(x.reshape([samples * places, channels] + ([] if flat else [height, width])))
        return x.reshape(samples, places, -1)

    def masks(self, arrays, samples, places):
        for layer, module in self.runs:
            if layer["type"] == "dropout":
                module.mask = arrays.take(samples * places, int(np.prod(layer["input"])))


def tensors(module):
    """Parameters in order, then buffers, as the packed block has them."""
    state = [(name, value) for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")]
    parameters = {name for name, _ in module.named_parameters()}
    return [pair for pair in state if pair[0] in parameters] + [pair for pair in state if pair[0] not in parameters]


class Arrays:
    """Arrays one behind the other in a file."""

    def __init__(self, path):
        self.values, self.at = np.fromfile(path, "<f4").astype(np.float64), 0

    def take(self, *shape):
        count = int(np.prod(shape))
        self.at += count
        return torch.from_numpy(self.values[self.at - count:self.at].reshape(shape))


def loss_of(case, outputs, targets):
    outputs, targets = (array.reshape(-1, array.shape[-1]) for array in (outputs, targets))
    return {"mse": nn.MSELoss, "cross_entropy": nn.CrossEntropyLoss, "binary_cross_entropy": nn.BCEWithLogitsLoss}[case["loss"]]()(outputs, targets)


def compute(folder, case):
    """The names and shapes of the parameters; to the file: what the case asks for."""
    network = Network(case)
    named = tensors(network)
    answer = [{"name": name, "shape": list(value.shape)} for name, value in named]
    if case["file"] is None:
        return answer
    arrays = Arrays(os.path.join(folder, case["file"] + ".f32"))
    with torch.no_grad():
        for _, value in named:
            value.copy_(arrays.take(*value.shape))
    samples, places, inputs, outputs = case["batch"], case["places"], int(np.prod(case["layers"][0]["input"])), case["outputs"]
    results = []
    keep = lambda value: results.append(np.atleast_1d(value.detach().numpy()).ravel().copy())
    data = lambda count: (arrays.take(count, places, inputs), arrays.take(count, places, outputs))
    if case["training"] is None:
        x, y = data(samples)
        network.masks(arrays, samples, places)
        network.eval()
        keep(network(x))
        network.train()
        answers = network(x)
        keep(answers)
        loss = loss_of(case, answers, y)
        loss.backward()
        keep(loss)
        for parameter in network.parameters():
            keep(parameter.grad)
    else:
        train(case["training"], case, network, arrays, samples, places, data, keep)
    assert arrays.at == len(arrays.values), f"{case['file']}: {arrays.at} of {len(arrays.values)} values used"
    np.concatenate(results).tofile(os.path.join(folder, case["file"] + ".f64"))
    return answer


def train(training, case, network, arrays, samples, places, data, keep):
    """Held-out loss of the start, the loss of each step, held-out loss of the end, and all tensors of the end."""
    held_out = data(training["heldOut"])

    def evaluate():
        network.eval()
        with torch.no_grad():
            keep(loss_of(case, network(held_out[0]), held_out[1]))
        network.train()

    evaluate()
    optimizer = eval("torch.optim." + training["optimizer"].replace("(", "(network.parameters(), ", 1))
    scope = dict(vars(lr_scheduler), optimizer=optimizer)
    schedule = eval(training["schedule"], scope) if training["schedule"] else None
    for _ in range(training["steps"]):
        x, y = data(samples)
        network.masks(arrays, samples, places)
        loss = loss_of(case, network(x), y)
        optimizer.zero_grad()
        loss.backward()
        if training["clip"] is not None:
            nn.utils.clip_grad_norm_(network.parameters(), training["clip"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
        keep(loss)
    evaluate()
    for _, value in tensors(network):
        keep(value)


with open(os.path.join(sys.argv[1], "request.json")) as request_file:
    cases = json.load(request_file)
json.dump([compute(sys.argv[1], case) for case in cases], sys.stdout)
