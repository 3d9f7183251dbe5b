"""``torch.utils.dlpack``: tensors shared with other libraries, without a copy.

>>> import numpy as np
>>> from_dlpack(np.arange(3.0))
tensor([0., 1., 2.], dtype=autograd.float64)
"""

from ..creation import from_dlpack

__all__ = ["from_dlpack"]
