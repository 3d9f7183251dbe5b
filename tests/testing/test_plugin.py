"""The pytest plugin, run on small test files of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autograd.testing.strict import pretended_device

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest with the plugin on a file in a folder of its own; its output."""
    monkeypatch.syspath_prepend(str(ROOT))

    def run(source: str, *options: str, code: int = 0, conftest: str = "") -> str:
        pytester.makepyfile(test_it=source)
        if conftest:
            pytester.makeconftest(conftest)
        done = pytester.runpytest_inprocess("-p", "pytest_gradloom", "-p", "no:cacheprovider", "-q", *options)
        assert done.ret == code, done.stdout.str() + done.stderr.str()
        return done.stdout.str() + done.stderr.str()

    return run


CHECKS = """
import numpy as np
import pytest

cube = dict(vjp=lambda g, x: 3 * g * x**2)
wrong = dict(vjp=lambda g, x: 3 * g * x**2 * np.where(np.arange(x.size) == 70, 1.01, 1.0))
x = np.linspace(0.5, 1.5, 100)

def f(x):
    return x**3

def test_right(gradcheck):
    assert gradcheck(f, x, **cube).mode in ("fast", "full", "off")

def test_wrong(gradcheck):
    gradcheck(f, x, **wrong)

@pytest.mark.gradcheck(mode="full", seed=7)
def test_marker(gradcheck):
    result = gradcheck(f, x, **cube)
    print("MODE", result.mode, result.seed)

@pytest.mark.gradcheck(rtol=0.1)
def test_rtol(gradcheck):
    gradcheck(f, x, **wrong)
"""


def test_fixture_marker_and_report(run, pytester):
    out = run(CHECKS, "-rP", "--gradcheck-report", "reports", "--gradcheck-seed", "5", code=1)
    assert "1 failed, 3 passed" in out
    assert re.search(r"d out\[70\] / d x\[70\]", out)
    assert "repro: pytest 'test_it.py::test_wrong' --gradcheck-seed=5\n" in out
    assert "MODE full 7" in out  # the marker outranks the option
    assert [p.name for p in (pytester.path / "reports").glob("*.html")] == ["test_it.py_test_wrong.html"]
    assert (pytester.path / "reports" / "test_it.py_test_wrong.npz").exists()
    assert "data:image/svg+xml" in (pytester.path / "reports" / "test_it.py_test_wrong.html").read_text()


def test_options(run):
    assert "4 passed" in run(CHECKS, "--gradcheck=off")  # even the wrong one
    out = run(CHECKS, "--gradcheck=full", "--gradcheck-seed=random", "-rP", "-v", code=1)
    assert "[full, seed=" in out
    seed = re.search(r"mode=full, --gradcheck-seed=(\d+)", out)
    assert seed is not None
    assert f"seed={seed[1]}" in out.split("FAILURES")[1]
    assert f"test_wrong' --gradcheck-seed={seed[1]} --gradcheck=full\n" in out
    assert "--gradcheck-seed=0" in run(CHECKS, "-v", "-k", "right")
    assert "number or 'random'" in run(CHECKS, "--gradcheck-seed=soon", code=4)


ON_DEVICE = """
import autograd as ag

def test_it(gradcheck):
    seen = set()

    def f(x):
        seen.add(x.device.type)
        return x.exp()

    gradcheck(f, ag.ones(3))
    assert seen == {"cuda"}
"""


def test_device(run):
    with pretended_device():
        assert "1 passed" in run(ON_DEVICE, "--device=cuda")


def test_device_of_a_conftest_is_left_alone(run):
    conftest = "def pytest_addoption(parser):\n    parser.addoption('--device', default='cpu', choices=['cpu'])\n"
    assert "1 passed" in run(CHECKS, "--device=cpu", "-k", "right", conftest=conftest)
    assert "1 passed" in run(CHECKS, "--device=cpu", "-k", "right")


HYPOTHESIS = """
import numpy as np
from hypothesis import given, settings, strategies as st

@settings(max_examples=5)
@given(st.floats(0.5, 2.0))
def test_property(gradcheck, x):
    gradcheck(np.sin, np.array([x]), vjp=lambda g, x: g * np.cos(x))
"""


def test_works_under_hypothesis(run):
    pytest.importorskip("hypothesis")
    assert "1 passed" in run(HYPOTHESIS)


SNAPSHOT = """
import numpy as np

FACTOR = {factor}

def test_gradient(grad_snapshot):
    grad_snapshot.check({{"w": FACTOR * np.arange(12.0).reshape(3, 4), "none": None}})

def test_other(grad_snapshot):
    grad_snapshot.check([np.float32(1.5), np.ones(2, np.complex64)]{more})
"""


def test_snapshots(run, pytester):
    before = SNAPSHOT.format(factor=1, more="")
    assert "no snapshot of" in run(before, code=1)
    run(before, "--grad-snapshot-update")
    saved = json.loads((pytester.path / "__grad_snapshots__" / "test_it.json").read_text())
    assert saved["test_gradient"]["gradient['w']"]["shape"] == [3, 4]
    assert len(saved["test_gradient"]["gradient['w']"]["projections"]) == 8
    assert "2 passed" in run(SNAPSHOT.format(factor=1 + 1e-9, more=""))  # rounding
    out = run(SNAPSHOT.format(factor=1.001, more=", name='v'"), code=1)
    assert "norm is 22.5169382, was 22.4944438" in out
    assert "no snapshot of 'v[0]'" in out


def test_snapshots_that_are_no_longer_checked_fail(run):
    both = "def test_it(grad_snapshot):\n    grad_snapshot.check({'a': 1.0, 'b': 2.0})\n"
    run(both, "--grad-snapshot-update")
    assert "[\"gradient['b']\"] that test_it no longer checks" in run(both.replace(", 'b': 2.0", ""), code=1)


def test_nothing_is_imported_until_a_fixture_is_used(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_it():\n"
        "    assert 'pytest_gradloom' in sys.modules\n"
        "    assert not {'autograd', 'numpy', 'torch', 'hypothesis'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "pytest_gradloom", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "no:hypothesispytest", "--rootdir", str(tmp_path), "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
