"""The functions and classes around models have PyTorch's arguments, in its order, with its defaults."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.conftest import referee

torch = referee()

MODULES = (
    "nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.parametrizations", "nn.utils.parametrize", "nn.utils.prune",
    "nn.utils.rnn", "optim", "optim.lr_scheduler", "optim.swa_utils",
)  # fmt: skip


def arguments(thing):
    """Name, kind and default of each argument; None where there is no telling, or any will do."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    return [(p.name, p.kind, getattr(p.default, "__name__", p.default)) for p in parameters]


def methods(kind):
    """What a class defines itself and users call, by name."""
    return {name: thing for name, thing in vars(kind).items() if inspect.isfunction(thing) and name[0] != "_"}


def things(module):
    """The public functions, classes and methods of a module, by name, without those of another that it uses."""
    public = {name: thing for name, thing in vars(module).items() if callable(thing) and name[0] != "_"}
    found = {n: thing for n, thing in public.items() if getattr(thing, "__module__", "").startswith(module.__name__)}
    for name, thing in tuple(found.items()):
        if inspect.isclass(thing):
            found |= {f"{name}.{method}": function for method, function in methods(thing).items()}
    return found


def other(module, name):
    """The thing of that dotted name, or None."""
    for part in name.split("."):
        module = getattr(module, part, None)
    return module


# Those that take more than PyTorch's, or it by another name.
DIFFERENT = {"nn": {"Module.register_backward_hook", "Sequential.extend"}, "nn.functional": {"sigmoid", "tanh"}}


@pytest.mark.parametrize("path", MODULES)
def test_signatures(path):
    theirs, ours = importlib.import_module(f"torch.{path}"), importlib.import_module(path)
    compared, different = 0, {}
    for name, thing in things(theirs).items():
        expected, actual = arguments(thing), arguments(other(ours, name))
        if other(ours, name) is None or expected is None:
            continue
        compared += 1
        if actual != expected:
            different[name] = expected, actual
    assert compared
    assert set(different) == DIFFERENT.get(path, set()), different
