"""What all tests share: the device they run on, a random state of their own, and PyTorch as the referee."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

import autograd as ag
import nn  # noqa: F401 - declares ops of its own
from autograd.op import REGISTRY

OPS = tuple(REGISTRY)  # the ops of the packages, before tests and examples declare theirs


def pytest_addoption(parser):
    parser.addoption("--parity", action="store_true", help="only the files of tests that compare with another library")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--parity"):
        kept = [item for item in items if _compares(item.path)]
        config.hook.pytest_deselected(items=[item for item in items if not _compares(item.path)])
        items[:] = kept


def _compares(path: Path, known: dict[Path, bool] = {}) -> bool:  # noqa: B006 - each file is read once
    if path not in known:
        text = path.read_text(encoding="utf-8")
        known[path] = "referee(" in text or "importorskip(" in text or "torch" in path.parent.name
    return known[path]


@pytest.fixture(autouse=True)
def _start(request):
    """The same random numbers for each test, and the device of ``--device``."""
    ag.manual_seed(0)
    device = request.config.getoption("--device", None)
    if device is None:
        yield
    else:
        with ag.device(device):
            yield


def referee(module: str = "torch"):
    """PyTorch, to compare with.  Under CI it must be there; elsewhere its tests are skipped without it."""
    return importlib.import_module(module) if os.environ.get("CI") else pytest.importorskip(module)
