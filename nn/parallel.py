"""``torch.nn.parallel``: one process, one device, and so nothing to distribute."""

from __future__ import annotations

from typing import Any

from .containers import DataParallel

__all__ = ["DataParallel", "data_parallel"]


def data_parallel(
    module: Any,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """``module(*inputs)``."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))


def __getattr__(name: str) -> Any:
    if name == "DistributedDataParallel":
        raise AttributeError(f"gradloom has no {name!r}: it runs in one process; use the module itself")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
