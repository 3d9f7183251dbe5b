"""Gradients of large arrays that are computed together with what uses them: the same numbers as one after the other."""

import numpy as np
import pytest

import autograd as ag
import nn.functional as F
from autograd import backward
from autograd.fast import LARGE, deferred, disabled
from autograd.fast.deferred import MOST, Deferred


@pytest.fixture(autouse=True)
def numpy_alone():
    with disabled():
        yield


@pytest.fixture
def computed(monkeypatch):
    """How many formulas each array that was deferred came from."""
    counts = []
    as_one = deferred.as_one

    def counting(steps):
        counts.append(len(steps))
        return as_one(steps)

    monkeypatch.setattr(deferred, "as_one", counting)
    return counts


def leaf(seed=0, dtype=np.float32, shape=(LARGE,)):
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return ag.tensor(values, requires_grad=True)


PROGRAMS = {
    "a chain": lambda x, y: ag.sigmoid((x * y).tanh().exp()),
    "a diamond": lambda x, y: (ag.sigmoid(x) * x + x).tanh() * y,
    "twice the same": lambda x, y: (x * x + y + y).exp() * 0.001,
    "powers": lambda x, y: (x**2 + y**3).tanh() ** 2.0,
    "activations": lambda x, y: F.relu(F.gelu(x) ** 2 + y) * F.gelu(y, approximate="tanh"),
    "numbers": lambda x, y: 1 / (2 + (x * 3 - y / 4) ** 2),
    "a gradient that is there already": lambda x, y: x.cumsum(0) * 0.01 + (x * y).cumsum(0) * y + x.tanh(),
    "a matrix product between": lambda x, y: ((x.exp().view(-1, 64) @ y.view(64, -1)[:, :64]).tanh() + 1).log(),
    "broadcasting": lambda x, y: (x.view(-1, 64) * y[:64]).tanh() * y[:1],
    "views": lambda x, y: (x.view(-1, 2).flip(1).exp().reshape(-1)[::2] * y[::2]).sigmoid(),
    "longer than may wait": lambda x, y: (
        (x + y).tanh().sigmoid().tanh().sigmoid().tanh().sigmoid().tanh().sigmoid() * x
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_numbers_are_those_of_one_rule_after_the_other(name, dtype, computed, monkeypatch):
    def gradients():
        x, y = leaf(0, dtype), leaf(1, dtype)
        PROGRAMS[name](x, y).sum().backward()
        return x.grad.numpy(), y.grad.numpy()

    together = gradients()
    assert computed
    assert max(computed) <= MOST
    monkeypatch.setattr(backward, "deferred", lambda plan, g, saved: plan.rules)
    for a, b in zip(together, gradients(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_chain_is_computed_as_one(computed):
    x = leaf()
    ag.sigmoid(F.gelu(x) ** 2 + x).sum().backward()
    assert computed == [4], "sigmoid, square, gelu and the sum of both ways to x"


def test_small_arrays_and_compiled_kernels_do_not_wait(monkeypatch, computed):
    leaf(shape=(64,)).tanh().exp().sum().backward()
    monkeypatch.setattr(backward, "available", lambda: True)
    leaf().tanh().exp().sum().backward()
    assert computed == []


def test_gradients_in_between_are_arrays():
    x = leaf()
    y = x.exp()
    y.retain_grad()
    seen = []
    z = y.tanh()
    z.register_hook(lambda g: seen.append(g) or g * 2)
    z.sigmoid().sum().backward()
    z2 = ag.tensor(z.detach().numpy(), requires_grad=True)
    z2.sigmoid().sum().backward()
    np.testing.assert_array_equal(seen[0].numpy(), z2.grad.numpy())
    assert type(y.grad.array) is np.ndarray
    np.testing.assert_array_equal(x.grad.numpy(), (y.grad * y).detach().numpy())
    (g,) = ag.autograd.grad(x.exp().tanh().sum(), [x])
    assert type(g.array) is np.ndarray


def test_a_hook_may_change_what_a_gradient_that_waits_depends_on():
    x, y = leaf(0), leaf(1)
    with ag.no_grad():
        expected = x.tanh() * y.exp()
    kept, middle = y.exp(), x.tanh()

    def forget(values):
        values.detach().zero_()

    middle.register_hook(lambda g: forget(middle))  # which the rule of the product has been given already
    (middle * kept).sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), expected.numpy(), rtol=1e-5)
    other = leaf(2)
    a, b = leaf(3), leaf(4)
    a.register_hook(lambda g: forget(other))
    before = other.detach().clone()
    (a + b * other).sum().backward()
    np.testing.assert_array_equal(b.grad.numpy(), before.numpy())


def test_two_leaves_with_one_gradient_have_an_array_each():
    x, y = leaf(0), leaf(1)
    (x + y).tanh().sum().backward()
    x.grad.zero_()
    assert y.grad.abs().max() > 0


def test_the_graph_can_be_used_again():
    x = leaf()
    loss = ag.sigmoid(x**2 + x).sum()
    loss.backward(retain_graph=True)
    first = x.grad.clone()
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), (first + first).numpy())


def test_numpy_asks_for_the_array():
    x = np.arange(6.0).reshape(2, 3)
    later = backward.plus(Deferred(None, (), x, x), x)
    assert type(later) is Deferred
    assert (later.shape, later.dtype, later.array) == (x.shape, x.dtype, None)
    for made in (later * 1, np.add(0, later), np.where(True, later, 0), np.asarray(later)):
        np.testing.assert_array_equal(made, x + x)
    assert type(backward.plus(later, x.astype(np.float32))) is np.ndarray, "of another type"
    assert type(backward.plus(later, x[0])) is np.ndarray, "of another shape"
