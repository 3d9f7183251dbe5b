"""The compiled rules of Adam and SGD compute what the NumPy rules say."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import optim
from autograd import fast
from optim import adam, kernels, sgd

OPTIONS = [
    (optim.SGD, {}),
    (optim.SGD, {"weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9, "dampening": 0.2, "weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (optim.Adam, {}),
    (optim.Adam, {"weight_decay": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}),
    (optim.AdamW, {"weight_decay": 0.1, "maximize": True}),
]


def trained(make, options, size):
    """A parameter after four steps."""
    random = np.random.default_rng(0)
    p = ag.tensor(random.standard_normal(size).astype(np.float32), requires_grad=True)
    optimizer = make([p], lr=0.1, **options)
    for _ in range(4):
        p.grad = ag.tensor(random.standard_normal(size).astype(np.float32))
        optimizer.step()
    return p.detach().numpy()


@pytest.mark.parametrize(("make", "options"), OPTIONS)
def test_loops_compute_the_rule(make, options, monkeypatch):
    """As plain Python, on a few elements."""
    with fast.disabled():
        expected = trained(make, options, 5)
    called = []
    for name in kernels.__all__:
        plain = getattr(kernels, name).__wrapped__
        for module in (adam, sgd):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *args, plain=plain: called.append(1) or plain(*args))
    for module in (adam, sgd):
        monkeypatch.setattr(module, "ready", lambda *arrays: True)
    np.testing.assert_allclose(trained(make, options, 5), expected, rtol=1e-5, atol=1e-6)
    assert len(called) == 4


@pytest.mark.parametrize(("make", "options"), OPTIONS)
def test_compiled_loops_compute_the_rule(make, options):
    pytest.importorskip("numba")
    with fast.disabled():
        expected = trained(make, options, 40_000)
    np.testing.assert_allclose(trained(make, options, 40_000), expected, rtol=1e-5, atol=1e-6)
