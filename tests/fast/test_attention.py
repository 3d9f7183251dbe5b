"""Attention as compiled loops against the same in NumPy, and in float64."""

import contextlib
import functools
import itertools

import numpy as np
import pytest

import autograd as ag
import nn
import nn.functional as F
from autograd import fast
from autograd.fast import attention as loops
from autograd.fast import disabled
from tests.fast.common import normal, with_loops


def results(q, k, v, mask=None, causal=False, dtype=np.float32):
    """The result, and the gradients of q, k and v."""
    inputs = [ag.tensor(x.astype(dtype), requires_grad=True) for x in (q, k, v)]
    if mask is not None:
        mask = ag.tensor(mask if mask.dtype == bool else mask.astype(dtype))
    out = F.scaled_dot_product_attention(*inputs, mask, is_causal=causal)
    (out * ag.tensor(normal(*out.shape).astype(dtype))).sum().backward()
    return [out.array, *(x.grad.array for x in inputs)]


@pytest.mark.parametrize(
    ("causal", "masked", "dropped"), [c for c in itertools.product([False, True], repeat=3) if not (c[0] and c[1])]
)
def test_the_loops_as_they_are_written(causal, masked, dropped):
    q, k, v, g = normal(2, 1, 5, 3), normal(2, 1, 6, 3), normal(2, 1, 6, 4), normal(2, 1, 5, 4)
    mask = np.where(normal(2, 1, 5, 6) > 1, -np.inf, normal(2, 1, 5, 6)).astype(np.float32) if masked else loops.NONE
    if masked:
        mask[0, 0, 2] = -np.inf  # may look at nothing
    drops = (normal(2, 1, 5, 6) > 0) * np.float32(2) if dropped else loops.NONE
    scores = 0.5 * q.astype(float) @ k.swapaxes(-1, -2)
    scores += np.triu(np.full((5, 6), -np.inf), 1) if causal else mask if masked else 0
    top = np.maximum(scores.max(-1, keepdims=True), -1e9)
    expected = np.exp(scores - top)
    expected /= np.maximum(expected.sum(-1, keepdims=True), 1e-30)
    used = expected * drops if dropped else expected
    weights, out = np.full((2, 1, 5, 6), np.nan, np.float32), np.empty((2, 1, 5, 4), np.float32)
    loops.attention_forward.__wrapped__(q, k, v, mask, np.float32(0.5), drops, causal, 2, weights, out)
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(out, used @ v, rtol=0, atol=1e-5)
    made = [np.full_like(x, np.nan) for x in (q, k, v)]
    loops.attention_backward.__wrapped__(g, q, k, v, np.float32(0.5), drops, causal, 2, weights, *made)
    above = (g.astype(float) @ v.swapaxes(-1, -2)) * (drops if dropped else 1)
    above = 0.5 * expected * (above - (above * expected).sum(-1, keepdims=True))
    for found, wanted in zip(made, (above @ k, above.swapaxes(-1, -2) @ q, used.swapaxes(-1, -2) @ g), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


@with_loops
@pytest.mark.parametrize("kind", [None, "causal", "numbers", "booleans", "rows that see nothing"])
@pytest.mark.parametrize("lengths", [(64, 64), (45, 70), (150, 130)])
@pytest.mark.parametrize("lead", [(3, 4), (12,)])
def test_attention_in_single_and_double_precision(lead, lengths, kind, monkeypatch):
    used = []
    for name in ("attention_forward", "attention_backward"):
        counted = functools.partial(lambda f, *args: used.append(1) or f(*args), getattr(loops, name))
        monkeypatch.setattr(loops, name, counted)
    rows, columns = lengths
    q, k, v = normal(*lead, rows, 20), normal(*lead, columns, 20), normal(*lead, columns, 24)
    mask = None
    if kind == "numbers":
        mask = normal(rows, columns)
    elif kind == "booleans":
        mask = normal(*lead, rows, columns) > -0.5
    elif kind is not None and kind.startswith("rows"):
        mask = normal(rows, columns) > -0.5
        mask[3] = False
    found = results(q, k, v, mask, kind == "causal")
    assert len(used) == 2
    for single, double in zip(found, results(q, k, v, mask, kind == "causal", np.float64), strict=True):
        np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * np.abs(double).max())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(bad):
    q, k, v = normal(3, 4, 64, 8), normal(3, 4, 64, 9)[..., :8], normal(3, 4, 64, 8)
    q[0, 0, 5, 2] = bad
    found = []
    for context in (fast.disabled(), contextlib.nullcontext()):
        with context:
            found.append(results(q, k, v))
    for expected, other in zip(*found, strict=True):
        np.testing.assert_array_equal(np.isnan(other), np.isnan(expected))


def test_heads_beside_each_other_and_dropout():
    """As a model has them: parts of one product, each of several heads."""
    layer = nn.Linear(32, 96)
    found = []
    for context in (fast.disabled(), contextlib.nullcontext()):
        x = ag.tensor(normal(3, 70, 32), requires_grad=True)
        layer.zero_grad()
        ag.manual_seed(0)
        with context:
            parts = (p.view(3, 70, 4, 8).transpose(1, 2) for p in layer(x).split(32, 2))
            out = F.scaled_dot_product_attention(*parts, dropout_p=0.3, is_causal=True)
            (out.transpose(1, 2).reshape(3, 70, 32) ** 2).sum().backward()
        found.append([out.array, x.grad.array, layer.weight.grad.array])
    for expected, other in zip(*found, strict=True):
        np.testing.assert_allclose(other, expected, rtol=0, atol=1e-5 * max(np.abs(expected).max(), 1))


def test_second_derivatives_go_through_the_formula():
    found = []
    for context in (fast.disabled(), contextlib.nullcontext()):
        q = ag.tensor(normal(4, 64, 8), requires_grad=True)
        with context:
            out = F.scaled_dot_product_attention(q, q, q, is_causal=True)
            (first,) = ag.autograd.grad((out**2).sum(), q, create_graph=True)
            found.append(ag.autograd.grad((first**2).sum(), q)[0].array)
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [1, 30, 1000])
def test_scores_far_from_zero(size, causal):
    """Exponentials of large scores would be infinite, those of very negative ones zero: the largest is subtracted first."""
    q, k, v = normal(2, 3, 8, 4) * np.float32(size), normal(2, 3, 8, 4), normal(2, 3, 8, 5)
    q[0], k[0, :, :, 0], q[0, ..., 0] = 0, 1, -size  # all scores alike, and far below zero
    scores = 0.5 * q.astype(float) @ k.swapaxes(-1, -2) + (np.triu(np.full((8, 8), -np.inf), 1) if causal else 0)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    with fast.disabled():
        found, *gradients = results(q, k, v, causal=causal)
    np.testing.assert_allclose(found, weights @ v, rtol=0, atol=2e-6 * max(size, 3))
    for g, wanted in zip(gradients, results(q, k, v, causal=causal, dtype=float)[1:], strict=True):
        np.testing.assert_allclose(g, wanted, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_gradients_of_one_product_lie_as_its_parts(compiled, monkeypatch):
    """Of queries, keys and values that one layer makes nothing is copied: neither back nor forth."""

    values = np.random.default_rng(0).standard_normal((4, 64, 96)).astype(np.float32)

    def gradient(order, keep=False):
        x = ag.tensor(values, requires_grad=True)
        parts = [part.view(4, 64, 2, 16).transpose(1, 2) for part in (x * 1).split(32, dim=2)]
        q, k, v = (parts[i] for i in order)
        if keep:
            q.retain_grad()
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        (out * out + (q if keep else 0)).sum().backward()
        return x.grad.numpy(), q.grad

    with contextlib.nullcontext() if compiled else disabled():
        expected, concatenate = {}, np.concatenate
        for order in ((0, 1, 2), (2, 0, 1), (0, 0, 2), (1, 1, 1)):
            with monkeypatch.context() as patch:  # each gradient an array of its own
                patch.setattr(loops, "beside", lambda arrays: None)
                expected[order] = gradient(order)[0], gradient(order, keep=True)
        copies = []
        monkeypatch.setattr(np, "concatenate", lambda *args, **kwargs: copies.append(1) or concatenate(*args, **kwargs))
        for order, (plain, (kept, of_q)) in expected.items():
            np.testing.assert_array_equal(gradient(order)[0], plain)
            assert bool(copies) == (len(set(order)) < 3), "parts that are used once are the whole already"
            found, of_q_found = gradient(order, keep=True)
            np.testing.assert_array_equal(found, kept)
            np.testing.assert_array_equal(of_q_found.numpy(), of_q.numpy())
            copies.clear()
