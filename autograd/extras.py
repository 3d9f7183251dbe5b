"""Optional dependencies: imported where used, named with their install command where missing."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["require"]


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra of gradloom installs it.

    Args:
        module: dotted name of the module, as in an import statement.
        extra: the extra of gradloom that brings it.

    Returns:
        The module itself, submodules included: ``require("scipy.linalg", ...)`` is ``scipy.linalg``.

    Raises:
        ImportError: the dependency is not installed. A dependency that is there but fails on its
            own account raises its own error.

    Example:
        >>> require("math", extra="demo").sqrt(4.0)
        2.0
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # it is installed, and something that it needs is not
        raise ImportError(
            f'{package} is needed for this and is not installed: pip install "gradloom[{extra}]"',
            name=package,
        ) from None
