"""Functions that compiled loops call from outside of them."""

import numpy as np
import pytest

from autograd import fast
from autograd.fast import compiled, prange
from autograd.fast.external import external, memory

with_loops = pytest.mark.skipif(not fast.available(), reason="needs the extra 'fast'")


@external(x="float32", places="int64", out="float32")
def picked_for_tests(count, x, row, places, out):
    """out[i] = Σ_j x[i, places[j]]"""
    x, places, out = memory(x), memory(places), memory(out)
    for i in range(out.size if count < 0 else count):
        out[i] = 0.5
        for j in range(2):
            out[i] += x[i * row + places[j]]


@compiled
def rows_picked(x, places, out):
    for i in prange(x.shape[0]):
        picked_for_tests(1, x[i:], x.strides[0] // 4, places, out[i:])


@pytest.mark.parametrize("loops", [rows_picked.__wrapped__, pytest.param(rows_picked, marks=with_loops)])
def test_arrays_are_given_as_memory(loops):
    x = np.arange(60, dtype=np.float32).reshape(6, 10)[1:, 2:]
    places, out = np.array([5, 0]), np.empty(5, np.float32)
    loops(x, places, out)
    np.testing.assert_array_equal(out, x[:, 5] + x[:, 0] + 0.5)


def test_memory_is_what_lies_between_the_first_and_the_last_element():
    x = np.arange(24.0).reshape(4, 6)
    np.testing.assert_array_equal(memory(x[1:3, 2:4]), np.arange(8.0, 16.0))
    assert memory(x[:0]).shape == (0,)
    assert memory(x[2]).base is not None


@with_loops
def test_one_compilation_for_all_that_may_lie_anyhow():
    @compiled(anyhow=("x",))
    def doubled(x, out):
        for i in prange(x.shape[0]):
            for j in range(x.shape[1]):
                out[i, j] = x[i, j] * 2.0

    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    constant = x.copy()
    constant.setflags(write=False)
    for given in (x, x.T, constant, x[::2, ::-1], np.broadcast_to(x[0], (5, 4))):
        out = np.empty(given.shape, np.float32)
        doubled(given, out)
        np.testing.assert_array_equal(out, given * 2)
