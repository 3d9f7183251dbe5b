"""Rows added at places of a table, by loops and by NumPy."""

import contextlib

import numpy as np
import pytest

import autograd as ag
from autograd import fast
from autograd.fast.indexing import add_rows
from nn import functional as F

with_loops = pytest.mark.skipif(not fast.available(), reason="needs the extra 'fast'")


@pytest.mark.parametrize("columns", [1, 2, 5, 16])
def test_the_loop_as_it_is_written(columns):
    random = np.random.default_rng(0)
    table, rows = random.standard_normal((4, 5)), random.standard_normal((9, 5))
    places = random.integers(0, 4, 9)
    expected = table.copy()
    np.add.at(expected, places, rows)
    add_rows.__wrapped__(table, places, rows, columns)
    np.testing.assert_allclose(table, expected)


@with_loops
@pytest.mark.parametrize(("many", "width"), [(300, 64), (2000, 9), (30000, 1), (20, 1000)])
@pytest.mark.parametrize("dtype", [ag.int64, ag.int32])
def test_the_gradient_of_a_table_with_and_without_the_loop(many, width, dtype):
    random = np.random.default_rng(0)
    places = ag.tensor(random.integers(0, 7, (2, many)), dtype=dtype)
    weights = ag.tensor(random.standard_normal((2, many, width)).astype(np.float32))
    for take in (lambda x: F.embedding(places, x, padding_idx=2), lambda x: x[places.long() - 7]):
        found = []
        for context in (fast.disabled(), contextlib.nullcontext()):
            table = ag.zeros(7, width, requires_grad=True)
            with context:
                (take(table) * weights).sum().backward()
            found.append(table.grad.array)
        np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-3)
