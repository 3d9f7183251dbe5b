"""Convolutions with a kernel for each channel: loops and NumPy against a plain sum over windows."""

import numpy as np
import pytest

import autograd as ag
from autograd.fast import depthwise as loops
from autograd.ops.windows import Windows
from nn import functional as F
from tests.fast.common import both, using

CASES = [  # kernel, stride, padding, dilation
    ((3, 3), (1, 1), (1, 1), (1, 1)),
    ((3, 2), (2, 1), (0, 1), (1, 2)),
    ((2, 5), (1, 3), (2, 4), (2, 1)),
]


def by_windows(x, w, bias, stride, padding, dilation):
    """The same in double precision, window by window: the output, and the gradients of its sum with respect to x and w."""
    x, w = x.astype(float), w.astype(float)
    around = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    size = [(n - s) // t + 1 for n, s, t in zip(around.shape[2:], spans, stride, strict=True)]
    out, gx, gw = np.empty((*x.shape[:2], *size)), np.zeros_like(around), np.zeros_like(w)
    for place in np.ndindex(*size):
        window = (..., *(slice(i * t, i * t + s, d) for i, t, s, d in zip(place, stride, spans, dilation, strict=True)))
        out[(..., *place)] = (around[window] * w[:, 0]).sum((2, 3)) + bias
        gx[window] += w[:, 0]
        gw[:, 0] += around[window].sum(0)
    inside = (..., *(slice(p, p + n) for p, n in zip(padding, x.shape[2:], strict=True)))
    return out, gx[inside], gw


def laid_out(x, last):
    """In that order of memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if last else x


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("last", [False, True])
def test_the_loops_as_they_are_written(case, last, monkeypatch):
    for name in ("products", "spread", "weight_sums"):
        monkeypatch.setattr(loops, name, getattr(loops, name).__wrapped__)
    random = np.random.default_rng(0)
    kernel, stride, padding, dilation = case
    x, w, bias = (random.standard_normal(s).astype(np.float32) for s in ((2, 3, 6, 7), (3, 1, *kernel), 3))
    out, gx, gw = by_windows(x, w, bias, *case[1:])
    windows = Windows(x.shape[2:], out.shape[2:], kernel, stride, tuple((p, p) for p in padding), dilation, 3)
    x, g = laid_out(x, last), laid_out(np.ones_like(out, np.float32), last)
    np.testing.assert_allclose(loops.convolution(x, w, bias, windows), out, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loops.input_gradient(g, w, windows), gx, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(loops.weight_gradient(x, g, windows), gw, rtol=1e-4, atol=1e-4)


@both
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("last", [False, True])
def test_with_and_without_loops(case, last, compiled):
    random = np.random.default_rng(0)
    kernel, stride, padding, dilation = case
    x, w, bias = (random.standard_normal(s).astype(np.float32) for s in ((5, 20, 18, 17), (20, 1, *kernel), 20))
    expected, gx, gw = by_windows(x, w, bias, *case[1:])
    a, b = ag.tensor(laid_out(x, last), requires_grad=True), ag.tensor(w, requires_grad=True)
    with using(compiled):
        out = F.conv2d(a, b, ag.tensor(bias), stride, padding, dilation, 20)
        out.sum().backward()
    np.testing.assert_allclose(out.detach().array, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(a.grad.array, gx, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(b.grad.array, gw, rtol=1e-4, atol=1e-3)


def test_taps_that_never_meet_the_image():
    x, w = ag.ones(2, 3, 1, 2), ag.ones(3, 1, 5, 5, requires_grad=True)
    F.conv2d(x, w, padding=2, groups=3).sum().backward()
    assert not w.grad.array[:, :, [0, 1, 3, 4]].any()
    np.testing.assert_array_equal(w.grad.array[0, 0, 2], [0, 2, 4, 2, 0])
