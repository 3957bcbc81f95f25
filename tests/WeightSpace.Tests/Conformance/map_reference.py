"""Holds a map's files to what NumPy and scipy compute from the zoo's weights: map_reference.py ZOO MAP prints "agrees"."""

import csv
import json
import pathlib
import sys

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist, squareform

zoo, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
arrays = np.load(folder / "map.npz")
with open(folder / "map.csv", newline="") as file:
    table = list(csv.DictReader(file))


def weights(row):
    with open(zoo / row["shard"], "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    tensors = [np.memmap(zoo / row["shard"], "<f4", "r", 8 + size + tensor["data_offsets"][0], tuple(tensor["shape"])) for tensor in header.values()]
    return np.concatenate([tensor[int(row["row"])].ravel() for tensor in tensors])


with open(zoo / "checkpoints.csv", newline="") as file:
    last = {row["network"]: row for row in csv.DictReader(file)}  # by step, so the last one stays
x = np.array([weights(last[row["id"]]) for row in table], dtype=np.float64)
distances = squareform(pdist(x))
np.fill_diagonal(distances, np.inf)
k = arrays["neighbours"].shape[1]
np.testing.assert_array_equal(arrays["neighbours"], np.argsort(distances, axis=1, kind="stable")[:, :k])
# A distance from inner products is off by a share of the norms, which for twins is a larger one of the distance.
np.testing.assert_allclose(arrays["distances"], np.sort(distances, axis=1)[:, :k], rtol=1e-3)
np.testing.assert_allclose(arrays["merges"], linkage(pdist(x), "ward"), rtol=1e-3)
centred = x - x.mean(axis=0)
np.testing.assert_allclose(arrays["variances"], np.linalg.svd(centred, compute_uv=False)[:len(arrays["variances"])] ** 2 / (len(x) - 1), rtol=1e-4, atol=1e-5 * arrays["variances"][0])
np.testing.assert_allclose((arrays["coordinates"] ** 2).sum(axis=0) / (len(x) - 1), arrays["variances"], rtol=1e-5, atol=1e-9 * arrays["variances"][0])
np.testing.assert_array_equal(arrays["leaf"], np.arange(len(x)))
assert [int(row["cluster"]) for row in table] == arrays["cluster"].tolist()
assert [row["nearest"] for row in table] == [table[i]["id"] for i in arrays["neighbours"][:, 0]]
print("agrees")
