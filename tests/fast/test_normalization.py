"""Loops of batch and group norm against the formula in float64, wherever the channels lie in memory."""

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd.fast import normalization
from tests.fast.common import both, close, normal, using

layouts = pytest.mark.parametrize("layout", ["first", "last", "gradient last"])
SHAPES = [(8, 6, 20, 21), (1000, 24), (7, 16, 160), (6, 3000), (5, 3, 200, 301)]


def laid_out(x, last):
    """The array, its channels last in memory if so wished."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if last else x


def results(function, x, parameters, layout, dtype):
    """Value and gradients, of a tensor that may be a view of one with channels last."""
    memory = ag.tensor(laid_out(x, layout == "last"), dtype=dtype, requires_grad=True)
    tensors = [ag.tensor(p, dtype=dtype, requires_grad=True) for p in parameters]
    out = function(memory.movedim(-1, 1) if layout == "last" else memory, *tensors)
    g = ag.tensor(laid_out(normal(*x.shape, seed=9), layout != "first"), dtype=dtype)
    out.backward(g.movedim(-1, 1) if layout != "first" else g)
    return [out.detach().numpy(), *(t.grad.numpy() for t in (memory, *tensors))]


def compare(function, x, *parameters, layout="first", compiled=True):
    with using(compiled):
        found = results(function, x, parameters, layout, ag.float32)
    close(found, results(function, x, parameters, layout, ag.float64))


def test_rows_as_they_are_written():
    x, g, (a, b, c) = normal(4, 5), normal(4, 5, seed=1), normal(3, 4, seed=2)
    one, two, out = np.empty(4, np.float32), np.empty(4, np.float32), np.empty((4, 5), np.float32)
    normalization.rows_normalized.__wrapped__(x, a, b, out)
    np.testing.assert_allclose(out.T, x.T * a + b, rtol=1e-5, atol=1e-6)
    normalization.row_products.__wrapped__(g, x, one, two)
    np.testing.assert_allclose(one, g.sum(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(two, (g * x).sum(1), rtol=1e-5, atol=1e-6)
    normalization.row_gradient.__wrapped__(g, x, a, b, c, out)
    np.testing.assert_allclose(out.T, a * g.T - b * x.T - c, rtol=1e-5, atol=1e-6)


def test_columns_as_they_are_written():
    x, g, (a, b, c) = normal(5, 4), normal(5, 4, seed=1), normal(3, 4, seed=2)
    one, two = np.empty((2, 2, 4), np.float32)
    out = np.empty((5, 4), np.float32)
    normalization.columns_normalized.__wrapped__(x, a, b, out)
    np.testing.assert_allclose(out, x * a + b, rtol=1e-5, atol=1e-6)
    normalization.column_products.__wrapped__(g, x, one, two)
    np.testing.assert_allclose(one.sum(0), g.sum(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(two.sum(0), (g * x).sum(0), rtol=1e-5, atol=1e-6)
    normalization.column_gradient.__wrapped__(g, x, a, b, c, out)
    np.testing.assert_allclose(out, a * g - b * x - c, rtol=1e-5, atol=1e-6)


@both
@layouts
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mean", [3, 300])
def test_batch_norm(shape, layout, compiled, mean):
    x, c = 2 * normal(*shape) + np.float32(mean), shape[1]
    weight, bias, means = (normal(c, seed=i) for i in (1, 2, 3))
    means += np.float32(mean)
    var = np.abs(normal(c, seed=4)) + np.float32(0.5)
    same = {"layout": layout, "compiled": compiled}
    compare(lambda x, w, b: F.batch_norm(x, None, None, w, b, True), x, weight, bias, **same)
    compare(lambda x: F.batch_norm(x, None, None, None, None, True), x, **same)

    def evaluated(x, w, b):
        return F.batch_norm(x, ag.tensor(means, dtype=x.dtype), ag.tensor(var, dtype=x.dtype), w, b, False)

    compare(evaluated, x, weight, bias, **same)


@both
def test_running_statistics(compiled):
    x = normal(16, 8, 200) + np.float32(100)
    mean, var = ag.zeros(8), ag.ones(8)
    with using(compiled):
        F.batch_norm(ag.tensor(x), mean, var, None, None, True, 0.25)
    wide = x.astype(float)
    np.testing.assert_allclose(mean.numpy(), 0.25 * wide.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * wide.var((0, 2), ddof=1), rtol=1e-4)


@both
@layouts
@pytest.mark.parametrize("mean", [3, 300])
def test_group_and_instance_norm(layout, compiled, mean):
    x, weight, bias = 2 * normal(8, 6, 20, 21) + np.float32(mean), normal(6, seed=1), normal(6, seed=2)
    same = {"layout": layout, "compiled": compiled}
    for groups in (1, 2, 6):
        compare(lambda x, w, b, groups=groups: F.group_norm(x, groups, w, b), x, weight, bias, **same)
    compare(lambda x: F.group_norm(x, 3), x, **same)
    compare(lambda x, w, b: F.instance_norm(x, weight=w, bias=b), x, weight, bias, **same)


def test_second_derivatives():
    x, weight, some = normal(8, 6, 20, 21), normal(6, seed=1), normal(8, 6, 20, 21, seed=2)

    def second(function, dtype):
        tensors = [ag.tensor(v, dtype=dtype, requires_grad=True) for v in (x, weight)]
        out = function(*tensors) * ag.tensor(some, dtype=dtype)
        first = ag.autograd.grad((out * out).sum(), tensors, create_graph=True)
        return ag.autograd.grad(sum((f * f).sum() for f in first), tensors)

    for function in (
        lambda x, w: F.batch_norm(x, None, None, w, None, True),
        lambda x, w: F.group_norm(x, 2, w),
    ):
        for got, want in zip(second(function, ag.float32), second(function, ag.float64), strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=5e-4, atol=5e-5 * float(want.abs().max()))
