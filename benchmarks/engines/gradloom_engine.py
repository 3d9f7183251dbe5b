import numpy as np

import autograd as ag
import nn
import optim
from engines import data
from nn import functional as F


def scalar_chain():
    x, c = ag.tensor(0.5, requires_grad=True), ag.tensor(1.01)

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
        layer.load_state_dict({"weight": ag.tensor(w), "bias": ag.tensor(b)})
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def tiny_mlp():
    model = mlp(2, 16, 16, 1, activation=nn.Tanh)
    optimizer = optim.Adam(model.parameters())
    x, y = map(ag.tensor, data.regression())

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
    x, y = ag.tensor(x), ag.tensor(y.astype(np.int64))

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


WORKLOADS = {"scalar_chain": scalar_chain, "tiny_mlp": tiny_mlp, "mlp": mlp_step}
