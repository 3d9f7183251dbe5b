"""The numbers of `program.py`, for engines that do not run PyTorch programs, and Adam for those that have none."""

from itertools import pairwise

import numpy as np


def weights(*sizes, seed=0):
    """Weight (out, in) and bias of each layer of an MLP."""
    random = np.random.default_rng(seed)
    return [
        ((random.standard_normal((n, m)) / np.sqrt(m)).astype(np.float32), np.full(n, 0.1, np.float32))
        for m, n in pairwise(sizes)
    ]


def regression():
    random = np.random.default_rng(1)
    return random.standard_normal((4, 2)).astype(np.float32), random.standard_normal((4, 1)).astype(np.float32)


def images():
    random = np.random.default_rng(3)
    return random.standard_normal((64, 784)).astype(np.float32), random.integers(0, 10, 64)


def adam(parameters, gradients, state, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    """One step of Adam in NumPy, for engines that have no optimizer."""
    state["t"] = t = state.get("t", 0) + 1
    for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        if i not in state:
            state[i] = np.zeros_like(p), np.zeros_like(p)
        m, v = state[i]
        m += (1 - b1) * (g - m)
        v += (1 - b2) * (g * g - v)
        p -= lr / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + eps)
