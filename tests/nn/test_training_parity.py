"""Three models trained for 20 steps, from the same weights on the same data, follow PyTorch's losses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nn
import optim
from tests.conftest import referee
from tests.parity.bridge import ours

torch = referee()
torch.set_num_threads(1)  # the models are tiny: more threads would only wait for each other


def residual_network(L, F):
    """A ResNet-18 in shape, on few channels: a stem, four stages of two blocks, a head."""

    class Block(L.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = L.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = L.BatchNorm2d(outputs)
            self.conv2 = L.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = L.BatchNorm2d(outputs)
            self.relu = L.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or inputs != outputs:
                self.downsample = L.Sequential(L.Conv2d(inputs, outputs, 1, stride, bias=False), L.BatchNorm2d(outputs))

        def forward(self, x):
            identity = x if self.downsample is None else self.downsample(x)
            out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            out += identity
            return self.relu(out)

    class Net(L.Module):
        def __init__(self, width=4):
            super().__init__()
            self.conv1 = L.Conv2d(3, width, 7, 2, 3, bias=False)
            self.bn1 = L.BatchNorm2d(width)
            self.maxpool = L.MaxPool2d(3, 2, 1)
            widths = [width, width, 2 * width, 4 * width, 8 * width]
            for i in range(4):
                blocks = [Block(widths[i], widths[i + 1], 1 if i == 0 else 2), Block(widths[i + 1], widths[i + 1], 1)]
                setattr(self, f"layer{i + 1}", L.Sequential(*blocks))
            self.avgpool = L.AdaptiveAvgPool2d((1, 1))
            self.fc = L.Linear(8 * width, 5)

        def forward(self, x):
            x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(self.avgpool(x).flatten(1))

    return Net()


def sequence_model(L, F):
    """A two-layer LSTM over characters."""

    class Net(L.Module):
        def __init__(self):
            super().__init__()
            self.embed = L.Embedding(11, 6)
            self.lstm = L.LSTM(6, 10, num_layers=2, batch_first=True)
            self.head = L.Linear(10, 11)

        def forward(self, x):
            return self.head(self.lstm(self.embed(x))[0]).flatten(0, 1)

    return Net()


def language_model(L, F):
    """A GPT of four layers."""

    class Block(L.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.ln1, self.ln2 = L.LayerNorm(width), L.LayerNorm(width)
            self.qkv, self.proj = L.Linear(width, 3 * width), L.Linear(width, width)
            self.mlp = L.Sequential(L.Linear(width, 4 * width), L.GELU(), L.Linear(4 * width, width))

        def forward(self, x):
            n, t, c = x.shape
            q, k, v = self.qkv(self.ln1(x)).split(c, dim=2)
            q, k, v = (y.view(n, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.proj(y.transpose(1, 2).reshape(n, t, c))
            return x + self.mlp(self.ln2(x))

    class Net(L.Module):
        def __init__(self, width=16):
            super().__init__()
            self.tokens, self.places = L.Embedding(11, width), L.Embedding(12, width)
            self.blocks = L.ModuleList([Block(width, 4) for _ in range(4)])
            self.norm = L.LayerNorm(width)
            self.head = L.Linear(width, 11, bias=False)
            self.head.weight = self.tokens.weight

        def forward(self, x):
            places = self.places.weight[: x.shape[1]]
            x = self.tokens(x) + places
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x)).flatten(0, 1)

    return Net()


def images():
    x = torch.randn(6, 3, 32, 32, dtype=torch.float64)
    return x, torch.randint(5, (6,))


def characters():
    x = torch.randint(11, (4, 13))
    return x[:, :-1].contiguous(), x[:, 1:].flatten()


MODELS = {
    "ResNet-18": (residual_network, images, "SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}),
    "two-layer LSTM": (sequence_model, characters, "Adam", {"lr": 0.01}),
    "four-layer GPT": (language_model, characters, "AdamW", {"lr": 0.003, "weight_decay": 0.1}),
}


@pytest.mark.parametrize("name", MODELS)
def test_training_follows_pytorch(name):
    make, data, algorithm, settings = MODELS[name]
    torch.manual_seed(0)
    theirs = make(torch.nn, torch.nn.functional).double()
    mine = make(nn, nn.functional).double()
    mine.load_state_dict(theirs.state_dict())
    their_optimizer = getattr(torch.optim, algorithm)(theirs.parameters(), **settings)
    my_optimizer = getattr(optim, algorithm)(mine.parameters(), **settings)
    losses = []
    for _ in range(20):
        x, y = data()
        pair = []
        for model, optimizer, F, inputs in (
            (theirs, their_optimizer, torch.nn.functional, (x, y)),
            (mine, my_optimizer, nn.functional, (ours(x), ours(y))),
        ):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs[0]), inputs[1])
            loss.backward()
            optimizer.step()
            pair.append(loss.item())
        losses.append(pair)
    expected, actual = np.array(losses).T
    assert math.isfinite(expected.sum())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
    for (path, p), q in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=0, atol=1e-6, err_msg=path)
