"""Every schedule against PyTorch's: rates, momenta, state, resuming, closed forms, warnings, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import autograd as ag
import optim
from tests.optim.bridge import ours, theirs, torch

MEASURES = np.random.default_rng(0).random(40)

SCHEDULES = {
    "step": lambda s, o: s.StepLR(o, 3, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o, 0.4, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, 7),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 9, 2.0),
    "lambda": lambda s, o: s.LambdaLR(o, lambda e: 0.9**e),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.95),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.001),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
    "restarts, equal": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, 3),
    "cyclic 2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], 4, mode="triangular2"),
    "cyclic exp": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "cyclic by function": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=25),
    "one cycle, three phases": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.1], epochs=5, steps_per_epoch=5, three_phase=True, anneal_strategy="linear", pct_start=0.25
    ),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], [4, 9]
    ),
    "sequential cosine": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1), s.CosineAnnealingLR(o, 15)], [5]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=1, cooldown=1, factor=0.5, min_lr=[0.001, 0.01]),
    "plateau, max": lambda s, o: s.ReduceLROnPlateau(o, "max", patience=0, threshold_mode="abs", threshold=0.1),
    "averaging": lambda s, o: swa(s).SWALR(o, 0.05, 6),
    "averaging, linear": lambda s, o: swa(s).SWALR(o, [0.05, 0.01], 4, "linear"),
}


def swa(module):
    return optim.swa_utils if module is optim.lr_scheduler else torch.optim.swa_utils


def make(library, kind: str = "SGD", lr=0.2):
    """An optimizer with two groups."""
    kinds = optim if library is ag else torch.optim
    params = [library.zeros(2, requires_grad=True) for _ in range(2)]
    options = {"momentum": 0.8} if kind == "SGD" else {}
    return getattr(kinds, kind)([{"params": params[:1]}, {"params": params[1:], "lr": lr * 2.5}], lr=lr, **options)


def pair(name: str, kind: str = "SGD"):
    result = []
    for library, module in ((torch, torch.optim.lr_scheduler), (ag, optim.lr_scheduler)):
        optimizer = make(library, kind)
        result.append((optimizer, SCHEDULES[name](module, optimizer)))
    return result


def advance(optimizer, schedule, k: int) -> list:
    optimizer.step()
    schedule.step(*((MEASURES[k],) if "Plateau" in type(schedule).__name__ else ()))
    momenta = [g["betas"][0] if "betas" in g else g["momentum"] for g in optimizer.param_groups]
    return [*map(float, schedule.get_last_lr()), *(float(g["lr"]) for g in optimizer.param_groups), *momenta]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_momenta_and_state(name, kind):
    expected, got = pair(name, kind)
    for k in range(24):
        np.testing.assert_allclose(advance(*got, k), advance(*expected, k), rtol=1e-13)
        state, reference = got[1].state_dict(), expected[1].state_dict()
        assert state.keys() == reference.keys()
        for key, value in reference.items():
            if isinstance(value, (int, str)):
                assert state[key] == value, key


@pytest.mark.parametrize("name", SCHEDULES)
def test_resumed_here_and_in_the_other_library(name):
    reference, mine = pair(name)
    for k in range(8):
        advance(*reference, k)
        advance(*mine, k)
    again, crossed = pair(name), pair(name)
    again[1][0].load_state_dict(mine[0].state_dict())
    again[1][1].load_state_dict(mine[1].state_dict())
    for k, (optimizer, schedule) in enumerate(crossed):
        source, translate = (mine, theirs) if k == 0 else (reference, ours)
        optimizer.load_state_dict(translate(source[0].state_dict()))
        schedule.load_state_dict(source[1].state_dict())
    for k in range(8, 24):
        expected = advance(*reference, k)
        for one in (mine, again[1], *crossed):
            np.testing.assert_allclose(advance(*one, k), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "name",
    ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine", "restarts", "restarts, equal"],
)
def test_jumps_to_an_epoch(name):
    expected, got = pair(name)
    for epoch in (3, 7, 20, 1, 12):
        for optimizer, schedule in (expected, got):
            optimizer.step()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                schedule.step(epoch)
        np.testing.assert_allclose(got[1].get_last_lr(), expected[1].get_last_lr(), rtol=1e-12)


@pytest.mark.parametrize("name", ["step", "multistep", "linear", "exponential", "polynomial", "cosine", "lambda"])
def test_started_at_an_epoch(name):
    """`last_epoch` of a resumed run, whose groups know their first rate."""
    rates = []
    for library, module in ((torch, torch.optim.lr_scheduler), (ag, optim.lr_scheduler)):
        optimizer = make(library)
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] * 2
        made = SCHEDULES[name](module, optimizer)
        kind, given = type(made), {"step_size": 3, "milestones": [2, 5], "gamma": 0.9, "T_max": 5}
        import inspect

        options = {k: v for k, v in given.items() if k in inspect.signature(kind).parameters}
        options |= {"lr_lambda": lambda e: 0.9**e} if name == "lambda" else {}
        schedule = kind(optimizer, **options, last_epoch=4)
        rates.append([])
        for _ in range(6):
            optimizer.step()
            schedule.step()
            rates[-1] += schedule.get_last_lr()
    np.testing.assert_allclose(rates[1], rates[0], rtol=1e-12)
    with pytest.raises(KeyError, match="'initial_lr' is not specified in param_groups"):
        optim.lr_scheduler.StepLR(make(ag), 2, last_epoch=3)


def messages(action) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(w.message) for w in caught]


def test_warnings_have_pytorchs_words():
    def wrong_order(library, module):
        schedule = module.StepLR(make(library), 2)
        schedule.step()

    def overridden(library, module):
        optimizer = make(library)
        schedule = module.StepLR(optimizer, 2)
        optimizer.step = lambda: None
        schedule.step()

    def epoch(library, module):
        optimizer = make(library)
        schedule = module.StepLR(optimizer, 2)
        optimizer.step()
        schedule.step(3)

    def asked(library, module):
        module.StepLR(make(library), 2).get_lr()

    def stepped_before(library, module):
        optimizer = make(library)
        optimizer.step()
        module.StepLR(optimizer, 2).step()

    def fine(library, module):
        optimizer = make(library)
        schedule = module.StepLR(optimizer, 2)
        optimizer.step()
        schedule.step()

    for case in (wrong_order, overridden, epoch, asked, stepped_before, fine):
        expected = messages(lambda case=case: case(torch, torch.optim.lr_scheduler))
        assert messages(lambda case=case: case(ag, optim.lr_scheduler)) == expected, case.__name__
        assert bool(expected) == (case is not fine)


WRONG = {
    "not an optimizer": lambda s, o: s.StepLR(3, 2),
    "constant": lambda s, o: s.ConstantLR(o, 2.0),
    "linear start": lambda s, o: s.LinearLR(o, 0.0),
    "linear end": lambda s, o: s.LinearLR(o, 0.5, 2.0),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 1.0]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, 3.0),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "restarts factor": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 0),
    "restarts minimum": lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, eta_min="x"),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "plateau mode": lambda s, o: s.ReduceLROnPlateau(o, "mean"),
    "plateau threshold": lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="mean"),
    "plateau minima": lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    "cyclic mode": lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="x"),
    "cyclic bounds": lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    "one cycle steps": lambda s, o: s.OneCycleLR(o, 0.1),
    "one cycle total": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=-1),
    "one cycle epochs": lambda s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=3),
    "one cycle part": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=3, pct_start=2.0),
    "one cycle strategy": lambda s, o: s.OneCycleLR(o, 0.1, total_steps=3, anneal_strategy="x"),
    "sequential none": lambda s, o: s.SequentialLR(o, [], []),
    "sequential milestones": lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3]),
    "sequential plateau": lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
    "chained none": lambda s, o: s.ChainedScheduler([]),
    "chained number": lambda s, o: s.ChainedScheduler([s.StepLR(o, 1), 3]),
    "averaging": lambda s, o: swa(s).SWALR(o, 0.1, anneal_epochs=-1),
    "averaging strategy": lambda s, o: swa(s).SWALR(o, 0.1, anneal_strategy="x"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_have_pytorchs_words(name):
    with pytest.raises((ValueError, TypeError)) as expected:
        WRONG[name](torch.optim.lr_scheduler, make(torch))
    with pytest.raises(type(expected.value)) as caught:
        WRONG[name](optim.lr_scheduler, make(ag))
    assert str(caught.value) == str(expected.value)


def test_callable_objects_keep_their_state():
    class Growing:
        def __init__(self):
            self.rate = 1.0

        def __call__(self, epoch):
            return self.rate

    function = Growing()
    schedule = optim.lr_scheduler.LambdaLR(make(ag), [function, lambda e: 1.0])
    function.rate = 0.25
    other = Growing()
    fresh = optim.lr_scheduler.LambdaLR(make(ag), [other, lambda e: 1.0])
    fresh.load_state_dict(schedule.state_dict())
    assert other.rate == 0.25


def test_a_learning_rate_that_is_a_tensor_is_changed_in_place():
    w = ag.ones(1, requires_grad=True)
    lr = ag.tensor(0.5)
    optimizer = optim.SGD([w], lr=lr)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    w.grad = ag.ones(1)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25
    assert w.item() == 0.5
    assert schedule.get_last_lr()[0].item() == 0.25


def test_a_group_added_under_plateau():
    for minimum in (0.0, [0.0, 0.0]):
        optimizer = make(ag)
        schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=minimum)
        optimizer.add_param_group({"params": [ag.ones(1)]})
        schedule.step(1.0)
        if minimum:
            with pytest.raises(RuntimeError, match="number of param groups"):
                schedule.step(1.0)
        else:
            schedule.step(1.0)
            np.testing.assert_allclose(schedule.get_last_lr(), [0.02, 0.05, 0.02])
