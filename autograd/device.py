"""Where arrays live: NumPy's memory (`cpu`) or a GPU's through CuPy (`cuda`).

CuPy is imported when a GPU is asked for, never before.  Ops and gradient rules do not come here: NumPy's protocols
carry `np.exp(cupy_array)` to the right place.  Only what makes arrays out of nothing asks for a namespace.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np


class device:
    """A device: ``device("cpu")``, ``device("cuda")``, ``device("cuda:1")``, ``device("cuda", 1)``.

    >>> device("cuda:1").index
    1
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int):
            type, index = "cuda", type
        kind, _, number = str(type).partition(":")
        if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
            raise RuntimeError(f"expected the device 'cpu' or 'cuda' (or 'cuda:1', …), got {type!r}")
        self.type = kind
        self.index = int(number) if number else index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + ("" if self.index is None else f", index={self.index}") + ")"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __enter__(self) -> device:
        _entered.append(get_default_device())
        set_default_device(self)
        return self

    def __exit__(self, *exc: object) -> None:
        set_default_device(_entered.pop())


CPU = device("cpu")
_default = CPU
_entered: list[device] = []


def get_default_device() -> device:
    """The device on which new tensors are made unless `device=` says otherwise."""
    return _default


def as_device(where: Any) -> device:
    """The device that `where` names: a device, a string or a number; None is the default."""
    return _default if where is None else where if isinstance(where, device) else device(where)


def set_default_device(device_: Any) -> None:
    """Make new tensors on this device unless `device=` says otherwise; None means the CPU."""
    global _default
    made = CPU if device_ is None else device(device_)
    namespace(made)  # raises where there is no such device
    _default = made


def cupy() -> Any:
    """The CuPy module, or a RuntimeError that says what is missing."""
    try:
        import cupy  # pyright: ignore[reportMissingImports]

        if cupy.cuda.runtime.getDeviceCount() > 0:
            return cupy
        problem = "CuPy finds no GPU"
    except ImportError:
        problem = "CuPy is not installed"
    except Exception as error:  # CuPy's own: a driver that is missing or too old
        problem = f"CuPy cannot use the GPU ({error})"
    raise RuntimeError(
        f'device "cuda" needs an NVIDIA GPU and CuPy, but {problem}: pip install "gradloom[cuda]", or use device="cpu"'
    )


def namespace(where: device) -> Any:
    """The module that makes arrays on a device: NumPy or CuPy."""
    return np if where.type == "cpu" else cupy()


def device_of(array: Any) -> device:
    """The device that an array lives on."""
    if isinstance(array, (np.ndarray, np.generic)):
        return CPU
    place = getattr(array, "device", CPU)
    return device("cuda", place.id) if hasattr(place, "id") else CPU


@contextlib.contextmanager
def on(where: device) -> Iterator[Any]:
    """Make arrays on a device: ``with on(where) as xp: xp.zeros(3)``."""
    xp = namespace(where)
    if xp is np:
        yield np
    else:
        with xp.cuda.Device(where.index):
            yield xp


def to_device(array: Any, where: device) -> Any:
    """The array on that device: itself if it is there already, else a copy."""
    here = device_of(array)
    if here.type == where.type and (where.index is None or where.index == here.index):
        return array
    if where.type == "cpu":
        return sys.modules["cupy"].asnumpy(array)
    with on(where) as xp:
        return xp.asarray(array)
