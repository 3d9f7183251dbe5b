"""What PyTorch programs ask of its compiler and of the kernels it chooses: accepted where keeping on as before is an answer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

from .dtypes import float32
from .tensor import Tensor

__all__ = [
    "are_deterministic_algorithms_enabled", "compile", "cond", "get_autocast_cpu_dtype", "get_autocast_dtype",
    "get_autocast_gpu_dtype", "get_float32_matmul_precision", "is_autocast_cpu_enabled", "is_autocast_enabled",
    "set_float32_matmul_precision", "set_flush_denormal", "use_deterministic_algorithms",
]  # fmt: skip

Tensor.is_sparse_csr, Tensor.name = False, None  # type: ignore[attr-defined]


def _to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """Itself, in another type if one is given: there is no sparse layout."""
    return self if dtype is None else self.to(dtype)


def _pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Itself: NumPy has no page-locked memory."""
    return self


def _is_pinned(self: Tensor, device: Any = None) -> bool:
    """False: NumPy has no page-locked memory."""
    return False


def _share_memory_(self: Tensor) -> Tensor:
    """Itself: worker processes get their own copies (see autograd.data)."""
    return self


def _is_shared(self: Tensor) -> bool:
    """False: see `share_memory_`."""
    return False


for _method in (_to_dense, _pin_memory, _is_pinned, _share_memory_, _is_shared):
    setattr(Tensor, _method.__name__[1:], _method)


def foreach(name: str) -> Callable:
    """``_foreach_add_`` and the like: the method `add_` of each tensor of a list, with a list of arguments or one for all.

    >>> import autograd as ag
    >>> foreach("_foreach_add")([ag.ones(1), ag.zeros(1)], [1, 2])
    [tensor([2.]), tensor([2.])]
    """
    method = name.removeprefix("_foreach_")

    def call(tensors: Any, *args: Any, **kwargs: Any) -> list[Tensor] | None:
        columns = [a if isinstance(a, (list, tuple)) else repeat(a, len(tensors)) for a in args]
        made = [getattr(t, method)(*row, **kwargs) for t, *row in zip(tensors, *columns, strict=True)]
        return None if method.endswith("_") else made

    return call


def cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: tuple | list = ()) -> Any:
    """``true_fn(*operands)`` where `pred` holds, else ``false_fn(*operands)``."""
    return (true_fn if pred else false_fn)(*operands)


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: each operation computes in the type of its arguments."""
    return False


def get_autocast_dtype(device_type: str = "cpu") -> Any:
    """float32: `autocast` lowers nothing."""
    return float32


# The names of PyTorch before 2.4.
is_autocast_cpu_enabled = is_autocast_enabled
get_autocast_cpu_dtype = get_autocast_gpu_dtype = get_autocast_dtype


def _assert(condition: Any, message: str = "") -> None:
    """An ``assert`` that PyTorch's tracers see."""
    assert condition, message


def _check(cond: bool, message: Callable[[], str] | None = None) -> None:
    """A RuntimeError unless `cond` holds; `message` is called for its text."""
    if not cond:
        raise RuntimeError("Expected cond to be True" if message is None else message())


def set_flush_denormal(mode: bool) -> bool:
    """False: NumPy keeps numbers that are nearly 0."""
    return False


def compile(model: Any = None, **options: Any) -> Any:
    """The function or module itself: there is nothing to compile, the answer is the same.

    Args:
        model: function or module; without it, a decorator that takes one.
        options: fullgraph, dynamic, backend, mode … accepted for PyTorch's sake.

    >>> @compile(dynamic=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    keep: Callable = lambda model: model
    return keep if model is None else model


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: float32 is multiplied as float32, ``"highest"``."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"expected 'highest', 'high' or 'medium', got {precision!r}")


def get_float32_matmul_precision() -> str:
    """``"highest"``, whatever was asked for."""
    return "highest"


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: all algorithms are deterministic on the CPU."""


def are_deterministic_algorithms_enabled() -> bool:
    """True."""
    return True
