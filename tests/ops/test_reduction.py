"""Reductions, softmax, scans: ties and NaN, integers, what is empty or large; against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.fast import disabled, threads
from tests.conftest import referee


def both(call, *arrays, **kwargs):
    """The same call with ours and with PyTorch: results, and gradients of the floating-point inputs."""
    torch = referee()
    results = []
    for library in (ag, torch):
        tensors = [library.from_numpy(a.copy()).requires_grad_(a.dtype.kind == "f") for a in arrays]
        out = call(library, *tensors, **kwargs)
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        for o in outs:
            if o.requires_grad:
                (o * o).sum().backward(retain_graph=True)
        results.append([o.detach().numpy() for o in outs] + [t.grad.numpy() for t in tensors if t.grad is not None])
    assert len(results[0]) == len(results[1])
    for mine, theirs in zip(*results, strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


TIES = np.array([[2.0, 1.0, 2.0, 2.0], [np.nan, 3.0, np.nan, 3.0], [0.0, 0.0, -1.0, 0.0]])


@pytest.mark.parametrize(
    "name", ["max", "min", "amax", "amin", "aminmax", "median", "nanmedian", "cummax", "cummin", "argmax", "argmin"]
)
def test_ties_and_nan(name):
    if name in ("max", "min", "amax", "amin", "aminmax", "argmax", "argmin"):
        both(lambda m, x: getattr(m, name)(x), TIES)
        both(lambda m, x: getattr(m, name)(x), TIES[0])
    if name not in ("median", "nanmedian"):
        both(lambda m, x: getattr(m, name)(x, dim=1), TIES)
    both(lambda m, x: getattr(m, name)(x, dim=0), TIES[:, 1:2])


@pytest.mark.parametrize(
    "name", ["sum", "prod", "cumsum", "cumprod", "amax", "all", "any", "logsumexp", "count_nonzero", "nansum"]
)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_integers(name, dtype):
    both(lambda m, x: getattr(m, name)(x, dim=0), np.array([[0, 1, 1], [1, 1, 0]], dtype))


def test_named_tuples():
    x = ag.tensor([[1.0, 5.0], [7.0, 2.0]])
    for name in ("max", "min", "median", "cummax", "cummin", "sort", "mode"):
        out = getattr(x, name)(dim=1)
        assert out._fields == ("values", "indices")
        assert out.indices.dtype == ag.int64
    assert x.aminmax()._fields == ("min", "max")
    assert x.frexp()._fields == ("mantissa", "exponent")


def test_float16_is_summed_in_float32():
    x = ag.full((4096, 2), 1.0, dtype=ag.float16)
    assert x.sum(0).tolist() == [4096, 4096]
    assert x.sum(0).dtype == ag.float16
    assert x.mean().item() == 1
    assert ag.softmax(x, 0).dtype == ag.float16


def test_the_mean_of_integers_is_refused():
    with pytest.raises(RuntimeError, match="floating-point"):
        ag.mean(ag.tensor([1, 2]))
    assert ag.mean(ag.tensor([1, 2]), dtype=ag.float32).item() == 1.5


def test_dimensions_out_of_range():
    x = ag.ones(2, 3)
    for f in (ag.sum, ag.mean, ag.amax, ag.argmax, ag.cumsum, ag.logsumexp, ag.sort, ag.softmax):
        with pytest.raises(IndexError):
            f(x, dim=2)
        with pytest.raises(IndexError):
            f(ag.tensor(1.0), dim=1)


def test_empty():
    assert np.isnan(ag.zeros(0).mean().item())
    assert ag.zeros(0).sum().item() == 0
    assert ag.zeros(0).prod().item() == 1
    assert ag.zeros(0, 2).logsumexp(0).tolist() == [-np.inf, -np.inf]
    with pytest.raises(RuntimeError):
        ag.zeros(0).amax()


def test_large_values_do_not_overflow():
    x = ag.tensor([1000.0, 1000.0, -np.inf], requires_grad=True)
    assert ag.logsumexp(x, 0).item() == pytest.approx(1000 + np.log(2))
    assert ag.softmax(x, 0).tolist() == [0.5, 0.5, 0]
    ag.log_softmax(x, 0)[0].backward()
    assert x.grad.tolist() == [0.5, -0.5, 0]


def test_logcumsumexp_with_infinities():
    both(lambda m, x: m.logcumsumexp(x[1:], 0), np.array([-np.inf, -3.0, -np.inf, 700.0, 710.0, 1.0]))
    x = ag.tensor([-np.inf, -np.inf, 1.0], requires_grad=True)
    ag.logcumsumexp(x, 0)[2].backward()
    assert x.grad.tolist() == [0, 0, 1]


def test_positional_forms_of_var():
    x = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]])
    both(lambda m, t: m.var(t, 1, False), x)
    both(lambda m, t: m.var(t, False), x)
    both(lambda m, t: t.std(1, True, True), x)
    both(lambda m, t: m.std(t[:1], dim=1, correction=2), x)


@pytest.mark.parametrize("dim", [None, 1])
def test_large_sums_are_the_same_with_any_number_of_threads(dim, monkeypatch):
    x = np.random.default_rng(0).standard_normal((301, 1009)).astype(np.float32)
    sums = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "wanted", count)
        with disabled():
            sums.append(ag.tensor(x).sum(dim).numpy())
    np.testing.assert_allclose(sums[0], x.astype(float).sum(dim), atol=1e-3)
    for other in sums[1:]:
        np.testing.assert_array_equal(other, sums[0])


@pytest.mark.parametrize(("shape", "dim"), [((300, 200), -1), ((30, 20, 50), (1, 2)), ((300, 200), 0)])
def test_logsumexp_of_many_with_an_infinity(shape, dim):
    """By rows, which threads share, and otherwise: beside an infinite element nothing else matters."""
    torch = referee()
    x = np.random.default_rng(0).standard_normal(shape)
    x.reshape(-1)[5] = np.inf
    found = []
    for m in (torch, ag):
        t = m.tensor(x, requires_grad=True)
        out = m.logsumexp(t, dim)
        out.backward(out.detach().clamp(-3, 3))
        found.append((out.detach().numpy(), t.grad.numpy()))
    for got, want in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("size", [2, 200])
@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp", "nansum"])
def test_a_dimension_that_does_not_exist(name, size):
    with pytest.raises(IndexError, match="out of range"):
        getattr(ag.ones(size, size), name)(5)
    with pytest.raises((RuntimeError, ValueError), match=r"duplicate|repeated"):
        getattr(ag.ones(size, size), name)((0, 0))
