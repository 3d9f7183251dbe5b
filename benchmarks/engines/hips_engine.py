# ruff: noqa: I001 - here `autograd` is HIPS autograd
import autograd.numpy as anp
import numpy as np

from autograd import value_and_grad
from engines import data

PACKAGES = "autograd", "numpy"


def scalar_chain():
    def f(x):
        y = x
        for _ in range(250):
            y = anp.tanh(y * 1.01 + x)
        return y

    derivative = value_and_grad(f)
    return lambda: derivative(0.5)[0]


def trained(shapes, loss_of):
    parameters = data.seeded(shapes)
    derivative, state = value_and_grad(loss_of), {}

    def step():
        loss, gradients = derivative(parameters)
        data.adam(parameters, gradients, state)
        return loss

    return step


def linear(x, w, b):
    return anp.dot(x, w.T) + b


def tiny_mlp():
    x, y = data.normal((4, 2), (4, 1))

    def loss_of(p):
        h = anp.tanh(linear(x, p[0], p[1]))
        h = anp.tanh(linear(h, p[2], p[3]))
        return anp.mean((linear(h, p[4], p[5]) - y) ** 2)

    return trained(data.dense(2, 16, 16, 1), loss_of)


def cross_entropy(z, y):
    z = z - anp.max(z, 1, keepdims=True)
    return anp.mean(anp.log(anp.sum(anp.exp(z), 1)) - z[anp.arange(len(y)), y])


def mlp(dropout=0.0):
    x, y = data.labelled(64, 784)
    random = np.random.default_rng(0)

    def loss_of(p):
        h = anp.maximum(linear(x, p[0], p[1]), 0)
        if dropout:
            h = h * ((random.random((64, 128), np.float32) >= dropout) / np.float32(1 - dropout))
        return cross_entropy(linear(h, p[2], p[3]), y)

    return trained(data.dense(784, 128, 10), loss_of)


def gan():
    noise, real = data.normal((64, 16), (64, 64))
    generator, critic = data.seeded(data.dense(16, 64, 64)), data.seeded(data.dense(64, 64, 1), 1)
    states = {}, {}

    def generated(p):
        return anp.tanh(linear(anp.maximum(linear(noise, p[0], p[1]), 0), p[2], p[3]))

    def judged(p, x, sign):
        h = linear(x, p[0], p[1])
        return anp.mean(anp.logaddexp(0, sign * linear(anp.where(h > 0, h, 0.2 * h), p[2], p[3])))

    c_loss_of = value_and_grad(lambda p, fake: judged(p, real, -1) + judged(p, fake, 1))
    g_loss_of = value_and_grad(lambda p: judged(critic, generated(p), -1))

    def step():
        c_loss, gradients = c_loss_of(critic, generated(generator))
        data.adam(critic, gradients, states[0], 2e-4)
        g_loss, gradients = g_loss_of(generator)
        data.adam(generator, gradients, states[1], 2e-4)
        return g_loss + c_loss

    return step


WORKLOADS = {
    "scalar_chain": scalar_chain,
    "tiny_mlp": tiny_mlp,
    "gan": gan,
    "mlp": mlp,
    "mlp_dropout": lambda: mlp(0.5),
}
