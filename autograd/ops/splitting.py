"""One tensor made several: pieces along a dimension, as views."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..op import function, op
from ..sharing import register_view
from ..tensor import Tensor, share
from .dims import wrap_dim
from .indices import part
from .shape import clone
from .views import narrowed, selected

__all__ = [
    "chunk", "dsplit", "hsplit", "split", "split_copy", "split_with_sizes", "split_with_sizes_copy", "tensor_split", "unbind",
    "unbind_copy", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes", "vsplit",
]  # fmt: skip


def _parts(input: Any, outs: Any, steps: list) -> tuple:
    """Note how several outputs share the memory of `input`.

    PyTorch does not record a change in place of a view that came with others; `View.several` says so.
    """
    for out, step in zip(outs, steps, strict=True):
        register_view(out, input, step)
        if out.view_of is not None:
            out.view_of.several = True
    return tuple(outs)


def _joined(g: tuple, lengths: tuple, dim: int) -> tuple:
    """What the gradients are the pieces of; where they lie beside each other in memory, that needs no copy."""
    base = getattr(g[0], "base", None)
    if type(base) is np.ndarray and base.size == sum(part.size for part in g) and base.ndim == g[0].ndim:
        places = [(part.shape, part.strides, part.ctypes.data) for part in _split(base, lengths, dim)]
        if places == [(part.shape, part.strides, part.ctypes.data) for part in g]:
            return base, None, None
    return np.concatenate(g, axis=dim), None, None


@op("split", method=False, joint=_joined)
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
        lengths = tuple(map(operator.index, size))
        if sum(lengths) != n or min(lengths, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but "
                f"got split_sizes={list(size)}"
            )
        return lengths
    size = operator.index(size)
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
