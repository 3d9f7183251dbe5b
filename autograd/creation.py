"""Tensors made out of nothing, out of data, and at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .device import device_of, on
from .dtypes import as_dtype, get_default_dtype
from .op import expose
from .random import Generator, rng
from .tensor import Tensor, _device, wrap

__all__ = [
    "arange", "as_tensor", "asarray", "bernoulli", "complex", "empty", "empty_like", "empty_strided", "eye", "from_dlpack",
    "from_numpy", "frombuffer", "full", "full_like", "linspace", "logspace", "multinomial", "normal", "ones", "ones_like",
    "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "range", "scalar_tensor",
    "tensor", "zeros", "zeros_like",
]  # fmt: skip


def _made(array: Any, requires_grad: bool = False) -> Tensor:
    made = wrap(array)
    if requires_grad:
        made.requires_grad = True
    return made


def _shape(size: tuple) -> tuple[int, ...]:
    if len(size) == 1 and not isinstance(size[0], (int, np.integer, Tensor)):
        size = tuple(size[0])
    shape = tuple(int(n) for n in size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(shape)}")
    return shape


def _dtype(dtype: Any) -> np.dtype:
    return get_default_dtype() if dtype is None else as_dtype(dtype)


# ---- from data ---------------------------------------------------------------------------------------------------


def _from_data(data: Any, dtype: Any) -> Any:
    """An array of data that is not one yet: numbers and nested lists, which may hold Tensors."""
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        data = _plain(data)
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"expected numbers in nested lists of equal lengths: {error}") from None
    if array.dtype.kind not in dtypes.CATEGORY:
        raise TypeError(
            f"cannot make a Tensor of {type(data).__name__} with elements of type {array.dtype}; give numbers"
        )
    if dtype is not None:
        return array
    if array.size == 0 and isinstance(data, (list, tuple)):
        return array.astype(get_default_dtype())
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, (float, __builtins_complex)):
        return array
    if array.dtype.kind == "f" and not _has_numpy(data):
        return array.astype(get_default_dtype())
    return (
        array.astype(dtypes.complex_of(get_default_dtype()))
        if array.dtype.kind == "c" and not _has_numpy(data)
        else array
    )


__builtins_complex = complex


def _first(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _has_numpy(data: Any) -> bool:
    """Do the lists hold NumPy's values, whose type counts, rather than Python's numbers?"""
    return isinstance(_first(data), (np.ndarray, np.generic))


def _holds_tensors(data: Any) -> bool:
    return isinstance(_first(data), Tensor) or (
        isinstance(data, (list, tuple)) and any(isinstance(v, Tensor) for v in data)
    )


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.detach().cpu().array if data.ndim else data.array[()]
    return [_plain(v) for v in data] if isinstance(data, (list, tuple)) else data


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
    where = _device(device)
    if isinstance(data, Tensor):
        data = data.array
        where = device_of(data) if device is None else where
    elif not hasattr(data, "__array_interface__") or isinstance(data, np.generic):
        data = _from_data(data, dtype)
    if isinstance(data, np.ndarray) and data.dtype.kind not in dtypes.CATEGORY:
        raise TypeError(f"cannot make a Tensor of an array of type {data.dtype}; convert it to numbers first")
    from .device import to_device

    array = to_device(data, where)
    target = array.dtype if dtype is None else as_dtype(dtype)
    if isinstance(array, np.ndarray) and not array.dtype.isnative:
        array, target = array.astype(array.dtype.newbyteorder("=")), target.newbyteorder("=")
    array = array.astype(target) if array.ndim else array.astype(target)[()]
    return _made(array, requires_grad)


scalar_tensor = tensor


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of `data` that shares its memory where it can: itself if it is a tensor already.

    >>> as_tensor(np.ones(2)).dtype
    dtype('float64')
    """
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray) and data.dtype.kind in dtypes.CATEGORY:
        return wrap(data).to(dtype=dtype, device=_device(device))
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `obj`; shares its memory unless `copy`."""
    made = tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype, device)
    if requires_grad:
        made = made.detach().requires_grad_()
    return made


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares the memory of a NumPy array: a change of one is a change of the other.

    Raises TypeError for anything else, and for elements that are no numbers.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray, got {type(array).__name__}; use autograd.tensor(…)")
    if array.dtype.kind not in dtypes.CATEGORY or not array.dtype.isnative:
        raise TypeError(f"can't convert np.ndarray of type {array.dtype}; convert it to native numbers first")
    return wrap(array)


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of any array that speaks DLPack (NumPy, CuPy, PyTorch, JAX, …)."""
    kind = source.__dlpack_device__()[0]
    if int(kind) in (1, 3):
        return wrap(np.from_dlpack(source))
    from .device import cupy

    return wrap(cupy().from_dlpack(source))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor that shares the memory of an object with Python's buffer interface."""
    return _made(np.frombuffer(buffer, as_dtype(dtype), count, offset), requires_grad)


# ---- of given values ---------------------------------------------------------------------------------------------


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor of zeros.

    >>> zeros(2, 3).shape
    autograd.Size([2, 3])
    """
    size = _size_keyword(size, _)
    with on(_device(device)) as xp:
        return _made(xp.zeros(_shape(size), _dtype(dtype)), requires_grad)


def _size_keyword(size: tuple, extra: dict) -> tuple:
    """PyTorch allows ``zeros(size=(2, 3))``, and options about memory that mean nothing here."""
    if "size" in extra:
        size = (extra.pop("size"),)
    if unknown := set(extra) - {"layout", "pin_memory", "memory_format", "names"}:
        raise TypeError(f"unexpected argument {sorted(unknown)[0]!r}")
    return size


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor of ones."""
    size = _size_keyword(size, _)
    with on(_device(device)) as xp:
        return _made(xp.ones(_shape(size), _dtype(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor of whatever is in memory."""
    size = _size_keyword(size, _)
    with on(_device(device)) as xp:
        return _made(xp.empty(_shape(size), _dtype(dtype)), requires_grad)


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of whatever is in memory, with the given steps (in elements) from index to index."""
    target = _dtype(dtype)
    length = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else 0
    with on(_device(device)) as xp:
        flat = xp.empty(length, target)
        array = xp.lib.stride_tricks.as_strided(flat, tuple(size), tuple(s * target.itemsize for s in stride))
    return _made(array, requires_grad)


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """A tensor with `fill_value` everywhere, of that value's type unless `dtype` is given."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    target = as_dtype(dtype) if dtype is not None else dtypes.number_dtype(value)
    shape = _shape((size,) if not isinstance(size, int) else (size,))
    with on(_device(device)) as xp:
        return _made(xp.full(shape, value, target), requires_grad)


def _like(make: Any, input: Tensor, dtype: Any, device: Any, requires_grad: bool, *args: Any, **kwargs: Any) -> Tensor:
    return make(
        *args,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
        **kwargs,
    )


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """Zeros of the shape, type and device of `input`."""
    return _like(zeros, input, dtype, device, requires_grad, input.shape)


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """Ones of the shape, type and device of `input`."""
    return _like(ones, input, dtype, device, requires_grad, input.shape)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """Whatever is in memory, in the shape, type and device of `input`."""
    return _like(empty, input, dtype, device, requires_grad, input.shape)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`fill_value` everywhere, in the shape, type and device of `input`."""
    return _like(full, input, dtype, device, requires_grad, input.shape, fill_value)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """The numbers from `start` (0 unless given) up to but not including `end`, `step` apart.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})")
    if dtype is None:
        whole = all(isinstance(v, (int, np.integer)) for v in (start, end, step))
        dtype = dtypes.int64 if whole else get_default_dtype()
    with on(_device(device)) as xp:
        count = int(np.ceil((end - start) / step))
        values = start + step * xp.arange(count)
        return _made(values.astype(as_dtype(dtype)), requires_grad)


def range(
    start: Any, end: Any, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Like `arange`, with `end` included (deprecated in PyTorch)."""
    with on(_device(device)) as xp:
        values = start + step * xp.arange(int((end - start) / step) + 1)
        return _made(values.astype(_dtype(dtype)), requires_grad)


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, evenly spaced."""
    start, end = _number(start), _number(end)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    target = (
        dtypes.complex_of(_dtype(None))
        if dtype is None and isinstance(start + end, __builtins_complex)
        else _dtype(dtype)
    )
    with on(_device(device)) as xp:
        if target.kind in "iu":
            values = xp.asarray([start + i * ((end - start) / max(steps - 1, 1)) for i in _builtin_range(steps)])
            return _made(values.astype(target), requires_grad)
        return _made(xp.linspace(start, end, steps).astype(target), requires_grad)


_builtin_range = __builtins__["range"] if isinstance(__builtins__, dict) else __builtins__.range


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """`base` to the powers that `linspace(start, end, steps)` gives."""
    with on(_device(device)) as xp:
        return _made(xp.logspace(_number(start), _number(end), steps, base=base).astype(_dtype(dtype)), requires_grad)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any
) -> Tensor:
    """The identity matrix, n × m."""
    with on(_device(device)) as xp:
        return _made(xp.eye(n, m, dtype=_dtype(dtype)), requires_grad)


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """A complex tensor of a real and an imaginary part of the same type."""
    from .ops.complexes import make_complex

    if real.dtype != imag.dtype or real.dtype.kind != "f":
        raise RuntimeError(f"complex() expects two float tensors of one type, got {real.dtype} and {imag.dtype}")
    return make_complex(real, imag)


# ---- at random ---------------------------------------------------------------------------------------------------


def _placed(array: np.ndarray, device: Any, requires_grad: bool = False) -> Tensor:
    """Random numbers are drawn on the CPU, so that a seed gives the same ones on every device."""
    from .device import to_device

    return _made(to_device(array, _device(device)), requires_grad)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Numbers from the uniform distribution on [0, 1)."""
    shape, target = _shape(_size_keyword(size, _)), _dtype(dtype)
    draw = dtypes.float32 if target == dtypes.float32 else dtypes.float64
    if target.kind == "c":
        parts = rng(generator).random((2, *shape))
        return _placed((parts[0] + 1j * parts[1]).astype(target), device, requires_grad)
    return _placed(rng(generator).random(shape, draw).astype(target, copy=False), device, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Numbers from the standard normal distribution."""
    shape, target = _shape(_size_keyword(size, _)), _dtype(dtype)
    if target.kind == "c":  # of variance 1, half of it in each part
        parts = rng(generator).standard_normal((2, *shape)) * 0.5**0.5
        return _placed((parts[0] + 1j * parts[1]).astype(target), device, requires_grad)
    draw = dtypes.float32 if target == dtypes.float32 else dtypes.float64
    return _placed(rng(generator).standard_normal(shape, draw).astype(target, copy=False), device, requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Whole numbers from `low` (0 unless given) up to but not including `high`.

    >>> randint(0, 10, (2, 3)).shape
    autograd.Size([2, 3])
    """
    if size is None:  # randint(high, size)
        low, high, size = 0, low, high
    if not isinstance(high, (int, np.integer)) or low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    target = dtypes.int64 if dtype is None else as_dtype(dtype)
    return _placed(rng(generator).integers(low, high, _shape((size,))).astype(target), device, requires_grad)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """The numbers 0 … n − 1 in random order."""
    return _placed(
        rng(generator).permutation(n).astype(dtypes.int64 if dtype is None else as_dtype(dtype)), device, requires_grad
    )


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Uniform random numbers in the shape, type and device of `input`."""
    return _like(rand, input, dtype, device, requires_grad, input.shape, generator=generator)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Normal random numbers in the shape, type and device of `input`."""
    return _like(randn, input, dtype, device, requires_grad, input.shape, generator=generator)


def randint_like(
    input: Tensor,
    low: int,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **_: Any,
) -> Tensor:
    """Random whole numbers in the shape, type and device of `input`."""
    if high is None:
        low, high = 0, low
    return _like(randint, input, dtype, device, requires_grad, low, high, input.shape, generator=generator)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    **_: Any,
) -> Tensor:
    """Normal random numbers with the given means and standard deviations: numbers (then give `size`) or tensors."""
    given = [v for v in (mean, std) if isinstance(v, Tensor)]
    if size is None and not given:
        raise TypeError("normal() of numbers needs size=; or give tensors for mean or std")
    loc, scale = (v.detach().cpu().array if isinstance(v, Tensor) else v for v in (mean, std))
    if np.any(np.asarray(scale) < 0):
        raise RuntimeError(f"normal expects all elements of std >= 0.0, got {np.min(scale)}")
    shape = _shape((size,)) if size is not None else np.broadcast_shapes(np.shape(loc), np.shape(scale))
    target = given[0].dtype if given and dtype is None else _dtype(dtype)
    array = loc + scale * rng(generator).standard_normal(shape)
    return _placed(np.asarray(array, target), given[0].device if given and device is None else device)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Ones with the probabilities `input` (or `p` everywhere), zeros otherwise."""
    chance = input.detach().cpu().array if p is None else p
    if np.any((np.asarray(chance) < 0) | (np.asarray(chance) > 1)):
        raise RuntimeError("bernoulli expects all probabilities to be between 0 and 1")
    return _placed((rng(generator).random(input.shape) < chance).astype(input.dtype), input.device)


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Numbers from Poisson distributions with the rates `input`."""
    return _placed(rng(generator).poisson(input.detach().cpu().array).astype(input.dtype), input.device)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """`num_samples` indices drawn by the weights in (each row of) `input`; int64, of shape (…, num_samples)."""
    weights = np.asarray(input.detach().cpu().array, np.float64)
    if (
        weights.ndim not in (1, 2)
        or np.any(weights < 0)
        or not np.all(np.isfinite(weights))
        or np.any(weights.sum(-1) <= 0)
    ):
        raise RuntimeError("multinomial expects one or two dimensions of finite weights >= 0 with a positive sum")
    if not replacement and np.any((weights > 0).sum(-1) < num_samples):
        raise RuntimeError(f"cannot sample {num_samples} times without replacement: too few weights are positive")
    random = rng(generator)
    if replacement:
        edges = np.cumsum(weights, -1)
        draws = random.random((*weights.shape[:-1], num_samples)) * edges[..., -1:]
        found = [
            np.searchsorted(e, d, side="right") for e, d in zip(np.atleast_2d(edges), np.atleast_2d(draws), strict=True)
        ]
        chosen = np.stack(found).reshape(draws.shape)
    else:  # the largest of exponential races: https://en.wikipedia.org/wiki/Reservoir_sampling#Algorithm_A-Res
        with np.errstate(divide="ignore"):
            race = random.standard_exponential(weights.shape) / weights
        chosen = np.argsort(race, -1)[..., :num_samples]
    return _placed(chosen.astype(np.int64), input.device)


def _new(make: Any) -> Any:
    def method(
        self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **kwargs: Any
    ) -> Tensor:
        return _like(make, self, dtype, device, requires_grad, *size, **kwargs)

    method.__doc__ = f"`{make.__name__}`, in the type and on the device of this tensor."
    return method


Tensor.new_zeros, Tensor.new_ones, Tensor.new_empty, Tensor.new_full = map(_new, (zeros, ones, empty, full))  # type: ignore[attr-defined]
Tensor.bernoulli, Tensor.multinomial = bernoulli, multinomial  # type: ignore[attr-defined]


def _fill(draw: Any) -> Any:
    """A method that fills a tensor with random numbers in place."""

    def method(self: Tensor, *args: Any, generator: Generator | None = None, **kwargs: Any) -> Tensor:
        from .inplace import apply

        def drawn(before: Any) -> Tensor:
            values = draw(rng(generator), before.shape, *args, **kwargs)
            return (
                before * 0 + _placed(np.asarray(values).astype(before.dtype), before.device)
                if before.needs_grad
                else _placed(np.asarray(values).astype(before.dtype), before.device)
            )

        return apply("fill", drawn, self)

    method.__doc__ = draw.__doc__
    return method


def _random(r: np.random.Generator, shape: Sequence[int], low: int = 0, to: int | None = None) -> Any:
    """Fill with whole numbers from `low` up to but not including `to`; returns itself."""
    return r.integers(0, low, shape) if to is None and low else r.integers(low, to if to is not None else 2**24, shape)


def _uniform(r: np.random.Generator, shape: Sequence[int], a: float = 0.0, b: float = 1.0, **named: float) -> Any:
    """Fill with numbers from the uniform distribution on [a, b); returns itself."""
    low, high = named.get("from", a), named.get("to", b)
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    return r.uniform(low, high, shape)


def _normal(r: np.random.Generator, shape: Sequence[int], mean: float = 0.0, std: float = 1.0) -> Any:
    """Fill with numbers from the normal distribution; returns itself."""
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    return r.normal(mean, std, shape)


def _bernoulli(r: np.random.Generator, shape: Sequence[int], p: Any = 0.5) -> Any:
    """Fill with ones of probability `p` and zeros; returns itself."""
    return r.random(shape) < (p.detach().cpu().array if isinstance(p, Tensor) else p)


def _exponential(r: np.random.Generator, shape: Sequence[int], lambd: float = 1.0) -> Any:
    """Fill with numbers from the exponential distribution of rate `lambd`; returns itself."""
    return r.exponential(1 / lambd, shape)


def _log_normal(r: np.random.Generator, shape: Sequence[int], mean: float = 1.0, std: float = 2.0) -> Any:
    """Fill with numbers whose logarithm is normal; returns itself."""
    return r.lognormal(mean, std, shape)


def _cauchy(r: np.random.Generator, shape: Sequence[int], median: float = 0.0, sigma: float = 1.0) -> Any:
    """Fill with numbers from the Cauchy distribution; returns itself."""
    return median + sigma * r.standard_cauchy(shape)


def _geometric(r: np.random.Generator, shape: Sequence[int], p: float) -> Any:
    """Fill with numbers of trials up to the first success of probability `p`; returns itself."""
    return r.geometric(p, shape)


for _name, _draw in {
    "random_": _random,
    "uniform_": _uniform,
    "normal_": _normal,
    "bernoulli_": _bernoulli,
    "exponential_": _exponential,
    "log_normal_": _log_normal,
    "cauchy_": _cauchy,
    "geometric_": _geometric,
}.items():
    setattr(Tensor, _name, _fill(_draw))


def _numpy_like(make: Any) -> Any:
    def like(
        a: Tensor, *values: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None
    ) -> Tensor:
        shape = a.shape if shape is None else shape
        return _like(make, a, dtype, None, False, (shape,) if isinstance(shape, int) else tuple(shape), *values)

    return like


for _numpy, _make in {np.zeros_like: zeros, np.ones_like: ones, np.empty_like: empty, np.full_like: full}.items():
    expose(_numpy_like(_make), None, _numpy)
