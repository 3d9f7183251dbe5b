"""Attention with several heads."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from typing import Any

from autograd.creation import empty
from autograd.tensor import Tensor

from . import functional as F
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]
__path__: list[str] = []  # flex_attention, which PyTorch has below, `autograd.paths` finds


class SDPBackend(enum.IntEnum):
    """PyTorch's kernels for attention, by name."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Accepted, without effect: attention chooses its kernel by itself, and all give the same."""
    yield


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
        shapes: dict[str, tuple | None] = dict.fromkeys(
            ("q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_weight")
        )
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
        turned = self.batch_first and query.ndim == 3
        if turned:
            made: dict[int, Tensor] = {}  # what was one tensor stays one, for a single projection
            for x in (query, key, value):
                if id(x) not in made:
                    made[id(x)] = x.transpose(0, 1)
            query, key, value = made[id(query)], made[id(key)], made[id(value)]
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return out.transpose(0, 1) if turned else out, weights
