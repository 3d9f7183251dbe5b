"""Programs on a GPU: run on its stand-in, which refuses what CuPy refuses, they compute what they compute on the CPU."""

from __future__ import annotations

import copy
import io
import pickle
import sys

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd import data, draw
from autograd.testing import StrictArray, gradcheck, to_numpy
from autograd.testing.strict import pretended_device
from nn import functional as F

pytestmark = pytest.mark.cpu("they name their devices, and compare them")


@pytest.fixture(autouse=True)
def _gpu():
    with pretended_device():
        yield


def host(value):
    """Tensors, in whatever they lie, as NumPy arrays."""
    if isinstance(value, ag.Tensor):
        return to_numpy(value.detach().array)
    if isinstance(value, dict):
        return {key: host(item) for key, item in value.items()}
    return [host(item) for item in value] if isinstance(value, (list, tuple)) else value


def agree(found, expected, tolerance=1e-5):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            agree(a, b, tolerance)
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


class Classifier(nn.Module):
    """Layers that many programs have, over a sequence: (N, 6, 8) → (N, 3)."""

    def __init__(self, kind):
        super().__init__()
        self.body = {
            "mlp": lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.2)),
            "cnn": lambda: nn.Sequential(
                nn.Unflatten(1, (1, 6)), nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2),
                nn.Conv2d(4, 8, 3, groups=2), nn.GroupNorm(2, 8), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                nn.Linear(8, 16),
            ),
            "lstm": lambda: nn.LSTM(8, 16, num_layers=2, batch_first=True),
            "gru": lambda: nn.GRU(8, 8, bidirectional=True, batch_first=True),
            "transformer": lambda: nn.Sequential(
                nn.Linear(8, 16), nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True), nn.LayerNorm(16)
            ),
        }[kind]()  # fmt: skip
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        out = self.body(x)
        out = out[0] if isinstance(out, tuple) else out
        return self.head(out[:, -1] if out.ndim == 3 else out)


def trained(device, kind, make, steps=3):
    """The losses, parameters, and buffers of a model after a few steps on a device."""
    ag.manual_seed(3)
    model = Classifier(kind).to(device)
    optimizer = make(model.parameters())
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
    rng = np.random.default_rng(1)
    examples = data.TensorDataset(
        ag.tensor(rng.standard_normal((24, 6, 8)), dtype=ag.float32), ag.tensor(rng.integers(0, 3, 24))
    )
    losses = []
    for _ in range(steps):
        for x, y in data.DataLoader(examples, batch_size=8, shuffle=True, pin_memory=True):
            x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)

            def closure(x=x, y=y):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                return loss

            losses.append(optimizer.step(closure).item())
        scheduler.step()
    where = {str(t.device) for t in model.state_dict().values()} | {
        str(v.device) for s in optimizer.state.values() for v in s.values() if isinstance(v, ag.Tensor) and v.ndim
    }
    assert where == {"cpu" if device == "cpu" else "cuda:0"}
    return losses, host(model.state_dict())


@pytest.mark.parametrize("kind", ["mlp", "cnn", "lstm", "gru", "transformer"])
def test_models_train(kind):
    # The gradient of a key's bias is 0 but for rounding, of which Adam would make whole steps.
    make = (lambda p: optim.SGD(p, lr=0.1)) if kind == "transformer" else lambda p: optim.Adam(p, lr=1e-2)
    agree(list(trained("cuda", kind, make)), list(trained("cpu", kind, make)), 2e-4)


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}, "Adam": {"amsgrad": True}, "AdamW": {},
    "Adadelta": {}, "Adagrad": {}, "Adamax": {}, "ASGD": {}, "NAdam": {}, "RAdam": {}, "RMSprop": {"centered": True},
    "Rprop": {}, "LBFGS": {"max_iter": 3, "line_search_fn": "strong_wolfe"}, "Adafactor": {}, "Lion": {"lr": 1e-3},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    def make(parameters):
        return getattr(optim, name)(parameters, **OPTIMIZERS[name])

    agree(list(trained("cuda", "mlp", make, 1)), list(trained("cpu", "mlp", make, 1)), 1e-3)


def test_every_optimizer_is_tried():
    kinds = {n for n, c in vars(optim).items() if isinstance(c, type) and issubclass(c, optim.Optimizer)}
    assert kinds - OPTIMIZERS.keys() == {"Optimizer", "Muon", "SparseAdam"}  # for matrices, and for embeddings


def test_scaler_and_checkpoint():
    model = nn.Linear(3, 2).cuda()
    optimizer, scaler = optim.SGD(model.parameters(), lr=0.1), ag.amp.GradScaler("cuda")
    assert scaler.is_enabled()
    x = ag.randn(4, 3, device="cuda")
    with ag.autocast("cuda", dtype=ag.float16):
        loss = ag.utils.checkpoint.checkpoint(model, x, use_reentrant=False).square().mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    expected = ag.autograd.grad(model(x).square().mean(), model.weight)[0]
    agree(host(model.weight.grad), host(expected))
    scaler.step(optimizer)
    scaler.update()
    model.weight.grad[0, 0] = float("inf")
    before = host(model.weight)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**15
    agree(host(model.weight), before)


def test_states_move_between_devices(tmp_path):
    model = nn.Linear(3, 2, device="cuda")
    optimizer = optim.Adam(model.parameters())
    model(ag.ones(1, 3, device="cuda")).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    ag.save(state, tmp_path / "state.pt")
    assert ag.load(tmp_path / "state.pt")["model"]["weight"].device == ag.device("cuda", 0)
    for where in ("cpu", {"cuda:0": "cpu"}, lambda tensor, location: tensor.cpu()):
        loaded = ag.load(tmp_path / "state.pt", map_location=where)
        assert loaded["model"]["weight"].device.type == "cpu"
        agree(host(loaded["model"]), host(state["model"]))
    here = nn.Linear(3, 2)
    assert str(here.load_state_dict(state["model"])) == "<All keys matched successfully>"
    assert here.weight.is_cpu
    again = nn.Linear(3, 2).to("cuda")
    again.load_state_dict(loaded["model"])
    assert again.weight.is_cuda
    other = optim.Adam(again.parameters())
    other.load_state_dict(loaded["optimizer"])
    assert other.state[again.weight]["exp_avg"].is_cuda
    assert copy.deepcopy(model).weight.is_cuda
    buffer = io.BytesIO()
    ag.save(model.weight, buffer)
    buffer.seek(0)
    assert ag.load(buffer).is_cuda
    assert pickle.loads(pickle.dumps(model.weight)).is_cuda


def test_indices_on_either_device():
    x = ag.arange(12, dtype=ag.float32, device="cuda").reshape(3, 4).requires_grad_()
    for index in (ag.tensor([2, 0]), ag.tensor([[0, 1], [2, 2]]), ag.tensor([True, False, True])):
        for there in (index, index.cuda(), host(index), index.tolist() if index.ndim == 1 else index):
            agree(host(x[there]), host(x)[host(index)])
            y = x * 1
            y[there] = 7.0
            assert y.is_cuda
            assert (host(y)[host(index)] == 7).all()
            (g,) = ag.autograd.grad(x[there].square().sum(), x)
            assert g.is_cuda
    assert x[ag.tensor(1), 2].item() == 6
    mask = x > 5
    agree(host(x[mask]), host(x)[host(x) > 5])
    y = x.detach().clone()
    y[mask] = -y[mask]
    y[:, ag.tensor([0, 1])] += 1
    agree(host(y), np.where(host(x) > 5, -host(x), host(x)) + np.array([1, 1, 0, 0]))
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        x[ag.tensor([5]).cuda()]
    with pytest.raises(RuntimeError, match=r"indices should be either on cpu or on the same device .*\(cpu\)"):
        ag.ones(3)[ag.tensor([0]).cuda()]


def test_devices_that_do_not_meet():
    x, y = ag.ones(3, device="cuda", requires_grad=True), ag.ones(3)
    for call in (
        lambda: x + y, lambda: y * x, lambda: ag.cat([x, y]), lambda: x @ y, lambda: ag.where(x > 0, x, y),
        lambda: nn.Linear(3, 2)(x), lambda: ag.stack([y, x]), lambda: F.mse_loss(x, y), lambda: x.detach().add_(y),
        lambda: nn.Linear(3, 2, device="cuda")(y), lambda: ag.addcmul(x, y, y), lambda: F.conv1d(x[None, None], y[None, None]),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            call()
    scale = ag.tensor(2.0, requires_grad=True)  # one number goes along, whatever device it is on
    (x * scale).sum().backward()
    assert x.grad.is_cuda
    assert scale.grad.is_cpu
    assert scale.grad == 3
    with pytest.raises(TypeError, match="can't convert a cuda tensor to NumPy"):
        x.detach().numpy()
    with pytest.raises(TypeError, match="can't convert a cuda tensor to NumPy"):
        np.asarray(x.detach())
    assert x.detach().cpu().numpy().tolist() == [1, 1, 1]


def test_cuda_module():
    assert ag.cuda.is_available()
    assert ag.cuda.device_count() == 1
    assert ag.cuda.get_device_name() == ag.cuda.get_device_name("cuda:0") == "a pretended GPU"
    assert ag.cuda.current_device() == 0
    ag.cuda.synchronize()
    ag.cuda.synchronize("cuda:0")
    ag.cuda.empty_cache()
    assert ag.accelerator.current_accelerator() == ag.device("cuda")
    with ag.device("cuda"):
        assert ag.zeros(2).is_cuda
        assert nn.Linear(2, 2).weight.is_cuda
    assert ag.zeros(2).is_cpu
    for call in (lambda: ag.zeros(2, device="cuda:1"), lambda: ag.ones(2).to("cuda:1"), lambda: ag.cuda.set_device(1)):
        with pytest.raises(RuntimeError, match="invalid device"):
            call()
    ag.cuda.init()
    ag.cuda.set_device("cuda:0")
    with ag.cuda.device(0) as chosen:
        assert chosen.idx == 0
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        ag.cuda.synchronize("cpu")
    with pytest.raises(AttributeError, match=r"see cupy\.cuda"):
        ag.cuda.CUDAGraph  # noqa: B018


def test_memory_and_properties():
    known = ag.cuda.get_device_properties(0)
    assert (known.name, known.total_memory) == ("a pretended GPU", 1 << 30)
    assert ag.cuda.get_device_capability() == (9, 0)
    assert ag.cuda.memory_allocated() == ag.cuda.memory_reserved("cuda") == 0
    assert ag.cuda.mem_get_info() == (1 << 30, 1 << 30)
    states = ag.cuda.get_rng_state_all()
    first = ag.rand(3, device="cuda")
    ag.cuda.set_rng_state_all([state.cuda() for state in states])  # as a checkpoint that was loaded there has them
    agree(host(ag.rand(3)), host(first))


def test_streams_and_events():
    start, end = (ag.cuda.Event(enable_timing=True) for _ in range(2))
    side = ag.cuda.Stream()
    side.wait_stream(ag.cuda.current_stream())
    with ag.cuda.stream(side):
        start.record()
        y = ag.ones(2, device="cuda") * 3
        end.record()
        assert ag.cuda.current_stream().cupy is side.cupy
    ag.cuda.current_stream().wait_stream(side)
    assert ag.cuda.current_stream().cupy is ag.cuda.default_stream().cupy
    end.synchronize()
    side.synchronize()
    assert start.query()
    assert side.query()
    assert start.elapsed_time(end) >= 0
    assert y.tolist() == [3, 3]
    with ag.cuda.stream(None):
        end.wait()


def test_random_numbers_are_the_same_on_every_device():
    def drawn(device):
        g = ag.Generator(device).manual_seed(5)
        p = ag.full((3, 4), 0.5, device=device)
        values = [
            ag.rand(3, generator=g, device=device), ag.randn(3, generator=g, device=device),
            ag.randint(9, (3,), generator=g, device=device), ag.randperm(5, generator=g, device=device),
            ag.normal(p, p, generator=g), ag.bernoulli(p, generator=g), ag.multinomial(p, 2, generator=g),
            ag.poisson(p, generator=g), ag.empty(4, device=device).normal_(generator=g), ag.rand_like(p),
            ag.empty(4, device=device).uniform_(-1, 1, generator=g), nn.init.orthogonal_(ag.empty(3, 3, device=device)),
            nn.init.kaiming_uniform_(ag.empty(3, 3, device=device)), F.dropout(p, 0.5),
        ]  # fmt: skip
        assert {v.device.type for v in values} == {device}
        return host(values)

    ag.manual_seed(0)
    found = drawn("cuda")
    ag.manual_seed(0)
    agree(found, drawn("cpu"))


def test_looking_at_them():
    x = ag.tensor([[1.5, 2.0]], device="cuda", requires_grad=True)
    assert repr(x) == "tensor([[1.5000, 2.0000]], device='cuda:0', requires_grad=True)"
    assert f"{x.sum():.1f}" == "3.5"
    assert x.tolist() == [[1.5, 2.0]]
    assert isinstance(x.exp().array, StrictArray)
    assert 2.0 in x.detach()
    assert "Linear" in draw.graph(nn.Sequential(nn.Linear(2, 3)).cuda(), x, engine="builtin").to_svg()
    gradcheck(nn.Sequential(nn.Linear(2, 3), nn.Tanh()).cuda().double(), x.detach().double(), order=2)


def test_trainer():
    xs = ag.randn(16, 4)
    examples = data.TensorDataset(xs, (xs.sum(1) > 0).long())
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    trainer = nn.Trainer(model.cuda(), optim.Adam(model.parameters(), lr=0.05), nn.CrossEntropyLoss(), ["accuracy"])
    history = trainer.fit(data.DataLoader(examples, batch_size=8), epochs=2, progress=False)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert trainer.evaluate(xs, (xs.sum(1) > 0).long()).keys() == {"loss", "accuracy"}
    assert trainer.predict(xs).is_cuda


@pytest.mark.parametrize("missing", ["CuPy", "a driver", "a GPU"])
def test_without_a_gpu_the_error_says_what_to_install(missing, monkeypatch):
    if missing == "CuPy":
        monkeypatch.setitem(sys.modules, "cupy", None)  # importing it raises ImportError
    else:

        def count():
            if missing == "a driver":
                raise OSError("CUDA driver version is insufficient")
            return 0

        monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", count)
    assert not ag.cuda.is_available()
    assert ag.cuda.device_count() == ag.cuda.memory_allocated() == ag.cuda.memory_reserved() == 0
    assert ag.cuda.get_rng_state_all() == []
    ag.cuda.empty_cache()
    with ag.cuda.stream(None):
        pass
    x, model = ag.ones(2), nn.Linear(2, 2)
    for call in (
        x.cuda, lambda: x.to("cuda"), lambda: x.to("cuda:0"), lambda: x.to(ag.device("cuda")), lambda: ag.zeros(2, device="cuda"),
        lambda: ag.tensor([1.0], device="cuda"), lambda: ag.rand(2, device="cuda"), model.cuda, lambda: model.to("cuda"),
        lambda: nn.Linear(2, 2, device="cuda"), lambda: ag.set_default_device("cuda"), lambda: ag.device("cuda").__enter__(),
        ag.cuda.synchronize, ag.cuda.current_device, ag.cuda.get_device_name, lambda: ag.arange(3, device="cuda"),
        ag.cuda.init, ag.cuda.Stream, ag.cuda.Event, ag.cuda.current_stream, ag.cuda.default_stream, ag.cuda.mem_get_info,
        lambda: ag.cuda.set_device(0), lambda: ag.cuda.device(0), ag.cuda.get_device_properties, ag.cuda.get_device_capability,
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=r'needs an NVIDIA GPU and CuPy, but .*: pip install "gradloom\[cuda\]"'):
            call()
    assert ag.zeros(2).is_cpu


def test_old_types_of_a_gpu():
    x = ag.cuda.FloatTensor([1.5, 2.0])
    assert x.is_cuda
    assert isinstance(x, ag.cuda.FloatTensor)
    assert not isinstance(x, ag.cuda.LongTensor)
    assert not isinstance(x.cpu(), ag.cuda.FloatTensor)
    assert isinstance(ag.ones(2, dtype=ag.float64).type(ag.cuda.FloatTensor), ag.cuda.FloatTensor)
    assert ag.cuda.LongTensor(2, 3).shape == (2, 3)
