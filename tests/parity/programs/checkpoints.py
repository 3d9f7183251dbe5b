"""Saving and resuming a run, surgery on weights, modules made of parameters, buffers and containers of all kinds."""

import copy
import io
import os
import random
from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.cuda.amp import GradScaler

rng = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(rng.standard_normal(shape), dtype=torch.get_default_dtype())


def fill(module, scale=0.3):
    for p in module.parameters():
        p.data.copy_(normal(*p.shape) * scale)
    return module


def seed_everything(seed=42):
    random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        self.classifier = nn.Linear(width * 4, 3)
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("scratch", torch.ones(2), persistent=False)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x - self.mean), 1))


seed_everything()
x, y = normal(12, 1, 4, 4), torch.from_numpy(rng.integers(0, 3, 12))


def parts(model, lr):
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10), GradScaler(enabled=False)


def train(model, optimizer, scheduler, scaler, steps=6, accumulate=2):
    for i in range(steps):
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=False):
            loss = F.cross_entropy(model(x[i % 3 :: 3]), y[i % 3 :: 3]) / accumulate
        scaler.scale(loss).backward()
        if (i + 1) % accumulate == 0:
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            scheduler.step()
    return loss.item()


model = fill(Net())
optimizer, scheduler, scaler = parts(model, 1e-2)
print(train(model, optimizer, scheduler, scaler))
state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
torch.save({**state, "epoch": 3, "losses": [1.0, 2.0], "args": {"betas": (0.9, 0.99), "name": "net"}}, "checkpoint.pt")
expected = train(model, optimizer, scheduler, scaler)
checkpoint = torch.load("checkpoint.pt", map_location="cpu", weights_only=True)
other = Net()
print(other.load_state_dict(checkpoint["model"]))
optimizer, scheduler, scaler = parts(other, 5.0)
optimizer.load_state_dict(checkpoint["optimizer"])
scheduler.load_state_dict(checkpoint["scheduler"])
print(train(other, optimizer, scheduler, scaler) == expected, {k: checkpoint[k] for k in ("epoch", "losses", "args")})

state = model.state_dict()
print(type(state).__name__, list(state))
wrapped = {"module." + k: v for k, v in state.items()}
Net().load_state_dict(OrderedDict((k.replace("module.", ""), v) for k, v in wrapped.items()))
print(Net().load_state_dict({k: v for k, v in state.items() if "classifier" not in k}, strict=False))
for wrong in ({**state, "classifier.weight": torch.zeros(2, 2)}, {"foo": torch.zeros(1)}):
    try:
        Net().load_state_dict(wrong)
    except RuntimeError as error:
        print([part in str(error) for part in ("classifier.weight", "Missing key", "Unexpected key", "size mismatch")])
other.classifier = fill(nn.Linear(other.classifier.in_features, 7))
del other.features[2]
other.features.insert(2, nn.GELU())
other.features.append(nn.Identity())
print(other, other(x).shape)
for name, p in other.named_parameters():
    p.requires_grad = name.startswith("classifier")
other.features.eval()
print(sum(p.numel() for p in other.parameters() if p.requires_grad), other.training, other.features[1].training)
print([name for name, _ in other.named_modules()], other.get_submodule("features.0").kernel_size)
memory = io.BytesIO()
torch.save([torch.arange(3), {"half": torch.ones(2, dtype=torch.float16)}], memory)
memory.seek(0)
print(torch.load(memory))
vector = nn.utils.parameters_to_vector(model.parameters())
nn.utils.vector_to_parameters(torch.zeros(48), other.features.parameters())
twin = copy.deepcopy(model)
twin.classifier.bias.data.zero_()
print(vector.shape, model.classifier.bias.abs().sum() > 0, twin.classifier.bias, other.features[0].weight.abs().sum())


class Box(nn.Module):
    def __init__(self):
        super().__init__()
        self.some = nn.ParameterList([nn.Parameter(torch.ones(i + 1)) for i in range(3)])
        self.named = nn.ParameterDict({"a": nn.Parameter(torch.zeros(2))})
        self.layers = nn.ModuleDict([["relu", nn.LeakyReLU()], ["linear", nn.Linear(1, 1)]])
        self.stack = nn.ModuleList([nn.Linear(1, 1)])
        self.register_parameter("scale", nn.Parameter(torch.tensor(2.0)))
        self.register_parameter("nothing", None)

    def forward(self, x):
        return self.layers["linear"](x) * self.scale + sum(p.sum() for p in self.some)

    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        self.version = state["version"]


box = Box()
box.some.append(nn.Parameter(torch.zeros(1)))
box.layers.update({"new": nn.Tanh()})
box.stack.extend([nn.ReLU()])
print(box)
print(list(box.state_dict()), [name for name, _ in box.named_parameters()], box.nothing, "a" in box.named)
again = Box()
again.some.append(nn.Parameter(torch.zeros(1)))
again.load_state_dict(box.state_dict())
print(again.version, list(box.layers.keys()), box.double().scale.dtype, box.half().some[0].dtype)
box.apply(lambda m: print(type(m).__name__, end=" ") if isinstance(m, nn.Linear) else None)
for mistake in (lambda: box.foo, lambda: setattr(box, "scale", torch.ones(1))):
    try:
        mistake()
    except (AttributeError, TypeError) as error:
        print(type(error).__name__)
