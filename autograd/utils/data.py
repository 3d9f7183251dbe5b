"""``torch.utils.data``: `autograd.data` by its longer name."""

from ..data import *
from ..data import __all__ as __all__
