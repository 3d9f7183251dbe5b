"""einops on Tensors: PyTorch's values and gradients."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import autograd as ag
import nn
from tests.conftest import referee

einops = pytest.importorskip("einops")
torch = referee()


@pytest.fixture
def values():
    return np.random.default_rng(0).standard_normal((2, 4, 6, 8))


CASES = {
    "rearrange": lambda e, x: e.rearrange(x, "b (c d) h w -> (b w) d (h c)", d=2),
    "stack": lambda e, x: e.rearrange([x, 2 * x], "n b c h w -> b h w (n c)"),
    "repeat": lambda e, x: e.repeat(x, "b c h w -> b (c r) h (w k)", r=2, k=3),
    "new axis": lambda e, x: e.repeat(x, "b c h w -> b n c h w", n=2),
    **{
        how: lambda e, x, how=how: e.reduce(x, "b c (h i) w -> b w h", how, i=2)
        for how in ("max", "min", "sum", "mean", "prod")
    },
    "einsum": lambda e, x: e.einsum(x, x, "b i h w, b j h w -> b i j"),
    "pack": lambda e, x: e.pack([x, x[:, :, 0]], "b c *")[0],
    "unpack": lambda e, x: e.unpack(x, [[3], [5]], "b c h *")[1],
}


@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients(case, values):
    ours = importlib.import_module("autograd.einops")

    results = []
    modules: Any = [(torch, einops), (ag, ours)]
    for lib, module in modules:
        x = lib.tensor(values, requires_grad=True)
        y = CASES[case](module, x)
        (y * y).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)


def test_shapes_arrays_and_errors(values):
    from autograd.einops import EinopsError, asnumpy, parse_shape, rearrange

    x: Any = ag.tensor(values)  # pyright: ignore[reportCallIssue]
    assert parse_shape(x, "b c _ w") == {"b": 2, "c": 4, "w": 8}
    assert type(asnumpy(x)) is np.ndarray
    assert type(rearrange(values, "b c h w -> b (c h w)")) is np.ndarray
    with pytest.raises(EinopsError, match="Shape mismatch"):
        rearrange(x, "b (c d) h w -> b c d h w", d=3)


def test_a_misspelt_name_is_not_found():
    import nn.einops

    for module in (importlib.import_module("autograd.einops"), nn.einops):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            _ = module.nothing


def test_layers(values):
    from einops.layers import torch as theirs

    import nn.einops as ours

    def build(lib, layers):
        return lib.Sequential(
            layers.Rearrange("b c (h i) (w j) -> b h w (c i j)", i=2, j=2),
            layers.EinMix("b h w c -> b h w d", weight_shape="c d", bias_shape="d", c=16, d=3),
            layers.EinMix("b (h a) w d -> b h w (e a)", weight_shape="d e", a=3, d=3, e=2),
            layers.Reduce("b h w e -> b e", "mean"),
        )

    expected, actual = build(torch.nn, theirs).double(), build(nn, ours).double()
    assert str(actual).splitlines()[1] == str(expected).splitlines()[1]
    actual.load_state_dict(expected.state_dict())
    for lib, model in ((torch, expected), (ag, actual)):
        (model(lib.tensor(values)) ** 2).sum().backward()
    for p, q in zip(expected.parameters(), actual.parameters(), strict=True):
        assert q.grad is not None
        np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), rtol=1e-9)
