"""Attention by functions of places is attention with a mask and a bias; PyTorch's has no backward pass on a CPU."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from nn.attention.flex_attention import and_masks, create_block_mask, flex_attention, or_masks
from nn.functional import scaled_dot_product_attention


def inputs(*heads):
    random = np.random.default_rng(0)
    return [ag.tensor(random.normal(size=(2, h, 5, 4)), requires_grad=True) for h in heads]


def same(ours, expected, of):
    np.testing.assert_allclose(ours.detach().numpy(), expected.detach().numpy(), rtol=1e-10)
    for a, b in zip(*(ag.autograd.grad(y.square().sum(), of) for y in (ours, expected)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8, atol=1e-12)


def test_a_bias_and_a_mask():
    q, k, v = inputs(4, 2, 2)
    slope, document = ag.tensor([0.5, 1.0, 2.0, 0.0]), ag.tensor([0, 0, 0, 1, 1])
    near = and_masks(lambda b, h, i, j: i >= j, lambda b, h, i, j: i - j < 3)
    allowed = or_masks(near, lambda b, h, i, j: (document[i] == document[j]) & (h == 0))
    place = ag.arange(5)
    distance = place - place[:, None]
    seen = (distance <= 0) & (distance > -3)
    bias = (slope[:, None, None] * distance).double()
    bias = bias.masked_fill(~(seen | ((document == document[:, None]) & (ag.arange(4)[:, None, None] == 0))), -np.inf)
    made = flex_attention(
        q, k, v, lambda s, b, h, i, j: s + slope[h] * (j - i), create_block_mask(allowed, None, 4, 5, 5), 0.3, True
    )
    same(made, scaled_dot_product_attention(q, k, v, bias, scale=0.3, enable_gqa=True), (q, k, v))
    with pytest.raises(ValueError, match="Hq=4 and Hkv=2"):
        flex_attention(q, k, v)


def test_a_query_that_may_look_at_nothing_gets_zeros():
    q, k, v = inputs(1, 1, 1)
    mask = create_block_mask(lambda b, h, i, j: i > j, None, None, 5, 5)
    made, lse = flex_attention(q, k, v, block_mask=mask.to("cpu"), return_lse=True)
    assert made[:, :, 0].abs().max() == 0
    assert lse[:, :, 0].max() == -np.inf
    rest = scaled_dot_product_attention(q[:, :, 1:], k, v, mask.mask[0, 0, 1:])
    same(made[:, :, 1:], rest, (q, k, v))
