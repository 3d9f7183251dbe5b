"""Loops over rows against PyTorch's formulas in float64: softmax, cross entropy, layer norm, sums."""

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd import fast
from autograd.fast import disabled, rows
from tests.fast.common import both, close, normal, using


def results(function, inputs, dtype):
    """The value of a function and its gradients, for a gradient that is always the same."""
    tensors = [ag.tensor(x, dtype=dtype, requires_grad=True) for x in inputs]
    out = function(*tensors)
    out.backward(ag.tensor(normal(*out.shape, seed=9), dtype=dtype))
    return [out.detach().numpy(), *(t.grad.numpy() for t in tensors)]


def compare(function, *inputs, compiled=True):
    """float32 against float64."""
    with using(compiled):
        found = results(function, inputs, ag.float32)
    close(found, results(function, inputs, ag.float64))


def test_the_loops_as_they_are_written():
    x, g = normal(3, 5), normal(3, 5, seed=1)
    out, gx = np.empty((2, 3, 5), np.float32)
    e = np.exp(x - x.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    rows.softmax.__wrapped__(x, out)
    np.testing.assert_allclose(out, p, rtol=1e-5)
    rows.softmax_gradient.__wrapped__(g, p, gx)
    np.testing.assert_allclose(gx, p * (g - (g * p).sum(1, keepdims=True)), rtol=1e-4, atol=1e-6)
    rows.log_softmax.__wrapped__(x, out)
    np.testing.assert_allclose(out, np.log(p), rtol=1e-5)
    rows.log_softmax_gradient.__wrapped__(g, out, gx)
    np.testing.assert_allclose(gx, g - p * g.sum(1, keepdims=True), rtol=1e-4, atol=1e-6)
    sums, parts = np.empty(3, np.float32), np.empty((2, 5), np.float32)
    rows.row_sums.__wrapped__(x, sums)
    np.testing.assert_allclose(sums, x.sum(1), rtol=1e-5)
    rows.row_products.__wrapped__(x, g[0], sums)
    np.testing.assert_allclose(sums, x @ g[0], rtol=1e-5)
    rows.column_sums.__wrapped__(x, parts)
    np.testing.assert_allclose(parts.sum(0), x.sum(0), rtol=1e-5)
    index, tops, logs, chosen = np.array([4, 0, 2]), *np.empty((3, 3), np.float32)
    rows.cross_entropy.__wrapped__(x, index, tops, logs, chosen)
    np.testing.assert_allclose(logs - chosen, -np.log(p[range(3), index]), rtol=1e-5)
    shares, spread = np.array([1, 0, 2], np.float32), np.full(5, 0.1, np.float32)
    rows.cross_entropy_gradient.__wrapped__(x, index, tops, logs, shares, shares / 2, shares, spread, gx)
    np.testing.assert_allclose(gx, shares[:, None] * (p - 0.1 - np.eye(5)[index] / 2), rtol=1e-4, atol=1e-6)


def test_layer_norm_as_it_is_written():
    x, g, weight, bias = normal(3, 5), normal(3, 5, seed=1), normal(5, seed=2), normal(5, seed=3)
    out, gx = np.empty((2, 3, 5), np.float32)
    means, inverses = np.empty((2, 3), np.float32)
    gw, gb = np.empty((2, 2, 5), np.float32)
    rows.layer_norm.__wrapped__(x, weight, bias, np.float32(1e-5), True, out, means, inverses)
    n = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, n * weight + bias, rtol=1e-4, atol=1e-6)
    rows.layer_norm_gradient.__wrapped__(g, x, weight, True, means, inverses, gx, gw, gb)
    np.testing.assert_allclose(gw.sum(0), (g * n).sum(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gb.sum(0), g.sum(0), rtol=1e-4, atol=1e-6)
    w = g * weight
    want = (w - w.mean(1, keepdims=True) - n * (w * n).mean(1, keepdims=True)) * inverses[:, None]
    np.testing.assert_allclose(gx, want, rtol=1e-4, atol=1e-5)


@both
@pytest.mark.parametrize("shape", [(400, 96), (5, 7, 31, 33), (20_000, 1), (1, 20_000)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, shape, compiled):
    compare(lambda x: getattr(ag, name)(x, -1), 5 * normal(*shape), compiled=compiled)


@both
def test_softmax_of_special_rows(compiled):
    x = np.zeros((1000, 20), np.float32)
    x[0, 0], x[1, 1], x[2], x[3, 3], x[4, 2], x[5] = np.nan, -np.nan, -np.inf, np.inf, -np.inf, 3e38
    x[6, :2] = 1e4, -1e4
    with using(compiled):
        soft, logs = ag.softmax(ag.tensor(x), 1).numpy(), ag.log_softmax(ag.tensor(x), 1).numpy()
    assert np.isnan(soft[:4]).all()
    assert np.isnan(logs[:4]).all()
    assert soft[4, 2] == 0
    assert logs[4, 2] == -np.inf
    np.testing.assert_allclose(soft[4:].sum(1), 1, rtol=1e-6)
    assert logs[6, 0] == 0
    assert logs[6, 1] == -2e4


@both
@pytest.mark.parametrize("shape", [(200, 128), (30, 20, 5, 9)])
def test_layer_norm(shape, compiled):
    kept = shape[1:] if len(shape) == 2 else shape[2:]
    x, weight, bias = 3 * normal(*shape) + 2, normal(*kept, seed=1), normal(*kept, seed=2)
    compare(lambda x, w, b: F.layer_norm(x, kept, w, b), x, weight, bias, compiled=compiled)
    compare(lambda x, w: F.layer_norm(x, kept, w), x, weight, compiled=compiled)
    compare(lambda x: F.layer_norm(x, kept), x, compiled=compiled)
    compare(lambda x, w: F.rms_norm(x, kept, w, 1e-5), x, weight, compiled=compiled)


def test_layer_norm_far_from_zero():
    x = normal(300, 100) + np.float32(1000)
    found = F.layer_norm(ag.tensor(x), (100,)).numpy()
    wanted = F.layer_norm(ag.tensor(x, dtype=ag.float64), (100,)).numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-4)


@both
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(reduction, smoothing, weighted, ignored, compiled):
    target = np.random.default_rng(1).integers(0, 50, 400)
    target[::3] = -100 if ignored else 3
    weight = np.random.default_rng(2).random(50) if weighted else None

    def loss(x):
        w = None if weight is None else ag.tensor(weight, dtype=x.dtype)
        return F.cross_entropy(x, ag.tensor(target), w, reduction=reduction, label_smoothing=smoothing)

    compare(loss, 3 * normal(400, 50), compiled=compiled)


def test_cross_entropy_does_not_look_at_ignored_rows():
    x, target = normal(400, 50), np.zeros(400, int)
    x[7], target[7] = np.nan, -100
    logits = ag.tensor(x, requires_grad=True)
    F.cross_entropy(logits, ag.tensor(target)).backward()
    assert np.isfinite(logits.grad.numpy()).all()
    assert (logits.grad.numpy()[7] == 0).all()
    with pytest.raises(IndexError, match="out of bounds"):
        F.cross_entropy(logits, ag.tensor(target + 50))


def test_second_derivatives_are_those_of_the_formula():
    x, weight = normal(150, 120), normal(120, seed=1)
    target = ag.tensor(np.arange(150) % 120)

    def second(function, *inputs):
        tensors = [ag.tensor(v, requires_grad=True) for v in inputs]
        first = ag.autograd.grad((function(*tensors) ** 2).sum(), tensors, create_graph=True)
        return ag.autograd.grad(sum((f * f).sum() for f in first), tensors)

    cases = (
        (lambda x, w: F.layer_norm(x, (120,), w), x, weight),
        (lambda x: ag.softmax(x, 1) * 10, x),
        (lambda x: ag.log_softmax(x, 1), x),
        (lambda x: F.cross_entropy(x, target, label_smoothing=0.1, reduction="none"), x),
    )
    for function, *inputs in cases:
        found = second(function, *inputs)
        with disabled():
            wanted = second(function, *inputs)
        for got, want in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=3e-4, atol=3e-5 * float(want.abs().max()))


@both
@pytest.mark.parametrize("shape", [(40, 30, 20), (70_001,), (3, 30_000), (30_000, 3), (2, 100_003)])
def test_sums(shape, compiled):
    x = normal(*shape) + np.float32(0.5)
    for dim in (None, 0, -1, tuple(range(len(shape))), tuple(range(1, len(shape))) or 0):
        for keepdim in (False, True):
            with using(compiled):
                got = ag.tensor(x).sum(dim, keepdim).numpy()
            want = x.astype(float).sum(dim, keepdims=keepdim)
            assert got.dtype == np.float32
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=2e-6 if compiled and fast.available() else 5e-5, atol=1e-3)


@pytest.mark.skipif(not fast.available(), reason="needs the extra 'fast'")
def test_a_long_sum_is_exact():
    x = np.full(4_000_000, 0.1, np.float32)
    assert abs(float(ag.tensor(x).sum()) / x.astype(float).sum() - 1) < 1e-6


@pytest.mark.parametrize("shape", [(2, 5, 1), (2, 5, 3), (1, 4, 70), (3, 0, 2)])
@pytest.mark.parametrize("backwards", [False, True])
def test_running_sums_as_they_are_written(shape, backwards):
    x = normal(*shape)
    out = np.empty_like(x)
    rows.running_sums.__wrapped__(x, out, backwards)
    wanted = np.cumsum(x[:, ::-1], 1)[:, ::-1] if backwards else np.cumsum(x, 1)
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-6)


@both
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_the_running_sum_of_many(dim, compiled):
    def sums(x):
        x.requires_grad_()
        out = x.cumsum(dim)
        out.backward(out.detach().flip(0))
        return out.detach().array, x.grad.array

    x = normal(20, 30, 40)
    with using(compiled):
        found = sums(ag.tensor(x))
    close(found, sums(ag.tensor(x, dtype=ag.float64)), rtol=1e-4)


@both
def test_large_logits_lose_nothing(compiled):
    """What all logits of a row have in common has no part in the result."""
    x = (1e4 + 0.25 * np.random.default_rng(0).integers(-20, 20, (400, 100))).astype(np.float32)  # exactly
    index = ag.tensor(np.arange(400) % 100)
    for f in (
        lambda x: F.log_softmax(x, 1),
        lambda x: F.softmax(x, 1),
        lambda x: F.cross_entropy(x, index, reduction="none"),
    ):
        with using(compiled):
            far, near = results(f, [x], ag.float32), results(f, [x - 10_000], ag.float32)
        for a, b in zip(far, near, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)
