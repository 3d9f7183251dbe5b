"""``torch.utils``' names under ``autograd.utils``, for programs that spell them out."""

import importlib
from typing import Any

from . import checkpoint

__all__ = ["checkpoint"]

_LAZY = ("_pytree", "data", "dlpack", "hooks", "model_zoo", "tensorboard")  # the engine itself loads neither


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"autograd.utils.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
