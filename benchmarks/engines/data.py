"""The same numbers for all engines."""

from itertools import pairwise

import numpy as np


def weights(*sizes, seed=0):
    """Weight (out, in) and bias of each layer of an MLP, float32."""
    random = np.random.default_rng(seed)
    return [
        ((random.standard_normal((n, m)) / np.sqrt(m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in pairwise(sizes)
    ]


def regression(seed=1):
    random = np.random.default_rng(seed)
    return random.standard_normal((4, 2)).astype(np.float32), random.standard_normal((4, 1)).astype(np.float32)


def images(seed=2):
    random = np.random.default_rng(seed)
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
