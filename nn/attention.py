"""Attention with several heads."""

from __future__ import annotations

import math
from typing import Any

import autograd
from autograd.creation import empty
from autograd.tensor import Tensor

from . import functional as F
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """A `Linear` under the name that PyTorch shows for the output projection."""


class MultiheadAttention(Module):
    """softmax(Q Kᵀ / √d) V in several heads, of projections of query, key and value.

    Args:
        embed_dim: size of query and output.
        num_heads: the projections are split into that many parts.
        dropout: of the attention weights, when training.
        bias: have the projections biases?
        add_bias_kv: append one trained step to key and value.
        add_zero_attn: append one step of zeros to key and value.
        kdim, vdim: sizes of key and value; `embed_dim` unless given.
        batch_first: (N, L, E) instead of (L, N, E).

    Shapes: query (L, N, E) or (L, E), key (S, N, kdim), value (S, N, vdim); `in_proj_weight` (3 E, E), or `q_proj_weight`
    (E, E), `k_proj_weight` (E, kdim) and `v_proj_weight` (E, vdim); `in_proj_bias` (3 E,); `out_proj` a `Linear`.

    Source: Vaswani et al., https://arxiv.org/abs/1706.03762

    >>> import autograd as ag, nn
    >>> x = ag.ones(5, 2, 8)
    >>> output, weights = nn.MultiheadAttention(8, 2)(x, x, x)
    >>> output.shape, weights.shape
    (autograd.Size([5, 2, 8]), autograd.Size([2, 5, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        where = {"device": device, "dtype": dtype}
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        shapes: dict[str, tuple | None] = dict.fromkeys(("q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_weight"))
        if self._qkv_same_embed_dim:
            shapes = {"in_proj_weight": (3 * embed_dim, embed_dim)} | {n: None for n in shapes if n != "in_proj_weight"}
        else:
            sizes = (embed_dim, self.kdim, self.vdim)
            shapes |= {f"{n}_proj_weight": (embed_dim, size) for n, size in zip("qkv", sizes, strict=True)}
        shapes["in_proj_bias"] = (3 * embed_dim,) if bias else None
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else Parameter(empty(shape, **where)))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **where)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(empty((1, 1, embed_dim), **where)) if add_bias_kv else None)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if (weight := getattr(self, name)) is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.constant_(bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            key_padding_mask: (N, S), True (or −∞) at steps of the key to be ignored.
            need_weights: return the attention weights too; without them it is faster.
            attn_mask: (L, S) or (N · num_heads, L, S), True (or −∞) where it must not attend, or numbers to be added.
            average_attn_weights: weights (N, L, S), the mean over the heads, instead of (N, num_heads, L, S).
            is_causal: a hint that `attn_mask` is the causal mask; needs the mask.

        Returns:
            The output, in the shape of the query, and the weights or None.
        """
        batched = query.ndim == 3
        self._check(query, key, value, key_padding_mask, attn_mask, is_causal)
        # (L, N, E) from here on; what was one tensor stays one, for a single projection
        made: dict[int, Tensor] = {}
        for x in (query, key, value):
            if id(x) not in made:
                made[id(x)] = x.unsqueeze(1) if not batched else x.transpose(0, 1) if self.batch_first else x
        q, k, v = self._project(*(made[id(x)] for x in (query, key, value)))
        length, batch = q.shape[0], q.shape[1]
        if key_padding_mask is not None and not batched:
            key_padding_mask = key_padding_mask.unsqueeze(0)
        extra = 0
        if self.bias_k is not None:
            k = autograd.cat([k, self.bias_k.expand(1, batch, self.embed_dim)])
            v = autograd.cat([v, self.bias_v.expand(1, batch, self.embed_dim)])
            extra += 1
        if self.add_zero_attn:
            zero = k.new_zeros((1, batch, self.embed_dim))
            k, v = autograd.cat([k, zero]), autograd.cat([v, zero])
            extra += 1
        q, k, v = (x.reshape(x.shape[0], batch, self.num_heads, self.head_dim).permute(1, 2, 0, 3) for x in (q, k, v))
        mask = self._mask(attn_mask, key_padding_mask, q, extra)  # broadcasts to (N, heads, L, S)
        dropout = self.dropout if self.training else 0.0
        if need_weights:
            weights = (q * (1 / math.sqrt(self.head_dim))) @ k.transpose(-2, -1)
            weights = F.softmax(weights if mask is None else weights + mask, dim=-1)
            if dropout:
                weights = F.dropout(weights, dropout)
            out = weights @ v
        else:
            weights = None
            out = F.scaled_dot_product_attention(q, k, v, mask, dropout)
        out = self.out_proj(out.permute(2, 0, 1, 3).reshape(length, batch, self.embed_dim))
        if weights is not None and average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            return out.squeeze(1), None if weights is None else weights.squeeze(0)
        return out.transpose(0, 1) if self.batch_first else out, weights

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What query, key and value become before they are split into heads."""
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        if not self._qkv_same_embed_dim:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        elif query is key and key is value:
            q, k, v = F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
            return q, k, v
        else:
            weights = self.in_proj_weight.chunk(3)
        q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
        return q, k, v

    def _mask(self, attn_mask: Tensor | None, padding: Tensor | None, q: Tensor, extra: int) -> Tensor | None:
        """Both masks as one to be added to the scores, the `extra` steps at the end being open to all."""
        if attn_mask is not None:
            attn_mask = additive(attn_mask, q.dtype)
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.reshape(q.shape[0], self.num_heads, *attn_mask.shape[1:])
            else:
                attn_mask = attn_mask[None, None]
        if padding is not None:
            padding = additive(padding, q.dtype)[:, None, None]
        both = attn_mask if padding is None else padding if attn_mask is None else attn_mask + padding
        return both if both is None or not extra else F.pad(both, (0, extra))

    def _check(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        padding: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
    ) -> None:
        """Raise for shapes that do not fit."""
        if query.ndim not in (2, 3):
            raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor")
        if not query.ndim == key.ndim == value.ndim:
            raise AssertionError(
                f"For {query.ndim}-D query, expected key and value to be {query.ndim}-D but found {key.ndim}-D and {value.ndim}-D"
            )
        for name, x, size in (("query", query, self.embed_dim), ("key", key, self.kdim), ("value", value, self.vdim)):
            if x.shape[-1] != size:
                raise AssertionError(f"was expecting {name} of embedding dimension {size}, but got {x.shape[-1]}")
        if is_causal and attn_mask is None:
            raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
        first = int(self.batch_first and query.ndim == 3)
        length, steps = query.shape[first], key.shape[first]
        batch = 1 if query.ndim == 2 else query.shape[1 - first]
        if value.shape[first] != steps or (query.ndim == 3 and not batch == key.shape[1 - first] == value.shape[1 - first]):
            raise AssertionError(
                f"query's, key's and value's shapes {tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)} do not "
                "agree in batch size, or key's and value's in length"
            )
        shapes = ((length, steps), (batch * self.num_heads, length, steps))
        if attn_mask is not None and tuple(attn_mask.shape) not in shapes:
            raise RuntimeError(f"The shape of the attn_mask is {tuple(attn_mask.shape)}, but should be {shapes[0]} or {shapes[1]}.")
        wanted = (batch, steps) if query.ndim == 3 else (steps,)
        if padding is not None and tuple(padding.shape) != wanted:
            raise AssertionError(f"expecting key_padding_mask shape of {wanted}, but got {tuple(padding.shape)}")

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks as one (N, num_heads, L, S), and its kind: 0 for `attn_mask`, 1 for padding, 2 for both."""
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        if key_padding_mask is None:
            return attn_mask, 0
        batch, length = query.shape[:2]
        full = attn_mask if attn_mask.ndim == 3 else attn_mask.expand(batch, self.num_heads, -1, -1)
        full = full.reshape(batch, self.num_heads, length, -1)
        padding = key_padding_mask.reshape(batch, 1, 1, -1).expand(-1, self.num_heads, -1, -1)
        return full + padding, 2


def additive(mask: Tensor, dtype: Any) -> Tensor:
    """A mask to be added to scores: −∞ where a boolean mask is True."""
    if mask.dtype == autograd.bool:
        return autograd.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, -math.inf)
    if mask.dtype.kind != "f":
        raise AssertionError(f"only bool and floating types of mask are supported, got {mask.dtype}")
    return mask
