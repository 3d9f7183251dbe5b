"""``torch.jit``'s decorators: there is nothing to compile, so that what they return is what they were given.

>>> @script
... def double(x):
...     return 2 * x
>>> double(3)
6
"""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "Final", "annotate", "export", "freeze", "ignore", "interface", "is_scripting", "is_tracing", "optimize_for_inference",
    "script", "script_if_tracing", "script_method", "trace", "unused",
]  # fmt: skip


__path__: list[str] = []  # ``annotations`` below it is Python's `typing`, as `autograd.paths` says


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The function, module or class itself."""
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself; unlike a trace it still takes both branches of an ``if``."""
    return func


export = script_method = script_if_tracing = interface = unused = freeze = optimize_for_inference = script
_overload = _overload_method = _script_if_tracing = script


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself, as ``@ignore`` and as ``@ignore(drop=True)``."""
    return drop if callable(drop) else script


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def __getattr__(name: str) -> Any:
    if name == "ScriptModule":
        from nn import Module

        return Module
    if name in ("load", "save"):
        raise AttributeError(f"gradloom has no jit.{name}: autograd.{name} keeps a state_dict")
    raise AttributeError(f"module 'autograd.jit' has no attribute {name!r}")
