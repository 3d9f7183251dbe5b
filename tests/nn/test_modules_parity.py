"""Every module of PyTorch's own database of module samples, name by name: weights carried over, then everything compared."""

from __future__ import annotations

import warnings

import pytest

import nn
from tests.conftest import referee

torch = referee()
referee("expecttest")

from torch.testing._internal.common_modules import module_db  # noqa: E402

from tests.nn.bridge import build, check, share_weights  # noqa: E402

MODULES = {info.name.removeprefix("nn."): info for info in module_db}
SAMPLES = 16  # of each module: spread over all that PyTorch lists
SECOND_ORDER = 3  # of those, how many second derivatives are compared of

# PyTorch says that it supports second derivatives, and has none.
ONCE = {"MultiMarginLoss", "MultiLabelMarginLoss", "CTCLoss"}

# Names of torch.nn that are missing on purpose.
MISSING = {
    "common_types": "type aliases",
    "factory_kwargs": "internal",
    "grad": "gradients of convolutions for code without autograd",
    "intrinsic": "quantization",
    "qat": "quantization",
    "quantizable": "quantization",
    "quantized": "quantization",
}


def test_all_names_of_torch_nn():
    theirs = {name for name in dir(torch.nn) if not name.startswith("_")}
    assert {name for name in theirs if not hasattr(nn, name)} == set(MISSING)


def samples(info, training):
    made = info.module_inputs_func(info, device="cpu", dtype=torch.float64, requires_grad=True, training=training)
    return made[:: max(1, len(made) // SAMPLES)]


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", MODULES)
def test_module(name, training):
    info = MODULES[name]
    torch.manual_seed(0)
    every = samples(info, training)
    twice = training and info.supports_gradgrad and name not in ONCE
    second = set(range(0, len(every), max(1, len(every) // SECOND_ORDER))) if twice else ()
    for i, sample in enumerate(every):
        settings, given = sample.constructor_input, sample.forward_input
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, mine = build(name, settings.args, settings.kwargs)
            theirs.train(training), mine.train(training)
            if info.is_lazy:
                assert repr(mine) == repr(theirs)
                with torch.no_grad():
                    theirs(*given.args, **given.kwargs)
            share_weights(theirs, mine)
            try:
                # Of PyTorch's kernels of attention only this one has second derivatives.
                with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
                    check(theirs, mine, given.args, given.kwargs, order=2 if i in second else 1)
            except Exception as error:
                error.add_note(f"sample {i} ({sample.desc}): {name}({settings.args}, {settings.kwargs})")
                raise
        assert repr(mine) == repr(theirs)
