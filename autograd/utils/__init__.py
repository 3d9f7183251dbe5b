"""``torch.utils``' names under ``autograd.utils``, for programs that spell them out."""

import importlib
from typing import Any

from . import checkpoint, data

__all__ = ["checkpoint", "data"]


def __getattr__(name: str) -> Any:
    if name == "tensorboard":  # it needs an extra
        return importlib.import_module("autograd.utils.tensorboard")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
