"""Averaged models against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from optim import swa_utils
from tests.optim.bridge import ours, torch


def models():
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)).double()
    mine = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    mine.load_state_dict(ours(dict(theirs.state_dict())))
    return theirs, mine


AVERAGES = {
    "equal": lambda module: {},
    "exponential": lambda module: {"avg_fn": module.get_ema_avg_fn(0.9)},
    "exponential, lists": lambda module: {"multi_avg_fn": module.get_ema_multi_avg_fn(0.8)},
    "equal, lists": lambda module: {"multi_avg_fn": module.get_swa_multi_avg_fn()},
    "equal, buffers": lambda module: {"avg_fn": module.get_swa_avg_fn(), "use_buffers": True},
}


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name):
    (theirs, mine), random = models(), np.random.default_rng(0)
    reference = torch.optim.swa_utils.AveragedModel(theirs, **AVERAGES[name](torch.optim.swa_utils))
    averaged = swa_utils.AveragedModel(mine, **AVERAGES[name](swa_utils))
    for _ in range(4):
        state = {
            key: value if not value.is_floating_point() else torch.tensor(random.standard_normal(tuple(value.shape)))
            for key, value in theirs.state_dict().items()
        }
        theirs.load_state_dict(state)
        mine.load_state_dict(ours(state))
        reference.update_parameters(theirs)
        averaged.update_parameters(mine)
    assert averaged.state_dict().keys() == reference.state_dict().keys()
    # PyTorch's functions for lists compute the weight of the average in float32.
    for key, expected in reference.state_dict().items():
        np.testing.assert_allclose(
            averaged.state_dict()[key].numpy(), expected.numpy(), rtol=1e-6 if "lists" in name else 1e-12, err_msg=key
        )


def test_update_bn():
    (theirs, mine), random = models(), np.random.default_rng(0)
    batches = [random.standard_normal((6, 3)) for _ in range(3)]
    for k, model in enumerate((theirs, mine)):
        model[1].momentum = 0.3
        make = torch.tensor if k == 0 else lambda batch: ag.tensor(batch, dtype=ag.float64)
        (torch.optim.swa_utils if k == 0 else swa_utils).update_bn([(make(b), None) for b in batches], model.eval())
        assert model[1].momentum == 0.3
        assert not model.training
    for key in ("running_mean", "running_var", "num_batches_tracked"):
        np.testing.assert_allclose(getattr(mine[1], key).numpy(), getattr(theirs[1], key).numpy(), rtol=1e-12)
    swa_utils.update_bn(None, nn.Linear(1, 1))  # no batch norm: nothing is read


def test_what_it_refuses():
    with pytest.raises(ValueError, match="Invalid decay value 2"):
        swa_utils.get_ema_avg_fn(2)
    average = swa_utils.get_swa_avg_fn()
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=average, multi_avg_fn=average)


def test_in_a_training_loop():
    ag.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    averaged, schedule = swa_utils.AveragedModel(model), swa_utils.SWALR(optimizer, 0.05, 2)
    seen = []
    for _ in range(4):
        optimizer.zero_grad()
        (model(ag.ones(3, 2)) ** 2).mean().backward()
        optimizer.step()
        schedule.step()
        averaged.update_parameters(model)
        seen.append(model.weight.detach().numpy().copy())
    np.testing.assert_allclose(averaged.module.weight.detach().numpy(), np.mean(seen, 0), rtol=1e-6)
    assert averaged(ag.ones(1, 2)).shape == (1, 1)
