"""Attention: one op from queries, keys and values to the weighted values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..device import device_of, to_device
from ..dtypes import expect_real
from ..fast import attention as loops
from ..fast.linalg import row_sums
from ..fast.threads import by_blocks
from ..op import function, op
from ..tensor import Tensor, wrap
from .dropout import noise
from .softmax import softmax

__all__: list[str] = []


def _attention_formula(q, k, v, mask, scale, drops, causal, memo):
    if causal:
        mask = wrap(above_diagonal(q.shape[-2], k.shape[-2], q.array))
    weights = (q * scale) @ k.swapaxes(-1, -2)
    if mask is not None:
        weights = weights + mask
    weights = safe(weights, mask)
    if drops is not None:
        weights = weights * drops
    return weights @ v


def safe(scores: Tensor, mask: Any) -> Tensor:
    """Their softmax; zeros where a row may look at nothing."""
    hidden = None if mask is None else hidden_rows(scores.array)
    if hidden is None:
        return softmax(scores, -1)
    shown = wrap(~hidden)
    return softmax(np.where(shown, scores, wrap(np.zeros_like(scores.array))), -1) * shown


def hidden_rows(scores: Any) -> Any:
    """The rows in which all scores are −∞, or None where there is no such row."""
    hidden = scores.max(axis=-1, keepdims=True) == -np.inf
    return hidden if hidden.any() else None


def are_moderate(scores: Any) -> bool:
    """Are their exponentials, and sums of these, far from the ends of the type, so that nothing need be subtracted first?"""
    if not isinstance(scores, np.ndarray) or scores.dtype.char not in "fd" or not scores.size:
        return False
    end = math.log(np.finfo(scores.dtype).max) / 2
    return bool(-end < scores.min() and scores.max() < end)


def shift(scores: Any, masked: bool) -> Any:
    """Subtract from each row its largest score, in place.

    Returns:
        The rows that the mask leaves nothing to look at, whose scores are now zeros; None where there is no such row.
    """
    top = scores.max(axis=-1, keepdims=True)
    hidden = top == -np.inf
    if not masked or not hidden.any():
        scores -= top
        return None
    scores[np.broadcast_to(hidden, scores.shape)] = 0
    scores -= np.where(hidden, top.dtype.type(0), top)
    return hidden


def transposed(x: Any, scale: Any) -> Any:
    """x · scale with rows and columns exchanged, in memory too: BLAS multiplies small matrices twice as fast with such a one."""
    x = x.swapaxes(-1, -2)
    return np.multiply(x, x.dtype.type(scale), out=np.empty_like(x, order="C"))


def _attention_gradients(g, needs, q, k, v, scale, drops, causal, memo):
    (weights,) = memo
    if not needs[3] and loops.ready((q, k, v, g), weights.shape):
        return (*loops.attention_gradients(g, q, k, v, scale, drops, causal, weights), None)
    lead = weights.shape[:-2]
    spread = [np.broadcast_to(v, (*lead, *v.shape[-2:])) for v in (g, q, k, v)]
    together = loops.beside((q, k, v)) if q.ndim == 4 and lead == q.shape[:2] and all(needs[:3]) else None
    gq, gk, gv = together or [np.empty_like(x) if n else None for x, n in zip(spread[1:], needs[:3], strict=True)]
    g_mask = np.empty_like(weights) if needs[3] else None

    def work(part: Any) -> None:
        g, q, k, v = [x[part] for x in spread]
        w, drop = weights[part], None if drops is None else drops[part]
        if gv is not None:
            np.matmul((w if drop is None else w * drop).swapaxes(-1, -2), g, out=gv[part])
        if gq is gk is g_mask is None:
            return
        scores = g @ transposed(v, 1 if g_mask is not None else scale)
        if drop is not None:
            scores *= drop
        # Backward through softmax, in place: w · (g − Σ g w).
        scores -= np.einsum("...ij,...ij->...i", scores, w)[..., None]
        scores *= w
        if g_mask is not None:
            g_mask[part] = scores
            scores *= q.dtype.type(scale)
        if gq is not None:
            np.matmul(scores, k, out=gq[part])
        if gk is not None:
            np.matmul(scores.swapaxes(-1, -2), q, out=gk[part])

    by_batches(work, weights)
    return gq, gk, gv, g_mask


def by_batches(work: Any, weights: Any) -> None:
    """Call `work` with parts of the first dimension of the weights, on several threads if they are large."""
    if weights.ndim > 2 and isinstance(weights, np.ndarray):
        by_blocks(work, weights.shape[0], weights[0].size)
    else:
        work(...)


@op("attention", method=False, joint=_attention_gradients, formula=_attention_formula)
def attention(q, k, v, mask, scale, drops, causal, memo):
    """softmax(q kᵀ · scale + mask) v; the weights go into `memo`, `drops` multiplies them.

    `causal`: each query sees the keys up to its own place only (then without a mask).
    """
    shape = (*q.shape[:-1], k.shape[-2])
    if loops.ready((q, k, v), shape) and (mask is None or (mask.dtype == q.dtype and mask.ndim <= len(shape))):
        weights = np.empty(shape, np.float32)
        memo[:] = (weights,)
        return loops.attention(q, k, v, mask, scale, drops, causal, weights)
    if causal:
        mask = above_diagonal(shape[-2], shape[-1], q)
    lead = np.broadcast_shapes(*[x.shape[:-2] for x in (q, k, v, mask) if x is not None])
    spread = [np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (q, k, v)]
    weights = np.empty_like(q, shape=(*lead, *shape[-2:]), order="C")
    out = np.empty_like(q, shape=(*lead, shape[-2], v.shape[-1]))
    masks = None if mask is None else np.broadcast_to(mask, weights.shape)

    def work(part: Any) -> None:
        q, k, v = [x[part] for x in spread]
        w = np.matmul(q, transposed(k, scale), out=weights[part])
        moderate = (mask is None or causal) and are_moderate(w)  # and each query may look at something
        if masks is not None:
            w += masks[part]
        hidden = None if moderate else shift(w, masks is not None)
        np.exp(w, out=w)
        w /= row_sums(w)
        if hidden is not None:
            w *= ~hidden
        np.matmul(w if drops is None else w * drops[part], v, out=out[part])

    by_batches(work, weights)
    memo[:] = (weights,)
    return out


def additive(mask: Any, dtype: np.dtype) -> Any:
    """A mask to add: of a boolean one, 0 where True and −∞ where False."""
    if mask is None or mask.dtype.kind != "b":
        return mask
    array = mask.array
    return wrap(np.where(array, dtype.type(0), dtype.type(-np.inf)))


def above_diagonal(rows: int, columns: int, like: Any) -> Any:
    """0 on and below the diagonal, −∞ above: an array to add to scores."""
    mask = np.triu(np.full((rows, columns), -np.inf, like.dtype), 1)
    return to_device(mask, device_of(like))


@function(method=False)
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query keyᵀ · scale + attn_mask) value (arXiv:1706.03762).

    Args:
        query: (..., heads, L, E).
        key, value: (..., heads, S, E) and (..., heads, S, Ev).
        attn_mask: broadcastable to (..., L, S): True where a query may look, or numbers to add.
        dropout_p: this share of the weights is dropped, always: pass 0 outside training.
        is_causal: each query sees the keys up to its own place only.
        scale: 1 / √E unless given.
        enable_gqa: keys and values may have fewer heads, each for as many consecutive heads of the query.

    Returns:
        (..., heads, L, Ev).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
    """
    expect_real("scaled_dot_product_attention", query)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "scaled_dot_product_attention: Expected query, key, and value to all be at least 2 dimensional, but got query of "
            f"shape {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)}"
        )
    if not query.dtype == key.dtype == value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got {query.dtype}, {key.dtype} and {value.dtype}"
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            "scaled_dot_product_attention: query and key need the same last dimension, key and value the same length: got "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    rows, columns = query.shape[-2], key.shape[-2]
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    mask = additive(attn_mask, query.dtype)
    heads = None
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        query, key, value, mask, heads = grouped(query, key, value, mask)
    drops = None
    if dropout_p > 0:
        lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
        drops = noise(query, (*lead, rows, columns), dropout_p, None)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    out = attention(query, key, value, mask, scale, drops, is_causal, [])
    return out if heads is None else out.reshape(*out.shape[:-4], heads, *out.shape[-2:])


def grouped(query: Any, key: Any, value: Any, mask: Any) -> tuple:
    """Queries in one group of heads per head of the keys: (..., kv heads, group, L, E); keys and values broadcast."""
    heads, fewer = query.shape[-3], key.shape[-3]
    if heads % fewer or value.shape[-3] != fewer:
        raise RuntimeError(
            f"Number of heads in key and value must divide the number of heads in query: got {fewer}, {value.shape[-3]} and {heads}"
        )
    query = query.reshape(*query.shape[:-3], fewer, heads // fewer, *query.shape[-2:])
    key, value = key[..., None, :, :], value[..., None, :, :]
    if mask is not None and mask.ndim > 2:
        if mask.shape[-3] == 1:
            mask = mask[..., None, :, :]
        else:
            mask = mask.reshape(*mask.shape[:-3], fewer, heads // fewer, *mask.shape[-2:])
    return query, key, value, mask, heads
