"""Forty planted bugs: every one is caught, and its place named."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd.testing import gradcheck

# benchmarks/ is no package that is installed, so it is loaded from where it lies.
_spec = importlib.util.spec_from_file_location(
    "gradient_checkers", Path(__file__).parents[2] / "benchmarks" / "gradient_checkers.py"
)
assert _spec is not None
assert _spec.loader is not None
checkers = importlib.util.module_from_spec(_spec)
sys.modules["gradient_checkers"] = checkers
_spec.loader.exec_module(checkers)
BUGS, by_gradloom, by_torch, located = checkers.BUGS, checkers.by_gradloom, checkers.by_torch, checkers.located


def test_there_are_forty_of_them():
    assert len({bug.name for bug in BUGS}) == 40


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_caught_and_located(bug):
    result = by_gradloom(bug)
    assert not result.ok
    assert located(bug, result), str(result)
    text = str(result)
    assert len(text.splitlines()) <= 25
    assert "seed=0" in text
    assert "repro: gradcheck(" in text
    if result.worst is not None and result.failures[0].kind == "value":
        assert "analytic" in text
        assert "numeric" in text
        assert "rel.err" in text


def test_the_right_gradients_of_the_same_functions_pass():
    for bug in BUGS:
        if bug.right is not None and bug.f is not None:
            gradcheck(bug.f, *bug.inputs(), vjp=bug.right, name=bug.name)


def test_torch_catches_fewer():
    pytest.importorskip("torch")
    small = [bug for bug in BUGS if "10,000" not in bug.name]  # minutes for torch's slow mode
    slow = sum(by_torch(bug, fast=False) for bug in small)
    fast = sum(by_torch(bug, fast=True) for bug in small)
    assert fast <= slow < len(small)


@pytest.mark.parametrize(("n", "delta"), [(100, 1e-6), (1000, 1e-3), (10_000, 1e-2), (10_000, 1.0)])
def test_one_wrong_element_among_many_is_always_named(n, delta):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x, at = rng.uniform(-1, 1, n), int(rng.integers(n))
        factor = np.ones(n)
        factor[at] += delta
        result = gradcheck(
            np.sin, x, vjp=lambda g, x, factor=factor: g * np.cos(x) * factor, mode="fast", seed=seed, raises=False
        )
        assert not result.ok
        assert result.failures[0].in_index == (at,)
