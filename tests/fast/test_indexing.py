"""Elements and rows taken and added at places, by loops and by NumPy."""

import contextlib

import numpy as np
import pytest

import autograd as ag
from autograd import fast
from autograd.fast.indexing import add_along, add_rows, take_along
from nn import functional as F
from tests.fast.common import both, using, with_loops


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


@pytest.mark.parametrize(("after", "columns"), [(1, 16), (5, 2), (5, 16)])
def test_the_loops_along_a_dimension_as_they_are_written(after, columns):
    random = np.random.default_rng(0)
    table, x = random.standard_normal((2, 3, after)), random.standard_normal((2, 7, after))
    index = random.integers(0, 3, x.shape)
    out, total = np.empty_like(x), table.copy()
    take_along.__wrapped__(table, index, out, columns)
    np.testing.assert_array_equal(out, np.take_along_axis(table, index, 1))
    add_along.__wrapped__(total, index, x, columns)
    where = np.arange(2)[:, None, None], index, np.arange(after)
    np.add.at(table, where, x)
    np.testing.assert_allclose(total, table)


@both
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_gather_and_scatter_add_of_many(compiled, dim):
    random = np.random.default_rng(0)
    shape = (30, 40, 50)
    index = random.integers(0, shape[dim], shape)
    x, y = random.standard_normal((2, *shape)).astype(np.float32)
    where = tuple(index if d == dim else i for d, i in enumerate(np.ogrid[:30, :40, :50]))
    added, back = x.copy(), np.zeros_like(x)
    np.add.at(added, where, y)
    np.add.at(back, where, y)
    with using(compiled):
        table = ag.tensor(x, requires_grad=True)
        taken = table.gather(dim, ag.tensor(index))
        taken.backward(ag.tensor(y))
        total = table.detach().scatter_add(dim, ag.tensor(index), ag.tensor(y))
    np.testing.assert_array_equal(taken.detach().array, x[where])
    np.testing.assert_allclose(table.grad.array, back, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(total.array, added, rtol=1e-5, atol=1e-5)


def test_an_index_that_has_been_expanded_names_rows():
    random = np.random.default_rng(0)
    rows, y = random.integers(0, 9, 50), random.standard_normal((50, 4))
    index = ag.tensor(rows)[:, None].expand(50, 4)
    table = ag.tensor(random.standard_normal((9, 4)), requires_grad=True)
    table.gather(0, index).backward(ag.tensor(y))
    back = np.zeros((9, 4))
    np.add.at(back, rows, y)
    np.testing.assert_allclose(table.grad.array, back)
    np.testing.assert_allclose(ag.zeros(9, 4, dtype=ag.float64).scatter_add(0, index, ag.tensor(y)).array, back)
