"""``torch.utils.tensorboard``: tensorboardX's writer (extra `tensorboard`), which here takes tensors too."""

from __future__ import annotations

import functools
from typing import Any

from ..extras import require
from ..tensor import Tensor

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes what TensorBoard shows: tensorboardX's writer, whose `add_…` methods take tensors wherever they take arrays.

    Args:
        arguments, options: tensorboardX's: the folder of the log first.

    Raises:
        ImportError: tensorboardX is not installed.

    Source: https://tensorboardx.readthedocs.io
    """

    def __init__(self, *arguments: Any, **options: Any):
        self.writer = require("tensorboardX", extra="tensorboard").SummaryWriter(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        if name == "writer":  # not made: its extra was missing
            raise AttributeError(name)
        value = getattr(self.writer, name)
        return _taking_tensors(value) if name.startswith("add_") else value

    def add_graph(self, model: Any, *arguments: Any, **options: Any) -> None:
        """Not here: `autograd.draw.graph(model, x)` draws it."""
        raise RuntimeError('expected no graph in TensorBoard: autograd.draw.graph(model, x).save("graph.svg") draws it')

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()


def _taking_tensors(method: Any) -> Any:
    @functools.wraps(method)
    def with_arrays(*arguments: Any, **options: Any) -> Any:
        return method(*map(_arrays, arguments), **_arrays(options))

    return with_arrays


def _arrays(value: Any) -> Any:
    """Tensors as NumPy arrays, also in lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {key: _arrays(v) for key, v in value.items()}
    return type(value)(map(_arrays, value)) if type(value) in (list, tuple) else value
