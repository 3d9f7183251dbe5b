"""Several tensors made one, and one made several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from itertools import combinations as choices
from itertools import combinations_with_replacement as choices_again
from typing import Any

import numpy as np

from ..dtypes import promote_types, result_type
from ..op import function, op
from ..tensor import Tensor, register_view, share
from .dims import wrap_dim
from .indices import part
from .shape import broadcast_shapes, broadcast_to, clone
from .views import narrowed, selected

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_tensors", "cartesian_prod", "cat", "chunk",
    "column_stack", "combinations", "concat", "concatenate", "dsplit", "dstack", "hsplit", "hstack", "meshgrid",
    "row_stack", "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "stack", "tensor_split", "unbind",
    "unbind_copy", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "vsplit", "vstack",
]  # fmt: skip

# ---- joining -----------------------------------------------------------------------------------------------------


def common_dtype(arrays: Sequence) -> np.dtype:
    """The type that all of several arrays convert to."""
    dtype = arrays[0].dtype
    for array in arrays[1:]:
        if array.dtype != dtype:
            dtype = promote_types(dtype, array.dtype)
    return dtype


def _cat_joint(g: Any, xs_shape: tuple, dim: int) -> tuple:
    ends = accumulate(s[dim] if s != (0,) else 0 for s in xs_shape)
    dim = dim % g.ndim
    return tuple(
        g[part(dim, slice(end - s[dim], end))] if s != (0,) else g.reshape(-1)[:0]
        for s, end in zip(xs_shape, ends, strict=True)
    )


@op("cat", method=False, joint=_cat_joint)
def _cat(*xs, dim=0):
    return np.concatenate(xs, axis=dim, dtype=common_dtype(xs))


@function(method=False, numpy=np.concatenate)
def cat(tensors, dim=0):
    """Tensors one behind the other along a dimension that they have.

    >>> import autograd as ag
    >>> ag.cat([ag.zeros(1, 2), ag.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    tensors = list(tensors)
    if not tensors:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    if wrong := [type(x).__name__ for x in tensors if not hasattr(x, "dtype")]:
        raise TypeError(f"cat(): expected Tensors, got {wrong[0]}; write cat((a, b), dim=…)")
    if dim is None:  # NumPy's way to say: all elements
        tensors, dim = [x.reshape(-1) for x in tensors], 0
    dtype = common_dtype(tensors)
    real = [x for x in tensors if tuple(x.shape) != (0,)] or tensors  # PyTorch passes over empty vectors
    dim = wrap_dim(dim, real[0].ndim)
    for i, x in enumerate(real):
        if x.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated; use stack")
        if x.ndim != real[0].ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {real[0].ndim} and {x.ndim}")
        for d, (n, m) in enumerate(zip(real[0].shape, x.shape, strict=True)):
            if d != dim and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got size {m} for "
                    f"tensor number {i} in the list."
                )
    if dtype != common_dtype(real):
        real[0] = real[0].to(dtype)
    return _cat(*real, dim=dim)


concat = concatenate = cat


@op("stack", method=False, joint=lambda g, xs_shape, dim: tuple(g[part(dim, i)] for i in range(len(xs_shape))))
def _stack(*xs, dim=0):
    return np.stack(xs, axis=dim, dtype=common_dtype(xs))


@function(method=False, numpy=np.stack)
def stack(tensors, dim=0):
    """Tensors of one shape side by side along a new dimension.

    >>> import autograd as ag
    >>> ag.stack([ag.tensor([1, 2]), ag.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    tensors = tuple(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tuple(tensors[0].shape)
    for i, x in enumerate(tensors):
        if tuple(x.shape) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(x.shape)} at "
                f"entry {i}"
            )
    return _stack(*tensors, dim=wrap_dim(dim, len(shape) + 1))


def _each(f: Any, tensors: tuple) -> Any:
    """`f` of one tensor, or of each of several: PyTorch's atleast_*d take both."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
        return tuple(map(f, tensors))
    return f(tensors[0]) if len(tensors) == 1 else tuple(map(f, tensors))


def atleast_1d(*tensors: Any) -> Any:
    """With one dimension at least."""
    return _each(lambda x: x if x.ndim else x.reshape(1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """With two dimensions at least: a vector becomes a row."""
    return _each(lambda x: x if x.ndim > 1 else x.reshape(1, -1), tensors)


def atleast_3d(*tensors: Any) -> Any:
    """With three dimensions at least: a vector of n becomes 1 × n × 1, a matrix n × m becomes n × m × 1."""
    return _each(lambda x: x if x.ndim > 2 else x.reshape(*x.shape, 1) if x.ndim == 2 else x.reshape(1, -1, 1), tensors)


for _f in (atleast_1d, atleast_2d, atleast_3d):
    function(numpy=getattr(np, _f.__name__))(_f)


@function(method=False, numpy=np.hstack)
def hstack(tensors):
    """Tensors side by side: along the second dimension, vectors along the first."""
    tensors = atleast_1d(tuple(tensors))
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@function(method=False, numpy=np.vstack)
def vstack(tensors):
    """Tensors below each other: along the first dimension; a vector is a row."""
    return cat(atleast_2d(tuple(tensors)), 0)


row_stack = vstack


@function(method=False, numpy=np.dstack)
def dstack(tensors):
    """Tensors behind each other: along the third dimension."""
    return cat(atleast_3d(tuple(tensors)), 2)


@function(method=False, numpy=np.column_stack)
def column_stack(tensors):
    """Tensors side by side; a vector is a column."""
    return cat([x if x.ndim > 1 else x.reshape(-1, 1) for x in tensors], 1)


def _blocks(shapes: Sequence[tuple]) -> list[tuple[slice, slice]]:
    """Where matrices of these shapes stand on the diagonal."""
    row, column, found = 0, 0, []
    for n, m in shapes:
        found.append((slice(row, row + n), slice(column, column + m)))
        row, column = row + n, column + m
    return found


@op("block_diag", method=False, joint=lambda g, xs_shape: tuple(g[block] for block in _blocks(xs_shape)))
def _block_diag(*xs):
    shape = tuple(map(sum, zip(*(x.shape for x in xs), strict=True)))
    out = np.zeros_like(xs[0], shape=shape)
    for block, x in zip(_blocks([x.shape for x in xs]), xs, strict=True):
        out[block] = x
    return out


def block_diag(*tensors: Any) -> Any:
    """A matrix with the given matrices on its diagonal; vectors are rows."""
    for x in tensors:
        if x.ndim > 2:
            raise RuntimeError(
                f"block_diag: input tensors must have at most 2 dimensions, got the shape {tuple(x.shape)}"
            )
    dtype = result_type(*tensors)
    return _block_diag(*(x.to(dtype) for x in atleast_2d(tuple(tensors))))


# ---- on one grid -------------------------------------------------------------------------------------------------


def broadcast_tensors(*tensors: Any) -> tuple:
    """The tensors, each in the shape that all broadcast to."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = tuple(broadcast_shapes(*(x.shape for x in tensors)))
    return tuple(broadcast_to(x, shape) for x in tensors)


function(method=False, numpy=np.broadcast_arrays)(broadcast_tensors)


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple:
    """The coordinates of the points of a grid with these axes; ``indexing="xy"`` swaps the first two dimensions.

    >>> import autograd as ag
    >>> x, y = ag.meshgrid(ag.arange(2), ag.arange(3), indexing="ij")
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.ndim > 1:
            raise RuntimeError(f"meshgrid: Expected 0D or 1D tensor in the tensor list but got: {tuple(x.shape)}")
        if x.dtype != tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    axes = list(tensors)
    swapped = indexing == "xy" and len(axes) > 1
    if swapped:
        axes[:2] = axes[1::-1]
    shape = tuple(math.prod(x.shape) for x in axes)
    n = len(axes)
    grid = [broadcast_to(x.reshape((1,) * i + (-1,) + (1,) * (n - 1 - i)), shape) for i, x in enumerate(axes)]
    if swapped:
        grid[:2] = grid[1::-1]
    return tuple(grid)


@function(method=False, numpy=np.meshgrid)
def _numpy_meshgrid(*xi, indexing="xy"):
    return meshgrid(*xi, indexing=indexing)


def cartesian_prod(*tensors: Any) -> Any:
    """All tuples with one element of each vector, as rows; of one vector itself."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([x.reshape(-1) for x in meshgrid(*tensors, indexing="ij")], -1)


@function()
def combinations(input, r=2, with_replacement=False):
    """All selections of `r` elements of a vector in their order, as rows."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input[:0]
    chosen = list((choices_again if with_replacement else choices)(range(input.shape[0]), r))
    like = input.array if isinstance(input, Tensor) else input
    return input[np.array(chosen, np.int64, like=like).reshape((len(chosen), r))]


# ---- splitting ---------------------------------------------------------------------------------------------------


def _parts(input: Any, outs: Any, steps: list) -> tuple:
    """Note how several outputs share the memory of `input`.

    PyTorch does not record a change in place of a view that came with others; `View.several` says so.
    """
    for out, step in zip(outs, steps, strict=True):
        register_view(out, input, step)
        if out.view_of is not None:
            out.view_of.several = True
    return tuple(outs)


@op("split", method=False, joint=lambda g, dim: (np.concatenate(g, axis=dim), None, None))
def _split(x, lengths, dim):
    ends = accumulate(lengths)
    return tuple(x[part(dim, slice(end - n, end))] for n, end in zip(lengths, ends, strict=True))


def pieces(input: Any, lengths: Sequence[int], dim: int, views: bool = True) -> tuple:
    """Consecutive pieces of those lengths along a dimension."""
    if not isinstance(input, Tensor):
        return _split(input, tuple(lengths), dim)
    share(input)
    if not lengths:
        return ()
    outs = _split(input, tuple(lengths), dim)
    if not views:
        return outs
    steps, start = [], 0
    for n in lengths:
        steps.append((narrowed.op, (dim, start, n)))
        start += n
    return _parts(input, outs, steps)


def _split_lengths(input: Any, size: Any, dim: int) -> tuple[int, ...]:
    if not input.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = input.shape[dim]
    if isinstance(size, (tuple, list)):
        lengths = tuple(int(k) for k in size)
        if sum(lengths) != n or min(lengths, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but "
                f"got split_sizes={list(size)}"
            )
        return lengths
    size = int(size)
    if size < 0 or (size == 0 and n):
        raise RuntimeError(f"split expects split_size be {'non-negative' if size < 0 else 'positive'}, but got {size}")
    count = max(1, -(-n // size)) if size else 1
    return tuple(min(size, n - i * size) for i in range(count))


@function()
def split(tensor, split_size_or_sections, dim=0):
    """Consecutive pieces along a dimension: of one length (the last may be shorter), or of given lengths.  Views.

    >>> import autograd as ag
    >>> ag.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    dim = wrap_dim(dim, tensor.ndim)
    return pieces(tensor, _split_lengths(tensor, split_size_or_sections, dim), dim)


def _split_method(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`: as a method its length, or its lengths, are called `split_size`."""
    return split(self, split_size, dim)


Tensor.split = _split_method  # type: ignore[attr-defined]


@function()
def split_with_sizes(input, split_sizes, dim=0):
    """Consecutive pieces of given lengths along a dimension."""
    return split(input, tuple(split_sizes), dim)


@function()
def unsafe_split(tensor, split_size, dim=0):
    """`split`, whose pieces autograd takes for tensors of their own: they may be changed in place, each by itself."""
    dim = wrap_dim(dim, tensor.ndim)
    return pieces(tensor, _split_lengths(tensor, split_size, dim), dim, views=False)


@function()
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """`split_with_sizes`, whose pieces may be changed in place, each by itself."""
    return unsafe_split(input, tuple(split_sizes), dim)


def _chunk_size(input: Any, chunks: int, dim: int) -> Any:
    if not input.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim]
    return -(-n // chunks) if n else (0,) * chunks


@function()
def chunk(input, chunks, dim=0):
    """At most `chunks` pieces of one length along a dimension; the last may be shorter.

    >>> import autograd as ag
    >>> ag.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    dim = wrap_dim(dim, input.ndim)
    return split(input, _chunk_size(input, chunks, dim), dim)


@function()
def unsafe_chunk(input, chunks, dim=0):
    """`chunk`, whose pieces may be changed in place, each by itself."""
    dim = wrap_dim(dim, input.ndim)
    return unsafe_split(input, _chunk_size(input, chunks, dim), dim)


def _whole_numbers(value: Any) -> Any:
    value = value.tolist() if isinstance(value, (Tensor, np.ndarray)) else value
    return tuple(map(int, value)) if isinstance(value, (tuple, list)) else int(value)


@function(numpy=np.array_split)
def tensor_split(input, indices_or_sections, dim=0):
    """Pieces along a dimension: a number of nearly equal ones, or those between given indices."""
    if not input.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim, given = wrap_dim(dim, input.ndim), _whole_numbers(indices_or_sections)
    n = input.shape[dim]
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        small, larger = divmod(n, given)
        return pieces(input, (small + 1,) * larger + (small,) * (given - larger), dim)
    edges = [0, *(max(0, min(n, i + n if i < 0 else i)) for i in given), n]
    lengths = [max(0, b - a) for a, b in pairwise(edges)]
    if sum(lengths) == n:
        return pieces(input, lengths, dim)
    ranges = zip(edges, lengths, strict=False)  # indices that go back: pieces overlap
    return tuple(narrowed(input, dim, start, length) for start, length in ranges)


def _directed(name: str, dim_of: Any, least: int, like: Any) -> Any:
    """hsplit, vsplit and dsplit: `tensor_split` along one dimension, where a number must divide the length."""

    def call(input: Any, indices_or_sections: Any, *more: int) -> Any:
        given = (indices_or_sections, *more) if more else indices_or_sections
        if input.ndim < least:
            raise RuntimeError(
                f"{name} requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got a tensor with "
                f"{input.ndim} dimensions!"
            )
        dim, given = dim_of(input), _whole_numbers(given)
        if isinstance(given, int) and (given <= 0 or input.shape[dim] % given):
            raise RuntimeError(
                f"{name} attempted to split along dimension {dim}, but the size of the dimension {input.shape[dim]} is not "
                f"divisible by the split_size {given}!"
            )
        return tensor_split(input, given, dim)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`tensor_split` along the dimension that `{name[0]}stack` joins."
    return function(numpy=like)(call)


hsplit = _directed("hsplit", lambda x: 0 if x.ndim == 1 else 1, 1, np.hsplit)
vsplit = _directed("vsplit", lambda x: 0, 2, np.vsplit)
dsplit = _directed("dsplit", lambda x: 2, 3, np.dsplit)


@function(method=False, numpy=np.split)
def _numpy_split(ary, indices_or_sections, axis=0):
    given = _whole_numbers(indices_or_sections)
    if isinstance(given, int) and (given <= 0 or ary.shape[axis] % given):
        raise ValueError("array split does not result in an equal division")
    return tensor_split(ary, given, axis)


@op("unbind", method=False, joint=lambda g, dim: (np.stack(g, axis=dim), None))
def _unbind(x, dim):
    return tuple(x[(*part(dim, i), ...)] for i in range(x.shape[dim]))


@function()
def unbind(input, dim=0):
    """The slices along a dimension, which goes away.  Views.

    >>> import autograd as ag
    >>> ag.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    if not input.ndim:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, input.ndim)
    if not input.shape[dim]:
        return ()
    if not isinstance(input, Tensor):
        return _unbind(input, dim)
    share(input)
    return _parts(input, _unbind(input, dim), [(selected.op, (dim, i)) for i in range(input.shape[dim])])


function(method=False, numpy=getattr(np, "unstack", None))(unbind)


def _iterate(self: Tensor) -> Any:
    if not self.array.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(unbind(self))


Tensor.__iter__ = _iterate  # type: ignore[method-assign]


@function(method=False)
def split_copy(input, split_size, dim=0):
    """`split`, in memory of its own."""
    return tuple(map(clone, split(input, split_size, dim)))


@function(method=False)
def split_with_sizes_copy(input, split_sizes, dim=0):
    """`split_with_sizes`, in memory of its own."""
    return tuple(map(clone, split_with_sizes(input, split_sizes, dim)))


@function(method=False)
def unbind_copy(input, dim=0):
    """`unbind`, in memory of its own."""
    return tuple(map(clone, unbind(input, dim)))
