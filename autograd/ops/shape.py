"""The same elements under another shape, order of dimensions or type: mostly views, which share memory."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..device import device_of, namespace, to_device
from ..graph import owner
from ..inplace import reshaping
from ..op import expose, function, op
from ..tensor import Tensor, wrap

__all__ = [
    "adjoint", "alias_copy", "as_strided", "as_strided_copy", "broadcast_shapes", "broadcast_to", "clone",
    "detach_copy", "diagonal_copy", "expand_copy", "flatten", "moveaxis", "movedim", "narrow", "narrow_copy", "permute",
    "permute_copy", "ravel", "reshape", "select", "select_copy", "slice_copy", "squeeze", "squeeze_copy", "swapaxes",
    "swapdims", "t", "t_copy", "transpose", "transpose_copy", "unflatten", "unfold_copy", "unsqueeze", "unsqueeze_copy",
    "view_as_complex", "view_as_complex_copy", "view_as_real", "view_as_real_copy", "view_copy",
]  # fmt: skip

# ---- arguments ---------------------------------------------------------------------------------------------------


def sizes(args: tuple) -> tuple[int, ...]:
    """The ints of ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(int(n) for n in args)


def sized(name: str, *, method: bool | str = True, numpy: Any = None) -> Callable:
    """Declare a function of a tensor and ints, which may also come as one sequence or by the keyword `name`."""

    def declare(body: Callable) -> Callable:
        @functools.wraps(body)
        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            if name in kwargs:
                args = (kwargs.pop(name),)
            return body(input, sizes(args), **kwargs)

        expose(call, method if isinstance(method, str) else body.__name__ if method else None, numpy)
        return call

    return declare


def wrap_dim(dim: Any, ndim: int) -> int:
    """`dim` counted from the front; an IndexError where there is no such dimension (a 0-d tensor has 0 and −1)."""
    n, dim = max(ndim, 1), int(dim)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


def wrap_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """Several dimensions (or one) counted from the front, each once."""
    given = (dims,) if isinstance(dims, (int, np.integer)) else tuple(dims)
    found = tuple(wrap_dim(d, ndim) for d in given)
    if len(set(found)) != len(found):
        raise RuntimeError(f"dimensions must be different from each other, got {given}")
    return found


def complete_shape(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A shape for `count` elements, with what −1 stands for."""
    known = math.prod(n for n in shape if n != -1)
    if -1 in shape:
        if shape.count(-1) > 1:
            raise RuntimeError(f"only one dimension can be inferred, got the shape {list(shape)}")
        if known == 0:
            raise RuntimeError(f"cannot reshape {count} elements into {list(shape)}: the -1 is ambiguous beside a 0")
        if known > 0 and count % known == 0:
            return tuple(count // known if n == -1 else n for n in shape)
    elif known == count and min(shape, default=0) >= 0:
        return shape
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")


def whole(x: Any) -> int:
    """The number of elements of an array or Tensor."""
    return math.prod(x.shape)


# ---- copies and conversions --------------------------------------------------------------------------------------


@op(method=False, x=lambda g: g)
def identity(x):
    """The same array, as the result of an op of its own."""
    return x


@op(numpy=np.copy, x=lambda g: g)
def clone(x, *, memory_format=None):
    """A copy."""
    return x.copy(order="K") if isinstance(x, np.ndarray) else x.copy()


@op(method=False, holomorphic=False, x=lambda g, origin: convert(g, g.dtype, origin))
def _convert(x, dtype, device=None, origin=None):
    """Another type, another device; the engine converts the gradient's type back."""
    moved = x if device is None else to_device(x, device)
    return moved.real.astype(dtype) if moved.dtype.kind == "c" and dtype.kind != "c" else moved.astype(dtype)


def convert(x: Any, dtype: np.dtype, device: Any = None) -> Any:
    """`x` (array or Tensor) in that type, on that device."""
    return _convert(x, dtype, device, None if device is None else device_of(x.array if isinstance(x, Tensor) else x))


def _converter(dtype: np.dtype, name: str) -> None:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return self.to(dtype)

    method.__name__, method.__doc__ = name, f"Itself as {dtype}."
    setattr(Tensor, name, method)


for _name in ("half", "float", "double", "cfloat", "cdouble", "short", "int", "long", "bool"):
    _converter(getattr(dtypes, _name), _name)
_converter(dtypes.uint8, "byte")
_converter(dtypes.int8, "char")


@function()
def contiguous(input, memory_format=None):
    """Itself where its elements lie in memory in the order of their indices, else a copy for which they do."""
    return input if input.is_contiguous() else _contiguous(input)


@op("contiguous", method=False, x=lambda g: g)
def _contiguous(x):
    return np.ascontiguousarray(x, like=x)


# ---- another shape -----------------------------------------------------------------------------------------------


@op("reshape", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _reshape(x, shape):
    return x.reshape(shape)


@op("view", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _view(x, shape):
    out = x.reshape(shape)
    if out.size and isinstance(x, np.ndarray) and owner(out) is not owner(x):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return out


def in_order(input: Any) -> bool:
    """Bring the memory of a result into the order of its indices, before a view is taken; True if it is in order now.

    Some ops leave their results in an order of their own (convolutions compute with the channels last), which PyTorch's
    programs know nothing of.  The memory of a recorded result is the library's own, so it may be laid out anew.  What was
    not recorded may be the memory of somebody else, and what is a view has its order from the user.
    """
    array = input.array if isinstance(input, Tensor) else input
    if not isinstance(array, np.ndarray) or array.flags.c_contiguous:
        return True
    if not isinstance(input, Tensor) or input.view_of is not None or input.grad_fn is None:
        return False
    input.array = np.ascontiguousarray(array)
    return True


@op(method=False, view=True)
def _view_dtype(x, dtype):
    if x.ndim == 0 and x.dtype.itemsize != dtype.itemsize:
        raise RuntimeError(f"self.dim() cannot be 0 to view {x.dtype} as {dtype} (different element sizes)")
    return x.view(dtype)


@sized("shape", numpy=np.reshape)
def reshape(input, shape):
    """The same elements in the same order in another shape; −1 stands for what is left over.  A view where possible.

    >>> import autograd as ag
    >>> ag.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshape(input, complete_shape(shape, whole(input)))


def view(input: Any, *size: Any, **named: Any) -> Any:
    """The same memory in another shape (an error where that needs a copy), or as another type of number."""
    given = next(iter(named.values())) if named else size[0] if len(size) == 1 else size
    if isinstance(given, (int, np.integer, tuple, list, Tensor)):
        shape = complete_shape(sizes(given if isinstance(given, tuple) else (given,)), whole(input))
        if in_order(input) or not isinstance(input, Tensor) or input.view_of is not None:
            return _view(input, shape)
        out = _reshape(input, shape)  # a copy, perhaps: it must not be mistaken for a view by writing into it
        if out.view_of is None:
            out.array.flags.writeable = False
        return out
    return _view_dtype(input, dtypes.as_dtype(given))


expose(view, "view", None)


@function()
def view_as(input, other):
    """The same memory in the shape of `other`."""
    return view(input, tuple(other.shape))


@function()
def reshape_as(input, other):
    """The same elements in the same order in the shape of `other`."""
    return reshape(input, tuple(other.shape))


@function()
def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions from `start_dim` to `end_dim` made one.

    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).flatten(1).shape
    autograd.Size([2, 12])
    """
    shape = tuple(input.shape)
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if shape and first == last:
        return input
    return _reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@function(numpy=np.ravel)
def ravel(input):
    """All elements in one dimension."""
    return contiguous(input).reshape(-1) if isinstance(input, Tensor) else input.reshape(-1)


@function()
def unflatten(input, dim, sizes):
    """Dimension `dim` made several, of the lengths `sizes`; −1 stands for what is left over."""
    dim, shape = wrap_dim(dim, input.ndim), tuple(input.shape)
    try:
        inner = complete_shape(tuple(int(n) for n in sizes), shape[dim])
    except RuntimeError as error:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the "
            f"input tensor: {error}"
        ) from None
    return _reshape(input, (*shape[:dim], *inner, *shape[dim + 1 :]))


@op("squeeze", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _squeeze(x, dims):
    return x.squeeze(dims)


@function(numpy=np.squeeze)
def squeeze(input, dim=None):
    """Without the dimensions of length 1; with `dim` only those of them that it names."""
    dims = range(input.ndim) if dim is None else wrap_dims(dim, input.ndim) if input.ndim else ()
    if dim is not None and not input.ndim:
        wrap_dims(dim, 0)  # raises for what a 0-d tensor has not
    return _squeeze(input, tuple(d for d in dims if input.shape[d] == 1))


@op("unsqueeze", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _unsqueeze(x, dim):
    return x.reshape((*x.shape[:dim], 1, *x.shape[dim:])) if x.flags.c_contiguous else np.expand_dims(x, dim)


@function()
def unsqueeze(input, dim):
    """With a dimension of length 1 inserted at `dim`.

    >>> import autograd as ag
    >>> ag.ones(3).unsqueeze(-1).shape
    autograd.Size([3, 1])
    """
    return _unsqueeze(input, wrap_dim(dim, input.ndim + 1))


@function(method=False, numpy=np.expand_dims)
def _expand_dims(a, axis):
    for dim in sorted(wrap_dims(axis, a.ndim + (1 if isinstance(axis, int) else len(axis)))):
        a = _unsqueeze(a, dim)
    return a


@op("expand", method=False, view=True, numpy=np.broadcast_to, x=lambda g: g)
def broadcast_to(x, shape):
    """The shape that `x` broadcasts to, without copying."""  # the engine's sum over the new places is the gradient
    return np.broadcast_to(x, tuple(shape))


def expanded(input: Any, size: tuple[int, ...]) -> Any:
    """`input` in the shape `size`, where −1 keeps a length."""
    lead = len(size) - input.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand({list(input.shape)}, size={list(size)}): the number of sizes provided ({len(size)}) must be greater "
            f"or equal to the number of dimensions in the tensor ({input.ndim})"
        )
    shape = []
    for i, n in enumerate(size):
        have: Any = input.shape[i - lead] if i >= lead else None
        if n == -1 and have is None:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
            )
        n = have if n == -1 else n
        if n < 0 or have not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton dimension "
                f"{i}.  Target sizes: {list(size)}.  Tensor sizes: {list(input.shape)}"
            )
        shape.append(n)
    return broadcast_to(input, tuple(shape))


def expand(input: Any, *size: Any, implicit: bool = False, **named: Any) -> Any:
    """`input` repeated along dimensions of length 1, without copying; −1 keeps a length."""
    return expanded(input, sizes((named["size"],) if named else size))


expose(expand, "expand", None)
Tensor.broadcast_to = expand  # type: ignore[attr-defined]


@function()
def expand_as(input, other):
    """`input` repeated to the shape of `other`, without copying."""
    return expanded(input, tuple(other.shape))


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of these shapes broadcast to.

    >>> broadcast_shapes((2, 1), (3,))
    autograd.Size([2, 3])
    """
    from ..tensor import Size

    shapes = tuple((s,) if isinstance(s, int) else tuple(s) for s in shapes)
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(
            f"the shapes {' and '.join(map(str, shapes))} do not broadcast: dimensions, from the last one, must be equal or 1"
        ) from None


# ---- another order of the dimensions -----------------------------------------------------------------------------


@op("permute", method=False, view=True, x=lambda g, dims: _permute(g, inverse(dims)))
def _permute(x, dims):
    return x.transpose(dims)


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes a permutation."""
    places = [0] * len(order)
    for i, d in enumerate(order):
        places[d] = i
    return tuple(places)


@sized("dims")
def permute(input, dims):
    """The dimensions in another order."""
    if len(dims) != input.ndim:
        raise RuntimeError(
            f"permute: expected one place for each of {input.ndim} dimensions of shape {tuple(input.shape)}, got {dims}"
        )
    order = tuple(wrap_dim(d, len(dims)) for d in dims)
    if len(set(order)) != len(order):
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {dims}")
    return _permute(input, order)


@function(method=False, numpy=np.transpose)
def _numpy_transpose(a, axes=None):
    return permute(a, tuple(range(a.ndim))[::-1] if axes is None else axes)


@op("transpose", method=False, view=True, x=lambda g, dim0, dim1: _transpose(g, dim0, dim1))
def _transpose(x, dim0, dim1):
    return x.swapaxes(dim0, dim1)


@function(numpy=np.swapaxes)
def transpose(input, dim0, dim1):
    """Two dimensions swapped."""
    n = input.ndim
    dim0, dim1 = wrap_dim(dim0, n), wrap_dim(dim1, n)
    return _transpose(input, dim0, dim1) if n else _permute(input, ())


@function()
def swapaxes(input, axis0, axis1):
    """Two dimensions swapped."""
    return transpose(input, axis0, axis1)


@function()
def swapdims(input, dim0, dim1):
    """Two dimensions swapped."""
    return transpose(input, dim0, dim1)


@function()
def t(input):
    """A matrix transposed; a vector itself."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D; use .mT for batches")
    return _permute(input, tuple(range(input.ndim))[::-1])


@function()
def adjoint(input):
    """The last two dimensions swapped, and conjugated."""
    return input.mH


@function(numpy=np.moveaxis)
def movedim(input, source, destination):
    """Dimensions moved to other places; the others keep their order."""
    n = input.ndim
    moved, to = wrap_dims(source, n), wrap_dims(destination, n)
    if len(moved) != len(to):
        raise RuntimeError(f"movedim: expected as many sources as destinations, got {source} and {destination}")
    if not n:
        return _permute(input, ())
    order = [d for d in range(n) if d not in moved]
    for place, dim in sorted(zip(to, moved, strict=True)):
        order.insert(place, dim)
    return _permute(input, tuple(order))


moveaxis = Tensor.moveaxis = movedim  # type: ignore[attr-defined]

# ---- a part ------------------------------------------------------------------------------------------------------


def part(dim: int, index: Any) -> tuple:
    """The index that applies `index` to dimension `dim` and takes the others whole."""
    return (slice(None),) * dim + (index,)


def filled(g: Any, shape: tuple[int, ...], index: tuple) -> Any:
    """Zeros of `shape` with `g` at a basic `index`: the adjoint of a slice."""
    out = np.zeros_like(g, shape=shape)
    out[index] = g
    return out


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
    dim, start, length = wrap_dim(dim, input.ndim), int(start), int(length)
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
    dim, index = wrap_dim(dim, input.ndim), int(index)
    if not -input.shape[dim] <= index < input.shape[dim]:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    return _select(input, dim, index)


# ---- other views of memory ---------------------------------------------------------------------------------------


@op(method=False, x=lambda g, dim, size, step: _unfold(g, dim, size, step))
def _unfold_adjoint(x, shape, dim, size, step):
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
    x=lambda g, x_shape, dim, size, step: _unfold_adjoint(g, x_shape, dim, size, step))  # fmt: skip
def _unfold(x, dim, size, step):
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim, writeable=step >= size and x.flags.writeable)
    return windows[part(dim, slice(None, None, step))]


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
    from .indexing import add_at

    if any(s == 0 and n > 1 for n, s in zip(x_shape, x_stride, strict=True)):
        raise RuntimeError(
            "as_strided of an expanded tensor has no gradient here; call .contiguous() or .clone() first"
        )
    g = g.reshape(-1)
    where = places(size, stride, offset, x_shape, x_stride).reshape(-1)
    where = np.asarray(where, like=g.array if isinstance(g, Tensor) else g)
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
    strided = namespace(device_of(x)).lib.stride_tricks.as_strided
    flat = strided(memory, (memory.size,), (unit,)) if memory.size else memory.reshape(-1)
    start = wrap(x).storage_offset() + offset
    last = start + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if math.prod(size) and not 0 <= start <= last < flat.size:
        raise RuntimeError(
            f"as_strided: sizes {list(size)}, strides {list(stride)} and storage offset {start} are out of bounds for "
            f"memory of {flat.size} elements"
        )
    return strided(flat[start:], size, tuple(s * unit for s in stride))


@function()
def as_strided(input, size, stride, storage_offset=None):
    """A view of the memory of `input` with that shape and those steps (in elements) from a place in the memory."""
    in_order(input)
    here = input.storage_offset()
    offset = 0 if storage_offset is None else int(storage_offset) - here
    return _as_strided(input, tuple(size), tuple(stride), offset, tuple(input.stride()))


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


def _sliced(input: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return input[part(wrap_dim(dim, input.ndim), slice(start, end, step))]


alias_copy = _copied(lambda input: input, "alias_copy")
as_strided_copy = _copied(as_strided, "as_strided_copy")
detach_copy = _copied(lambda input: input.detach(), "detach_copy")
diagonal_copy = _copied(lambda input, *args, **kwargs: input.diagonal(*args, **kwargs), "diagonal_copy")
expand_copy = _copied(expand, "expand_copy")
narrow_copy = _copied(narrow, "narrow_copy")
permute_copy = _copied(permute, "permute_copy")
select_copy = _copied(select, "select_copy")
slice_copy = _copied(_sliced, "slice_copy")
squeeze_copy = _copied(squeeze, "squeeze_copy")
t_copy = _copied(t, "t_copy")
transpose_copy = _copied(transpose, "transpose_copy")
unfold_copy = _copied(unfold, "unfold_copy")
unsqueeze_copy = _copied(unsqueeze, "unsqueeze_copy")
view_copy = _copied(view, "view_copy")
view_as_complex_copy = _copied(view_as_complex, "view_as_complex_copy")
view_as_real_copy = _copied(view_as_real, "view_as_real_copy")


# The op calls are what rules and other families use where the arguments are known to be right.
permuted, narrowed, selected = _permute, _narrow, _select

for _name, _function in {
    "as_strided_": as_strided,
    "squeeze_": squeeze,
    "swapaxes_": swapaxes,
    "swapdims_": swapdims,
    "t_": t,
    "transpose_": transpose,
    "unsqueeze_": unsqueeze,
}.items():
    setattr(Tensor, _name, reshaping(_function, _name))
