"""How the polynomials of src/WeightSpace.Numerics/LaneMath.cs were fitted: weighted minimax by Lawson's iteration (reweighted
least squares) on 4,001 Chebyshev nodes. Prints float32 coefficients and the relative error before they are rounded."""
import numpy as np
from numpy.polynomial import chebyshev, polynomial
from scipy.special import log_ndtr, ndtr


def minimax(degree, x, y, weight, rounds=400):
    """The coefficients, ascending, and the largest weighted error. In Chebyshev's basis, where the powers are well conditioned."""
    low, high = x.min(), x.max()
    basis, emphasis = chebyshev.chebvander((2 * x - low - high) / (high - low), degree), np.ones(len(x))
    for _ in range(rounds):
        w = weight * np.sqrt(emphasis)
        c = np.linalg.lstsq(basis * w[:, None], y * w, rcond=None)[0]
        error = np.abs((basis @ c - y) * weight)
        emphasis *= error
        emphasis /= emphasis.sum()
    powers, argument, power = np.zeros(degree + 1), [-(low + high) / (high - low), 2 / (high - low)], np.ones(1)
    for coefficient in chebyshev.cheb2poly(c):
        powers[:len(power)] += coefficient * power
        power = polynomial.polymul(power, argument)
    return powers, error.max()


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

# log(1 + f) = f - f^2 / 2 + f^3 L(f) for sqrt(1/2) <= 1 + f <= sqrt(2), a little widened; again the target is a series.
low, high = (np.sqrt(0.5) - 1) * 1.0005, (np.sqrt(2) - 1) * 1.0005
f = (low + high) / 2 + (high - low) / 2 * nodes
target = np.zeros_like(f)
for k in range(200, 2, -1):
    target = target * f + (1 / k if k % 2 else -1 / k)
c, error = minimax(7, f, target, np.abs(f**3 / np.log1p(f)))
print("L0..L7", *(np.float32(value) for value in c), f"relative error {error:.2e}")

# Phi(-a) = exp(-a N(a)) / 2 for 0 <= a <= 14, where it is below the least float that Exp is asked for. An error d of N is a relative error a d of Phi; the weight keeps
# the absolute error small first, and the relative one of the tail a thousandth as strictly.
a = 7 + 7 * nodes
c, error = minimax(11, a, -(log_ndtr(-a) + np.log(2)) / a, (ndtr(-a) + 1e-3) * a, 600)
rounded = 0.5 * np.exp(-a * polynomial.polyval(a, np.float32(c).astype(float)))
print("N0..N11", *(np.float32(value) for value in c),
      f"absolute error {np.abs(rounded - ndtr(-a)).max():.2e}, relative {np.abs(rounded / ndtr(-a) - 1).max():.2e}")
