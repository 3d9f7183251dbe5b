"""``torch.utils.tensorboard``: tensorboardX's writer (extra `tensorboard`), which here takes tensors too."""

from __future__ import annotations

from typing import Any

from ..extras import require
from ..tensor import Tensor

__all__ = ["SummaryWriter"]

_Writer: Any = require("tensorboardX", extra="tensorboard").SummaryWriter


def _arrays(value: Any) -> Any:
    """Tensors as NumPy arrays, also in lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, dict):
        return {key: _arrays(v) for key, v in value.items()}
    return type(value)(map(_arrays, value)) if type(value) in (list, tuple) else value


def _taking_tensors(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(_Writer, name)(self, *map(_arrays, args), **_arrays(kwargs))

    method.__doc__ = f"tensorboardX's `{name}`."
    return method


class SummaryWriter(_Writer):
    """Writes what TensorBoard shows.

    Source: https://tensorboardx.readthedocs.io
    """

    def add_graph(self, model: Any, *args: Any, **kwargs: Any) -> None:
        """Not here: `autograd.draw.graph(model, x)` draws it."""
        raise RuntimeError('expected no graph in TensorBoard: autograd.draw.graph(model, x).save("graph.svg") draws it')


for _name in (
    "add_scalar", "add_scalars", "add_histogram", "add_image", "add_images", "add_image_with_boxes", "add_video",
    "add_audio", "add_embedding", "add_pr_curve", "add_mesh", "add_hparams",
):  # fmt: skip
    setattr(SummaryWriter, _name, _taking_tensors(_name))
