"""``torch.utils.hooks``."""

from ..graph import RemovableHandle

__all__ = ["RemovableHandle"]
