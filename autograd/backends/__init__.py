"""``torch.backends``: switches of libraries that are not used here; they can be set and change nothing."""

from . import cuda, cudnn, mkldnn, mps

__all__ = ["cuda", "cudnn", "mkldnn", "mps"]
