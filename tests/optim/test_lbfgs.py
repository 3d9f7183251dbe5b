"""L-BFGS against PyTorch, with and without the line search."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import optim
from tests.optim.bridge import torch

OPTIONS = [
    {},
    {"lr": 0.01},
    {"lr": 0.01, "history_size": 4},
    {"tolerance_grad": 1e-2},
    {"tolerance_change": 1e-2},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 3, "max_iter": 7},
    {"line_search_fn": "strong_wolfe", "lr": 0.1, "max_eval": 9},
    {"line_search_fn": "strong_wolfe", "lr": 3.0},
]


def run(library, kinds, options, kind, steps=5, interrupted=False):
    random = np.random.default_rng(1)
    matrix, target, w, c = (random.standard_normal(s) for s in ((20, 6), 20, 6, (2, 2)))
    make = lambda value, **more: library.tensor(value, dtype=library.float64, **more)
    w, c = make(w, requires_grad=True), make(c, requires_grad=True)
    optimizer = kinds.LBFGS([w, c], **options)

    def closure():
        optimizer.zero_grad()
        if kind == "quadratic":
            error = make(matrix) @ w - make(target)
            loss = (error * error).sum() + (c * c * c * c).sum()
        else:
            loss = (100 * (w[1:] - w[:-1] * w[:-1]) ** 2 + (1 - w[:-1]) ** 2).sum() + (c * c).sum().exp()
        loss.backward()
        return loss

    track = []
    for k in range(steps):
        if interrupted and k == 2:
            state = optimizer.state_dict()
            optimizer = kinds.LBFGS([w, c], **options)
            optimizer.load_state_dict(state)
        loss = optimizer.step(closure)
        track.append(np.concatenate([[loss.item()], w.detach().numpy(), c.detach().numpy().ravel()]))
    state = optimizer.state_dict()["state"][0]
    return np.array(track), (state["func_evals"], state["n_iter"])


@pytest.mark.parametrize("options", OPTIONS[:-1], ids=str)
def test_quadratic(options):
    (theirs, counts), (mine, my_counts) = (
        run(torch, torch.optim, options, "quadratic"),
        run(ag, optim, options, "quadratic"),
    )
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
    assert my_counts == counts


@pytest.mark.parametrize("options", OPTIONS[1:], ids=str)
def test_rosenbrock(options):
    (theirs, counts), (mine, my_counts) = run(torch, torch.optim, options, "valley"), run(ag, optim, options, "valley")
    np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)
    assert my_counts == counts


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_interrupted_equals_uninterrupted(options):
    whole, parts = (run(ag, optim, options, "quadratic", interrupted=k) for k in (False, True))
    np.testing.assert_array_equal(whole[0], parts[0])


def test_what_it_refuses():
    w = ag.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [w]}, {"params": [ag.ones(1)]}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS([w], line_search_fn="golden").step(lambda: w.sum())
