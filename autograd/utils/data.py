"""``torch.utils.data``: `autograd.data` by its longer name."""

from ..data import *
from ..data import __all__ as __all__

__path__: list[str] = []  # what PyTorch has in modules below, such as ``sampler``, `autograd.paths` finds
