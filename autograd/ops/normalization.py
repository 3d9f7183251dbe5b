"""Normalization: batch, layer, group, instance, root mean square, local response.

Each is one op: the forward keeps the normalized values in a list that it is given (`memo`), and the joint rule takes them from
there.  The formula beside it says the same in simple ops, for derivatives of higher order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import expect_floating, expect_real
from ..fast import normalization as loops
from ..fast import ready
from ..fast import rows as row_loops
from ..fast.linalg import column_sums
from ..fast.threads import blocks, each_job
from ..graph import mutated
from ..op import function, op
from ..tensor import share

__all__ = ["group_norm", "layer_norm", "rms_norm"]

# ---- over the last elements: layer norm and root mean square -----------------------------------------------------


def _row_means(x: Any) -> Any:
    """The mean of each row, as a column."""
    size = x.shape[1]
    if x.dtype.kind != "f" or x.size < 4096:
        return np.add.reduce(x, axis=1, keepdims=True) / size
    return x @ np.full_like(x, 1 / size, shape=(size, 1))  # BLAS is faster at it than NumPy's reduction


def _row_dots(x: Any, y: Any) -> Any:
    """The mean of the product of each row, as a column."""
    return np.einsum("ij,ij->i", x, y)[:, None] / x.shape[1]


def _layer_formula(x: Any, weight: Any, bias: Any, eps: float, centered: bool, memo: list) -> Any:
    size = int(np.prod(weight.shape)) if weight is not None else x.shape[-1]
    flat = x.reshape(-1, size)
    if centered:
        flat = flat - flat.mean(1, keepdim=True)
    out = flat / ((flat * flat).mean(1, keepdim=True) + eps).sqrt()
    out = out.reshape(*x.shape)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


def _layer_gradients(g: Any, needs: tuple, x_shape: tuple, weight: Any, centered: bool, memo: list) -> tuple:
    if len(memo) == 3:
        return _compiled_layer_gradients(np.ascontiguousarray(g), needs, weight, centered, *memo)
    normal, inverse = memo
    rows = g.reshape(normal.shape)
    w = np.ones_like(normal, shape=rows.shape[1]) if weight is None else weight.reshape(-1)
    shares = (w / w.dtype.type(w.size))[:, None]  # the mean of w · g is a product with them, which BLAS adds up faster
    gx = np.empty_like(normal) if needs[0] else None
    jobs = blocks(*rows.shape)
    gw, gb = [np.empty_like(normal, shape=(len(jobs), rows.shape[1])) if n else None for n in needs[1:3]]

    def work(job: tuple[int, slice]) -> None:
        number, part = job
        g, x = rows[part], normal[part]
        product = g * x
        if gb is not None:
            gb[number] = column_sums(g)
        if gw is not None:
            gw[number] = column_sums(product)
        if gx is not None:
            # inverse · (w · g − x · the mean of w · g · x − the mean of w · g)
            out = np.multiply(g, w, out=gx[part])
            out -= np.multiply(x, product @ shares, out=product)
            if centered:
                out -= g @ shares
            out *= inverse[part]

    each_job(work, list(enumerate(jobs)), rows)
    shape = () if weight is None else weight.shape
    sums = [None if v is None else np.add.reduce(v).reshape(shape) for v in (gw, gb)]
    return None if gx is None else gx.reshape(x_shape), *sums


def _compiled_layer_gradients(
    g: Any, needs: tuple, weight: Any, centered: bool, rows: Any, means: Any, inverses: Any
) -> tuple:
    gx, flat = np.empty(g.shape, g.dtype), none(g) if weight is None else weight.reshape(-1)
    gw, gb = np.empty((2, row_loops.jobs(len(rows)), flat.size), g.dtype)
    row_loops.layer_norm_gradient(
        g.reshape(rows.shape), rows, flat, centered, means, inverses, gx.reshape(rows.shape), gw, gb
    )
    shape = () if weight is None else weight.shape
    return gx, *(np.add.reduce(v).reshape(shape) if n else None for v, n in zip((gw, gb), needs[1:3], strict=True))


def none(like: Any) -> Any:
    """An array without elements: how compiled loops are told that there is nothing."""
    return np.empty(0, like.dtype)


def _compiled_layer_norm(rows: Any, weight: Any, bias: Any, eps: float, centered: bool, memo: list) -> Any:
    out, (means, inverses) = np.empty_like(rows), np.empty((2, len(rows)), rows.dtype)
    w, b = (none(rows) if v is None else np.ascontiguousarray(v, rows.dtype).reshape(-1) for v in (weight, bias))
    row_loops.layer_norm(rows, w, b, rows.dtype.type(eps), centered, out, means, inverses)
    memo[:] = rows, means, inverses
    return out


@op("layer_norm", method=False, joint=_layer_gradients, formula=_layer_formula)
def _layer_norm(x, weight, bias, eps, centered, memo):
    shape = weight.shape if weight is not None else x.shape[-1:]
    rows = x.reshape((-1, math.prod(shape)))
    if ready(rows):
        return _compiled_layer_norm(rows, weight, bias, eps, centered, memo).reshape(x.shape)
    normal, inverse = np.empty_like(rows), np.empty_like(rows, shape=(len(rows), 1))
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        x, n, i = rows[part], normal[part], inverse[part]
        if centered:
            x = np.subtract(x, _row_means(x), out=n)
        np.add(_row_dots(x, x), x.dtype.type(eps), out=i)
        np.sqrt(i, out=i)
        np.divide(1, i, out=i)
        np.multiply(x, i, out=n)
        o = np.multiply(n, 1 if weight is None else weight.reshape(-1), out=out[part])
        if bias is not None:
            o += bias.reshape(-1)

    each_job(work, blocks(*rows.shape), rows)
    memo[:] = normal, inverse
    return out.reshape(x.shape)


def _over_last(name: str, input: Any, shape: Any, weight: Any, bias: Any, eps: float, centered: bool) -> Any:
    expect_floating(name, input, "f" if centered else "fc")
    shape = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"{name}: Given normalized_shape={list(shape)}, expected input with shape [*, {str(list(shape))[1:-1]}], but got "
            f"input of size{list(input.shape)}"
        )
    for what, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != shape:
            raise RuntimeError(
                f"{name}: Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(v.shape)} "
                f"and normalized_shape = {list(shape)}"
            )
    if input.numel() == 0:
        return input * 1 if weight is None else input * weight + (0 if bias is None else bias)
    if weight is None and bias is None:
        flat = input if len(shape) == 1 else input.reshape(*input.shape[: -len(shape)], -1)
        out = _layer_norm(flat, None, None, eps, centered, [])
        return out if len(shape) == 1 else out.reshape(*input.shape)
    if weight is None:
        return _over_last(name, input, shape, None, None, eps, centered) + bias
    return _layer_norm(input, weight, bias, eps, centered, [])


@function(method=False)
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """(x − mean) / √(variance + eps) over the last dimensions, times weight, plus bias (arXiv:1607.06450).

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the dimensions to normalize over; weight and bias have this shape.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
    """
    return _over_last("layer_norm", input, normalized_shape, weight, bias, eps, True)


@function(method=False)
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """x / √(mean of squares + eps) over the last dimensions, times weight (arXiv:1910.07467); eps: the type's own."""
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    return _over_last("rms_norm", input, normalized_shape, weight, None, eps, False)


# ---- over batch and positions, for each channel ------------------------------------------------------------------


def channel_rows(x: Any, last: bool | None = None) -> tuple:
    """(N, C, *S) as a matrix whose rows or columns are channels, without moving it in memory.

    Args:
        x: an array.
        last: whether columns shall be channels; as they lie in memory unless given.

    Returns:
        The matrix, how often the channels are repeated in its columns (0: they are its rows, for each image), and how to
        go back to (N, C, *S).
    """
    n, c = x.shape[:2]
    moved = x.transpose((0, *range(2, x.ndim), 1))
    if last is None:
        last = x.ndim == 2 or (moved.flags.c_contiguous and not x.flags.c_contiguous)
    if not last:
        return x.reshape((n * c, -1)), 0, lambda y: y.reshape(x.shape)
    count, tile = x.size // c, 1
    while count % 2 == 0 and tile * c < 512:  # longer rows, for NumPy's inner loop
        count, tile = count // 2, tile * 2
    back = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return moved.reshape((count, tile * c)), tile, lambda y: y.reshape(moved.shape).transpose(back)


def _for_channels(values: Any, rows: Any, tile: int) -> Any:
    """(C,) for each row or column of `channel_rows`."""
    return np.concatenate((values,) * (tile or len(rows) // len(values)))


def _batch_formula(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, memo: list) -> Any:
    axes = (0, *range(2, x.ndim))
    shape = (1, -1, *(1,) * (x.ndim - 2))
    if mean is None:
        centered = x - x.mean(axes, keepdim=True)
        out = centered / ((centered * centered).mean(axes, keepdim=True) + eps).sqrt()
    else:
        out = (x - mean.reshape(shape)) / (var.reshape(shape) + eps) ** 0.5
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def _statistics(rows: Any, axis: int, parts: tuple, over: int) -> tuple:
    """Mean and biased variance, from the sums of values and squares of each row (column): laid out as `parts`, these are added up
    over a dimension."""
    found = loops.products(rows, rows, axis)
    sums, squares = (np.add.reduce(v.reshape(parts).astype(float), over) for v in found)
    count = rows.size // sums.size
    mean = sums / count
    return mean, np.maximum(squares / count - mean * mean, 0)


def _far(mean: Any, var: Any) -> bool:
    """Whether some mean is so many standard deviations from zero that sums of squares lose digits: take it away, and begin again."""
    return bool((mean * mean > 32 * var).any())


def _batch_gradients(g: Any, needs: tuple, x_shape: tuple, weight: Any, mean: Any, memo: list) -> tuple:
    rows, inverse, tile, centre = memo
    c, training, axis = x_shape[1], mean is None, 0 if tile else 1
    given, _, back = channel_rows(g, bool(tile))
    factor = inverse if weight is None else inverse * weight
    gx: Any = None
    gw: Any = None
    gb: Any = None
    if needs[1] or needs[2] or training:
        sums, products = loops.products(given, rows, axis)
        gb = np.add.reduce(sums.reshape((-1, c)))
        gw = (np.add.reduce(products.reshape((-1, c))) - centre * gb) * inverse
    if needs[0] and training:  # factor · (g − gb / count − normal · gw / count)
        count = g.dtype.type(g.size // c)
        along = factor * gw * inverse / count
        level = factor * gb / count - centre * along
        values = (_for_channels(v, rows, tile) for v in (factor, along, level))
        gx = back(loops.gradient(given, rows, axis, *values))
    elif needs[0]:
        factor = _for_channels(factor, rows, tile)
        gx = back(loops.normalized(given, axis, factor, np.zeros_like(factor)))
    return gx, gw if needs[1] else None, gb if needs[2] else None


@op("batch_norm", method=False, joint=_batch_gradients, formula=_batch_formula)
def _batch_norm(x, weight, bias, mean, var, eps, memo):
    """Normalize each channel by the statistics of the batch, or by `mean` and `var`.  What the rule needs goes into `memo`, and
    last the statistics of the batch: (mean, biased variance, count)."""
    rows, tile, back = channel_rows(x)
    training, axis, begun = mean is None, 0 if tile else 1, 0
    if training:
        mean, var = _statistics(rows, axis, (-1, x.shape[1]), 0)
    if _far(mean, var):
        begun = mean.astype(x.dtype)
        rows = rows - loops.beside(slice(None), _for_channels(begun, rows, tile), axis)
        mean, var = _statistics(rows, axis, (-1, x.shape[1]), 0) if training else (mean - begun, var)
    inverse = (1 / np.sqrt(var + x.dtype.type(eps))).astype(x.dtype, copy=False)
    centre = mean.astype(x.dtype, copy=False)
    scale = inverse if weight is None else inverse * weight
    shift = -centre * scale if bias is None else bias - centre * scale
    out = loops.normalized(rows, axis, *(_for_channels(v, rows, tile) for v in (scale, shift)))
    memo[:] = rows, inverse, tile, centre
    if training:
        memo.append((begun + mean, var, x.size // x.shape[1]))
    return back(out)


def update_running(running: Any, value: Any, momentum: float) -> None:
    """running ← (1 − momentum) · running + momentum · value, in place."""
    array = share(running)
    array *= 1 - momentum
    array += (
        np.asarray(value * momentum).astype(array.dtype, copy=False)
        if isinstance(array, np.ndarray)
        else value * momentum
    )
    mutated(array)


@function(method=False)
def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x − mean) / √(variance + eps) for each channel, times weight, plus bias (arXiv:1502.03167).

    Args:
        input: (N, C, ...).
        running_mean, running_var: (C,); in training they move by `momentum` towards the batch's mean and (unbiased) variance,
            in place, and otherwise they are what is used.  None in training: not kept.
        weight, bias: (C,), or None.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
    """
    if input.shape == (0,):
        return input * 1
    expect_floating("batch_norm", input, "f")
    if input.ndim < 2:
        raise RuntimeError(f"batch_norm: expected (N, C, ...), got shape {tuple(input.shape)}")
    c = input.shape[1]
    for name, v in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != (c,):
            raise RuntimeError(
                f"{name} should contain {c} elements not {v.numel()}: input has shape {tuple(input.shape)}"
            )
    if training:
        if input.numel() // max(c, 1) == 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got input size {list(input.shape)}"
            )
        mean = var = None
    else:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        mean, var = running_mean, running_var
    if input.numel() == 0:
        return input * 1
    memo: list = []
    out = _batch_norm(input, weight, bias, mean, var, eps, memo)
    if training:
        mean, var, count = memo.pop()
        if running_mean is not None:
            update_running(running_mean, mean, momentum)
        if running_var is not None:
            update_running(running_var, var * (count / (count - 1)), momentum)
    return out


@function(method=False)
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """`batch_norm` of each image by its own statistics (arXiv:1607.08022); running ones move by their mean over the batch."""
    expect_floating("instance_norm", input, "f")
    if input.ndim < 2:
        raise RuntimeError(f"instance_norm: expected (N, C, ...), got shape {tuple(input.shape)}")
    n, c = input.shape[:2]
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    size = math.prod(input.shape[2:])
    if size == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {list(input.shape)}")
    memo: list = []
    out = _group_norm(input, weight, bias, c, eps, memo)
    mean, var, count = memo[-1]
    if running_mean is not None:
        update_running(running_mean, mean.reshape((n, c)).mean(0), momentum)
    if running_var is not None:
        update_running(running_var, var.reshape((n, c)).mean(0) * (count / (count - 1)), momentum)
    return out


def _group_formula(x: Any, weight: Any, bias: Any, groups: int, eps: float, memo: list) -> Any:
    rows = x.reshape(x.shape[0] * groups, -1)
    return affine(_layer_formula(rows, None, None, eps, True, memo).reshape(*x.shape), weight, bias)


def _group_gradients(g: Any, needs: tuple, x_shape: tuple, weight: Any, groups: int, memo: list) -> tuple:
    rows, means, inverses, (_, _, count) = memo
    n, c = x_shape[:2]
    flat = g.reshape(rows.shape)
    sums, products = loops.products(flat, rows, 1)
    products = (products - means * sums) * inverses
    gw = np.add.reduce(products.reshape((n, c))) if needs[1] else None
    gb = np.add.reduce(sums.reshape((n, c))) if needs[2] else None
    if not needs[0]:
        return None, gw, gb
    # inverse · (w g − the group's mean of w g − normal · the group's mean of w g · normal)
    weights = None if weight is None else np.concatenate((weight,) * n)
    if weights is not None:
        sums, products = weights * sums, weights * products

    def group_mean(values: Any) -> Any:
        return np.repeat(np.add.reduce(values.reshape((n * groups, -1)), axis=1) / g.dtype.type(count), c // groups)

    along = inverses * group_mean(products) * inverses
    level = inverses * group_mean(sums) - means * along
    scales = inverses if weights is None else inverses * weights
    return loops.gradient(flat, rows, 1, scales, along, level).reshape(x_shape), gw, gb


@op("group_norm", method=False, joint=_group_gradients, formula=_group_formula)
def _group_norm(x, weight, bias, groups, eps, memo):
    """Normalize each image's groups of channels.  What the rule needs goes into `memo`, and last the statistics of the groups:
    (mean, biased variance, count)."""
    n, c = x.shape[:2]
    rows, size, begun = x.reshape((n * c, -1)), c // groups, 0
    mean, var = _statistics(rows, 1, (n * groups, size), 1)
    if _far(mean, var):
        begun = mean.astype(x.dtype)
        rows = rows - np.repeat(begun, size)[:, None]
        mean, var = _statistics(rows, 1, (n * groups, size), 1)
    inverse = (1 / np.sqrt(var + x.dtype.type(eps))).astype(x.dtype, copy=False)
    means, inverses = np.repeat(mean.astype(x.dtype, copy=False), size), np.repeat(inverse, size)
    scales = inverses if weight is None else inverses * np.concatenate((weight,) * n)
    shifts = -means * scales
    if bias is not None:
        shifts += np.concatenate((bias,) * n)
    memo[:] = rows, means, inverses, (begun + mean, var, size * rows.shape[1])
    return loops.normalized(rows, 1, scales, shifts).reshape(x.shape)


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """x · weight + bias for each channel, dimension 1."""
    shape = (-1, *(1,) * (x.ndim - 2))
    if weight is not None:
        x = x * weight.reshape(*shape)
    return x if bias is None else x + bias.reshape(*shape)


@function(method=False)
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """(x − mean) / √(variance + eps) for each image and group of channels, times weight, plus bias (arXiv:1803.08494).

    Args:
        input: (N, C, ...), C divisible by `num_groups`.
        weight, bias: (C,), or None.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html
    """
    expect_floating("group_norm", input, "f")
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    c = input.shape[1]
    if c % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} "
            f"and num_groups={num_groups}"
        )
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v.shape) != (c,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                f"{list(v.shape)} and input of shape {list(input.shape)}"
            )
    if input.numel() == 0:
        return affine(input * 1, weight, bias)
    return _group_norm(input, weight, bias, num_groups, eps, [])


@function(method=False)
def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha · mean of squares over `size` neighbouring channels) ** beta."""
    from .pooling import average

    expect_real("local_response_norm", input)
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    if input.numel() == 0:
        return input
    n, c = input.shape[:2]
    squares = (input * input).reshape(n, 1, c, -1)
    around = average(pad_channels(squares, size), 1 / size, (c, squares.shape[3]), (size, 1), (1, 1), (0, 0))
    return input / (around.reshape(*input.shape) * alpha + k) ** beta


def pad_channels(x: Any, size: int) -> Any:
    """Zeros before and behind dimension 2, so that a window of `size` is centred at each element."""
    from .padding import pad

    return pad(x, (0, 0, size // 2, (size - 1) // 2))
