"""Fifty steps of every optimizer, with every input of PyTorch's own test data base, equal PyTorch's to 1e-9."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from tests.conftest import referee
from tests.optim.bridge import Twins, ours, theirs, torch

common = referee("torch.testing._internal.common_optimizers")

MORE = {  # option combinations that the data base lacks
    "SGD": [
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "amsgrad": True, "maximize": True},
        {"weight_decay": 0.3, "decoupled_weight_decay": True, "lr": 0.1},
    ],
    "AdamW": [{"lr": 0.1, "amsgrad": True, "weight_decay": 0.3}],
    "Adamax": [{"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-2}],
    "NAdam": [{"lr": 0.1, "betas": (0.5, 0.7), "momentum_decay": 0.5}],
    "RAdam": [{"lr": 0.1, "betas": (0.5, 0.9)}, {"lr": 0.1, "betas": (0.5, 0.3)}],
    "Adagrad": [{"lr": 0.5, "lr_decay": 0.1, "initial_accumulator_value": 2.0, "maximize": True}],
    "Adadelta": [{"lr": 0.5, "rho": 0.5, "eps": 1e-3}],
    "RMSprop": [{"momentum": 0.9, "weight_decay": 0.1}, {"centered": True, "alpha": 0.5, "maximize": True}],
    "Rprop": [{"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (1e-2, 0.3)}],
    "ASGD": [{"lr": 0.1, "t0": 10, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1}],
    "Adafactor": [{"lr": 0.5, "eps": (1e-3, 0.1), "d": 1.1, "weight_decay": 0.1}],
    "Muon": [{"lr": 0.1, "nesterov": False}, {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw", "eps": 1e-2}],
}


def inputs():
    for info in common.optim_db:
        name = info.optim_cls.__name__
        if name in ("SparseAdam", "LBFGS"):
            continue
        options = [i.kwargs for i in info.optim_inputs_func(device="cpu")] + MORE.get(name, [])
        for i, kwargs in enumerate(options):
            kwargs = {k: v.double() if isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}
            kinds = ["float64", "complex128"] if info.supports_complex and name != "Muon" else ["float64"]
            for kind in kinds:
                yield pytest.param(name, kwargs, kind, id=f"{name}-{i}-{kind}")


NAMES = sorted({param.values[0] for param in inputs()})


@pytest.fixture(autouse=True)
def _muon_in_full_precision(monkeypatch):
    """PyTorch's Muon rounds to bfloat16, which no other program can follow bit by bit: let it compute as exactly as ours."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.clone())


def test_all_of_the_data_base():
    others = {"LBFGS", "Lion", "Optimizer", "SparseAdam", "lr_scheduler", "swa_utils"}
    assert set(NAMES) == set(optim.__all__) - others


@pytest.mark.parametrize(("name", "options", "kind"), list(inputs()))
def test_fifty_steps(name, options, kind):
    twins = Twins(name, options, dtype=kind)
    for k in range(50):
        twins.step(without=(1,) if k % 7 == 3 else (0, 1, 2) if k % 11 == 5 else ())
    assert twins.difference() < 1e-9
    for t, p in zip(twins.torch_params, twins.params, strict=True):
        assert set(twins.torch.state.get(t, {})) == set(twins.optimizer.state.get(p, {}))


@pytest.mark.parametrize("name", NAMES)
def test_groups(name):
    twins = Twins(name, {"weight_decay": 0.1} if name != "Rprop" else {}, groups=True)
    for _ in range(50):
        twins.step()
    assert twins.difference() < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_float64_by_default(name):
    """Numbers in the state have the default type; with float64 they are not rounded."""
    before = torch.get_default_dtype(), ag.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    ag.set_default_dtype(ag.float64)
    try:
        twins = Twins(name, {})
        for _ in range(20):
            twins.step()
        assert twins.difference() < 1e-12
        assert all(value.dtype == ag.float64 for state in twins.optimizer.state.values() for value in state.values())
    finally:
        torch.set_default_dtype(before[0])
        ag.set_default_dtype(before[1])


@pytest.mark.parametrize("name", NAMES)
def test_float32(name):
    twins = Twins(name, {}, dtype="float32")
    for _ in range(20):
        twins.step()
    assert all(p.dtype == ag.float32 for p in twins.params)
    assert twins.difference() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_interrupted_equals_uninterrupted(name):
    """Bit by bit, with an optimizer made anew in the middle from what a file would hold."""
    options = {"momentum": 0.9, "dampening": 0.3} if name == "SGD" else {}
    runs = []
    for interrupted in (False, True):
        twins = Twins(name, options)
        for k in range(30):
            if interrupted and k == 13:
                saved = copy.deepcopy((twins.optimizer.state_dict(), [p.detach() for p in twins.params]))
                twins.params = [p.clone().requires_grad_() for p in saved[1]]
                twins.make()
                twins.optimizer.load_state_dict(saved[0])
            twins.give_gradients(without=(1,) if k % 7 == 3 else ())
            twins.optimizer.step()
        runs.append([p.detach().numpy() for p in twins.params])
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", [*NAMES, "LBFGS"])
def test_state_travels_both_ways(name):
    """Ten steps in one library, ten more in the other, against twenty in PyTorch."""
    options = {"SGD": {"momentum": 0.9, "dampening": 0.5}, "LBFGS": {"max_iter": 3, "lr": 0.1}}.get(name, {})
    twins = Twins(name, options)

    def steps(count):
        for _ in range(count):
            twins.give_gradients()
            arguments = [(lambda: 1.0,)] if name == "LBFGS" else [()]
            twins.torch.step(*arguments[0])
            twins.optimizer.step(*arguments[0])

    steps(10)
    from_torch, from_ours = copy.deepcopy(twins.torch.state_dict()), copy.deepcopy(twins.optimizer.state_dict())
    for key, expected in from_torch["state"].items():
        assert from_ours["state"][key].keys() - {"al"} == expected.keys() - {"al"}  # "al": scratch space of LBFGS
    assert [set(group) for group in from_torch["param_groups"]] == [set(group) for group in from_ours["param_groups"]]
    twins.make()
    twins.optimizer.load_state_dict(ours(from_torch))
    if name == "LBFGS":
        for key in ("t", "H_diag"):
            from_ours["state"][0][key] = torch.tensor(from_ours["state"][0][key], dtype=torch.float64)
        from_ours["state"][0]["ro"] = [torch.tensor(v, dtype=torch.float64) for v in from_ours["state"][0]["ro"]]
    twins.torch.load_state_dict(theirs(from_ours))
    steps(10)
    assert twins.difference() < 1e-9


def test_lion_is_the_papers():
    """Algorithm 2 of arXiv 2302.06675, written out."""
    random = np.random.default_rng(0)
    value, momentum = random.standard_normal(7), np.zeros(7)
    p = ag.tensor(value, dtype=ag.float64, requires_grad=True)
    optimizer = optim.Lion([p], lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)
    for _ in range(50):
        gradient = value + random.standard_normal(7)
        p.grad = ag.tensor(gradient, dtype=ag.float64)
        optimizer.step()
        update = np.sign(0.8 * momentum + 0.2 * gradient)
        value = value - 0.01 * (update + 0.1 * value)
        momentum = 0.95 * momentum + 0.05 * gradient
    np.testing.assert_allclose(p.detach().numpy(), value, rtol=1e-12)


def test_sparse_adam_leaves_rows_alone_that_were_not_looked_up():
    table = np.random.default_rng(0).standard_normal((9, 4))
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=False, sparse=True)
    ours = nn.Embedding.from_pretrained(ag.tensor(table), freeze=False, sparse=True)
    options = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3}
    pairs = [
        (torch, theirs, torch.optim.SparseAdam(theirs.parameters(), **options)),
        (ag, ours, optim.SparseAdam(ours.parameters(), **options)),
    ]
    for step in range(50):
        for library, embedding, optimizer in pairs:
            optimizer.zero_grad()
            (embedding(library.tensor([step % 9, step % 4])) ** 2).sum().backward()
            optimizer.step()
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-12)


def test_muon_follows_pytorch_in_bfloat16(monkeypatch):
    monkeypatch.undo()
    twins = Twins("Muon", {"lr": 0.02}, dtype="float32", shapes=[(16, 32), (32, 16)])
    start = [p.detach().numpy().copy() for p in twins.params]
    for _ in range(5):
        twins.step()
    for a, t, p in zip(start, twins.torch_params, twins.params, strict=True):
        walked, difference = t.detach().numpy() - a, t.detach().numpy() - p.detach().numpy()
        assert np.linalg.norm(difference) < 0.02 * np.linalg.norm(walked)
