"""Saving and loading: what goes in comes out, files are whole whatever happens, and strange files are refused."""

from __future__ import annotations

import contextlib
import io
import math
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import nn
import optim
from autograd.safetensors_file import DTYPES
from autograd.serialization import FormatError
from tests.conftest import referee
from tests.hostile.corpus import CORPUS

safetensors = pytest.importorskip("safetensors")


def again(value, **options):
    """A value after a journey through a file."""
    file = io.BytesIO()
    ag.save(value, file)
    return ag.load(io.BytesIO(file.getvalue()), **options)


def same(a, b) -> bool:
    """Are two nested values equal, types and bits included?"""
    if type(a) is not type(b) and not (isinstance(a, dict) and type(b) is dict and not isinstance(a, OrderedDict)):
        return False
    if isinstance(a, ag.Tensor):
        return a.requires_grad == b.requires_grad and same(a.detach().numpy(), b.detach().numpy())
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


# ---- what goes in comes out --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", sorted({*DTYPES.values(), "complex128"}))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_dtypes_and_shapes(dtype, shape):
    values = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    value = ag.tensor(values, dtype=np.dtype(dtype))
    assert same(again(value), value)
    assert same(again({"a": values}), {"a": values})


def test_memory_of_any_layout():
    base = np.arange(24.0).reshape(4, 6)
    layouts = {
        "transposed": base.T,
        "Fortran": np.asfortranarray(base),
        "strided": base[::2, ::3],
        "reversed": base[::-1],
        "broadcast": np.broadcast_to(base[0], (3, 6)),
        "big-endian": base.astype(">f8"),
    }
    loaded = again(layouts)
    for name, array in layouts.items():
        np.testing.assert_array_equal(loaded[name], array, err_msg=name)
    x = ag.tensor(base)
    assert same(again(x.T), x.T.contiguous())


def test_numbers_and_containers():
    value = {
        "none": None,
        "truth": [True, False],
        "integers": [0, -1, 2**63, 2**127, -(2**200)],
        "floats": [0.0, -0.0, 1.0, 0.1, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf],
        "complex": [1 + 2j, complex(math.nan, -math.inf)],
        "strings": ["", "é", "\x00", "\ud800", "</script>", '"quoted"'],
        "nested": ((), (1, (2, [3, ()])), [], {}, OrderedDict()),
        "ordered": OrderedDict([("b", 1), ("a", ag.ones(2))]),
        "NumPy": [np.float64(0.5), np.float32(0.1), np.int8(-3), np.bool_(True), np.complex64(1j)],
        "others": [ag.float16, ag.device("cpu"), ag.ones(2, 3).shape],
        1: {2.5: 3, None: 4, True: 5, (1, "x"): 6, math.inf: 7},
    }
    loaded = again(value)
    assert same(loaded, value)
    assert math.copysign(1, loaded["floats"][1]) == -1
    assert type(loaded["NumPy"][0]) is np.float64
    assert again(defaultdict(list, a=[1])) == {"a": [1]}
    assert again(Counter("aab")) == {"a": 2, "b": 1}


simple = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    simple | st.lists(st.floats(width=32), max_size=3).map(lambda v: ag.tensor(v, dtype=ag.float32)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.booleans() | st.none(), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(values)
def test_any_nesting(value):
    assert same(again(value), value)


def test_names_that_clash_or_mean_something():
    value = {
        "a.b": ag.ones(1),
        "a": {"b": ag.zeros(1)},
        "__metadata__": ag.ones(2),
        "": ag.ones(3),
        "\ud800": ag.ones(4),
    }
    assert same(again(value), value)


def test_shared_tensors_stay_shared():
    weight = ag.ones(2, 2)
    loaded = again({"a": weight, "b": [weight, weight.detach()], "other": ag.ones(2, 2)})
    loaded["a"].array[0, 0] = 7.0
    assert loaded["b"][0].array[0, 0] == loaded["b"][1].array[0, 0] == 7.0
    assert loaded["other"].array[0, 0] == 1.0
    complex_ = ag.tensor(np.ones(2, np.complex128))
    loaded = again([complex_, complex_])
    assert loaded[0] is loaded[1]


def test_views_of_one_memory_keep_their_values():
    x = ag.tensor(np.arange(6.0))
    loaded = again({"x": x, "front": x[:3], "back": x[3:], "row": x.reshape(2, 3)})
    assert same(loaded["back"], ag.tensor(np.arange(3.0, 6.0)))
    assert same(loaded["row"], x.reshape(2, 3))


def test_requires_grad_and_location():
    w = ag.ones(2, requires_grad=True)
    assert again(w).requires_grad
    assert again(w).is_leaf
    for where in ("cpu", ag.device("cpu"), {"cuda:0": "cpu"}, lambda tensor, location: tensor):
        assert again(w, map_location=where, weights_only=True, mmap=False).device == ag.device("cpu")


def test_generator_state():
    generator = ag.Generator().manual_seed(3)
    ag.rand(5, generator=generator)
    state = again({"rng": generator.get_state()})["rng"]
    expected = ag.rand(5, generator=generator)
    generator.manual_seed(0)
    assert generator.set_state(state) is generator
    assert same(ag.rand(5, generator=generator), expected)


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (nn.Linear(1, 1), "got Linear; save its state_dict()"),
        ({"net": nn.Linear(1, 1)}, "got Linear at 'net'; save its state_dict()"),
        ([0, {"opt": optim.SGD([ag.ones(1)])}], "got SGD at '1.opt'; save its state_dict()"),
        ({"rng": ag.Generator()}, "got Generator at 'rng'; save its get_state()"),
        ({"f": print}, "got builtin_function_or_method at 'f'; files hold data only"),
        ({1, 2}, "got set"),
        (b"bytes", "got bytes"),
        (np.array([object()]), "got ndarray"),
    ],
)
def test_objects_are_refused(value, message, tmp_path):
    with pytest.raises(TypeError) as caught:
        ag.save(value, tmp_path / "file")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_container_in_itself():
    value: list = []
    value.append(value)
    with pytest.raises(ValueError, match="contains itself"):
        again(value)


def test_too_much_outside_of_tensors():
    with pytest.raises(ValueError, match="put numbers into tensors"):
        again(["x" * 1000] * 20_000)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        ag.load(tmp_path / "nothing")


# ---- hostile files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_file(name, tmp_path):
    """One error that says what is wrong, without doing or allocating what the header claims."""
    path = tmp_path / "file"
    path.write_bytes(CORPUS[name]())
    lines, before = [], sys.gettrace()
    sys.settrace(trace := lambda frame, event, arg: lines.append(event) or trace)
    try:
        with pytest.raises(FormatError) as caught:
            ag.load(path)
    finally:
        sys.settrace(before)
    assert len(lines) < 20_000
    assert len(str(caught.value)) < 600
    tracemalloc.start()
    with pytest.raises(FormatError):
        ag.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * path.stat().st_size + 10_000_000


def test_every_cut_of_a_file(tmp_path):
    """Whatever its length, a file that was cut off is refused."""
    file = io.BytesIO()
    ag.save({"a": ag.ones(3), "n": [1, 2.5, None]}, file)
    whole = file.getvalue()
    for length in range(len(whole)):
        with pytest.raises(FormatError):
            ag.load(io.BytesIO(whole[:length]))


def test_any_changed_byte(tmp_path):
    """A file with one byte changed is refused or loads something of the format; nothing else happens."""
    file = io.BytesIO()
    ag.save({"a": ag.ones(3), "b": (ag.zeros(2), 1 + 2j)}, file)
    random = np.random.default_rng(0)
    for _ in range(1500):
        damaged = bytearray(file.getvalue())
        damaged[random.integers(len(damaged))] = random.integers(256)
        with contextlib.suppress(FormatError):
            ag.load(io.BytesIO(bytes(damaged)), map_location="cpu")


@given(st.binary(max_size=200))
def test_any_bytes(content):
    with pytest.raises(FormatError):
        ag.load(io.BytesIO(content))


# ---- whole files, whatever happens -------------------------------------------------------------------------------


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    ag.save({"a": 1}, path)

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        ag.save({"a": 2}, path)
    assert ag.load(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_links_and_permissions_stay(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    ag.save({"a": 1}, path)
    path.chmod(0o640)
    link.symlink_to(path)
    ag.save({"a": 2}, link)
    assert link.is_symlink()
    assert ag.load(path) == {"a": 2}
    assert path.stat().st_mode & 0o777 == 0o640


KILLED = """
import sys, numpy as np, autograd as ag
big = np.zeros(1_000_000)
print("ready", flush=True)
k = 0
while True:
    k += 1
    big[:] = k
    ag.save({"number": k, "big": big}, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_while_saving(tmp_path):
    """After kill -9 at any moment the file is there, whole, and of one piece."""
    path = tmp_path / "file"
    ag.save({"number": 0, "big": np.zeros(1_000_000)}, path)
    random = np.random.default_rng(0)
    numbers = []
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
        )
        assert child.stdout is not None
        child.stdout.readline()
        before = path.stat().st_mtime_ns
        while path.stat().st_mtime_ns == before and child.poll() is None:
            time.sleep(0.001)
        time.sleep(random.random() * 0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        loaded = ag.load(path)
        assert (loaded["big"] == loaded["number"]).all()
        numbers.append(loaded["number"])
    assert max(numbers) > 0


# ---- with PyTorch ------------------------------------------------------------------------------------------------


def test_pytorch_reads_ours(tmp_path):
    torch = referee()
    from safetensors.torch import load_file

    model = nn.Linear(3, 2)
    ag.save(model.state_dict(), tmp_path / "model.safetensors")
    loaded = load_file(tmp_path / "model.safetensors")
    linear = torch.nn.Linear(3, 2)
    linear.load_state_dict(loaded)
    np.testing.assert_array_equal(linear.weight.detach().numpy(), model.weight.detach().numpy())
    ag.save({"tie": model.weight, "tied": model.weight, "c": ag.ones(2, dtype=ag.complex64)}, tmp_path / "tied")
    assert set(load_file(tmp_path / "tied")) == {"tie", "tied", "c"}


def test_we_read_pytorchs(tmp_path):
    torch = referee()
    from safetensors.torch import save_file

    names = ["float64", "float32", "float16", "int64", "int8", "uint8", "bool", "complex64", "bfloat16"]
    tensors = {name: torch.tensor([0, 1, 1.0]).to(getattr(torch, name)) for name in names}
    save_file(tensors, tmp_path / "file", metadata={"format": "pt"})
    loaded = ag.load(tmp_path / "file")
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(loaded[name].numpy(), tensor.to(loaded_type(torch, tensor)).numpy())
    assert loaded["bfloat16"].dtype == ag.float32
    torch.save(tensors, tmp_path / "pickled")
    with pytest.raises(FormatError, match=r"zip archive.*safetensors\.torch\.save_file"):
        ag.load(tmp_path / "pickled")


def loaded_type(torch, tensor):
    return torch.float32 if tensor.dtype == torch.bfloat16 else tensor.dtype


# ---- a training run ----------------------------------------------------------------------------------------------


def test_a_resumed_run_continues_bit_for_bit(tmp_path):
    """Model, optimizer, schedule and generator from a file, in the middle of a run with dropout."""

    def start():
        ag.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.3), nn.ReLU(), nn.Linear(16, 1))
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        return model, optimizer, optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20)

    def train(model, optimizer, schedule, steps):
        for _ in range(steps):
            x = ag.randn(8, 4)
            optimizer.zero_grad()
            ((model(x) - x.sum(1, keepdim=True)) ** 2).mean().backward()
            optimizer.step()
            schedule.step()
        return [p.detach().numpy().copy() for p in model.parameters()]

    run = start()
    train(*run, 7)
    ag.save([part.state_dict() for part in run] + [ag.get_rng_state()], tmp_path / "run")
    expected = train(*run, 9)
    resumed = start()
    *states, rng = ag.load(tmp_path / "run")
    for part, state in zip(resumed, states, strict=True):
        part.load_state_dict(state)
    ag.set_rng_state(rng)
    for a, b in zip(train(*resumed, 9), expected, strict=True):
        np.testing.assert_array_equal(a, b)
