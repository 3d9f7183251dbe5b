"""Tensors made out of data, and out of nothing."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes
from .device import as_device, cupy, device_of, on, to_device
from .dtypes import as_dtype, complex_of, get_default_dtype
from .op import expose, function, write_out
from .tensor import Size, Tensor, wrap

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "empty_permuted", "empty_strided", "eye", "from_dlpack",
    "from_numpy", "frombuffer", "full", "full_like", "linspace", "logspace", "ones", "ones_like", "range", "scalar_tensor",
    "tensor", "zeros", "zeros_like",
]  # fmt: skip

# Options of PyTorch's that say how memory is laid out or transferred.  There is one layout here, so they change nothing.
_IGNORED = {"layout", "memory_format", "names", "pin_memory"}

# ---- arguments ---------------------------------------------------------------------------------------------------


def finished(array: Any, requires_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """A new array as a leaf, or written into `out`."""
    made = wrap(array)
    if out is not None:
        return write_out(made, out)
    if requires_grad:
        made.requires_grad = True
    return made


def shape_of(size: tuple, named: dict[str, Any]) -> tuple[int, ...]:
    """The shape that ``f(2, 3)``, ``f((2, 3))`` and ``f(size=(2, 3))`` ask for; TypeError for unknown options."""
    if "size" in named:
        size = (named.pop("size"),)
    if unknown := set(named) - _IGNORED:
        raise TypeError(
            f"unexpected argument {sorted(unknown)[0]!r}; expected sizes, dtype, device, requires_grad or out"
        )
    if len(size) == 1 and isinstance(size[0], (tuple, list, np.ndarray)):
        size = tuple(size[0])
    try:
        shape = tuple(n.__index__() for n in size)
    except AttributeError:
        raise TypeError(f"expected whole numbers for the size, got {size}") from None
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(shape)}")
    return shape


def float_dtype(dtype: Any) -> np.dtype:
    """The dtype asked for, by default the default floating-point type."""
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def number(value: Any) -> Any:
    """A Python number, also out of a tensor of one element."""
    return value.item() if isinstance(value, (Tensor, np.generic)) else value


# ---- from data ---------------------------------------------------------------------------------------------------


def _first(data: Any) -> Any:
    """The first number in nested lists, which stands for them all."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _plain(data: Any) -> Any:
    """Nested lists with arrays in the place of Tensors."""
    if isinstance(data, Tensor):
        return data.detach().cpu().array[() if not data.ndim else ...]
    return [_plain(v) for v in data] if isinstance(data, (list, tuple)) else data


def _array_of(data: Any, dtype: np.dtype | None) -> np.ndarray:
    """An array of numbers and nested lists, which may hold Tensors; Python's numbers become the default types."""
    first = _first(data)
    known = isinstance(first, (np.ndarray, np.generic, Tensor))  # their type counts
    try:
        array = np.asarray(_plain(data))
    except ValueError as error:
        raise ValueError(f"expected numbers in nested lists of equal lengths: {error}") from None
    large = array.dtype == object or (array.dtype == np.uint64 and not known)
    if large and all(isinstance(v, int) for v in array.reshape(-1)):
        raise RuntimeError("Overflow when unpacking long: an integer does not fit into int64")
    if array.dtype.kind not in dtypes.CATEGORY:
        raise TypeError(f"cannot make a Tensor of {type(first).__name__} values; give numbers")
    if array.size == 0 and not known:
        return array.astype(get_default_dtype())
    if dtype is not None:
        _check_range(array, dtype)
    elif not known and array.dtype.kind in "fc":
        return array.astype(get_default_dtype() if array.dtype.kind == "f" else complex_of(get_default_dtype()))
    return array


def _check_range(array: np.ndarray, dtype: np.dtype) -> None:
    """Raise where Python's integers do not fit into an integer type."""
    if dtype.kind in "iu" and array.dtype.kind in "iu" and array.size:
        info = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if high > info.max or low < (info.min if dtype.kind == "i" else -info.max):
            raise RuntimeError(
                f"value cannot be converted to type {dtype} without overflow: {high if high > info.max else low}"
            )


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A tensor that holds a copy of `data`: a number, nested lists of numbers, an array, another tensor.

    Python floats become the default dtype (float32), Python ints int64; arrays keep their type.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.tensor.html

    >>> tensor([[1, 2], [3, 4]]).dtype
    dtype('int64')
    >>> tensor(1.5)
    tensor(1.5000)
    """
    where = as_device(device)
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(data, Tensor):
        array = data.array
        where = device_of(array) if device is None else where
    elif hasattr(data, "__array_interface__") or hasattr(data, "__cuda_array_interface__"):
        array = data
        if array.dtype.kind not in dtypes.CATEGORY:
            raise TypeError(f"cannot make a Tensor of an array of type {array.dtype}; convert it to numbers first")
    else:
        array = _array_of(data, wanted)
    array = to_device(array, where)
    target = wanted or np.dtype(array.dtype.type)  # in this machine's byte order
    made = array.astype(target)
    return finished(made if made.ndim else made[()], requires_grad)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A 0-d tensor of a number, in the default floating-point type unless `dtype` is given."""
    target = dtype or (complex_of(get_default_dtype()) if isinstance(s, complex) else get_default_dtype())
    return tensor(s, dtype=target, device=device, requires_grad=requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data` that shares its memory where it can: itself if it is a tensor already.

    >>> as_tensor(np.ones(2)).dtype
    dtype('float64')
    """
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray) and data.dtype.kind in dtypes.CATEGORY and data.dtype.isnative:
        return wrap(data).to(dtype=dtype, device=as_device(device))
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """A tensor of `obj`: a copy if `copy`, sharing its memory if that is False or, where possible, None.

    Without `requires_grad` it requires grad if `obj` does.
    """
    if isinstance(obj, Tensor):
        made = obj.to(dtype=dtype, device=device, copy=bool(copy))
    else:
        made = tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype, device)
    if copy is False and not (made is obj or np.shares_memory(made.array, np.asarray(obj))):
        raise ValueError("can't alias arbitrary sequence into a tensor, or one of another type; leave out copy=False")
    if requires_grad is False:
        return made.detach()
    return made.requires_grad_() if requires_grad and not made.requires_grad else made


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares the memory of a NumPy array: a change of one is a change of the other.

    Raises TypeError for anything else, and for elements that are no numbers.

    >>> array = np.zeros(2)
    >>> shared = from_numpy(array)
    >>> array[0] = 1
    >>> shared
    tensor([1., 0.], dtype=autograd.float64)
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray, got {type(array).__name__}; use autograd.tensor(…)")
    if array.dtype.kind not in dtypes.CATEGORY or not array.dtype.isnative:
        raise TypeError(f"can't convert np.ndarray of type {array.dtype}; convert it to native numbers first")
    return wrap(array)


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of any array that speaks DLPack (NumPy, CuPy, PyTorch, JAX, …)."""
    kind = int(source.__dlpack_device__()[0])
    if kind in (1, 3):  # main memory, pinned or not
        return wrap(np.from_dlpack(source))
    return wrap(cupy().from_dlpack(source))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor that shares the memory of an object with Python's buffer interface."""
    return finished(np.frombuffer(buffer, as_dtype(dtype), count, offset), requires_grad)


# ---- of given values ---------------------------------------------------------------------------------------------


def zeros(
    *size: Any, out: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor of zeros.

    >>> zeros(2, 3).shape
    autograd.Size([2, 3])
    """
    with on(as_device(device)) as xp:
        return finished(xp.zeros(shape_of(size, named), float_dtype(dtype)), requires_grad, out)


def ones(
    *size: Any, out: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor of ones.

    >>> ones(2, dtype="int64")
    tensor([1, 1])
    """
    with on(as_device(device)) as xp:
        return finished(xp.ones(shape_of(size, named), float_dtype(dtype)), requires_grad, out)


def empty(
    *size: Any, out: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor of whatever is in memory."""
    with on(as_device(device)) as xp:
        return finished(xp.empty(shape_of(size, named), float_dtype(dtype)), requires_grad, out)


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """A tensor of whatever is in memory, with the given steps (in elements) from index to index."""
    target, size = float_dtype(dtype), tuple(size)
    length = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if builtins.all(size) else 0
    with on(as_device(device)) as xp:
        steps = tuple(s * target.itemsize for s in stride)
        return finished(xp.lib.stride_tricks.as_strided(xp.empty(length, target), size, steps), requires_grad)


def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """A tensor of whatever is in memory, whose dimensions lie in memory in the order `physical_layout`."""
    order = tuple(physical_layout)
    places = tuple(order.index(d) for d in builtins.range(len(order)))
    return empty(tuple(size[d] for d in order), **options).permute(places)


def full(
    size: Any,
    fill_value: Any,
    *,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """A tensor with `fill_value` everywhere, of that value's type unless `dtype` is given.

    >>> full((2,), 3)
    tensor([3, 3])
    """
    value = number(fill_value)
    target = dtypes.number_dtype(value) if dtype is None else as_dtype(dtype)
    if isinstance(value, complex) and target.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {target} without overflow: {value}")
    with on(as_device(device)) as xp:
        return finished(xp.full(shape_of((size,), named), value, target), requires_grad, out)


def like(
    make: Callable, input: Tensor, dtype: Any, device: Any, requires_grad: bool, *args: Any, **named: Any
) -> Tensor:
    """`make(*args)` in the type and on the device of `input` unless said otherwise."""
    return make(
        *args,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **named,
    )


@function(method=False)
def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Zeros of the shape, type and device of `input`.

    >>> zeros_like(tensor([1, 2]))
    tensor([0, 0])
    """
    return like(zeros, input, dtype, device, requires_grad, input.shape, **named)


@function(method=False)
def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Ones of the shape, type and device of `input`."""
    return like(ones, input, dtype, device, requires_grad, input.shape, **named)


@function(method=False)
def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """Whatever is in memory, in the shape, type and device of `input`."""
    return like(empty, input, dtype, device, requires_grad, input.shape, **named)


@function(method=False)
def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """`fill_value` everywhere, in the shape, type and device of `input`."""
    return like(full, input, dtype, device, requires_grad, input.shape, fill_value, **named)


# ---- in rows -----------------------------------------------------------------------------------------------------


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """The numbers from `start` (0 unless given) up to but not including `end`, `step` apart.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    shape_of((), named)
    start, end, step = map(number, (start, end, step))
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})")
    whole = all(isinstance(v, int) for v in (start, end, step))
    target = as_dtype(dtype) if dtype is not None else dtypes.int64 if whole else get_default_dtype()
    exact = target == dtypes.int64 or (whole and target.kind in "iu")
    count = _count(int(start), int(end), int(step)) if exact else int(np.ceil((end - start) / step))
    if target.kind in "iu":
        start, step = int(start), int(step)
    with on(as_device(device)) as xp:
        return finished((start + step * xp.arange(count)).astype(target), requires_grad, out)


def _count(start: int, end: int, step: int) -> int:
    """How many whole numbers there are from `start` to before `end`, `step` apart."""
    if step == 0:
        raise RuntimeError("step must be nonzero, and of an integer type it is cut to a whole number")
    return max(0, -((start - end) // step))


def range(
    start: Any, end: Any, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Like `arange`, with `end` included (deprecated in PyTorch)."""
    with on(as_device(device)) as xp:
        values = start + step * xp.arange(int((end - start) / step) + 1)
        return finished(values.astype(float_dtype(dtype)), requires_grad)


def _row_dtype(start: Any, end: Any, dtype: Any) -> np.dtype:
    if dtype is None and any(isinstance(v, complex) for v in (start, end)):
        return complex_of(get_default_dtype())
    return float_dtype(dtype)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, evenly spaced.

    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    shape_of((), named)
    start, end = number(start), number(end)
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    target = _row_dtype(start, end, dtype)
    if target.kind in "iu":
        start, end = int(start), int(end)
    with on(as_device(device)) as xp:
        places = xp.arange(steps)
        gap = (end - start) / max(steps - 1, 1)
        # From both ends, so that the last is exactly `end`.
        values = xp.where(places < steps / 2, start + gap * places, end - gap * (steps - 1 - places))
        return finished(values.astype(target), requires_grad, out)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """`base` to the powers that `linspace(start, end, steps)` gives."""
    shape_of((), named)
    start, end = number(start), number(end)
    target = _row_dtype(start, end, dtype)
    wide = dtypes.complex128 if target.kind == "c" else dtypes.float64
    if target.kind in "iu":
        start, end = int(start), int(end)
    exponents = linspace(start, end, steps, dtype=wide, device=device).array
    values = np.power(np.asarray(base, wide, like=exponents), exponents)
    return finished(values.astype(target), requires_grad, out)


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """The identity matrix, n × m.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    shape_of((n, n if m is None else m), named)
    with on(as_device(device)) as xp:
        return finished(xp.eye(n, m, dtype=float_dtype(dtype)), requires_grad, out)


# ---- methods, and NumPy's functions ------------------------------------------------------------------------------


def _new(make: Callable) -> Callable:
    def method(
        self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
    ) -> Tensor:
        return like(make, self, dtype, device, requires_grad, *size, **named)

    method.__name__ = f"new_{make.__name__}"
    method.__doc__ = f"`{make.__name__}`, in the type and on the device of this tensor."
    return method


def _new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `data`, in this one's type and on its device unless said otherwise."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


def _old_new(self: Tensor, *data: Any) -> Tensor:
    """A tensor of this one's type and device, in PyTorch's oldest spelling: `new(2, 3)` (zeros), `new([1.0, 2.0])`."""
    if len(data) == 1 and not isinstance(data[0], (int, Size)):
        return _new_tensor(self, data[0])
    return zeros(*data or (0,), dtype=self.dtype, device=self.device)


Tensor.new_tensor, Tensor.new = _new_tensor, _old_new  # type: ignore[attr-defined]
for _make in (zeros, ones, empty, full, empty_strided):
    setattr(Tensor, f"new_{_make.__name__}", _new(_make))


def _numpy_like(make: Callable) -> Callable:
    def numpy_like(
        a: Tensor, *values: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None
    ) -> Tensor:
        shape = a.shape if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        return like(make, a, dtype, None, False, shape, *values)

    return numpy_like


for _numpy, _make in {np.zeros_like: zeros, np.ones_like: ones, np.empty_like: empty, np.full_like: full}.items():
    expose(_numpy_like(_make), None, _numpy)
