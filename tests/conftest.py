"""What all tests share: the device they run on, a random state of their own, and PyTorch as the referee."""

from __future__ import annotations

import importlib.util
import os
import re

import pytest

import autograd as ag
import nn  # noqa: F401 - declares ops of its own
from autograd.op import REGISTRY

OPS = tuple(REGISTRY)  # the ops of the packages, before tests and examples declare theirs


TORCH = importlib.util.find_spec("torch") is not None or bool(os.environ.get("CI"))

# What a file of tests says at its left margin if it cannot be imported without PyTorch.
NEEDS_TORCH = re.compile(
    r"^(torch = referee\(|import torch|from torch|from tests\.\S*bridge import|from tests\.data\.test_dataset import)",
    re.M,
)


def pytest_addoption(parser):
    parser.addoption("--parity", action="store_true", help="only the files of tests that compare with another library")


def pytest_report_header():
    return "" if TORCH else "PyTorch is not installed: the files of tests that compare with it are left out"


def pytest_ignore_collect(collection_path, config):
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return True if collection_path.suffix == ".py" else None  # helpers of tests have neither tests nor examples
    text = collection_path.read_text(encoding="utf-8")
    if not TORCH and NEEDS_TORCH.search(text):
        return True
    if config.getoption("--parity") and "referee(" not in text and "importorskip(" not in text:
        return True
    return None


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
