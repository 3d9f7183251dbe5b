"""Choosing and writing by tensors of indices and by masks, against PyTorch: values, gradients of both orders."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee

I = np.array([2, 0, 2])  # noqa: E741
MASK = np.array([[True, False, True], [False, False, True]])


WITH_INDICES = {
    "gather": lambda m, x: m.gather(x, 1, m.tensor([[0, 0], [2, 1]])),
    "take_along_dim": lambda m, x: m.take_along_dim(x, m.tensor([[0, 2, 1]]), 1),
    "take": lambda m, x: m.take(x, m.tensor([0, 5, 0])),
    "index_select": lambda m, x: m.index_select(x, 1, m.tensor(I)),
    "index_add": lambda m, x: m.index_add(x, 1, m.tensor(I), x * 2, alpha=3),
    "index_copy": lambda m, x: m.index_copy(x, 1, m.tensor([2, 0]), x[:, :2] * 2),
    "index_fill": lambda m, x: m.index_fill(x, 1, m.tensor([1]), 2.0),
    "index_put": lambda m, x: x.index_put((m.tensor([0, 0]), m.tensor([1, 1])), x[0, :2] * 3, accumulate=True),
    "scatter": lambda m, x: m.scatter(x, 1, m.tensor([[0, 2], [1, 0]]), x[:, :2] * 2),
    "scatter number": lambda m, x: m.scatter(x, 1, m.tensor([[0, 2], [1, 0]]), 5.0),
    "scatter_add": lambda m, x: m.scatter_add(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, :2] * 2),
    "scatter_reduce prod": lambda m, x: m.scatter_reduce(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, 1:], "prod"),
    "scatter_reduce mean": lambda m, x: m.scatter_reduce(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, 1:], "mean", include_self=False),
    "scatter_reduce amax": lambda m, x: m.scatter_reduce(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, 1:] * 2, "amax"),
    "masked_fill": lambda m, x: m.masked_fill(x, m.tensor(MASK), 3.0),
    "masked_select": lambda m, x: m.masked_select(x, m.tensor(MASK)),
    "masked_scatter": lambda m, x: m.masked_scatter(x, m.tensor(MASK), x * 2),
    "where": lambda m, x: m.where(m.tensor(MASK), x, x[0] * 2),
    "put": lambda m, x: m.Tensor.put(x, m.tensor([0, 0]), x[0, :2], True),
    "select_scatter": lambda m, x: m.select_scatter(x, x[0] * 2, 0, 1),
    "slice_scatter": lambda m, x: m.slice_scatter(x, x[:, :2] * 2, 1, 0, 3, 2),
    "diagonal_scatter": lambda m, x: m.diagonal_scatter(x, x[0, :2] * 2),
    "meshgrid": lambda m, x: m.meshgrid(x[0], x[1], indexing="xy")[0],
    "as_strided": lambda m, x: m.as_strided(x * 1, (2, 2), (1, 2), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_INDICES)
def test_with_indices(name):
    torch = referee()
    data = np.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])
    results = []
    for m in (torch, ag):
        x = m.tensor(data, requires_grad=True)
        out = WITH_INDICES[name](m, x)
        (g,) = m.autograd.grad((out**3).sum(), x, create_graph=True)
        (gg,) = m.autograd.grad((g * g).sum(), x)
        results.append([v.detach().numpy() for v in (out, g, gg)])
    for e, o in zip(*results, strict=True):
        np.testing.assert_allclose(o, e, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ag.gather(x, 1, ag.tensor([[7]])), "out of bounds"),
        (lambda x: x.scatter(1, ag.tensor([[0]]), ag.ones(1, 1, dtype=ag.float64)), "dtype"),
        (lambda x: x.index_select(0, ag.tensor([2])), "out of bounds"),
        (lambda x: x.masked_fill(ag.tensor([1, 0, 1]), 0.0), "boolean"),
    ],
)
def test_errors(call, message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        call(ag.zeros(2, 3))
