"""Losses of regression and classification.  Squared error and cross entropy, which most training has, are fused ops."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..fast import compiles, fused, ready
from ..fast import rows as loops
from ..op import op
from ..tensor import Tensor, wrap
from .linear import linear
from .places import steps
from .reduction import added

__all__: list[str] = []

# ---- what all losses share ---------------------------------------------------------------------------------------


def reduction_of(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """One of "none", "mean" and "sum", also from PyTorch's old pair of flags."""
    if size_average is not None or reduce is not None:
        size_average = True if size_average is None else size_average
        reduce = True if reduce is None else reduce
        reduction = ("mean" if size_average else "sum") if reduce else "none"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction; use 'none', 'mean' or 'sum'")
    return reduction


def reduced(loss: Any, reduction: str) -> Any:
    """The loss of each element, their mean or their sum."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def matched(name: str, input: Any, target: Any, advice: bool = True) -> None:
    """Warn, as PyTorch does, where the shapes differ but broadcast; raise where they do not fit."""
    a, b = tuple(input.shape), tuple(target.shape)
    if a == b:
        return
    if any(m != n and 1 not in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False)):
        raise RuntimeError(
            f"{name}: the shapes of input {a} and target {b} do not broadcast: dimensions, from the last one, must be equal "
            "or 1; give both the same shape"
        )
    if advice:
        warnings.warn(
            f"Using a target size (torch.Size({list(b)})) that is different to the input size (torch.Size({list(a)})). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
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
    """Of an array."""
    if reduction == "none":
        return x
    total = added(x, None, False)
    return (
        total / x.dtype.type(x.size)
        if reduction == "mean" and x.size
        else total * (1 if x.size else x.dtype.type(np.nan if reduction == "mean" else 0))
    )


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
    if compiles(x):
        return _total(_squared_difference(x, y), reduction)
    d = x - y
    if reduction == "none":
        return d * d
    flat = d.reshape(-1)
    total = np.dot(flat, flat) if d.dtype.kind == "f" else np.add.reduce(d * d, axis=None)
    return total / total.dtype.type(d.size) if reduction == "mean" and d.size else _total(d * d, reduction)


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
    if input.array.shape != target.array.shape:
        matched("mse_loss", input, target)
    if weight is None:
        return _squared_error(input, target, reduction)
    return weighted(_squared_error(input, target, "none"), weight, reduction)


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
    return _huber_of(x, y, delta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """½ d² where |d| < delta, delta · (|d| − ½ delta) elsewhere; d = input − target."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    reduction = reduction_of(reduction)
    matched("huber_loss", input, target)
    return weighted(_huber(input, target, delta), weight, reduction)


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


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """½ (log(var) + (input − target)² / var), var at least `eps`: minus the log of a normal density; `full` adds ½ log(2π)."""
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


# ---- classification by indices -----------------------------------------------------------------------------------


def classes_last(x: Any) -> Any:
    """(C,), (N, C) or (N, C, *S) as (N·S, C), laid out as it lies in memory."""
    if x.ndim == 1:
        return x.reshape((1, -1))
    if x.ndim == 2:
        return x
    return x.transpose((0, *range(2, x.ndim), 1)).reshape((-1, x.shape[1]))


def from_classes_last(rows: Any, shape: tuple) -> Any:
    """The way back from `classes_last`."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    rows = rows.reshape((shape[0], *shape[2:], shape[1]))
    return rows.transpose((0, rows.ndim - 1, *range(1, rows.ndim - 1)))


def _cross_entropy_formula(x, target, weight, reduction, ignore_index, smoothing, memo):
    from .. import log_softmax

    return _nll(log_softmax(x, 0 if x.ndim == 1 else 1), target, weight, reduction, ignore_index, smoothing)


def _cross_entropy_gradient(g, x_shape, target, weight, reduction, ignore_index, smoothing, memo):
    kept, index, used, scale, total = memo
    probabilities, *rest = kept
    classes = probabilities.shape[1]
    if reduction == "none":
        g = g.reshape(-1)
        each = g * scale if scale is not None else g
    else:
        g = g / total
        each = g * scale if scale is not None else g
    if rest:
        out = _compiled_gradient(g, each, kept, index, used, weight, smoothing)
        return (from_classes_last(out, x_shape),)
    columns = each if np.ndim(each) == 0 else each[:, None]
    rows = steps(len(index), index)
    if not smoothing:
        out = probabilities * columns
        out[rows, index] -= each
    else:
        spread = smoothing / classes
        per_row = g if np.ndim(g) == 0 else g[:, None]
        w = 1 if weight is None else weight
        total_weight = classes if weight is None else weight.sum()
        out = probabilities * (columns * (1 - smoothing) + per_row * (spread * total_weight))
        out -= per_row * (w * probabilities.dtype.type(spread))
        out[rows, index] -= each * probabilities.dtype.type(1 - smoothing)
    if used is not None:
        out[~used] = 0  # also where nothing counts and the mean is NaN
    return (from_classes_last(out, x_shape),)


def _compiled_gradient(
    g: Any, each: Any, kept: tuple, index: Any, used: Any, weight: Any, smoothing: float
) -> np.ndarray:
    """The same by loops over rows, which compute the probabilities again."""
    rows, tops, logs = kept
    kind, classes, spread = rows.dtype.type, rows.shape[1], np.empty(0, rows.dtype)
    shares, chosen, per_row = np.empty((3, len(rows)), rows.dtype)
    shares[:] = chosen[:] = each * kind(1 - smoothing)
    per_row[:] = g
    if smoothing:
        spread = np.full(classes, smoothing / classes, rows.dtype)
        if weight is not None:
            spread *= weight
        shares += per_row * np.add.reduce(spread)
    if used is not None:
        shares[~used] = chosen[~used] = 0
    out = np.empty_like(rows)
    loops.cross_entropy_gradient(rows, index, tops, logs, shares, chosen, per_row, spread, out)
    return out


def _row_products(rows: Any, weight: Any) -> Any:
    """rows @ weight, where BLAS's threads would be in the way of the loops'."""
    if not ready(rows):
        return rows @ weight
    out = np.empty(len(rows), rows.dtype)
    loops.row_products(rows, np.ascontiguousarray(weight, rows.dtype), out)
    return out


@op("cross_entropy", method=False, joint=_cross_entropy_gradient, formula=_cross_entropy_formula)
def _cross_entropy(x, target, weight, reduction, ignore_index, smoothing, memo):
    """Of logits and class indices; what the rule needs goes into `memo`."""
    rows, index = classes_last(x), target.reshape(-1)
    used = None
    if ignore_index >= 0 or (ignore_index == -100 and index.size and index.min() < 0):
        used = index != ignore_index
        if used.all():
            used = None
        else:
            index = np.where(used, index, 0)
    check_classes(index, rows.shape[1])
    kind = x.dtype.type
    if ready(rows):
        tops, logs, chosen = np.empty((3, len(rows)), x.dtype)
        index = np.ascontiguousarray(index, np.int64)
        loops.cross_entropy(rows, index, tops, logs, chosen)
        kept: tuple = rows, tops, logs
        loss = logs - chosen
    else:
        tops = np.maximum.reduce(rows, axis=1, initial=-np.inf)
        exponential = rows - tops[:, None]
        loss = -exponential[steps(len(index), index), index]
        np.exp(exponential, out=exponential)
        sums = np.add.reduce(exponential, axis=1, keepdims=True)
        exponential /= sums
        kept = (exponential,)
        logs = np.log(sums[:, 0])
        loss += logs
    scale = None if weight is None else weight[index]
    if scale is not None:
        loss = loss * scale
    if smoothing:
        if weight is None:
            even = kind(rows.shape[1]) * (logs + tops) - np.add.reduce(rows, axis=1)
        else:
            even = weight.sum() * (logs + tops) - _row_products(rows, weight)
        loss = loss * loss.dtype.type(1 - smoothing) + even * loss.dtype.type(smoothing / rows.shape[1])
    if used is not None:
        loss = np.where(used, loss, loss.dtype.type(0))
        if scale is not None:
            scale = scale * used
    if reduction == "mean":
        if scale is not None:
            total = np.add.reduce(scale)
        else:
            total = kind(len(index) if used is None else np.count_nonzero(used))
    else:
        total = kind(1)
    memo[:] = kept, index, used, scale, total
    if reduction == "none":
        return loss.reshape(target.shape)
    return np.add.reduce(loss) / total


def check_classes(index: Any, classes: int) -> None:
    """Raise unless all are numbers of classes."""
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= classes:
            raise IndexError(f"Target {low if low < 0 else high} is out of bounds: there are {classes} classes")


def _check_class_shapes(name: str, input: Any, target: Any, weight: Any) -> None:
    shape, wanted = tuple(input.shape), tuple(input.shape[:1] + input.shape[2:]) if input.ndim > 1 else ()
    if input.ndim == 0:
        raise RuntimeError(f"{name}: expected input of shape (C,), (N, C) or (N, C, ...), got a scalar")
    if tuple(target.shape) != wanted:
        if target.ndim and input.ndim > 1 and shape[0] != target.shape[0]:
            raise ValueError(
                f"Expected input batch_size ({shape[0]}) to match target batch_size ({target.shape[0]}): input has shape "
                f"{shape}, target {tuple(target.shape)}"
            )
        raise RuntimeError(
            f"{name}: input of shape {shape} needs a target of shape {wanted}, got {tuple(target.shape)}"
        )
    if target.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: expected class indices as integers, got {target.dtype}; convert with .long()")
    classes = shape[0] if input.ndim == 1 else shape[1]
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)}"
        )


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """− log softmax(input) of the target class.

    Args:
        input: logits, (C,), (N, C) or (N, C, ...).
        target: class indices of shape (), (N,) or (N, ...), or probabilities of the input's shape.
        weight: (C,), of each class; the mean is divided by the sum of the weights used.
        ignore_index: targets with this index count nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: this share of the target is spread evenly over all classes.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html

    >>> import autograd as ag
    >>> cross_entropy(ag.tensor([[0.0, 0.0]]), ag.tensor([1]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.array.dtype.kind in "fc":
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    _check_class_shapes("cross_entropy", input, target, weight)
    if weight is not None:
        weight = weight.detach()
    return _cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing, [])


def _soft_cross_entropy(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """Of logits and probabilities."""
    from .. import log_softmax

    if tuple(input.shape) != tuple(target.shape):
        raise RuntimeError(
            f"cross_entropy: probabilities as target need the input's shape {tuple(input.shape)}, got {tuple(target.shape)} "
            f"of {target.dtype}; class indices must be integers: convert with .long()"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    dim = 0 if input.ndim == 1 else 1
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input.shape[dim]
    loss = -(log_softmax(input, dim) * target)
    if weight is not None:
        loss = loss * weight.detach().reshape(-1, *(1,) * (input.ndim - dim - 1))
    if reduction == "mean":
        return loss.sum() / max(input.numel() // max(input.shape[dim], 1), 1)
    return loss.sum() if reduction == "sum" else loss.sum(dim)


def _nll(logs: Any, target: Any, weight: Any, reduction: str, ignore_index: int, smoothing: float = 0.0) -> Any:
    """The weighted mean, sum or list of − logs at the target."""
    index = target.array if isinstance(target, Tensor) else target
    like = logs.array
    kept = index != ignore_index
    safe = np.where(kept, index, 0)
    dim = 0 if logs.ndim == 1 else 1
    check_classes(safe, logs.shape[dim])
    weight = None if weight is None else weight.array if isinstance(weight, Tensor) else weight
    scale = np.asarray(kept, like.dtype) if isinstance(like, np.ndarray) else kept.astype(like.dtype)
    if weight is not None:
        scale = scale * weight[safe]
    places = _places(safe, logs.ndim)
    chosen = -logs[places] * wrap(scale)
    if smoothing:
        even = logs if weight is None else logs * wrap(weight.reshape((-1, *(1,) * (logs.ndim - dim - 1))))
        even = -even.sum(dim) * wrap(kept.astype(like.dtype))
        chosen = chosen * (1 - smoothing) + even * (smoothing / logs.shape[dim])
    if reduction == "mean":
        return chosen.sum() / float(scale.sum()) if scale.sum() else chosen.sum() * math.nan
    return reduced(chosen, reduction)


def _places(index: Any, ndim: int) -> Any:
    """The index that takes, from (N, C, *S), element `index` along dimension 1."""
    if ndim == 1:
        return index
    grid = np.ogrid[tuple(slice(n) for n in index.shape)] if index.ndim else []
    return (grid[0], index, *grid[1:])


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """− input at the target class: of log-probabilities (C,), (N, C) or (N, C, ...); arguments as `cross_entropy`'s."""
    reduction = reduction_of(reduction, size_average, reduce)
    _check_class_shapes("nll_loss", input, target, weight)
    return _nll(input, target, weight, reduction, ignore_index)


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Any:
    """`cross_entropy` of the logits that a linear layer makes.

    Args:
        input: (N, in) or (in,).
        linear_weight: (C, in), or (C, ..., in) for a loss at several positions.
        target: class indices or probabilities, as `cross_entropy`'s.
        linear_bias: (C,) or (C, ...).
        options: PyTorch's choices of how to split the work; the result is the same.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear_cross_entropy.html
    """
    *shape, size = linear_weight.shape
    if input.ndim not in (1, 2) or input.shape[-1] != size or (len(shape) > 1 and input.ndim == 1):
        raise RuntimeError(
            f"linear_cross_entropy: a linear_weight of shape {tuple(linear_weight.shape)} takes an input (N, {size}), got "
            f"{tuple(input.shape)}"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != tuple(shape):
        raise RuntimeError(f"expected linear_bias shape {tuple(shape)}, got {tuple(linear_bias.shape)}")
    full = (*input.shape[:-1], *shape)
    if ignore_index is not None and tuple(target.shape) == full:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, size), bias).reshape(*full)
    return cross_entropy(
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )
