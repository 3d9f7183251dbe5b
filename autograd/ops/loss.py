"""What all losses share, and those of regression."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..dtypes import expect_real
from ..fast import compiles, fused
from ..op import function, op
from ..tensor import Tensor, wrap
from .reduction import added

__all__: list[str] = []

# ---- what all losses share ---------------------------------------------------------------------------------------


def legacy_reduction(reduction: str, size_average: bool | None, reduce: bool | None, stacklevel: int = 4) -> str:
    """The reduction that is asked for; PyTorch's old pair of flags says which one too, with a warning."""
    if size_average is None and reduce is None:
        return reduction
    meant = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.",
        stacklevel=stacklevel,
    )
    return meant


def reduction_of(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """One of "none", "mean" and "sum", also from PyTorch's old pair of flags."""
    reduction = legacy_reduction(reduction, size_average, reduce, stacklevel=5)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; use 'none', 'mean' or 'sum'")
    return reduction


def reduced(loss: Any, reduction: str) -> Any:
    """The loss of each element, their mean or their sum."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def matched(name: str, input: Any, target: Any) -> None:
    """Warn, as PyTorch does, where the shapes differ but broadcast; raise where they do not fit."""
    a, b = input.array.shape, target.array.shape
    if a == b:
        return
    if any(m != n and 1 not in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False)):
        raise RuntimeError(
            f"{name}: the shapes of input {a} and target {b} do not broadcast: dimensions, from the last one, must be equal "
            "or 1; give both the same shape"
        )
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
        "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=4,
    )


def weighted(loss: Any, weight: Any, reduction: str) -> Any:
    """A loss of each element times its weight; their mean is divided by the sum of the weights."""
    if weight is None:
        return reduced(loss, reduction)
    if tuple(weight.shape) != tuple(loss.shape):
        raise ValueError(
            f"Weights and input must have the same size, got {tuple(weight.shape)} and {tuple(loss.shape)}"
        )
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" else reduced(loss, reduction)


# ---- regression --------------------------------------------------------------------------------------------------


def _total(x: Any, reduction: str) -> Any:
    """`reduced` for an array; the mean of nothing is NaN, as in PyTorch, and nobody is warned."""
    if reduction == "none":
        return x
    total = added(x, None, False)
    if reduction == "sum":
        return total
    return total / x.dtype.type(x.size) if x.size else total * x.dtype.type(np.nan)


_squared_difference = fused(lambda x, y: (x - y) * (x - y))
_difference_times = fused(lambda x, y, factor: (x - y) * factor)


def _squared_error_slope(g: Any, x: Any, y: Any, reduction: str) -> Any:
    if isinstance(g, Tensor) or not compiles(x):
        d = x - y
        return d * (g * (2 / max(math.prod(d.shape), 1) if reduction == "mean" else 2))
    count = math.prod(np.broadcast_shapes(x.shape, y.shape))
    return _difference_times(x, y, g * (2 / count if reduction == "mean" else 2))


@op(
    "mse_loss",
    method=False,
    promote=("x", "y"),
    x=_squared_error_slope,
    y=lambda g, x, y, reduction: _squared_error_slope(g, y, x, reduction),
)
def _squared_error(x, y, reduction):
    expect_real("mse_loss", x, y)
    if compiles(x):
        return _total(_squared_difference(x, y), reduction)
    d = x - y
    if reduction == "none":
        return d * d
    flat = d.reshape(-1)
    total = flat.dot(flat) if d.dtype.kind == "f" else np.add.reduce(d * d, axis=None)
    return total / total.dtype.type(d.size) if reduction == "mean" and d.size else _total(d * d, reduction)


@function(method=False)
def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """(input − target)², element by element.

    Args:
        input, target: of one shape.
        reduction: "mean", "sum" or "none".
        weight: of the same shape, multiplied with the loss of each element.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html

    >>> import autograd as ag
    >>> mse_loss(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    matched("mse_loss", input, target)
    if weight is None:
        return _squared_error(input, target, reduction)
    return weighted(_squared_error(input, target, "none"), weight, reduction)


@function(method=False)
def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """|input − target|, element by element."""
    reduction = reduction_of(reduction, size_average, reduce)
    matched("l1_loss", input, target)
    return weighted(abs(input - target), weight, reduction)


@fused
def _huber_slope(g: Any, x: Any, y: Any, delta: float) -> Any:
    return g * np.minimum(np.maximum(x - y, -delta), delta)


@fused
def _huber_of(x: Any, y: Any, delta: float) -> Any:
    size = np.abs(x - y)
    near = np.minimum(size, delta)
    return near * (size - 0.5 * near)


@op(
    "huber",
    method=False,
    promote=("x", "y"),
    x=_huber_slope,
    y=lambda g, x, y, delta: _huber_slope(g, y, x, delta),
)
def _huber(x, y, delta):
    expect_real("huber_loss", x, y)
    return _huber_of(x, y, delta)


@function(method=False)
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """½ d² where |d| < delta, delta · (|d| − ½ delta) elsewhere; d = input − target."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    reduction = reduction_of(reduction)
    matched("huber_loss", input, target)
    return weighted(_huber(input, target, delta), weight, reduction)


@function(method=False)
def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """½ d² / beta where |d| < beta, |d| − ½ beta elsewhere; d = input − target."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    reduction = reduction_of(reduction, size_average, reduce)
    matched("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced(abs(input - target), reduction)
    loss = _huber(input, target, beta)
    return reduced(loss if beta == 1 else loss / beta, reduction)


@function(method=False)
def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """½ (log(var) + (input − target)² / var), var at least `eps`: minus the log of a normal density; `full` adds ½ log(2π)."""
    expect_real("gaussian_nll_loss", input, target, var)
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.detach() * 0 + float(var)
    elif bool((var.array < 0).any()):
        raise ValueError("var has negative entry/entries")
    if tuple(var.shape) != tuple(input.shape):
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = var[..., None]
        elif input.ndim != var.ndim or sum(m for n, m in zip(input.shape, var.shape, strict=True) if n != m) != 1:
            raise ValueError(f"var is of incorrect size: input has shape {tuple(input.shape)}, var {tuple(var.shape)}")
    reduction = reduction_of(reduction)
    # The bound changes the value, not the gradient: PyTorch's clamp is done without recording.
    lift = wrap(np.maximum(var.array, var.dtype.type(eps)) - var.array)
    var = var + lift
    d = input - target
    loss = (np.log(var) + d * d / var) * 0.5
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


@function(method=False)
def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """e^input − target · input, or input − target · log(input + eps) unless `log_input`; `full` adds Stirling's log(target!)."""
    reduction = reduction_of(reduction, size_average, reduce)
    loss = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        safe = np.where(target > 1, target, target * 0 + 1)
        stirling = safe * np.log(safe) - safe + 0.5 * np.log(safe * (2 * math.pi))
        loss = loss + np.where(target > 1, stirling, stirling * 0)
    return reduced(loss, reduction)
