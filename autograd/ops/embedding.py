"""Rows of a table by their numbers, and bags of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import mutated
from ..op import function, op
from ..tensor import Tensor, share, wrap
from . import ufuncs
from .indexing import accumulate_rows
from .padding import add_along
from .places import steps

__all__: list[str] = []


@op("embedding", method=False, x=lambda g, index, x_shape, padding_idx: add_rows(g, index, x_shape, padding_idx))
def rows_of(x, index, padding_idx=None):
    """x[index]: rows by their numbers; row `padding_idx` gets no gradient."""
    return x.take(index, 0)


@op(method=False, g=lambda g, index, padding_idx: take_rows(g, index, padding_idx))
def add_rows(g, index, shape, padding_idx=None):
    """Zeros of that shape (V, d) with the rows `g` added at their numbers."""
    out = np.zeros_like(g, shape=shape, order="C")
    index, g = index.reshape(-1), g.reshape((-1, *shape[1:]))
    if isinstance(out, np.ndarray):
        accumulate_rows(out, index, g)
    else:
        ufuncs.at(np.add, out, index, g)
    if padding_idx is not None:
        out[padding_idx] = 0
    return out


@op(method=False, x=lambda g, index, x_shape, padding_idx: add_rows(g, index, x_shape, padding_idx))  # pyright: ignore[reportGeneralTypeIssues]
def take_rows(x, index, padding_idx=None):
    """Rows by their numbers, zeros for `padding_idx`: the adjoint of `add_rows`."""
    out = x[index]
    if padding_idx is not None:
        out[index == padding_idx] = 0
    return out


def checked(name: str, indices: Any, weight: Any) -> Any:
    """The numbers of rows as an array, if all of them are rows of `weight`."""
    index = indices.array if isinstance(indices, Tensor) else indices
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: expected integer indices, got {index.dtype}; convert with .long()")
    if weight.ndim != 2:
        raise RuntimeError(f"{name}: 'weight' must be 2-D, got shape {tuple(weight.shape)}")
    if index.size and not (int(index.min()) >= 0 and int(index.max()) < weight.shape[0]):
        raise IndexError(
            f"{name}: index out of range: expected 0 ≤ index < {weight.shape[0]}, got {int(index.min())} to {int(index.max())}"
        )
    return index


def renormalize(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used, in place, to a norm of at most `max_norm`."""
    table = share(weight)
    used = np.unique(index)
    rows = table[used]
    if norm_type == np.inf:
        norms = np.abs(rows).max(-1)
    else:
        norms = (np.abs(rows) ** norm_type).sum(-1) ** (1 / norm_type)
    long = norms > max_norm
    if long.any():
        table[used[long]] = rows[long] * (max_norm / (norms[long] + 1e-7))[:, None].astype(table.dtype)
        mutated(table)


def row_number(name: str, padding_idx: int | None, weight: Any) -> int | None:
    """`padding_idx` counted from the front."""
    if padding_idx is None or (padding_idx == -1 and name == "torch"):
        return None
    if not -weight.shape[0] <= padding_idx < weight.shape[0]:
        raise AssertionError(f"{name}: padding_idx must be within num_embeddings, {weight.shape[0]}, got {padding_idx}")
    return padding_idx % weight.shape[0]


@function(method=False)
def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Rows of a table by their numbers.

    Args:
        input: (...) integers: numbers of rows.
        weight: (V, d), the table.
        padding_idx: this row gets no gradient.
        max_norm: rows that are used are first scaled, in place, to a norm of at most this.
        norm_type: of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is used here.
        sparse: accepted; gradients are always dense.

    Returns:
        (..., d).

    Raises:
        IndexError: a number is no row of the table.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html

    >>> import autograd as ag
    >>> embedding(ag.tensor([1, 1, 0]), ag.tensor([[0.0, 1.0], [2.0, 3.0]]))
    tensor([[2., 3.],
            [2., 3.],
            [0., 1.]])
    """
    index = checked("embedding", input, weight)
    padding = row_number("embedding", padding_idx, weight)
    if max_norm is not None:
        renormalize(weight, index, max_norm, norm_type)
    out = rows_of(weight, wrap(index) if isinstance(weight, Tensor) else index, padding)
    return scaled_by_frequency(out, index) if scale_grad_by_freq else out


def scaled_by_frequency(out: Any, index: Any) -> Any:
    """`out`, whose gradient is divided by how often each row occurs."""
    _, inverse, counts = np.unique(index, return_inverse=True, return_counts=True)
    share = (1 / counts)[inverse].reshape(index.shape)
    return scale_gradient(out, share.astype(out.dtype)[..., None])


@op(method=False, x=lambda g, scale: g * scale)
def scale_gradient(x, scale):
    """x itself, whose gradient is multiplied by `scale`."""
    return x


# ---- bags --------------------------------------------------------------------------------------------------------


def _bags(index: Any, offsets: Any, include_last_offset: bool) -> tuple[Any, int]:
    """The bag of each entry, and how many bags there are."""
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated as a mini-batch of bags")
        return np.repeat(steps(index.shape[0], index), index.shape[1]), index.shape[0]
    if index.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {index.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None, which only a 2D input allows")
    starts = np.asarray(offsets.array if isinstance(offsets, Tensor) else offsets, like=index)
    if starts.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if starts.size and starts[0] != 0:
        raise ValueError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0, got {starts[0]}"
        )
    if starts.size and starts[-1] > index.shape[0]:
        raise ValueError(f"offsets[-1] can not be greater than input's length {index.shape[0]} but got {starts[-1]}")
    if bool((starts[1:] < starts[:-1]).any()):
        raise ValueError(f"offsets must not decrease: each bag begins where the one before ends, got {starts.tolist()}")
    count = starts.size - 1 if include_last_offset else starts.size
    return np.searchsorted(starts[:count], steps(index.shape[0], index), side="right") - 1, count


def _maximum(rows: Any, bag: Any, count: int) -> Any:
    """The maximum of each bag in each column; zeros for empty bags."""
    values = rows.array
    places = np.zeros_like(bag, shape=(count, values.shape[1]), dtype=np.int64)
    starts = np.searchsorted(bag, steps(count + 1, bag))
    bounds = starts.tolist()
    for i in range(count):
        if bounds[i] < bounds[i + 1]:
            places[i] = bounds[i] + values[bounds[i] : bounds[i + 1]].argmax(0)
    if not values.shape[0]:
        return rows.sum() + wrap(np.zeros_like(values, shape=(count, values.shape[1])))
    full = np.diff(starts) > 0
    return rows[places, np.arange(values.shape[1])] * wrap(full[:, None].astype(values.dtype))


def _check_bags(index: Any, mode: str, per_sample_weights: Any, sparse: bool) -> None:
    """Raise where the options of `embedding_bag` contradict each other."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode={mode!r})."
        )
    if mode == "max" and sparse:
        raise ValueError("max mode does not support scaling the gradient by the frequency, nor sparse weights")
    if per_sample_weights is not None and tuple(per_sample_weights.shape) != index.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, then it must have the same "
            f"shape as the input ({index.shape})"
        )


@function(method=False)
def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """The sum, mean or maximum of the rows of each bag of numbers.

    Args:
        input: (B, n) integers, a bag in each row; or all bags one after the other, (total,).
        weight: (V, d), the table.
        offsets: (B,), where each bag of a one-dimensional input begins.
        max_norm, norm_type, scale_grad_by_freq, sparse: as `embedding`'s.
        mode: "sum", "mean" or "max".
        per_sample_weights: of the input's shape, multiplied with the rows (mode "sum").
        include_last_offset: `offsets` has one more, the end of the last bag.
        padding_idx: entries with this number do not count.

    Returns:
        (B, d).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding_bag.html
    """
    if weight.dtype.kind in "iu" and input.dtype.kind == "f":
        input, weight = weight, input  # the order of arguments was once the other way round
    index = checked("embedding_bag", input, weight)
    _check_bags(index, mode, per_sample_weights, scale_grad_by_freq or sparse)
    bag, count = _bags(index, offsets, include_last_offset)
    flat = index.reshape(-1)
    scale = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    padding = row_number("embedding_bag", padding_idx, weight)
    if padding is not None and (flat == padding).any():
        kept = np.flatnonzero(flat != padding)
        flat, bag = flat[kept], bag[kept]
        scale = None if scale is None else scale[kept]
    if max_norm is not None:
        renormalize(weight, flat, max_norm, norm_type)
    rows = rows_of(weight, wrap(flat), None)
    if scale_grad_by_freq:
        rows = scaled_by_frequency(rows, flat)
    if scale is not None:
        rows = rows * scale[:, None]
    if mode == "max":
        return _maximum(rows, bag, count)
    out = add_along(rows, bag, 0, count)
    if mode == "sum":
        return out
    sizes = np.maximum(np.bincount(bag, minlength=count), 1)
    return out / wrap(sizes[:, None].astype(out.dtype))
