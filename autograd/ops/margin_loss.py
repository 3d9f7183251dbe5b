"""Losses with a margin: rankings, embeddings, several classes, triplets.

Where a loss just reaches 0, its gradient is that of its other side in most, as PyTorch has it: they clamp.  Those of several
classes have none there: they are a relu.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import function
from ..tensor import unwrap, wrap
from . import ufuncs
from .activation import relu
from .arithmetic import clamp
from .cross_entropy import check_classes
from .distance import pairwise_distance
from .loss import reduced, reduction_of
from .places import steps

__all__: list[str] = []


@function(method=False)
def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """input where target is 1, max(0, margin − input) where it is −1."""
    target = unwrap(target)
    loss = np.where(target != 1, clamp(margin - input, 0), 0) + np.where(target != -1, input, 0)
    return reduced(loss, reduction_of(reduction, size_average, reduce))


@function(method=False)
def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, −target · (input1 − input2) + margin): target 1 where the first is to be larger, −1 where the second."""
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {tuple(input1.shape)}, input2: {tuple(input2.shape)}, target: {tuple(target.shape)} "
        )
    return reduced(clamp(margin - target * (input1 - input2), 0), reduction_of(reduction, size_average, reduce))


@function(method=False)
def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """1 − cos where target is 1, max(0, cos − margin) where it is −1; (N, d), (N, d), (N,) or (d,), (d,), ()."""
    if target.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise RuntimeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes "
            f"{tuple(input1.shape)} and {tuple(input2.shape)}."
        )
    tiny = 1e-12
    product = (input1 * input2).sum(-1)
    cosine = product / np.sqrt(((input1 * input1).sum(-1) + tiny) * ((input2 * input2).sum(-1) + tiny))
    target = unwrap(target)
    loss = np.where(target == 1, 1 - cosine, 0) + np.where(target == -1, clamp(cosine - margin, 0), 0)
    return reduced(loss, reduction_of(reduction, size_average, reduce))


@function(method=False)
def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Σ max(0, margin − input[target] + input[j])ᵖ over the other classes j, divided by the number of classes.

    Args:
        input: (N, C) or (C,).
        target: (N,) or () class indices.
        p: 1 or 2.
        weight: (C,), of the target class.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    single = input.ndim < 2
    x = input.reshape(1, -1) if single else input
    index = unwrap(target).reshape(-1)
    if input.ndim > 2 or target.ndim > 1 or x.shape[0] != index.shape[0]:
        raise RuntimeError(
            f"multi_margin_loss: inconsistent target size {tuple(target.shape)} for input {tuple(input.shape)}"
        )
    classes = x.shape[1]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ValueError(f"multi_margin_loss: weight needs shape ({classes},), got {tuple(weight.shape)}")
    check_classes(index, classes)
    rows = steps(len(index), index)
    excess = relu(margin - x[rows, index].reshape(-1, 1) + x)
    if p == 2:
        excess = excess * excess
    if weight is not None:
        excess = excess * wrap(unwrap(weight)[index][:, None])
    others = (steps(classes, index) != index[:, None]).astype(x.dtype)
    loss = (excess * wrap(others)).sum(1) / classes
    return reduced(loss.reshape(()) if single and not target.ndim else loss, reduction)


@function(method=False)
def multilabel_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Σ max(0, 1 − input[j] + input[i]) over target classes j and other classes i, divided by the number of classes.

    Args:
        input: (N, C) or (C,).
        target: of the same shape: class indices, up to the first −1.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if tuple(input.shape) != tuple(target.shape) or input.ndim > 2:
        raise RuntimeError(
            f"multilabel_margin_loss: inconsistent target size {tuple(target.shape)} for input of size {tuple(input.shape)}"
        )
    x = input.reshape(-1, input.shape[-1] if input.ndim else 1)
    index = unwrap(target).reshape(tuple(x.shape))
    count, classes = x.shape
    given = ufuncs.accumulate(np.minimum, index >= 0, 1)
    safe = np.where(given, index, 0)
    check_classes(safe, classes)
    rows = steps(count, index)[:, None]
    is_target = np.zeros_like(given, shape=(count, classes))
    is_target[np.broadcast_to(rows, safe.shape)[given], safe[given]] = True
    excess = relu(1 - x[rows, safe][:, :, None] + x[:, None, :])  # (N, target, class)
    counted = (given[:, :, None] & ~is_target[:, None, :]).astype(x.dtype)
    loss = (excess * wrap(counted)).sum((1, 2)) / classes
    return reduced(loss.reshape(()) if input.ndim < 2 else loss, reduction)


@function(method=False)
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, d(anchor, positive) − d(anchor, negative) + margin), d being the p-norm of the difference plus eps.

    `swap`: use d(positive, negative) where it is the smaller of the two.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction,
    )


@function(method=False)
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """`triplet_margin_loss` with a distance of one's own."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    far = distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    return reduced(clamp(distance(anchor, positive) - far + margin, 0), reduction_of(reduction))
