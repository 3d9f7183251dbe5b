"""Rows of a table by their numbers, and bags of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import mutated
from ..op import function, op
from ..tensor import Tensor, own, wrap

__all__: list[str] = []


@op("embedding", method=False, x=lambda g, index, x_shape, padding_idx: add_rows(g, index, x_shape, padding_idx))
def rows_of(x, index, padding_idx=None):
    """x[index]: rows by their numbers; row `padding_idx` gets no gradient."""
    return x[index]


@op(method=False, g=lambda g, index, padding_idx: take_rows(g, index, padding_idx))
def add_rows(g, index, shape, padding_idx=None):
    """Zeros of that shape with the rows `g` added at their numbers: sorted, so that each is one contiguous sum."""
    out = np.zeros_like(g, shape=shape)
    index, g = index.reshape(-1), g.reshape((-1, *shape[1:]))
    if not index.size:
        return out
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.concatenate((np.ones_like(ordered[:1], bool), ordered[1:] != ordered[:-1])))
    out[ordered[starts]] = np.add.reduceat(g[order], starts, axis=0)
    if padding_idx is not None:
        out[padding_idx] = 0
    return out


@op(method=False, x=lambda g, index, x_shape, padding_idx: add_rows(g, index, x_shape, padding_idx))
def take_rows(x, index, padding_idx=None):
    """Rows by their numbers, zeros for `padding_idx`: the adjoint of `add_rows`."""
    out = x[index]
    if padding_idx is not None:
        out[index == padding_idx] = 0
    return out


def checked(name: str, indices: Any, weight: Any) -> Any:
    """The numbers of rows as an array, if all of them are rows of `weight`."""
    index = indices.array if isinstance(indices, Tensor) else np.asarray(indices)
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
    table = own(weight)
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
    return scale_gradient(out, np.asarray(share, out.dtype)[..., None])


@op(method=False, x=lambda g, scale: g * scale)
def scale_gradient(x, scale):
    """x itself, whose gradient is multiplied by `scale`."""
    return x


@function(method=False)
def one_hot(input, num_classes=-1):
    """Integers (...) as rows (..., num_classes) of zeros with a one at their place; −1: as many classes as needed."""
    index = input.array if isinstance(input, Tensor) else np.asarray(input)
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"one_hot is only applicable to index tensors of integers, got {index.dtype}")
    if not index.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    low, high = (int(index.min()), int(index.max())) if index.size else (0, -1)
    if low < 0:
        raise RuntimeError(f"Class values must be non-negative, got {low}.")
    classes = high + 1 if num_classes == -1 else num_classes
    if high >= classes:
        raise RuntimeError(f"Class values must be smaller than num_classes: got {high} for {classes} classes.")
    places = np.arange(classes) if isinstance(index, np.ndarray) else np.arange(classes, like=index)
    return wrap((np.asarray(index)[..., None] == places).astype(np.int64))
