"""How the polynomials of src/WeightSpace.Numerics/LaneMath.cs were fitted: weighted minimax by Lawson's iteration (reweighted
least squares) on 4,001 Chebyshev nodes. Prints float32 coefficients and the relative error before they are rounded."""
import numpy as np


def minimax(degree, x, y, weight, rounds=400):
    powers, emphasis = np.vander(x, degree + 1, increasing=True), np.ones(len(x))
    for _ in range(rounds):
        w = weight * np.sqrt(emphasis)
        c = np.linalg.lstsq(powers * w[:, None], y * w, rcond=None)[0]
        error = np.abs((powers @ c - y) * weight)
        emphasis *= error
        emphasis /= emphasis.sum()
    return c, error.max()


nodes = np.cos(np.pi * (np.arange(4001) + 0.5) / 4001)

# expm1(r) = r + r^2 (1/2 + r Q(r)) on |r| <= ln2 / 2, a little widened for the rounding of r. Q's target is summed as a series,
# because the subtractions would cancel.
r = 0.34657359027997264 * 1.0005 * nodes
target, term = np.zeros_like(r), np.full_like(r, 1 / 6)
for k in range(3, 26):
    target += term
    term *= r / (k + 1)
c, error = minimax(3, r, target, np.abs(r**3 / np.expm1(r)))
print("P1..P4", *(np.float32(value) for value in c), f"relative error {error:.2e}")

# 1/d on [1, 2].
d = 1.5 + 0.5 * nodes
c, error = minimax(2, d, 1 / d, d)
print("R0..R2", *(np.float32(value) for value in c), f"relative error {error:.2e}")
