"""Attention in several heads, with the projections before and after: what `nn.MultiheadAttention` computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import function
from ..tensor import wrap
from .attention import scaled_dot_product_attention
from .dropout import dropout
from .joining import cat
from .linear import linear
from .padding import constant_pad
from .softmax import softmax

__all__: list[str] = []


@function(method=False)
def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """What `nn.MultiheadAttention` computes: projections, attention in several heads, projection.

    Args:
        query, key, value: (L, N, E), (S, N, Ek), (S, N, Ev); or all without N.
        key_padding_mask: (N, S) or (S,): True for keys nobody may look at.
        attn_mask: (L, S) or (N · heads, L, S): True where not to look, or numbers to add.
        is_causal: a hint that `attn_mask` is the causal mask; it must be given too.

    Returns:
        The output, shaped like `query`, and the weights (N, L, S), averaged over heads unless `average_attn_weights` is False;
        None unless `need_weights`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
    """
    _check(query, key, value, key_padding_mask, attn_mask, is_causal)
    _check_sizes(query.shape[-1], embed_dim_to_check, num_heads)
    batched = query.ndim == 3
    if not batched:
        same = query is key and key is value
        query = query[:, None]
        key, value = (query, query) if same else (key[:, None], value[:, None])
        key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
    rows, batch, embed = query.shape
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    more = int(add_zero_attn)  # keys
    if bias_k is not None and bias_v is not None:
        more += 1
        k, v = cat([k, bias_k.expand(1, batch, embed)], 0), cat([v, bias_v.expand(1, batch, embed)], 0)
    q = _heads(q, num_heads)
    k = _heads(k, num_heads) if static_k is None else static_k.reshape(batch, num_heads, *static_k.shape[1:])
    v = _heads(v, num_heads) if static_v is None else static_v.reshape(batch, num_heads, *static_v.shape[1:])
    if add_zero_attn:
        k, v = (constant_pad(x, ((0, 0), (0, 0), (0, 1), (0, 0)), 0) for x in (k, v))
    mask = _mask(attn_mask, key_padding_mask, (*q.shape[:3], k.shape[2]), more, q.dtype)
    out, weights = _attended(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    out = linear(out.permute(2, 0, 1, 3).reshape(rows, batch, embed), out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    return (out, weights) if batched else (out[:, 0], None if weights is None else weights[0])


def _check(query: Any, key: Any, value: Any, padding: Any, mask: Any, is_causal: bool) -> None:
    """Raise unless the dimensions of all arguments fit together."""
    n = query.ndim
    if n not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    if key.ndim != n or value.ndim != n:
        raise AssertionError(
            f"For a {n}-D query, expected key and value to be {n}-D but found {key.ndim}-D and {value.ndim}-D tensors"
        )
    if padding is not None and padding.ndim != n - 1:
        raise AssertionError(f"For a {n}-D query, expected key_padding_mask to be {n - 1}-D, found {padding.ndim}-D")
    if mask is not None and mask.ndim not in (2, 3):
        raise AssertionError(f"expected attn_mask to be 2-D or 3-D, found {mask.ndim}-D")
    if key.shape[: n - 1] != value.shape[: n - 1]:
        raise AssertionError(
            f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's {tuple(value.shape[:2])}"
        )
    if is_causal and mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")


def _check_sizes(embed: int, expected: int, num_heads: int) -> None:
    """Raise unless the heads can share the features among them."""
    if embed != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {embed}")
    if embed % num_heads:
        raise AssertionError(f"embed_dim {embed} not divisible by num_heads {num_heads}")


def _projected(query: Any, key: Any, value: Any, in_weight: Any, in_bias: Any, weights: tuple | None) -> tuple:
    """Queries, keys and values of all heads, side by side: by the three `weights`, or by the three parts of `in_weight`."""
    embed = query.shape[-1]
    parts = [slice(i * embed, (i + 1) * embed) for i in range(3)]
    if weights is None and in_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    for name, x, shape in (("in_proj_weight", in_weight, (3 * embed, embed)), ("in_proj_bias", in_bias, (3 * embed,))):
        if x is not None and not (weights and x is in_weight) and tuple(x.shape) != shape:
            raise RuntimeError(f"expected {name} of shape {shape}, got {tuple(x.shape)}")
    if weights is None and query is key and key is value:  # one GEMM for all three
        together = linear(query, in_weight, in_bias)
        return tuple(together[..., part] for part in parts)
    if weights is None:
        weights = tuple(in_weight[part] for part in parts)
    elif any(w is None for w in weights):
        raise AssertionError(
            "use_separate_proj_weight is True but q_proj_weight, k_proj_weight or v_proj_weight is None"
        )
    biases = [None if in_bias is None else in_bias[part] for part in parts]
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))


def _mask(attn_mask: Any, padding: Any, shape: tuple, appended: int, dtype: np.dtype) -> Any:
    """Both masks as one to be added to scores of that shape (N, heads, L, S), whose last `appended` columns all may see."""
    batch, heads, rows, columns = shape
    source = columns - appended
    masks = []
    if attn_mask is not None:
        flat = attn_mask.ndim == 2
        wanted = (rows, source) if flat else (batch * heads, rows, source)
        if tuple(attn_mask.shape) != wanted:
            raise RuntimeError(
                f"The shape of the {attn_mask.ndim}D attn_mask is {tuple(attn_mask.shape)}, but should be {wanted}."
            )
        added = _to_be_added(attn_mask, "attn_mask", dtype)
        masks.append(added.reshape(*((1, 1) if flat else (batch, heads)), rows, source))
    if padding is not None:
        if tuple(padding.shape) != (batch, source):
            raise AssertionError(
                f"expecting key_padding_mask shape of {(batch, source)}, but got {tuple(padding.shape)}"
            )
        masks.append(_to_be_added(padding, "key_padding_mask", dtype).reshape(batch, 1, 1, source))
    if not masks:
        return None
    mask = masks[0] if len(masks) == 1 else masks[0] + masks[1]
    return constant_pad(mask, ((0, 0), (0, 0), (0, 0), (0, appended)), 0) if appended else mask


def _to_be_added(mask: Any, name: str, dtype: np.dtype) -> Any:
    """A mask as numbers: of a boolean one, −∞ where True (where NOT to look, unlike in scaled_dot_product_attention)."""
    if mask.dtype.kind == "b":
        return wrap(np.where(mask.array, dtype.type(-np.inf), dtype.type(0)))
    if mask.dtype.kind != "f":
        raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
    return mask


def _heads(x: Any, count: int) -> Any:
    """(S, N, E), with the heads side by side, as (N, heads, S, width)."""
    return x.reshape(*x.shape[:2], count, x.shape[2] // count).permute(1, 2, 0, 3)


def _attended(q: Any, k: Any, v: Any, mask: Any, probability: float, need_weights: bool) -> tuple[Any, Any]:
    """The heads' outputs (N, heads, L, width), and their attention weights (N, heads, L, S) if they are needed, else None."""
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, probability), None
    scores = (q * math.sqrt(1 / q.shape[-1])) @ k.swapaxes(-1, -2)
    weights = dropout(softmax(scores if mask is None else scores + mask, -1), probability)
    return weights @ v, weights
