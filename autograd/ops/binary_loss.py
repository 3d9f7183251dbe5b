"""Losses of probabilities: binary cross entropy, soft margins, Kullback–Leibler divergence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..dtypes import expect_real
from ..fast import fused
from ..fast.scalars import sigmoid, softplus
from ..op import function, op
from .activation import logsigmoid
from .loss import reduced, reduction_of

__all__: list[str] = []


def _logs(x: Any) -> tuple:
    """log x and log(1 − x), at least −100."""
    return np.maximum(np.log(x), -100.0), np.maximum(np.log1p(-x), -100.0)


def _entropy_target(g: Any, x: Any) -> Any:
    yes, no = _logs(x)
    return g * (no - yes)


@op(
    "binary_cross_entropy",
    method=False,
    promote=("x", "target"),
    x=lambda g, x, target: g * (x - target) / np.maximum((1 - x) * x, 1e-12),
    target=_entropy_target,
)
def _binary_cross_entropy(x, target):
    expect_real("binary_cross_entropy", x, target)
    yes, no = _logs(x)
    return (target - 1) * no - target * yes


@function(method=False)
def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """−(target log input + (1 − target) log(1 − input)), input being a probability; logarithms are at least −100.

    Raises ValueError where input and target differ in shape, RuntimeError where the input is not between 0 and 1.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = input.array.shape, target.array.shape
    if a != b:
        raise ValueError(
            f"Using a target size ({b}) that is different to the input size ({a}) is deprecated. "
            "Please ensure they have the same size."
        )
    if input.array.size and not (input.array.min() >= 0 and input.array.max() <= 1):
        raise RuntimeError(
            "all elements of input should be between 0 and 1; for logits use binary_cross_entropy_with_logits"
        )
    loss = _binary_cross_entropy(input, target)
    return reduced(loss if weight is None else loss * weight, reduction)


_logits_loss = fused(lambda x, target: softplus(x) - x * target)


@op(
    "binary_cross_entropy_with_logits",
    method=False,
    promote=("x", "target"),
    x=fused(lambda g, x, target: g * (sigmoid(x) - target)),
    target=fused(lambda g, x: -(g * x)),
)
def _with_logits(x, target):
    expect_real("binary_cross_entropy_with_logits", x, target)
    return _logits_loss(x, target)


@function(method=False)
def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """`binary_cross_entropy` of sigmoid(input), computed without overflow.

    Args:
        input, target: of one shape.
        weight: multiplied with the loss of each element.
        pos_weight: multiplied with the part of positive targets; broadcastable.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    a, b = input.array.shape, target.array.shape
    if a != b:
        raise ValueError(f"Target size ({b}) must be the same as input size ({a})")
    if pos_weight is None:
        loss = _with_logits(input, target)
    else:
        loss = (1 - target) * input - ((pos_weight - 1) * target + 1) * logsigmoid(input)
    return reduced(loss if weight is None else loss * weight, reduction)


@function(method=False)
def soft_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """log(1 + e^(−target · input)), targets 1 or −1."""
    product = input * target
    if product.shape != input.shape:
        raise RuntimeError(
            f"soft_margin_loss: a target of shape {tuple(target.shape)} does not fit {tuple(input.shape)}"
        )
    return reduced(-logsigmoid(product), reduction_of(reduction, size_average, reduce))


@function(method=False)
def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean over classes (the last dimension) of binary cross entropy with logits."""
    reduction = reduction_of(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced((loss if weight is None else loss * weight).mean(-1), reduction)


@function(method=False)
def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """target · (log target − input), input being log-probabilities; "batchmean" divides the sum by the batch size."""
    if size_average is not None or reduce is not None or reduction != "batchmean":
        reduction = reduction_of(reduction, size_average, reduce)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=3,
        )
    expect_real("kl_div", input, target)
    if log_target:
        loss = np.exp(target) * (target - input)
    else:
        loss = target * (np.log(np.where(target == 0, np.ones_like(target), target)) - input)
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(loss, reduction)
