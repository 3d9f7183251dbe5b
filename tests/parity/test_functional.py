"""autograd.functional against torch.autograd.functional; custom Functions, hooks and modes side by side."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import autograd as ag
from autograd import functional
from tests.conftest import referee
from tests.parity.bridge import assert_same

torch = referee()

RANDOM = np.random.default_rng(0)
A, B = RANDOM.standard_normal((2, 3)), RANDOM.standard_normal((3,))


@pytest.mark.parametrize("product", ["jacobian", "vjp", "jvp", "hessian", "hvp", "vhp"])
def test_create_graph_ties_the_result_to_the_inputs(product):
    results = []
    for lib, module in ((torch, torch.autograd.functional), (ag, functional)):
        x = lib.tensor(A, requires_grad=True)
        f = (lambda x: (x**4).sum()) if product in ("hessian", "hvp", "vhp") else (lambda x: x**3)
        args = () if product in ("jacobian", "hessian") else (lib.ones(2, 3, dtype=lib.float64),)
        out = getattr(module, product)(f, x, *args, create_graph=True)
        out = out[1] if isinstance(out, tuple) else out
        results.append(lib.autograd.grad(out.sum(), x)[0])
    assert_same(results[1], results[0], 1e-10, 1e-12)


def test_strict_raises_where_the_output_is_independent():
    for f in (functional.jacobian, functional.vjp):
        with pytest.raises(RuntimeError, match="independent of input 1"):
            f(lambda x, y: x.sum(), (ag.ones(2), ag.ones(2)), strict=True)


# ---- options -----------------------------------------------------------------------------------------------------

USES = {
    "a number": lambda m, x, y: (x.sin() * y).sum(),
    "a vector": lambda m, x, y: (x * y).sum(1),
    "a product": lambda m, x, y: y @ x,
    "two tensors": lambda m, x, y: (x.exp(), x * y),
    "one input unused": lambda m, x, y: (x * x).sum(),
    "no input used": lambda m, x, y: m.ones(3, dtype=m.float64).sum(),
    "linear": lambda m, x, y: (x * 2 + y).sum(),
    "changed in place": lambda m, x, y: (x * 1).mul_(y[0]).sum(),
    "the inputs themselves": lambda m, x, y: (x, y),
}


def flat(result):
    return [part for item in result for part in flat(item)] if isinstance(result, (tuple, list)) else [result]


def outcome(m, name, function, requires_grad, create_graph, strict):
    """The tensors that come out, or None for an error."""
    x, y = (m.tensor(a, requires_grad=requires_grad) for a in (B, A))
    f = lambda *xs: USES[function](m, *xs)
    random = np.random.default_rng(2)
    near = lambda ts: tuple(m.tensor(random.normal(size=tuple(t.shape))) for t in flat(ts))
    v = {"vjp": lambda: near(f(x, y)), "jacobian": lambda: None, "hessian": lambda: None}.get(
        name, lambda: near((x, y))
    )()
    v = v[0] if v is not None and len(v) == 1 else v
    call = getattr(m.autograd.functional, name)
    try:
        return flat(call(f, (x, y), *([] if v is None else [v]), create_graph=create_graph, strict=strict))
    except RuntimeError:
        return None


@pytest.mark.parametrize("function", USES)
@pytest.mark.parametrize("name", ["jvp", "vjp", "jacobian", "hessian", "hvp", "vhp"])
def test_every_option_for_every_use_of_the_inputs(name, function):
    for options in itertools.product([False, True], repeat=3):
        theirs, ours = (outcome(m, name, function, *options) for m in (torch, ag))
        assert (theirs is None) == (ours is None), options
        for a, b in zip(theirs or (), ours or (), strict=True):
            assert (tuple(a.shape), a.requires_grad) == (tuple(b.shape), b.requires_grad), options
            np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_vectorize_and_strategy_change_nothing():
    f, F = (lambda x: x.exp() * x.sum()), ag.autograd.functional
    x = ag.tensor(B)
    expected = F.jacobian(f, x)
    assert F.jacobian(f, x, vectorize=True).equal(expected)
    assert F.jacobian(f, x, vectorize=True, strategy="forward-mode").equal(expected)
    with pytest.raises(ValueError, match="strategy must be"):
        F.jacobian(f, x, strategy="sideways")
