"""Modules whose hidden units are put in another order, told by another program, give the same outputs. Usage: unit_orders.py save FOLDER | unit_orders.py check FOLDER"""
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

mode, folder = sys.argv[1], Path(sys.argv[2])
torch.manual_seed(3)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.core = kind(5, 7, 2, batch_first=True)
        self.norm = nn.LayerNorm(7)
        self.hidden = nn.Linear(7, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(self.norm(self.core(x)[0]))))


models = {
    "dense": (nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3)), (4, 5)),
    "conv": (nn.Sequential(nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 5, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(20, 9), nn.ReLU(), nn.Linear(9, 3)), (4, 2, 8, 8)),
    "conv1d": (nn.Sequential(nn.Conv1d(2, 6, 3), nn.ReLU(), nn.Conv1d(6, 5, 3), nn.Flatten(), nn.BatchNorm1d(20), nn.Linear(20, 3)), (4, 2, 8)),
    "gru": (Recurrent(nn.GRU), (4, 6, 5)), "lstm": (Recurrent(nn.LSTM), (4, 6, 5)), "rnn": (Recurrent(nn.RNN), (4, 6, 5)),
}
for name, (model, shape) in models.items():
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.1)
    if mode == "save":
        torch.save(model.state_dict(), folder / f"{name}.pt")
        continue
    model.load_state_dict(torch.load(folder / f"{name}.pt"))
    model.eval()
    data = torch.randn(shape)
    with torch.no_grad():
        before = model(data)
        changed = {key: value.clone() for key, value in model.state_dict().items()}
        flat, at, moved = torch.from_numpy(np.fromfile(folder / f"{name}.weights", dtype="<f4")), 0, 0
        keys = [key for key, value in changed.items() if value.is_floating_point()]
        for key in sorted(keys, key=lambda key: key.endswith(("running_mean", "running_var"))):
            count = changed[key].numel()
            new = flat[at:at + count].reshape(changed[key].shape)
            moved += int((new != changed[key]).sum())
            changed[key] = new
            at += count
        assert at == len(flat)
        model.load_state_dict(changed)
        print(name, moved, float((model(data) - before).abs().max() / before.abs().max()))
