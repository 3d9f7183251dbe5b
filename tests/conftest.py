"""What all tests share: the device they run on, a random state of their own, and PyTorch as the referee."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import signal
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import autograd as ag
import nn  # noqa: F401 - declares ops of its own
from autograd.op import REGISTRY
from autograd.testing.strict import pretended_device

OPS = tuple(REGISTRY)  # the ops of the packages, before tests and examples declare theirs

with contextlib.suppress(ImportError):  # Hypothesis draws the same examples each time: a failure is somebody's doing
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "same", derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("thorough", deadline=None, max_examples=10_000)
    settings.load_profile("same")


TORCH = importlib.util.find_spec("torch") is not None or bool(os.environ.get("CI"))

# What a file of tests says at its left margin if it cannot be imported without PyTorch.
NEEDS_TORCH = re.compile(
    r"^(torch = referee\(|import torch|from torch|from tests\.\S*bridge import|from tests\.data\.test_dataset import)",
    re.M,
)


def pytest_addoption(parser):
    parser.addoption("--once", metavar="FILE", help="leave out the tests whose names FILE has, and add those that pass")


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # we run in a shell's background: those we start shall hear
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "cpu(reason): with --device the test runs as without it")


def pytest_report_header():
    return "" if TORCH else "PyTorch is not installed: the files of tests that compare with it are left out"


def pytest_ignore_collect(collection_path, config):
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return True if collection_path.suffix == ".py" else None  # helpers of tests have neither tests nor examples
    return True if not TORCH and NEEDS_TORCH.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(config, items):
    """Leave out what has passed before something was installed that others were waiting for."""
    file = Path(config.getoption("--once") or os.devnull)
    done = set(file.read_text(encoding="utf-8").splitlines()) if file.exists() else set()
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in done])
    items[:] = [item for item in items if item.nodeid not in done]
    for item in items:
        if item.path.parent.name == "fast":
            item.add_marker(pytest.mark.cpu("compiled loops are for NumPy's arrays"))


def pytest_terminal_summary(terminalreporter, config):
    if (file := config.getoption("--once")) and not hasattr(config, "workerinput"):  # the one who hears of all
        passed = [report.nodeid for report in terminalreporter.getreports("passed") if report.when == "call"]
        with open(file, "a", encoding="utf-8") as out:
            out.writelines(f"{nodeid}\n" for nodeid in passed)


@pytest.fixture(autouse=True)
def _start(request):
    """The same random numbers for each test, whatever ran before it, and the device of ``--device``: a GPU, or where there is none its stand-in."""
    ag.manual_seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if hasattr(module := getattr(request.node, "module", None), "RNG"):
        module.RNG = np.random.default_rng(0)
    device = request.config.getoption("--device", None)
    if device is None or isinstance(request.node, pytest.DoctestItem) or request.node.get_closest_marker("cpu"):
        yield
        return
    with contextlib.ExitStack() as stack:
        if ag.device(device).type == "cuda" and not ag.cuda.is_available():
            stack.enter_context(pretended_device())
        stack.enter_context(ag.device(device))
        for name in ("numpy", "__array__"):
            stack.enter_context(mock.patch.object(ag.Tensor, name, _looked_at(getattr(ag.Tensor, name))))
        yield


def _looked_at(method):
    """A conversion to NumPy as tests may call it for tensors of any device; the library may not."""

    def look(self, *args, **kwargs):
        by_a_test = "tests" in Path(sys._getframe(1).f_code.co_filename).parts
        return method(self.cpu() if by_a_test else self, *args, **kwargs)

    return look


def referee(module: str = "torch"):
    """PyTorch, to compare with.  Under CI it must be there; elsewhere its tests are skipped without it."""
    return importlib.import_module(module) if os.environ.get("CI") else pytest.importorskip(module)
