"""Choosing elements by their places, and writing to places."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op
from ..tensor import Tensor

__all__: list[str] = []


def is_basic(index: Any) -> bool:
    """Does this index (ints, slices, ``...``, None) choose a view?"""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None or p is Ellipsis or (isinstance(p, (int, slice, np.integer)) and not isinstance(p, bool)) for p in parts
    )


def unwrap_index(index: Any) -> Any:
    """An index with arrays in the place of Tensors and lists."""
    if isinstance(index, tuple):
        return tuple(map(unwrap_index, index))
    if isinstance(index, Tensor):
        return index.array
    if isinstance(index, list):
        return np.asarray([int(v) if isinstance(v, Tensor) and v.dtype.kind != "b" else v for v in index])
    if isinstance(index, slice):
        return slice(*(int(v) if isinstance(v, Tensor) else v for v in (index.start, index.stop, index.step)))
    return index


@op("getitem", method=False, view=True, x=lambda g, x_shape, index: put(g, index, x_shape))
def _getitem(x, index):
    """x[index]"""
    return x[index]


@op("put", method=False, x=lambda g, index: _getitem(g, index))
def put(x, index, shape):
    """Zeros of `shape` with `x` added at `index`: the adjoint of indexing."""
    out = np.zeros_like(x, shape=shape)
    if is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out


def getitem(self: Tensor, index: Any) -> Tensor:
    """Elements by their places: ints, slices, ``...``, None, masks, integer arrays, and mixtures of them."""
    try:
        return _getitem(self, unwrap_index(index))
    except IndexError as error:
        raise IndexError(f"{error}; the tensor has shape {tuple(self.shape)}") from None


Tensor.__getitem__ = getitem  # type: ignore[attr-defined]


@op(
    "index_put",
    method=False,
    x=lambda g, y_shape, index: index_put_values(g, np.zeros((), g.dtype), index=index),
    y=lambda g, index: _getitem(g, index),
)
def index_put_values(x, y, *, index):
    """A copy of `x` with `y` at `index`."""
    out = x.copy()
    out[index] = y
    return out
