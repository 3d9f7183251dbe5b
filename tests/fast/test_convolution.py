"""Loops of convolutions against the formula in float64, and the instructions of a tile against what they stand for."""

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd.fast import compiled, disabled, prange, threads
from autograd.fast import convolution as loops
from autograd.fast.tiles import tile
from autograd.ops import convolution, windows
from tests.fast.common import normal, with_loops

CASES = [  # images, channels in and out, sizes, kernel, options
    (3, 2, 5, (9,), (3,), {"padding": 1}),
    (2, 1, 3, (6, 7), (3, 3), {"padding": 1}),
    (2, 3, 17, (5, 6), (3, 2), {"stride": 2}),
    (1, 4, 40, (6, 5), (2, 3), {"padding": (1, 0), "dilation": 2}),
    (2, 4, 6, (7, 5), (3, 3), {"padding": 2, "stride": (2, 1), "groups": 2}),
    (2, 4, 4, (6, 6), (3, 3), {"padding": 1, "groups": 4}),
    (2, 3, 5, (7, 7), (1, 1), {"stride": 3}),
    (1, 2, 3, (4, 5, 6), (2, 3, 2), {"padding": (0, 1, 1), "stride": (1, 2, 3)}),
    (2, 3, 33, (5, 5), (1, 1), {}),
]
IN_PARTS = [  # what NumPy does in other ways
    *CASES,
    (3, 20, 8, (9, 8), (3, 3), {"padding": 1}),
    (2, 6, 4, (9, 8), (3, 2), {"padding": (2, 1), "dilation": (2, 1), "groups": 2}),
    (2, 6, 4, (7, 6), (3, 3), {"padding": 3}),
    (2, 5, 7, (12, 6), (3, 3), {"padding": (5, 1), "stride": 3}),
    (2, 3, 4, (6, 7), (2, 2), {"stride": 3}),
    (5, 1, 3, (9, 5), (3, 3), {"padding": 1}),
    (2, 3, 2, (5, 7, 6), (3, 2, 3), {"padding": 1, "stride": (2, 3, 1)}),
]
BY_LINES = [  # windows in a matrix for each line of the kernel
    (3, 16, 20, (12, 9), (3, 3), {"padding": 1}),
    (2, 32, 16, (12, 9), (3, 3), {"padding": (2, 1), "dilation": (2, 1), "groups": 2}),
    (2, 40, 16, (70,), (5,), {"padding": 2, "dilation": 2}),
    (2, 8, 6, (6, 5, 7), (2, 3, 3), {"padding": 1}),
]


def laid_out(x, last):
    """The same values, with the channels first or last in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if last else x


def in_memory(x, dtype=None):
    tensor = ag.tensor(x, dtype=dtype)
    if dtype is None:
        tensor.array = x  # as it lies
    return tensor.requires_grad_()


def results(x, w, b, options, dtype=None):
    """Value and gradients."""
    tensors = [in_memory(a, dtype) for a in (x, w, b)]
    out = (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3](*tensors, **options)
    g = normal(*out.shape, seed=9)
    out.backward(ag.tensor(g, dtype=out.dtype))
    return [out.detach().numpy(), *(t.grad.numpy() for t in tensors)]


def compare(case, last):
    n, c, o, sizes, kernel, options = case
    x, w, b = laid_out(normal(n, c, *sizes), last), normal(o, c // options.get("groups", 1), *kernel, seed=1), normal(o)
    found = results(x, w, b, options)
    with disabled(), pytest.MonkeyPatch.context() as plainly:
        plainly.setattr(windows, "AT_ONCE", 1 << 30)
        plainly.setattr(windows, "TALL", 1 << 30)
        plainly.setattr(convolution, "by_phases", scattered)
        expected = results(x, w, b, options, np.float64)
    for got, want in zip(found, expected, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


def scattered(g, w, windows):
    """The gradient of the input window by window."""
    return convolution.scatter(g, convolution.weight_matrix(w, windows.groups).swapaxes(-1, -2), windows)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_loops_as_they_are_written(case, last, monkeypatch):
    """Without a compiler: what they compute is what the formula computes."""
    for name in ("products", "weight_sums", "add_sums"):
        monkeypatch.setattr(loops, name, getattr(loops, name).__wrapped__)
    monkeypatch.setattr(loops, "ready", lambda x, w, work: x.dtype == np.float32)
    compare(case, last)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
@with_loops
def test_the_loops_compiled(case, last, monkeypatch):
    monkeypatch.setattr(loops, "WORTHWHILE", 0)
    compare(case, last)


@pytest.fixture
def in_parts(monkeypatch):
    """Two threads, a part of one image for each job."""
    monkeypatch.setattr(windows, "AT_ONCE", 100)
    monkeypatch.setattr(windows, "WORTH_A_THREAD", 0)
    monkeypatch.setattr(threads, "wanted", 2)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("case", [*IN_PARTS, *BY_LINES], ids=str)
def test_numpy_in_parts(case, last, in_parts):
    """Some lines of an image at a time, on several threads: what NumPy computes at once."""
    with disabled():
        compare(case, last)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("case", BY_LINES, ids=str)
def test_numpy_by_lines_of_the_kernel(case, last, monkeypatch):
    counts, count = [], windows.Windows.parts
    monkeypatch.setattr(windows.Windows, "parts", lambda *args: counts.append(count(*args)) or counts[-1])
    with disabled():
        compare(case, last)
    assert case[4][0] in counts


@pytest.mark.parametrize(
    "case", [(9, 20, 8, (9, 8), (3, 3), {"padding": 1}), (9, 2, 40, (9, 8), (3, 3), {"stride": 2})]
)
def test_which_thread_takes_a_part_changes_nothing(case, in_parts):
    n, c, o, sizes, kernel, options = case
    arrays = normal(n, c, *sizes), normal(o, c, *kernel, seed=1), normal(o)
    with disabled():
        first = results(*arrays, options)
        for _ in range(5):
            for again, before in zip(results(*arrays, options), first, strict=True):
                np.testing.assert_array_equal(again, before)


@with_loops
def test_large_enough_by_itself():
    """Several blocks of pixels, of rows of the weight and of columns; one image in several parts."""
    assert loops.ready(normal(1, 40, 24, 24), normal(70, 40, 3, 3), loops.WORTHWHILE)
    compare((1, 40, 70, (24, 24), (3, 3), {"padding": 1}), True)
    compare((9, 20, 16, (20, 19), (3, 3), {"padding": 1, "stride": 2}), False)


@with_loops
def test_what_is_not_finite_stays_where_it_is():
    """The columns that fill up a tile do not leak, and neither do neighbours."""
    x, w = normal(2, 8, 24, 24), normal(20, 8, 3, 3, seed=1)
    x[0, 3, 10, 10] = np.nan
    out = F.conv2d(ag.tensor(x), ag.tensor(w), padding=1).numpy()
    assert np.isnan(out[0, :, 9:12, 9:12]).all()
    assert np.isnan(out).sum() == 20 * 9


@with_loops
def test_memory_that_may_not_be_written_or_has_gaps():
    x, w = normal(4, 8, 48, 24), normal(20, 8, 3, 3, seed=1)
    with disabled():
        expected = F.conv2d(ag.tensor(x[:, :, ::2], dtype=ag.float64), ag.tensor(w, dtype=ag.float64)).numpy()
    x.setflags(write=False)
    gaps = ag.tensor(0.0)
    gaps.array = x[:, :, ::2]
    np.testing.assert_allclose(F.conv2d(gaps, ag.tensor(w)).numpy(), expected, rtol=1e-5, atol=1e-4)


@with_loops
def test_second_derivatives():
    found = []
    for dtype in (ag.float32, ag.float64):
        x = ag.tensor(normal(4, 8, 16, 16), dtype=dtype, requires_grad=True)
        w = ag.tensor(normal(8, 8, 3, 3, seed=1), dtype=x.dtype, requires_grad=True)
        (gx,) = ag.grad((F.conv2d(x, w, padding=1) ** 2).sum(), x, create_graph=True)
        found.append([t.numpy() for t in ag.grad((gx * gx).mean(), (x, w))])
    for got, want in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


@compiled
def one_tile(width, count, x, rows, steps, b, apart, start, starts, out, places):
    for _ in prange(1):
        tile(width, count, x, rows, steps, b, apart, start, starts, out, places)


@pytest.mark.parametrize("width", [16, 32])
@with_loops
def test_the_instructions_of_a_tile(width):
    x, b, start = normal(60), normal(7 * 40), normal(50)
    rows, steps = np.array([0, 3, 5, 9, 20, 2, 2, 11]), np.array([0, 1, 7, 8, 30, 31, 2])
    found, expected = np.zeros(300, np.float32), np.zeros(300, np.float32)
    for out, compute in ((found, one_tile), (expected, one_tile.__wrapped__)):
        compute(width, 7, x, rows, steps, b, 40, start, np.arange(8), out, np.arange(8)[::-1].copy() * 33)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found != 0, expected != 0)
