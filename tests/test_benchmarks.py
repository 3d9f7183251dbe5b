"""The benchmarks' programs compute what they say, and the README shows what was measured."""

import importlib
import json
from pathlib import Path

import pytest

import autograd
import nn
import optim
from autograd import data
from nn import functional as F
from tests.conftest import referee

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """Import a module of benchmarks/, which is no package that is installed."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.mark.parametrize("name", ["scalar_chain", "tiny_mlp", "gan", "mlp"])
def test_the_program_has_pytorchs_losses(load, name):
    torch = referee()
    program = load("engines.program")
    ours = program.workloads(autograd, nn, optim, F, data)[name]()
    theirs = program.workloads(torch, torch.nn, torch.optim, torch.nn.functional, torch.utils.data)[name]()
    for _ in range(3):
        loss = theirs()
        assert ours() == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("name", ["scalar_chain", "tiny_mlp"])
def test_compile_is_given_what_becomes_the_loss(load, name):
    seen = []

    def noted(f):
        return lambda *args: seen.append(f(*args)) or seen[-1]

    step = load("engines.program").workloads(autograd, nn, optim, F, data, noted)[name]()
    assert step() == seen[-1].item()


def test_engines_that_disagree_are_found(load):
    agree = load("race").agree
    agree({"gradloom": 1.0, "torch": 1.0005})
    with pytest.raises(AssertionError, match="losses differ"):
        agree({"gradloom": 1.0, "torch": 1.002})
    with pytest.raises(AssertionError, match="losses differ"):
        agree({"gradloom": 1.0, "torch": float("nan")})


def test_bars_that_are_missed_are_named(load):
    steps = load("steps")
    row = {
        "gradloom": {"rounds": [1.2, 2.4, 2.2], "resident": 1},  # the machine was twice as fast in the first round
        "torch": {"rounds": [1.0, 2.0, 2.0], "resident": 2},
    }
    assert steps.missed({"cnn": row}) == ["cnn: time of gradloom is 1.20 of torch's, to be at most 1.0"]
    row["gradloom"].update(rounds=[0.9, 1.9, 1.8], resident=3)
    assert steps.missed({"cnn": row}) == ["cnn: memory after a step of gradloom is 1.50 of torch's, to be at most 1.0"]


def test_readme_shows_the_figures_that_were_kept(load):
    steps = load("steps")
    shown = steps.README.read_text().split(steps.MARKERS[0])[1].split(steps.MARKERS[1])[0]
    assert shown == steps.written(json.loads(steps.RESULTS.read_text()))
