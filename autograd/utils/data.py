"""``torch.utils.data``: `autograd.data` by its longer name."""

from typing import Any

from .. import paths
from ..data import *
from ..data import __all__ as __all__

__path__: list[str] = []  # what PyTorch has in modules below, such as ``sampler``, `autograd.paths` finds


def __getattr__(name: str) -> Any:
    return paths.below(__name__, name)
