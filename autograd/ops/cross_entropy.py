"""Losses of classification: cross entropy of logits, as one fused op, and the log-likelihood of log-probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import expect_real
from ..fast import ready
from ..fast import rows as loops
from ..fast.threads import BLOCK, get_num_threads, parts, shared
from ..op import function, op
from ..tensor import unwrap, wrap
from . import ufuncs
from .linear import linear
from .loss import reduced, reduction_of
from .places import steps
from .softmax import log_softmax

__all__: list[str] = []


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
    return _nll(log_softmax(x, 0 if x.ndim == 1 else 1), target, weight, reduction, ignore_index, smoothing)


def _cross_entropy_gradient(g, x_shape, target, weight, reduction, ignore_index, smoothing, memo):
    kept, index, used, scale, total = memo
    probabilities, *rest = kept
    classes = probabilities.shape[1]
    g = g.reshape(-1) if reduction == "none" else g / total
    each = g if scale is None else g * scale
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
    loops.cross_entropy_gradient(
        rows, np.ascontiguousarray(index, np.int64), tops, logs, shares, chosen, per_row, spread, out
    )
    return out


def _row_products(rows: Any, weight: Any) -> Any:
    """rows @ weight, where BLAS's threads would be in the way of the loops'."""
    if not ready(rows):
        return rows @ weight
    out = np.empty(len(rows), rows.dtype)
    loops.row_products(rows, np.ascontiguousarray(weight, rows.dtype), out)
    return out


def _counted(index: Any, ignore_index: int) -> tuple[Any, Any]:
    """The classes with 0 for those that do not count, and which do: None if all."""
    if ignore_index >= 0 or (ignore_index == -100 and index.size and index.min() < 0):
        used = index != ignore_index
        if not used.all():
            return np.where(used, index, 0), used
    return index, None


def _log_likelihood(rows: Any, index: Any) -> tuple[Any, Any, Any, tuple]:
    """− log softmax at the index, the largest logit, the logarithm of the sum of e^(logit − largest); what to keep."""
    if ready(rows):
        tops, logs, chosen = np.empty((3, len(rows)), rows.dtype)
        loops.cross_entropy(rows, np.ascontiguousarray(index, np.int64), tops, logs, chosen)
        return logs - chosen, tops, logs, (rows, tops, logs)
    exponential = np.empty_like(rows)
    tops, sums, loss = np.empty_like(rows, shape=(3, len(rows)))

    def fill(part: slice) -> None:
        e = exponential[part]
        tops[part] = ufuncs.reduce(np.maximum, rows[part], 1, initial=-np.inf)
        np.subtract(rows[part], tops[part, None], out=e)
        loss[part] = -e[steps(len(e), index), index[part]]
        np.exp(e, out=e)
        np.add.reduce(e, axis=1, out=sums[part])
        e /= sums[part, None]

    if type(rows) is np.ndarray:
        shared(fill, parts(len(rows), get_num_threads() if rows.size >= BLOCK else 1))
    else:
        fill(slice(None))
    logs = np.log(sums)
    loss += logs
    return loss, tops, logs, (exponential,)


@op("cross_entropy", method=False, joint=_cross_entropy_gradient, formula=_cross_entropy_formula)
def _cross_entropy(x, target, weight, reduction, ignore_index, smoothing, memo):
    """Of logits and class indices; what the rule needs goes into `memo`."""
    rows, (index, used) = classes_last(x), _counted(target.reshape(-1), ignore_index)
    check_classes(index, rows.shape[1])
    kind = x.dtype.type
    loss, tops, logs, kept = _log_likelihood(rows, index)
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
    if reduction != "mean":
        total = kind(1)
    elif scale is not None:
        total = np.add.reduce(scale)
    else:
        total = kind(len(index) if used is None else np.count_nonzero(used))
    memo[:] = kept, index, used, scale, total
    if reduction == "none":
        return loss.reshape(target.shape)
    return np.add.reduce(loss) / total


def check_classes(index: Any, classes: int) -> None:
    """Raise unless all are numbers of classes."""
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"expected class indices as integers, got {index.dtype}; convert with .long()")
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


@function(method=False)
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
    expect_real("cross_entropy", input, target)
    if target.array.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    _check_class_shapes("cross_entropy", input, target, weight)
    if weight is not None:
        weight = weight.detach()
    return _cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing, [])


def _soft_cross_entropy(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    """Of logits and probabilities."""
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
    index = unwrap(target)
    like = logs.array
    kept = index != ignore_index
    safe = np.where(kept, index, 0)
    dim = 0 if logs.ndim == 1 else 1
    check_classes(safe, logs.shape[dim])
    weight = unwrap(weight)
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


@function(method=False)
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


@function(method=False)
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
