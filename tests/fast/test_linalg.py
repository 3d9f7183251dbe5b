"""Products by the threads of the compiled loops against NumPy's in float64."""

import contextlib

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd import fast
from autograd.fast import linalg
from tests.fast.common import normal, with_loops


def close(found, expected):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * max(np.abs(expected).max(initial=0), 1))


def test_the_loops_as_they_are_written():
    a, b, bias, out = normal(5, 7), normal(7, 6), normal(6), np.empty((5, 6), np.float32)
    linalg.product.__wrapped__(False, a, False, b, bias, out, 2, 4)
    close(out, a.astype(float) @ b + bias)
    linalg.product.__wrapped__(True, a.T.copy(), True, b.T.copy(), linalg.NONE, out, 3, 5)
    close(out, a.astype(float) @ b)
    parts = np.empty((3, 5, 6), np.float32)
    linalg.product_by_parts.__wrapped__(True, a.T.copy(), True, b.T.copy(), parts)
    close(parts[0], a.astype(float) @ b)
    stack, others, made = normal(3, 5, 7), normal(3, 7, 6), np.empty((3, 5, 6), np.float32)
    linalg.products.__wrapped__(False, stack, False, others, made)
    close(made, stack.astype(float) @ others)


SHAPES = [(64, 784, 128), (65, 301, 67), (3, 3000, 200), (96, 2048, 40), (1, 600, 600), (600, 600, 1), (200, 9, 300)]


@with_loops
@pytest.mark.parametrize(("n", "k", "m"), SHAPES)
def test_products_of_matrices_however_they_lie(n, k, m):
    for x in (normal(n, k), normal(k, n).T, normal(n, 2 * k)[:, k:], normal(2 * n, k)[::2]):
        for y in (normal(k, m), normal(m, k).T, normal(k, m + 3)[:, 2:-1]):
            assert linalg.suits(x, y)
            close(linalg.matmul(x, y), x.astype(float) @ y)
            close(linalg.affine(x, y, normal(m)), x.astype(float) @ y + normal(m))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (normal(600, 1200)[:, ::2], normal(600, 3)),  # elements apart
        (np.broadcast_to(normal(600), (800, 600)), normal(600, 3)),
        (normal(600, 600)[::-1], normal(600, 3)),
        (normal(600, 600).astype(np.float64), normal(600, 3)),
        (normal(7, 600, 60), normal(60, 20)),
        (normal(2, 1, 300, 60), normal(1, 3, 60, 20)),
        (normal(300, 0), normal(0, 2000)),
        (normal(2, 2), normal(2, 2)),
    ],
)
def test_whatever_else_there_is_goes_to_numpy(x, y):
    found = linalg.matmul(x, y)
    np.testing.assert_allclose(found, x @ y, rtol=1e-5, atol=1e-4)
    assert found.dtype == (x @ y).dtype


@with_loops
def test_stacks_of_matrices():
    for x, y in [
        (normal(6, 60, 50), normal(6, 50, 70)),
        (normal(2, 50, 6, 40).swapaxes(1, 2), normal(2, 6, 70, 40).swapaxes(-1, -2)),
    ]:
        assert linalg.suits(x, y)
        close(linalg.matmul(x, y), x.astype(float) @ y)


@with_loops
def test_what_is_not_finite_stays_so():
    x, y = normal(300, 40), normal(40, 50)
    x[3, 4], x[5, 6] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isfinite(linalg.matmul(x, y)), np.isfinite(x @ y))


@pytest.mark.parametrize("rows", [1, 63, 64, 5000])
def test_sums_of_columns(rows):
    x = normal(rows, 37)
    close(linalg.column_sums(x), x.astype(float).sum(0))
    close(linalg.column_sums(x[:, ::2]), x[:, ::2].astype(float).sum(0))


@with_loops
@pytest.mark.parametrize("lead", [(80,), (8, 10), (2, 4, 10)])
def test_gradients_of_a_linear_layer_are_those_without_loops(lead):
    found = []
    for loops in (False, True):
        x, w, b = (ag.tensor(normal(*s), requires_grad=True) for s in ((*lead, 90), (110, 90), (110,)))
        with contextlib.nullcontext() if loops else fast.disabled():
            loss = (F.linear(x, w, b) ** 2).sum()
            first = ag.autograd.grad(loss, (x, w, b), create_graph=True)
            second = ag.autograd.grad(sum((g * g).sum() for g in first), (x, w, b))
            loss = (F.linear(x, w, b) ** 2).sum()
            loss.backward()
        found.append([t.array for t in (*first, *second, x.grad, w.grad, b.grad)])
    for expected, *others in zip(*found, strict=True):
        for other in others:
            np.testing.assert_allclose(other, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
