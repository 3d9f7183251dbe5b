"""autograd.func against torch.func."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import func as F
from tests.conftest import referee

torch = referee()


def values(tree):
    if isinstance(tree, dict):
        return {key: values(v) for key, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [values(v) for v in tree]
    return np.round(tree.detach().numpy().astype(float), 9).tolist()


def x(library):
    return library.tensor([0.5, -1.2, 2.0], dtype=library.float64)


def scalar(v):
    return (v**3).sum() + (v[0] * v[1]).exp()


def vector(v):
    return v * v.sum()


CASES = {
    "grad": lambda L, f: f.grad(scalar)(x(L)),
    "grad of grad": lambda L, f: f.grad(lambda v: f.grad(scalar)(v)[0])(x(L)),
    "third": lambda L, f: f.grad(lambda s: f.grad(lambda t: f.grad(lambda u: u**4)(t))(s))(x(L)[2]),
    "argnums": lambda L, f: f.grad(lambda a, b: (a * b * b).sum(), argnums=(1, 0))(x(L), x(L)),
    "aux": lambda L, f: f.grad(lambda v: (scalar(v), v * 2), has_aux=True)(x(L)),
    "value": lambda L, f: f.grad_and_value(scalar)(x(L)),
    "closure": lambda L, f: f.grad(lambda a: f.grad(lambda b: (a * a * b).sum())(x(L)).sum())(x(L)),
    "dictionary": lambda L, f: f.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x(L), "b": [x(L)]}),
    "constant": lambda L, f: f.grad(lambda a, b: b.sum())(x(L), x(L)),
    "vjp": lambda L, f: (lambda out, pull: (out, pull(x(L))))(*f.vjp(vector, x(L))),
    "vjp of a pair": lambda L, f: f.vjp(lambda a, b: (a * b, a.sum()), x(L), x(L))[1]((x(L), x(L)[0])),
    "jvp": lambda L, f: f.jvp(vector, (x(L),), (x(L),)),
    "jvp of two": lambda L, f: f.jvp(lambda a, b: {"p": a * b}, (x(L), x(L)), (x(L), x(L) * 2)),
    "jacrev": lambda L, f: f.jacrev(vector)(x(L)),
    "jacfwd": lambda L, f: f.jacfwd(lambda a, b: (a * b, b.sum()), argnums=(0, 1))(x(L), x(L)),
    "hessian": lambda L, f: f.hessian(scalar)(x(L)),
    "vmap": lambda L, f: f.vmap(lambda a, b: a @ b, in_dims=(1, None))(x(L)[:, None] * x(L), x(L)),
    "vmap outwards": lambda L, f: f.vmap(lambda a: (a * 2, a.sum()), out_dims=(1, 0))(x(L)[:, None] * x(L)),
    "each gradient": lambda L, f: f.vmap(f.grad(scalar))(x(L)[:, None] * x(L)),
    "vmap in vmap": lambda L, f: f.vmap(f.vmap(lambda a, b: a * b, (None, 0)), (0, None))(x(L), x(L)),
    "vmap over a dictionary": lambda L, f: f.vmap(lambda d, s: d["a"] * s, in_dims=({"a": 0}, None))({"a": x(L)}, 3.0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own
def test_as_pytorch(name):
    assert values(CASES[name](ag, F)) == values(CASES[name](torch, torch.func))


def test_results_take_part_in_what_surrounds_them():
    v = x(ag).requires_grad_()
    (F.grad(scalar)(v) ** 2).sum().backward()
    t = x(torch).requires_grad_()
    (torch.func.grad(scalar)(t) ** 2).sum().backward()
    assert values(v.grad) == values(t.grad)
    assert not F.grad(scalar)(v.detach()).requires_grad


def test_an_ensemble_by_stacked_state():
    models = [nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)) for _ in range(4)]
    parameters, buffers = F.stack_module_state(models)
    base, value = copy.deepcopy(models[0]), ag.randn(5, 2)

    def call(p, b, v):
        return F.functional_call(base, (p, b), (v,))

    out = F.vmap(call, in_dims=(0, 0, None))(parameters, buffers, value)
    np.testing.assert_allclose(out.detach().numpy(), np.stack([m(value).detach().numpy() for m in models]), rtol=1e-6)


def test_the_gradient_of_a_model_by_its_parameters():
    model, value = nn.Linear(3, 2), ag.randn(4, 3)
    made = F.grad(lambda p: F.functional_call(model, p, (value,)).square().sum())(dict(model.named_parameters()))
    model(value).square().sum().backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(made[name].detach().numpy(), parameter.grad.numpy(), rtol=1e-5)


def test_errors():
    with pytest.raises(RuntimeError, match="one element, got shape"):
        F.grad(vector)(x(ag))
    with pytest.raises(RuntimeError, match="only 1 positional"):
        F.grad(scalar, argnums=1)(x(ag))
    with pytest.raises(TypeError, match="got int"):
        F.grad(lambda v: v)(3)
    with pytest.raises(ValueError, match="one size"):
        F.vmap(lambda a, b: a)(ag.ones(2), ag.ones(3))
