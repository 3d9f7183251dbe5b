"""Sorting, ranks, searching, sets of values and histograms, against NumPy and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee
from tests.ops.test_reduction import both

NANS = np.array([[3.0, np.nan, 1.0, 2.0], [np.nan, np.nan, 5.0, 4.0], [1.0, 2.0, 3.0, 4.0]])


@pytest.mark.parametrize("descending", [False, True])
def test_nan_is_the_largest(descending):
    both(lambda m, x: m.sort(x, dim=1, descending=descending, stable=True), NANS)
    both(lambda m, x: m.topk(x, 2, largest=descending)[0], NANS[[0, 2]])


def test_topk_of_many():
    """Partitioning chooses the same elements as sorting all, NaN among them."""
    x = np.random.default_rng(0).permutation(400).astype(float).reshape(4, 100)
    x[1, 7] = np.nan
    for largest in (True, False):
        for k in (1, 3, 24):
            both(lambda m, t, k=k, largest=largest: m.topk(t, k, largest=largest), x)
            both(lambda m, t, k=k, largest=largest: m.topk(t, k, dim=0, largest=largest), np.ascontiguousarray(x.T))


def test_sorting_is_stable():
    x = ag.tensor([2, 1, 2, 1, 2])
    assert x.sort().indices.tolist() == [1, 3, 0, 2, 4]
    assert x.sort(descending=True).indices.tolist() == [0, 2, 4, 1, 3]


@pytest.mark.parametrize("q", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("how", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles_with_nan(q, how):
    for name in ("quantile", "nanquantile"):
        both(lambda m, x, name=name: getattr(m, name)(x, q, dim=1, interpolation=how), NANS)
        both(lambda m, x, name=name: getattr(m, name)(x, q, interpolation=how), NANS)


def test_mode():
    both(lambda m, x: m.mode(x, dim=1), np.array([[5.0, 3, 5, 3, 1], [1, 1, 2, 2, 2]]))
    both(lambda m, x: m.mode(x, dim=0, keepdim=True), np.array([[5.0, 3], [5, 4], [2, 4]]))


@pytest.mark.parametrize("right", [False, True])
def test_searching(right):
    edges, values = np.array([1.0, 3, 3, 5, 9]), np.array([[0.0, 3, 4], [9, 10, 1]])
    both(lambda m, e, v: m.searchsorted(e.detach(), v.detach(), right=right), edges, values)
    both(lambda m, e, v: m.bucketize(v.detach(), e.detach(), right=right, out_int32=True), edges, values)
    both(lambda m, e, v: m.searchsorted(e.detach(), v.detach(), right=right), np.stack([edges, edges + 1]), values)
    both(lambda m, e: m.searchsorted(e.detach(), 3.0, side="right" if right else "left"), edges)
    shuffled = edges[[3, 0, 4, 1, 2]]
    both(lambda m, e, s, v: m.searchsorted(e.detach(), v.detach(), sorter=s), shuffled, np.argsort(shuffled), values)


def test_isin():
    for invert in (False, True):
        both(lambda m, x, t, i=invert: m.isin(x, t, invert=i), np.array([[1, 2], [3, 4]]), np.array([2, 4, 9]))
    assert ag.isin(3, ag.tensor([3, 4])).item() is True


@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("name", ["unique", "unique_consecutive"])
def test_unique(name, dim):
    x = np.array([[2, 2, 1], [2, 2, 1], [0, 2, 1]])
    both(lambda m, t: getattr(m, name)(t, return_inverse=True, return_counts=True, dim=dim), x)
    both(lambda m, t: getattr(m, name)(t, dim=dim), x)


def test_counting():
    both(lambda m, x: m.bincount(x, minlength=6), np.array([0, 2, 2, 3]))
    both(lambda m, x, w: m.bincount(x, w.detach()), np.array([0, 2, 2]), np.array([0.5, 1.0, 2.0]))
    x = np.random.default_rng(0).normal(size=50)
    both(lambda m, t: m.histc(t.detach(), 7), x)
    both(lambda m, t: m.histc(t.detach(), 5, -1, 1), x)
    both(lambda m, t: m.histogram(t.detach(), 5, range=(-1.0, 1.0), density=True), x)
    both(
        lambda m, t, e, w: m.histogram(t.detach(), e.detach(), weight=w.detach()),
        x,
        np.array([-1.0, 0, 0.5, 2]),
        np.abs(x),
    )
    torch = referee()
    points = x.reshape(25, 2)
    mine, theirs = ag.histogramdd(ag.from_numpy(points), [3, 4]), torch.histogramdd(torch.from_numpy(points), [3, 4])
    np.testing.assert_array_equal(mine.hist.numpy(), theirs.hist.numpy())
    for a, b in zip(mine.bin_edges, theirs.bin_edges, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy())


def test_errors_say_what_was_expected():
    x = ag.ones(3)
    with pytest.raises(RuntimeError, match="out of range"):
        ag.topk(x, 4)
    with pytest.raises(RuntimeError, match="out of range"):
        ag.kthvalue(x, 0)
    with pytest.raises(RuntimeError, match=r"range \[0, 1\]"):
        ag.quantile(x, 2.0)
    with pytest.raises(RuntimeError, match="float"):
        ag.quantile(ag.tensor([1, 2]), 0.5)
    with pytest.raises(RuntimeError, match="non-negative"):
        ag.bincount(ag.tensor([-1]))
    with pytest.raises(RuntimeError, match="side"):
        ag.searchsorted(x, x, side="top")


@pytest.mark.parametrize("dtype", [ag.float16, ag.float32, ag.int64, ag.uint8])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
def test_equal_elements_among_many_keep_their_order(dtype, descending, dim):
    """Integers that hold element and place are sorted as numbers of double precision are, for which there are none."""
    random = np.random.default_rng(0)
    x = random.integers(0, 6, (300, 400)).astype(dtype)
    if x.dtype.kind == "f":
        special = np.array([np.nan, -np.nan, 0.0, -0.0, np.inf, -np.inf], dtype)
        x = np.where(random.random(x.shape) < 0.3, random.choice(special, x.shape), x)
    found, wanted = (ag.sort(v, dim, descending) for v in (ag.tensor(x), ag.tensor(x.astype(float))))
    np.testing.assert_array_equal(found.indices.array, wanted.indices.array)
    np.testing.assert_array_equal(found.values.array, wanted.values.array)


def test_integers_of_more_than_32_bits_are_sorted():
    x = np.random.default_rng(0).integers(-(1 << 60), 1 << 60, 1000)
    np.testing.assert_array_equal(ag.sort(ag.tensor(x)).values.array, np.sort(x))
    unsigned = x.view(np.uint64)
    np.testing.assert_array_equal(ag.sort(ag.tensor(unsigned)).values.array, np.sort(unsigned))
