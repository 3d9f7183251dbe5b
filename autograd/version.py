"""``torch.version``: which gradloom this is, and which PyTorch it behaves like."""

VERSION = "0.1.0"
__version__ = f"2.13.0+gradloom.{VERSION}"  # programs compare it with versions of PyTorch
cuda = hip = xpu = git_version = None
debug = False
