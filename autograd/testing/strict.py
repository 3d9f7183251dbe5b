"""A stand-in for a GPU array, and for CuPy, for tests on a machine without one.

`StrictArray` computes with NumPy, and refuses what CuPy refuses: to turn into a NumPy array by
itself, to be mixed with one, and what NumPy has and CuPy 14 has not (read in its source). Code that
runs on it never leaks to the CPU.
"""

from __future__ import annotations

import contextlib
import sys
import time
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd.graph import owner

__all__ = ["StrictArray", "pretended_device", "strict", "to_numpy"]

# ---- what CuPy has not -----------------------------------------------------------------------------------------------

FUNCTIONS = {
    "block", "einsum_path", "geomspace", "histogram_bin_edges", "insert", "matvec", "nanpercentile", "nanquantile",
    "polyder", "polydiv", "polyint", "spacing", "unstack", "vecdot", "vecmat", "linalg.diagonal", "linalg.matrix_norm",
    "linalg.multi_dot", "linalg.outer", "linalg.svdvals", "linalg.tensordot", "linalg.trace", "linalg.vecdot",
    "linalg.vector_norm",
}  # fmt: skip
OPTIONS = {"correction", "device", "hermitian", "initial", "rtol", "stable", "subok", "upper", "weights", "where"}
OPTIONS_OF = {"take": {"mode"}, "astype": {"casting"}}  # those above are of no function …
WITH_WEIGHTS = {"average", "bincount", "histogram", "histogramdd"}  # … but these
ATTRIBUTES = {"ctypes", "getfield", "resize", "setfield", "setflags", "to_device"}
METHODS = {np.add: {"reduce", "accumulate", "reduceat"}, np.multiply: {"reduce", "accumulate"}}  # of ufuncs, and …
AT = {np.add: "iIlLqQefd", np.subtract: "iI", np.maximum: "iIlLqQfd", np.minimum: "iIlLqQfd"}  # … `at` for these types
# Those that take NumPy's 0-d arrays, and those that take no complex numbers.
COMPARISONS = {np.less, np.less_equal, np.equal, np.not_equal, np.greater, np.greater_equal}
NOT_OF_COMPLEX = {np.logical_and, np.logical_or, np.logical_not, np.logical_xor}
# What returns wrong numbers where there is no solution, unless it is asked to raise.
CHECKED = {"cholesky", "eig", "eigh", "eigvals", "eigvalsh", "inv", "lstsq", "qr", "solve", "svd"}

_raises = False  # inside ``cupyx.errstate(linalg="raise")``


def _exists(name: str, kwargs: dict[str, Any]) -> None:
    """Raise where CuPy has no such function, or it has not these options."""
    short = name.rpartition(".")[2]
    refused = OPTIONS - ({"weights"} if short in WITH_WEIGHTS else set()) | OPTIONS_OF.get(short, set())
    unknown = kwargs.keys() & refused
    if name in FUNCTIONS or unknown:
        raise TypeError(f"CuPy has no {name}" + (f" with {', '.join(sorted(unknown))}=" if unknown else ""))
    if short in ("sort", "argsort") and kwargs.get("kind") not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    if short == "sliding_window_view" and kwargs.get("writeable"):
        raise NotImplementedError("Writeable views are not supported.")
    if name.startswith("linalg.") and short in CHECKED and not _raises:
        raise TypeError(f"np.{name} gives wrong numbers where it fails, unless inside cupyx.errstate(linalg='raise')")


def _has_method(ufunc: np.ufunc, method: str, inputs: tuple, kwargs: dict[str, Any]) -> None:
    """Raise where CuPy's ufunc has no such method, or not for these types or options."""
    if len(kwargs.get("out") or "1") != 1:
        raise ValueError("The 'out' parameter must have exactly one array value")
    if method == "__call__":
        if unknown := kwargs.keys() - {"out", "dtype", "casting"}:
            raise TypeError(f"Wrong arguments {sorted(unknown)}")
        if ufunc in NOT_OF_COMPLEX and any(getattr(v, "dtype", np.dtype(int)).kind == "c" for v in inputs):
            raise TypeError(f"Wrong type of arguments for cupy_{ufunc.__name__}")
    elif method != "outer":
        known = ufunc in AT if method == "at" else method in METHODS.get(ufunc, ())
        if not known or OPTIONS & kwargs.keys():
            raise NotImplementedError(f"`cupy_{ufunc.__name__}.{method}` is not supported yet")
        if method == "at" and inputs[0].dtype.char not in AT[ufunc]:
            raise TypeError(f"cupy.{ufunc.__name__}.at only supports the types {AT[ufunc]}")


# ---- the array -------------------------------------------------------------------------------------------------------


_known: weakref.WeakValueDictionary[int, StrictArray] = weakref.WeakValueDictionary()  # one for each array of NumPy's


class StrictArray:
    """An array that lives on a pretended device: only explicit copies reach NumPy.

    NumPy's functions, ufuncs, operators and methods work on it and give a `StrictArray` again,
    0-d results included. `np.asarray(a)`, and mixing with a NumPy array that has dimensions,
    raise `TypeError`, as with CuPy. `a.get()` is the explicit copy.

    >>> import numpy as np
    >>> a = strict(np.arange(3.0))
    >>> np.exp(a).sum() > 11
    StrictArray(True)
    >>> np.asarray(a)
    Traceback (most recent call last):
    TypeError: expected a device array to stay on its device, got an implicit conversion to ...
    """

    __slots__ = ("__weakref__", "_host", "base")
    __array_priority__ = 1000

    def __new__(cls, host: Any) -> StrictArray:
        host = np.asarray(host)
        if (known := _known.get(id(host))) is not None:
            return known
        made = _known[id(host)] = object.__new__(cls)
        whole = owner(host)
        made._host, made.base = host, None if whole is host else cls(whole)
        return made

    def get(self) -> np.ndarray:
        """Copy to a NumPy array, the explicit way."""
        return self._host.copy()

    # What must not happen silently ------------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "expected a device array to stay on its device, got an implicit conversion to "
            "a NumPy array; create arrays with np.zeros_like(x) or like=x, or copy with x.get()"
        )

    # NumPy's protocols ------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(_has_own_rules(value) for value in inputs):
            return NotImplemented
        _exists(ufunc.__name__, {})
        _has_method(ufunc, method, inputs, kwargs)
        if ufunc in COMPARISONS:
            inputs = tuple(v.item() if isinstance(v, np.ndarray) and not v.ndim else v for v in inputs)
        inside = [_indices(v) if method == "at" and i == 1 else _device(v) for i, v in enumerate(inputs)]
        with _in_bounds():
            return _wrapped(getattr(ufunc, method)(*inside, **_device(kwargs)), kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if not all(issubclass(kind, StrictArray | np.ndarray) for kind in types):
            return NotImplemented
        _exists(f"{function.__module__}.{function.__name__}".partition(".")[2], kwargs)
        if function is np.linalg.solve and args[0].shape[:-1] != args[1].shape[:-1]:
            raise ValueError("a must have (..., M, M) shape and b must have (..., M, K)")
        if function is np.diagonal:
            return StrictArray.diagonal(*args, **kwargs)
        if function in (np.array, np.asarray) and not isinstance(args[0], StrictArray):  # like=: an explicit copy
            return StrictArray(function(*args, **kwargs))
        if function is np.broadcast_to:  # which may be written to
            host = args[0]._host
            return StrictArray(as_strided(host, args[1], np.broadcast_to(host, args[1]).strides))
        inside = _indices if function in (np.full_like, np.take) else _device
        with _in_bounds():
            return _wrapped(function(*inside(args), **_device(kwargs)), kwargs)

    def diagonal(self, *args: Any, **kwargs: Any) -> StrictArray:
        """A view of the diagonal: one that can be written to, which is read-only in NumPy alone."""
        view = self._host.diagonal(*args, **kwargs)
        view.flags.writeable = self._host.flags.writeable
        return StrictArray(view)

    def __getattr__(self, name: str):
        if name.startswith("__"):  # no buffer, no __array_interface__, no __dlpack__
            raise AttributeError(name)
        if name in ATTRIBUTES:
            raise AttributeError(f"CuPy's arrays have no {name}")
        value = getattr(self._host, name)
        return _guarded(name, value) if callable(value) else _wrapped(value, {})

    # Containers and scalars -------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @property
    def dtype(self) -> np.dtype:
        return self._host.dtype

    @property
    def data(self) -> Any:
        """Where the memory is, as CuPy says it."""
        return SimpleNamespace(ptr=self._host.ctypes.data)

    @property
    def device(self) -> Any:
        return SimpleNamespace(id=0)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._host.__array_interface__, "version": 3}

    @property
    def flags(self) -> Any:
        flags = self._host.flags
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata)

    def item(self):
        return self._host.item()

    def tolist(self):
        return self._host.tolist()

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, index):
        with _in_bounds(index):
            return StrictArray(self._host[_indices(index)])

    def __setitem__(self, index, value) -> None:
        with _in_bounds(index):
            self._host[_indices(index)] = (
                value.item() if isinstance(value, np.ndarray) and not value.ndim else _device(value)
            )

    def __iter__(self):
        return map(StrictArray, self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __complex__(self) -> complex:
        return complex(self._host)

    def __copy__(self):
        return StrictArray(self._host.copy())

    def __deepcopy__(self, memo):
        return StrictArray(self._host.copy())

    def __repr__(self) -> str:
        return f"StrictArray({np.array2string(self._host, separator=', ')})"

    __hash__ = None  # type: ignore[assignment]  # mutable, like every array


def strict(array: Any) -> StrictArray:
    """Copy an array to the pretended device.

    >>> strict([1.0, 2.0]) + 1
    StrictArray([2., 3.])
    """
    return StrictArray(np.array(to_numpy(array)))


def to_numpy(array: Any) -> np.ndarray:
    """Copy any array (NumPy, CuPy, `StrictArray`) explicitly to NumPy.

    >>> to_numpy(strict([1.0, 2.0]))
    array([1., 2.])
    """
    return np.asarray(array.get() if hasattr(array, "get") else array)


class _Device(SimpleNamespace):
    """``cupy.cuda.Device``: there is one."""

    def __init__(self, device: int | None = None) -> None:
        if device not in (None, 0):
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        super().__init__(id=0, use=lambda: None, synchronize=lambda: None, mem_info=(1 << 30, 1 << 30))

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class _Stream:
    """``cupy.cuda.Stream``: nothing is ever left to do."""

    done = True
    null: Any
    chosen: ClassVar[list[_Stream]] = []

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None
    ) -> None:
        pass

    def __enter__(self) -> _Stream:
        self.chosen.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self.chosen.pop()

    def synchronize(self) -> None:
        pass

    def wait_event(self, event: _Event) -> None:
        assert event.at is not None, "an event that was never recorded"


class _Event:
    """``cupy.cuda.Event``: a time."""

    done = True
    at: float | None = None

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.timed = not disable_timing

    def record(self, stream: _Stream) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        pass


def _elapsed(start: Any, end: Any) -> float:
    if not (start.timed and end.timed):
        raise RuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return (end.at - start.at) * 1e3


_Stream.null = _Stream(null=True)
PROPERTIES = {
    "name": b"a pretended GPU", "major": 9, "minor": 0, "totalGlobalMem": 1 << 30, "multiProcessorCount": 1
}  # fmt: skip


class _StandIn:
    """What is used of the module `cupy`: NumPy's functions with results on the pretended device."""

    def __init__(self, module: Any = np) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if not callable(value) or isinstance(value, type):
            return _StandIn(value) if name in ("lib", "stride_tricks", "random", "linalg", "fft") else value
        return _guarded(name, value)

    @staticmethod
    def asarray(array: Any, dtype: Any = None) -> StrictArray:  # the explicit copy from host to device
        return StrictArray(np.array(to_numpy(array), dtype))

    array, asnumpy = asarray, staticmethod(lambda array: to_numpy(array))
    cuda = SimpleNamespace(
        runtime=SimpleNamespace(getDeviceCount=lambda: 1, getDeviceProperties=lambda _: PROPERTIES),
        Device=_Device, Stream=_Stream, Event=_Event, get_elapsed_time=_elapsed,
        get_current_stream=lambda _: (_Stream.chosen or [_Stream.null])[-1],
    )  # fmt: skip
    get_default_memory_pool = staticmethod(
        lambda: SimpleNamespace(free_all_blocks=lambda: None, used_bytes=lambda: 0, total_bytes=lambda: 0)
    )


@contextlib.contextmanager
def _errstate(*, linalg: str = "ignore") -> Iterator[None]:
    """``cupyx.errstate``: whether matrices that have no inverse, … are an error."""
    global _raises
    before, _raises = _raises, linalg == "raise"
    try:
        yield
    finally:
        _raises = before


@contextlib.contextmanager
def pretended_device() -> Iterator[None]:
    """While it lasts, `cupy` is a stand-in that makes `StrictArray`: explicit copies to the device arrive there.

    >>> import autograd
    >>> with pretended_device():
    ...     autograd.zeros(2, device="cuda").array
    StrictArray([0., 0.])
    """
    made: Any = {"cupy": _StandIn(), "cupyx": SimpleNamespace(errstate=_errstate)}
    before = {name: sys.modules.get(name) for name in made}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _has_own_rules(value: Any) -> bool:
    """A Tensor, say: NumPy must ask it before it is handed anything unwrapped."""
    known = isinstance(value, StrictArray | np.ndarray | np.generic)
    return not known and hasattr(value, "__array_ufunc__")


def _device(value: Any) -> Any:
    """Unwrap device arrays in (nested) arguments, and refuse host arrays among them."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, np.ndarray) and value.dtype != object:
        raise TypeError(
            f"expected device arrays, got a NumPy array {value.shape} {value.dtype} mixed with "
            "one; create it on the device with np.zeros_like(x) or like=x"
        )
    if type(value) in (tuple, list):
        return type(value)([_device(item) for item in value])
    if type(value) is dict:
        return {key: _device(item) for key, item in value.items()}
    return value


@contextlib.contextmanager
def _in_bounds(index: Any = None) -> Iterator[None]:
    """Another error than NumPy's where CuPy raises none: it wraps arrays of indices around, silently."""
    try:
        yield
    except IndexError as error:
        if isinstance(index, int) or "out of bounds for axis" not in str(error):
            raise
        raise AssertionError(f"CuPy wraps indices around, without this error: {error}") from None


def _indices(index: Any) -> Any:
    """Unwrap an index, or what else CuPy copies to the device by itself, so that it may be a NumPy array."""
    if isinstance(index, StrictArray):
        return index._host
    if type(index) in (tuple, list):
        return type(index)([_indices(item) for item in index])
    return index


def _wrapped(value: Any, kwargs: dict[str, Any]) -> Any:
    out = kwargs.get("out")
    if out is not None and value is not None:
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if isinstance(value, np.ndarray | np.generic):
        return StrictArray(value)
    if isinstance(value, tuple) and any(isinstance(v, np.ndarray | np.generic) for v in value):
        items = [_wrapped(item, {}) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if type(value) is list and any(isinstance(v, np.ndarray | np.generic) for v in value):
        return [_wrapped(item, {}) for item in value]
    return value


def _guarded(name: str, function: Any) -> Any:
    """A function or method of NumPy's as CuPy has it: of device arrays, with results on the device."""

    def call(*args, **kwargs):
        _exists(name, kwargs)
        return _wrapped(function(*_device(args), **_device(kwargs)), kwargs)

    call.__name__ = name
    return call


_OPERANDS = (StrictArray, np.ndarray, np.generic, bool, int, float, complex)


def _binary(ufunc: np.ufunc, swapped: bool = False):
    def operator(self, other):
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return ufunc(other, self) if swapped else ufunc(self, other)

    return operator


def _in_place(ufunc: np.ufunc):
    def operator(self, other):
        return ufunc(self, other, out=(self,))

    return operator


def _unary(ufunc: np.ufunc):
    return lambda self: ufunc(self)


# Not NDArrayOperatorsMixin: a Tensor on the other side must get its turn (NotImplemented).
for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}.items():
    setattr(StrictArray, f"__{_name}__", _binary(_ufunc))
    setattr(StrictArray, f"__r{_name}__", _binary(_ufunc, swapped=True))
    if _ufunc is not np.matmul:
        setattr(StrictArray, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in {
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}.items():
    setattr(StrictArray, f"__{_name}__", _binary(_ufunc))
for _name, _ufunc in {
    "neg": np.negative,
    "pos": np.positive,
    "abs": np.absolute,
    "invert": np.invert,
}.items():
    setattr(StrictArray, f"__{_name}__", _unary(_ufunc))
