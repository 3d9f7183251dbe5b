"""``torch.cuda``: what PyTorch programs ask before they use a GPU, and how they wait for it."""

from __future__ import annotations

import importlib
from typing import Any

from ..device import cupy, device
from ..random import manual_seed

__all__ = [
    "current_device", "device_count", "empty_cache", "get_device_name", "is_available", "is_bf16_supported", "manual_seed",
    "manual_seed_all", "synchronize",
]  # fmt: skip

manual_seed_all = manual_seed  # there is one generator for all devices


def is_available() -> bool:
    """True where CuPy is installed and finds a GPU."""
    try:
        return cupy() is not None
    except RuntimeError:
        return False


def is_bf16_supported() -> bool:
    """False: NumPy and CuPy have no bfloat16."""
    return False


def device_count() -> int:
    """How many GPUs there are."""
    return cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def current_device() -> int:
    """The number of the GPU in use."""
    return cupy().cuda.Device().id


def get_device_name(which: Any = None) -> str:
    """The name of a GPU."""
    index = 0 if which is None else device(which).index or 0
    return cupy().cuda.runtime.getDeviceProperties(index)["name"].decode()


def synchronize(which: Any = None) -> None:
    """Wait until the GPU has done all that was asked of it."""
    cupy().cuda.Device(None if which is None else device(which).index or 0).synchronize()


def empty_cache() -> None:
    """Give unused memory of the GPU back; without one there is nothing to give."""
    if is_available():
        cupy().get_default_memory_pool().free_all_blocks()


def __getattr__(name: str) -> Any:
    if name == "amp":  # it needs what is above
        return importlib.import_module("autograd.cuda.amp")
    raise AttributeError(
        f"module 'autograd.cuda' has no attribute {name!r}: streams, events, graphs and memory statistics are CuPy's, "
        "see cupy.cuda"
    )
