"""The numbers that every engine starts from, and Adam for engines that have none."""

import math
from itertools import pairwise

import numpy as np


def seeded(shapes, seed=0):
    """Parameters of these shapes: matrices and kernels keep the scale of what passes, the others are 0.1."""
    random = np.random.default_rng(seed)
    return [
        (random.standard_normal(s) / math.sqrt(math.prod(s[1:])) if len(s) > 1 else np.full(s, 0.1)).astype(np.float32)
        for s in shapes
    ]


def dense(*sizes):
    """Shapes of the weights (out, in) and biases of an MLP."""
    return [shape for m, n in pairwise(sizes) for shape in ((n, m), (n,))]


# Weights and biases of the convolutional network.
CNN = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (128, 64, 3, 3), (128,), *dense(2048, 10)]


def normal(*shapes):
    random = np.random.default_rng(1)
    return [random.standard_normal(shape).astype(np.float32) for shape in shapes]


def labelled(*shape):
    """Inputs of this shape, and one of ten classes for each."""
    return *normal(shape), np.random.default_rng(2).integers(0, 10, shape[0])


def text(batch, tokens=64, vocabulary=96):
    """Sequences of tokens, and what follows each token."""
    sequences = np.random.default_rng(3).integers(0, vocabulary, (batch, tokens + 1))
    return sequences[:, :-1], sequences[:, 1:]


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
