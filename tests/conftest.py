"""What all tests share: the device they run on, and a random state of their own."""

from __future__ import annotations

import os

import pytest

import autograd as ag


@pytest.fixture(autouse=True)
def _seeded():
    ag.manual_seed(0)


def referee(module: str = "torch"):
    """PyTorch, to compare with.  Under CI it must be there; elsewhere its tests are skipped without it."""
    if os.environ.get("CI"):
        return pytest.importorskip(module) if module != "torch" else __import__("torch")
    return pytest.importorskip(module)
