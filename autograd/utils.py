"""``torch.utils``' names under ``autograd.utils``, for programs that spell them out."""

from types import SimpleNamespace

from . import data
from .functional import checkpoint as _checkpoint

checkpoint = SimpleNamespace(checkpoint=_checkpoint)

__all__ = ["checkpoint", "data"]
