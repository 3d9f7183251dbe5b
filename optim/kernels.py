"""The rules of Adam and SGD as loops: one pass over the memory where NumPy makes a dozen (extra ``fast``).

They compute what `Adam.update` and `SGD.update` say, and are used by them for large float32 arrays.
"""

from __future__ import annotations

from autograd.fast import compiled, prange
from autograd.fast.scalars import sqrt

__all__ = ["adam_update", "sgd_momentum_update", "sgd_update"]


@compiled
def adam_update(p, g, mean, square, rate, gain1, gain2, epsilon, decay, shrink):
    """p, mean and square in place; `decay` joins the gradient, `shrink` multiplies the parameter."""
    for i in prange(p.size):
        d = g[i] + decay * p[i]
        m = mean[i] + gain1 * (d - mean[i])
        v = square[i] + gain2 * (d * d - square[i])
        mean[i] = m
        square[i] = v
        p[i] = shrink * p[i] - rate * m / (sqrt(v) + epsilon)


@compiled
def sgd_update(p, g, rate, decay):
    """p in place."""
    for i in prange(p.size):
        p[i] = p[i] - rate * (g[i] + decay * p[i])


@compiled
def sgd_momentum_update(p, g, buffer, rate, decay, momentum, gain, ahead):
    """p and buffer in place; `ahead` is Nesterov's momentum, 0 without it."""
    for i in prange(p.size):
        d = g[i] + decay * p[i]
        b = momentum * buffer[i] + gain * d
        buffer[i] = b
        p[i] = p[i] - rate * (d + ahead * b if ahead > 0.0 else b)
