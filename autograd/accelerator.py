"""``torch.accelerator``: the GPU, if there is one."""

from __future__ import annotations

from . import cuda
from .device import device

__all__ = ["current_accelerator", "device_count", "is_available"]

is_available, device_count = cuda.is_available, cuda.device_count


def current_accelerator(check_available: bool = False) -> device | None:
    """The device ``"cuda"``, or None where there is none."""
    return device("cuda") if is_available() else None
