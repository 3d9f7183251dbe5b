"""The gradients of a layer's affine map, computed together: what the rules say one by one."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.fast import disabled, threads
from nn import functional as F


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1003,), (17, 59)], ids=str)
def test_gradients_together_are_those_of_the_rules(shape, bias, count, monkeypatch):
    monkeypatch.setattr(threads, "wanted", count)
    random = np.random.default_rng(0)
    values = [random.normal(size=s) for s in ((*shape, 120), (130, 120), (130,))][: 3 if bias else 2]
    expected, found = [], []
    with disabled():
        for dtype, made in ((np.float64, expected), (np.float32, found)):
            inputs = [ag.tensor(v.astype(dtype), requires_grad=True) for v in values]
            out = F.linear(*inputs)
            # With create_graph the rules compute each for itself.
            made += ag.grad((out * out).sum(), inputs, create_graph=dtype == np.float64)
    for e, f in zip(expected, found, strict=True):
        assert np.abs(f.numpy() - e.detach().numpy()).max() <= 1e-5 * np.abs(e.detach().numpy()).max()


def test_a_frozen_weight_saves_no_input():
    x, w = ag.ones(512, 128, requires_grad=True), ag.ones(128, 128)
    y = F.linear(x, w)
    with ag.no_grad():
        x.add_(1)  # would be an error if it were needed for the gradient
    with disabled():
        y.sum().backward()
    assert np.array_equal(x.grad.numpy(), np.full((512, 128), 128, np.float32))
