"""``torch.nn.attention.flex_attention``: attention whose scores and mask are functions of the places, in plain operations."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import autograd
from autograd.tensor import Tensor

__all__ = ["BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask", "or_masks"]


def _places(*counts: int, device: Any) -> list[Tensor]:
    """The index along each dimension, shaped to broadcast against the others."""
    return [
        autograd.arange(n, device=device).reshape([n if i == dim else 1 for i in range(len(counts))])
        for dim, n in enumerate(counts)
    ]


class BlockMask:
    """Which query may look at which key: what `create_block_mask` makes.  There are no blocks, so none is skipped."""

    def __init__(self, mask: Tensor, mask_mod: Callable):
        self.mask, self.mask_mod, self.shape = mask, mask_mod, tuple(mask.shape)

    def to(self, device: Any) -> BlockMask:
        """The same on another device."""
        return BlockMask(self.mask.to(device), self.mask_mod)


def create_mask(mod_fn: Callable, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None) -> Tensor:
    """The bools of ``mod_fn(batch, head, query, key)`` at all places, (B, H, Q_LEN, KV_LEN); None stands for 1.

    >>> create_mask(lambda b, h, q, k: q >= k, None, None, 2, 2)
    tensor([[[[ True, False],
              [ True,  True]]]])
    """
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    return autograd.broadcast_to(mod_fn(*_places(*shape, device=device)), shape)


def create_block_mask(
    mask_mod: Callable, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None, **_: Any
) -> BlockMask:
    """The same for `flex_attention`; PyTorch's further options are accepted."""
    return BlockMask(create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), mask_mod)


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """A mask that lets everything through."""
    return autograd.ones((), dtype="bool", device=token_q.device)


def and_masks(*mask_mods: Callable) -> Callable:
    """The mask that lets through what all of these do."""
    return lambda *places: functools.reduce(operator.and_, [noop_mask(*places), *(mod(*places) for mod in mask_mods)])


def or_masks(*mask_mods: Callable) -> Callable:
    """The mask that lets through what one of these does."""
    return lambda *places: functools.reduce(operator.or_, [~noop_mask(*places), *(mod(*places) for mod in mask_mods)])


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
) -> Any:
    """softmax(score_mod(scale · Q Kᵀ)) V.

    Args:
        query, key, value: (B, Hq, L, E), (B, H, S, E), (B, H, S, Ev).
        score_mod: takes the scores and the indices of batch, head, query and key, which broadcast against each other.
        block_mask: keys that a query may not look at; a query that may look at none gets zeros.
        scale: 1 / √E unless given.
        enable_gqa: several heads of the query share one of key and value.
        return_lse: return the logarithm of the softmax's denominators, (B, Hq, L), too.
        kernel_options: accepted for PyTorch's sake.

    Source: https://docs.pytorch.org/docs/stable/nn.attention.flex_attention.html

    >>> import autograd as ag
    >>> x = ag.ones(1, 1, 2, 3)
    >>> flex_attention(x, x, x, lambda score, b, h, q, k: score - abs(q - k))[0, 0, 0]
    tensor([1., 1., 1.])
    """
    groups = query.shape[1] // key.shape[1]
    if query.shape[1] != groups * key.shape[1] or (groups > 1 and not enable_gqa):
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={query.shape[1]} and "
            f"Hkv={key.shape[1]}. Try setting enable_gqa=True for GQA, with Hq a multiple of Hkv."
        )
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if score_mod is not None:
        scores = score_mod(scores, *_places(*scores.shape, device=scores.device))
    if block_mask is not None:
        scores = scores.masked_fill(~block_mask.mask, -math.inf)
        blind = ~block_mask.mask.any(-1, keepdim=True)
        weights = scores.masked_fill(blind, 0.0).softmax(-1).masked_fill(blind, 0.0)
    else:
        weights = scores.softmax(-1)
    return (weights @ value, scores.logsumexp(-1)) if return_lse else weights @ value
