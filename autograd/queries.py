"""Small questions about tensors, and names that old PyTorch programs use."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from . import dtypes
from .creation import empty, tensor
from .dtypes import as_dtype, get_default_dtype, set_default_dtype
from .op import function
from .signal import windows
from .tensor import Tensor, share, wrap

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor", "LongTensor",
    "ShortTensor", "bartlett_window", "blackman_window", "can_cast", "channels_last", "contiguous_format", "detach", "dtype",
    "e", "get_device", "hamming_window", "hann_window", "inf", "is_complex", "is_floating_point", "is_inference", "is_nonzero",
    "is_same_size", "is_signed", "is_storage", "is_tensor", "kaiser_window", "nan", "newaxis", "numel", "pi",
    "preserve_format", "set_default_tensor_type", "strided", "typename", "unravel_index",
]  # fmt: skip

pi, e, inf, nan, newaxis = math.pi, math.e, math.inf, math.nan, None
dtype = np.dtype

# How PyTorch names the order of elements in memory.  Here all tensors are dense, and a permuted view is what it is.
strided, contiguous_format, preserve_format = "strided", "contiguous_format", "preserve_format"
channels_last = "channels_last"
Tensor.layout = strided  # type: ignore[attr-defined]

# ---- questions ---------------------------------------------------------------------------------------------------


def is_tensor(obj: Any) -> bool:
    """Is it a Tensor?"""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Is it one of PyTorch's storages?  There are none here."""
    return False


# Methods of Tensor that are functions too.
get_device, is_complex, is_floating_point, is_inference, is_signed, numel = map(
    function(method=False),
    (
        Tensor.get_device, Tensor.is_complex, Tensor.is_floating_point, Tensor.is_inference, Tensor.is_signed, Tensor.numel,
    ),
)  # fmt: skip


def detach(input: Tensor) -> Tensor:
    """The same memory, outside the graph."""
    return input.detach()  # whatever that is now: `draw.record` watches it


def is_nonzero(input: Tensor) -> bool:
    """Is the only element not zero?"""
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Have both the same shape?"""
    return input.shape == other.shape


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Are both the same elements in memory, in the same order?"""
    return (self.data_ptr(), self.shape, self.stride()) == (tensor.data_ptr(), tensor.shape, tensor.stride())


def typename(obj: Any) -> str:
    """The name of its type: of a tensor with the type of its elements."""
    if isinstance(obj, Tensor):
        return obj.type()
    return f"{type(obj).__module__}.{type(obj).__qualname__}".removeprefix("builtins.")


def can_cast(from_: Any, to: Any) -> bool:
    """May a result of one type be written into a tensor of another?

    >>> can_cast("float32", "int64")
    False
    """
    source, target = as_dtype(from_), as_dtype(to)
    rank = dtypes.CATEGORY
    return rank[source.kind] <= rank[target.kind] and not (target.kind == "b" and source.kind != "b")


def unravel_index(indices: Tensor, shape: Any) -> tuple:
    """The index in each dimension of elements given by their places in a flattened tensor of that shape."""
    sizes = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    array = share(indices)
    if array.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {array.dtype}")
    out = []
    for n in reversed(sizes):
        out.append(wrap(array % n))
        array = array // n
    return tuple(reversed(out))


for _f in (is_nonzero, is_same_size, is_set_to):
    setattr(Tensor, _f.__name__, _f)


def _apply_(self: Tensor, callable: Any) -> Tensor:
    """Put `callable(element)` in the place of each element (slow: for tests and one-offs); returns itself."""
    return self.copy_(
        tensor([callable(v) for v in self.detach().reshape(-1).tolist()], dtype=self.dtype).reshape(self.shape)
    )


def _map_(self: Tensor, tensor_: Tensor, callable: Any) -> Tensor:
    """Put `callable(element, other's element)` in the place of each element; returns itself."""
    other = tensor_.detach().expand(*self.shape).reshape(-1).tolist()
    pairs = zip(self.detach().reshape(-1).tolist(), other, strict=True)
    return self.copy_(tensor([callable(a, b) for a, b in pairs], dtype=self.dtype).reshape(self.shape))


Tensor.apply_, Tensor.map_ = _apply_, _map_  # type: ignore[attr-defined]

# ---- names of old ------------------------------------------------------------------------------------------------


_LEGACY = {
    "float16": "HalfTensor",
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "uint8": "ByteTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor",
    "complex128": "ComplexDoubleTensor",
    "uint16": "UInt16Tensor",
    "uint32": "UInt32Tensor",
    "uint64": "UInt64Tensor",
}
_LEGACY_DTYPE = {name: np.dtype(dtype) for dtype, name in _LEGACY.items()}


def _type(self: Tensor, dtype: Any = None) -> Any:
    """Itself in another type; without an argument the name of its type, ``autograd.FloatTensor``."""
    if dtype is None:
        return f"autograd.{_LEGACY[self.dtype.name]}"
    if dtype is Tensor:  # PyTorch's name for a tensor of the default type
        dtype = get_default_dtype()
    return self.to(dtype=_of_old(dtype), device="cuda" if getattr(dtype, "on_gpu", False) else None)


def _of_old(dtype: Any) -> Any:
    """The dtype that an old type such as ``autograd.FloatTensor``, or its name, stands for; any other as it is."""
    if isinstance(dtype, str):
        return _LEGACY_DTYPE.get(dtype.rpartition(".")[2], dtype.rpartition(".")[2])
    return getattr(dtype, "legacy_dtype", dtype)


Tensor.type = _type  # type: ignore[attr-defined]


class _Legacy(type):
    """The type of `FloatTensor` and its like: a tensor of that dtype is an instance (on a GPU, of ``cuda.FloatTensor``)."""

    legacy_dtype: np.dtype
    on_gpu: bool

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.legacy_dtype and instance.is_cuda >= cls.on_gpu

    def __call__(cls, *data: Any, device: Any = None) -> Tensor:
        device = "cuda" if cls.on_gpu and device is None else device
        if all(isinstance(n, int) for n in data):
            return empty(*(data or (0,)), dtype=cls.legacy_dtype, device=device)
        return tensor(*data, dtype=cls.legacy_dtype, device=device)


@functools.cache
def legacy(name: str, on_gpu: bool = False) -> Any:
    """PyTorch's old type of that name; a KeyError if there is none."""
    doc = f"PyTorch's old constructor: ``{name}(2, 3)`` of that shape, ``{name}([1, 2])`` of those values."
    module = "autograd.cuda" if on_gpu else "autograd"
    return _Legacy(
        name, (), {"legacy_dtype": _LEGACY_DTYPE[name], "on_gpu": on_gpu, "__doc__": doc, "__module__": module}
    )


FloatTensor, DoubleTensor, HalfTensor = map(legacy, ("FloatTensor", "DoubleTensor", "HalfTensor"))
LongTensor, IntTensor, ShortTensor = map(legacy, ("LongTensor", "IntTensor", "ShortTensor"))
ByteTensor, CharTensor, BoolTensor = map(legacy, ("ByteTensor", "CharTensor", "BoolTensor"))


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by an old type, such as ``autograd.DoubleTensor`` or its name."""
    set_default_dtype(_of_old(t))


def _periodic(window: Any, name: str) -> Any:
    def make(window_length: int, periodic: bool = True, *args: Any, **options: Any) -> Tensor:
        if args:
            options[{"kaiser": "beta", "hamming": "alpha"}.get(window.__name__, "alpha")] = args[0]
        options.pop("pin_memory", None)
        if "alpha" in options:
            return windows.general_hamming(window_length, sym=not periodic, **options)
        return window(window_length, sym=not periodic, **options)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"`signal.windows.{window.__name__}`, one period of it unless ``periodic=False``."
    return make


bartlett_window, blackman_window = (
    _periodic(windows.bartlett, "bartlett_window"),
    _periodic(windows.blackman, "blackman_window"),
)
hamming_window, hann_window = _periodic(windows.hamming, "hamming_window"), _periodic(windows.hann, "hann_window")
kaiser_window = _periodic(windows.kaiser, "kaiser_window")
