"""The package as its users get it: what importing loads, what the README shows, what the wheel holds."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autograd as ag
import nn
import optim

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_importing_loads_nothing_that_is_optional():
    loaded = run("import sys, autograd, nn, optim; print(*sorted(m.partition('.')[0] for m in sys.modules))").split()
    optional = {"torch", "scipy", "graphviz", "cupy", "matplotlib", "sklearn", "tqdm", "numba", "safetensors", "pytest"}
    assert not optional & set(loaded)
    loaded = run("import numpy, sys; n = set(sys.modules); import autograd; print(*set(sys.modules) - n)").split()
    slow = {"asyncio", "importlib.resources", "inspect", "multiprocessing", "pathlib", "tempfile", "unittest", "urllib"}
    assert not {"autograd.draw", *slow} & set(loaded)  # importing is to be quick


def test_numpy_settings_and_random_state_are_left_alone():
    code = """
import numpy as np
errors, state = np.geterr(), np.random.get_state()[1].tolist()
import autograd as ag
ag.randn(3).log().sum()
assert np.geterr() == errors and np.random.get_state()[1].tolist() == state
"""
    assert run(code) == ""


def test_no_floating_point_warnings():
    code = """
import warnings
warnings.simplefilter("error")
import autograd as ag
x = ag.tensor([0.0, -1.0, 1e38], requires_grad=True)
y = x.log() + 1 / x + x.exp() * x + x.sqrt()
y.sum().backward()
print(y[0].item())
"""
    assert run(code) == "nan\n"


def test_the_readmes_training_loop_runs():
    pytest.importorskip("sklearn")
    code = re.search(r"```python\n(.*?)```", README, re.S)
    assert code is not None
    printed = run(code[1].replace("range(10)", "range(3)")).split("\n")
    losses = [float(line.split()[1]) for line in printed if line]
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_the_readme_has_two_commands_of_one_line():
    blocks = re.findall(r"<!-- run -->\n```bash\n(.*?)\n```", README, re.S)
    assert len(blocks) == 2
    assert not any("\n" in block for block in blocks)


def test_how_the_engine_works_is_told_of_what_is_there():
    page = ROOT / "autograd/README.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
    named = re.findall(r"`([\w/]+(?:\.py|/))`", page.read_text(encoding="utf-8"))
    assert len(named) > 20
    places = ROOT / "autograd", ROOT / "autograd/ops"
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_typed_packages():
    assert all((ROOT / name / "py.typed").exists() for name in ("autograd", "nn", "optim"))


def test_everything_public_says_what_it_is():
    """Also what is declared from a formula: `help(autograd.sigmoid)`."""
    silent = []
    inner = (ag.func, ag.functional, ag.linalg, ag.fft, ag.special, ag.data, ag.draw, ag.testing, nn.functional)
    for module in (ag, nn, optim, *inner):
        for name, thing in vars(module).items():
            if (
                not name.startswith("_")
                and callable(thing)
                and getattr(thing, "__module__", "").startswith(("autograd", "nn", "optim"))
            ):
                silent += [f"{module.__name__}.{name}"] * (not inspect.getdoc(thing))
    for name, thing in vars(ag.Tensor).items():
        if not name.startswith("_") and inspect.isfunction(thing) and not inspect.getdoc(thing):
            silent.append(f"Tensor.{name}")
    assert not silent
