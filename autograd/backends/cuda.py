"""``torch.backends.cuda``: accepted, without effect."""

from types import SimpleNamespace

matmul = SimpleNamespace(allow_tf32=False)


def is_built() -> bool:
    """True: a GPU is used through CuPy; `autograd.cuda.is_available()` says whether there is one."""
    return True
