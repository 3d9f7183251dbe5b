"""Views of a part of the memory: slices, windows, strides, pairs for complex numbers; and each view as a copy."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..device import device_of, namespace
from ..graph import owner
from ..inplace import overlaps, reshaping
from ..op import function, op
from ..tensor import Tensor, unwrap, wrap
from .dims import wrap_dim
from .indexing import add_at
from .indices import filled, part, slice_along
from .shape import clone, expand, in_order, permute, squeeze, t, transpose, unsqueeze, view

__all__ = [
    "alias_copy", "as_strided", "as_strided_copy", "detach_copy", "diagonal_copy", "expand_copy", "narrow",
    "narrow_copy", "permute_copy", "select", "select_copy", "slice_copy", "squeeze_copy", "t_copy", "transpose_copy",
    "unfold_copy", "unsqueeze_copy", "view_as_complex", "view_as_complex_copy", "view_as_real", "view_as_real_copy",
    "view_copy",
]  # fmt: skip

# ---- a part ------------------------------------------------------------------------------------------------------


@op(method=False, x=lambda g, dim, start, length: _narrow(g, dim, start, length))
def _narrow_adjoint(x, shape, dim, start, length):
    return filled(x, shape, part(dim, slice(start, start + length)))


@op("narrow", method=False, view=True,
    x=lambda g, x_shape, dim, start, length: _narrow_adjoint(g, x_shape, dim, start, length))  # fmt: skip
def _narrow(x, dim, start, length):
    return x[part(dim, slice(start, start + length))]


@function()
def narrow(input, dim, start, length):
    """The `length` elements from `start` on along a dimension."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim, start, length = wrap_dim(dim, input.ndim), operator.index(start), operator.index(length)
    n = input.shape[dim]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, got {length}")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return _narrow(input, dim, start, length)


@op(method=False, x=lambda g, dim, index: _select(g, dim, index))
def _select_adjoint(x, shape, dim, index):
    return filled(x, shape, part(dim, index))


@op("select", method=False, view=True, x=lambda g, x_shape, dim, index: _select_adjoint(g, x_shape, dim, index))
def _select(x, dim, index):
    return x[(*part(dim, index), ...)]  # the dots: a view of a single element is still a view


@function()
def select(input, dim, index):
    """The elements at one place along a dimension, which goes away."""
    if input.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = wrap_dim(dim, input.ndim), operator.index(index)
    if not -input.shape[dim] <= index < input.shape[dim]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return _select(input, dim, index)


# The op calls are what rules and other families use where the arguments are known to be right.
narrowed, selected = _narrow, _select

# ---- other views of memory ---------------------------------------------------------------------------------------


@op(method=False, x=lambda g, dim, size, step: _unfold(g, dim, size, step))
def unfold_adjoint(x, shape, dim, size, step):
    """The windows of `unfold` added back to where they came from."""
    out = np.zeros_like(x, shape=shape)
    count = x.shape[dim]
    if size <= count:
        for k in range(size):
            out[part(dim, slice(k, k + step * count, step))] += x[..., k]
    else:
        windows = np.moveaxis(x, -1, dim + 1)
        for i in range(count):
            out[part(dim, slice(i * step, i * step + size))] += windows[part(dim, i)]
    return out


@op("unfold", method=False, view=True,
    x=lambda g, x_shape, dim, size, step: unfold_adjoint(g, x_shape, dim, size, step))  # fmt: skip
def _unfold(x, dim, size, step):
    shape, strides = list(x.shape), list(x.strides)
    shape[dim], strides[dim] = (shape[dim] - size) // step + 1, strides[dim] * step
    return _strided(x, (*shape, size), (*strides, x.strides[dim]), apart=step >= size)


@function()
def unfold(input, dimension, size, step):
    """All windows of `size` elements, `step` apart, along a dimension; they lie in a new last dimension.

    >>> import autograd as ag
    >>> ag.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    dim = wrap_dim(dimension, input.ndim)
    n = input.shape[dim] if input.ndim else 1
    if not 0 <= size <= n:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not input.ndim:
        return _narrow(input.reshape(1), 0, 0, size)
    if size == 0:
        shape = (*input.shape[:dim], n // step + 1, *input.shape[dim + 1 :], 0)
        return _narrow(input.reshape(-1), 0, 0, 0).reshape(shape)
    return _unfold(input, dim, size, step)


def places(shape: tuple, stride: tuple, offset: int, x_shape: tuple, x_stride: tuple) -> np.ndarray:
    """Which element of x (counted in the order of its indices) lies at each place of a strided view of its memory.

    The view starts `offset` elements after x does.  −1 stands for memory that is not part of x.
    """
    start = max(0, -offset)
    reach = sum((n - 1) * s for n, s in zip(shape, stride, strict=True) if n > 1)
    x_reach = sum((n - 1) * s for n, s in zip(x_shape, x_stride, strict=True) if n > 1)
    memory = np.full(start + max(x_reach, offset + reach) + 1, -1)
    unit, strided = memory.itemsize, np.lib.stride_tricks.as_strided
    order = strided(memory[start:], x_shape, tuple(s * unit for s in x_stride))
    order[...] = np.arange(math.prod(x_shape)).reshape(x_shape)
    return strided(memory[start + offset :], shape, tuple(s * unit for s in stride)).copy()


def _as_strided_x(g: Any, x_shape: tuple, size: tuple, stride: tuple, offset: int, x_stride: tuple) -> Any:
    if any(s == 0 and n > 1 for n, s in zip(x_shape, x_stride, strict=True)):
        raise RuntimeError(
            "as_strided of an expanded tensor has no gradient here; call .contiguous() or .clone() first"
        )
    g = g.reshape(-1)
    where = places(size, stride, offset, x_shape, x_stride).reshape(-1)
    where = np.asarray(where, like=unwrap(g))
    known = where >= 0
    return add_at(g[known], (where[known],), (math.prod(x_shape),)).reshape(x_shape)


@op("as_strided", method=False, view=True, x=_as_strided_x)
def _as_strided(x, size, stride, offset, x_stride):
    # `offset` counts from the first element of x, so that it holds for x in a copy of its base too: with the same steps.
    memory, unit = owner(x), x.dtype.itemsize
    if x.size > 1 and tuple(s // unit for s in x.strides) != x_stride:
        raise RuntimeError(
            "as_strided: the memory of this view was laid out anew by an operation in place; clone() it first"
        )
    flat = _strided(memory, (memory.size,), (unit,)) if memory.size else memory.reshape(-1)
    start = wrap(x).storage_offset() + offset
    last = start + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if math.prod(size) and not 0 <= start <= last < flat.size:
        raise RuntimeError(
            f"as_strided: sizes {list(size)}, strides {list(stride)} and storage offset {start} are out of bounds for "
            f"memory of {flat.size} elements"
        )
    return _strided(flat[start:], size, tuple(s * unit for s in stride), apart=not overlaps(size, stride))


def _strided(x: Any, shape: Any, strides: Any, apart: bool = True) -> Any:
    """A view of memory with that shape and those steps in bytes, to be written to if its elements lie `apart`."""
    out = namespace(device_of(x)).lib.stride_tricks.as_strided(x, shape, strides)
    if not apart and hasattr(out.flags, "writeable"):
        out.flags.writeable = False  # which of several elements in one place would be written last?
    return out


@function()
def as_strided(input, size, stride, storage_offset=None):
    """A view of the memory of `input` with that shape and those steps (in elements) from a place in the memory."""
    in_order(input)
    here = input.storage_offset()
    offset = 0 if storage_offset is None else operator.index(storage_offset) - here
    return _as_strided(input, tuple(size), tuple(stride), offset, tuple(input.stride()))


Tensor.as_strided_ = reshaping(as_strided, "as_strided_")  # type: ignore[attr-defined]


# ---- complex numbers as pairs ------------------------------------------------------------------------------------


@op("view_as_real", method=False, view=True, holomorphic=False, x=lambda g: _view_as_complex(g))
def _view_as_real(x):
    return x[..., None].view(dtypes.real_of(x.dtype))


@op("view_as_complex", method=False, view=True, holomorphic=False, x=lambda g: _view_as_real(g))
def _view_as_complex(x):
    paired = x if x.strides[-1] == x.dtype.itemsize else np.ascontiguousarray(x, like=x)
    return paired.view(dtypes.complex_of(x.dtype))[..., 0]


@function(method=False)
def view_as_real(input):
    """Complex numbers as pairs (real, imaginary) in a new last dimension, in the same memory."""
    if not input.is_complex():
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _view_as_real(input)


@function(method=False)
def view_as_complex(input):
    """Pairs (real, imaginary) in the last dimension as complex numbers, in the same memory."""
    if not input.is_floating_point() or input.dtype == dtypes.float16:
        raise RuntimeError(f"view_as_complex is only supported for float and double tensors, but got {input.dtype}")
    if not input.ndim or input.shape[-1] != 2:
        raise RuntimeError(f"view_as_complex expects a last dimension of size 2, got the shape {tuple(input.shape)}")
    if input.stride(-1) != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1; call .contiguous() first")
    return _view_as_complex(input)


# ---- views as copies ---------------------------------------------------------------------------------------------


def _copied(make: Callable, name: str) -> Callable:
    """PyTorch's ``…_copy``: what the view has, in memory of its own."""

    def copy(input: Any, *args: Any, **kwargs: Any) -> Any:
        made = make(input, *args, **kwargs)
        return tuple(map(clone, made)) if isinstance(made, (tuple, list)) else clone(made)

    copy.__name__ = copy.__qualname__ = name
    copy.__doc__ = f"`{name.removesuffix('_copy')}`, in memory of its own."
    return function(method=name if name == "narrow_copy" else False)(copy)


alias_copy = _copied(lambda input: input, "alias_copy")
as_strided_copy = _copied(as_strided, "as_strided_copy")
detach_copy = _copied(lambda input: input.detach(), "detach_copy")
diagonal_copy = _copied(lambda input, *args, **kwargs: input.diagonal(*args, **kwargs), "diagonal_copy")
expand_copy = _copied(expand, "expand_copy")
narrow_copy = _copied(narrow, "narrow_copy")
permute_copy = _copied(permute, "permute_copy")
select_copy = _copied(select, "select_copy")
slice_copy = _copied(slice_along, "slice_copy")
squeeze_copy = _copied(squeeze, "squeeze_copy")
t_copy = _copied(t, "t_copy")
transpose_copy = _copied(transpose, "transpose_copy")
unfold_copy = _copied(unfold, "unfold_copy")
unsqueeze_copy = _copied(unsqueeze, "unsqueeze_copy")
view_copy = _copied(view, "view_copy")
view_as_complex_copy = _copied(view_as_complex, "view_as_complex_copy")
view_as_real_copy = _copied(view_as_real, "view_as_real_copy")
