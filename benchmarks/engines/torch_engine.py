import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F

from engines import data

torch.set_num_threads(2)


def scalar_chain():
    x, c = torch.tensor(0.5, requires_grad=True), torch.tensor(1.01)

    def step():
        x.grad = None
        y = x
        for _ in range(250):
            y = (y * c + x).tanh()
        y.backward()
        return y.item()

    return step


def mlp(*sizes, activation):
    layers = []
    for w, b in data.weights(*sizes):
        layer = nn.Linear(w.shape[1], w.shape[0])
        layer.load_state_dict({"weight": torch.tensor(w), "bias": torch.tensor(b)})
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def tiny_mlp():
    model = mlp(2, 16, 16, 1, activation=nn.Tanh)
    optimizer = optim.Adam(model.parameters())
    x, y = map(torch.tensor, data.regression())

    def step():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def mlp_step():
    model = mlp(784, 128, 10, activation=nn.ReLU)
    optimizer = optim.Adam(model.parameters())
    x, y = data.images()
    x, y = torch.tensor(x), torch.tensor(y.astype(np.int64))

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


WORKLOADS = {"scalar_chain": scalar_chain, "tiny_mlp": tiny_mlp, "mlp": mlp_step}
