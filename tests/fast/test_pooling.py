"""Loops of max pooling against the formula: values, places of maxima, and what happens to NaN, infinities and ties."""

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd.fast import disabled, pooling, threads
from autograd.ops import windows
from tests.fast.common import with_loops

CASES = [  # channels, sizes, kernel, stride, padding, dilation
    (3, (9,), 2, 2, 0, 1),
    (2, (6, 7), 2, 2, 0, 1),
    (3, (6, 8), 2, 2, 0, 1),
    (1, (6, 7), 3, 2, 1, 1),
    (4, (7, 8), (2, 3), (3, 1), (1, 0), (2, 3)),
    (2, (4, 5, 6), 2, 1, 1, 2),
    (2, (5, 6, 5), (3, 1, 2), 2, (1, 0, 1), 1),
]


def filled(shape, special):
    """Numbers with many ties; among them infinities and NaN."""
    random = np.random.default_rng(0)
    x = random.integers(-2, 3, shape).astype(np.float32)
    if special:
        x[random.random(shape) < 0.5] = -np.inf
        x[random.random(shape) < 0.1] = np.nan
        x[random.random(shape) < 0.1] = np.inf
    return x


def results(x, dtype, kernel, stride, padding, dilation, last):
    memory = ag.tensor(np.moveaxis(x, 1, -1).copy() if last else x, dtype=dtype, requires_grad=True)
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]
    out = pool(memory.movedim(-1, 1) if last else memory, kernel, stride, padding, dilation)
    out.backward(ag.arange(1.0, out.numel() + 1, dtype=dtype).reshape(out.shape))
    return out.detach().numpy(), memory.grad.numpy()


def compare(case, images, special, last):
    channels, sizes, *window = case
    x = filled((images, channels, *sizes), special)
    found = results(x, ag.float32, *window, last)
    with disabled(), pytest.MonkeyPatch.context() as at_once:
        at_once.setattr(windows, "AT_ONCE", 1 << 30)
        expected = results(x, ag.float64, *window, last)
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, want.astype(np.float32))


each = pytest.mark.parametrize("case", CASES, ids=str)
specials = pytest.mark.parametrize("special", [False, True])
layouts = pytest.mark.parametrize("last", [False, True])


@layouts
@specials
@each
def test_the_loops_as_they_are_written(case, special, last, monkeypatch):
    for name in ("maxima", "to_places"):
        monkeypatch.setattr(pooling, name, getattr(pooling, name).__wrapped__)
    monkeypatch.setattr(pooling, "ready", lambda x: x.dtype == np.float32)
    compare(case, 2, special, last)


@layouts
@specials
@each
@with_loops
def test_the_loops_compiled(case, special, last, monkeypatch):
    monkeypatch.setattr(pooling, "LARGE", 0)
    compare(case, 2, special, last)


@layouts
@specials
@each
def test_numpy_in_parts(case, special, last, monkeypatch):
    """One image at a time, on two threads."""
    monkeypatch.setattr(windows, "AT_ONCE", 1)
    monkeypatch.setattr(windows, "WORTH_SHARING", 1)
    monkeypatch.setattr(threads, "wanted", 2)
    with disabled():
        compare(case, 3, special, last)


@layouts
@with_loops
def test_large_enough_by_itself(last):
    assert pooling.ready(np.zeros((16, 20, 10, 12), np.float32))
    assert not pooling.ready(np.zeros((4, 4), np.float32))
    compare((20, (10, 12), 3, 2, 1, 1), 16, False, last)


@specials
def test_formula_and_indices_are_as_pytorch_has_them(special):
    torch = pytest.importorskip("torch")
    x = filled((2, 3, 8, 9), special)
    ours, theirs = ag.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    with disabled():
        F.max_pool2d(ours, 3, 2, 1).sum().backward()
        indices = F.max_pool2d(ours, 3, 2, 1, return_indices=True)[1].numpy()
    torch.nn.functional.max_pool2d(theirs, 3, 2, 1).sum().backward()
    expected = torch.nn.functional.max_pool2d(theirs, 3, 2, 1, return_indices=True)[1].numpy()
    np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())
    np.testing.assert_array_equal(indices, expected)


def test_second_derivatives():
    """Through the formula, whatever computed the value."""
    found = []
    for dtype in (ag.float32, ag.float64):
        x = ag.tensor(np.random.default_rng(0).standard_normal((8, 8, 20, 20)), dtype=dtype, requires_grad=True)
        (g,) = ag.grad((F.max_pool2d(x, 3, 2, 1) ** 3).sum(), x, create_graph=True)
        found.append(ag.grad((g * g).sum(), x)[0].numpy())
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)
