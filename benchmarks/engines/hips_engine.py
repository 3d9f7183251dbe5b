# ruff: noqa: I001 - here `autograd` is HIPS autograd
import autograd.numpy as anp

from autograd import value_and_grad
from engines import data


def scalar_chain():
    def f(x):
        y = x
        for _ in range(250):
            y = anp.tanh(y * 1.01 + x)
        return y

    derivative = value_and_grad(f)
    return lambda: derivative(0.5)[0]


def trained(layers, loss_of):
    parameters = [array for layer in layers for array in layer]
    derivative, state = value_and_grad(loss_of), {}

    def step():
        loss, gradients = derivative(parameters)
        data.adam(parameters, gradients, state)
        return loss

    return step


def tiny_mlp():
    x, y = data.regression()

    def loss_of(p):
        h = anp.tanh(anp.dot(x, p[0].T) + p[1])
        h = anp.tanh(anp.dot(h, p[2].T) + p[3])
        return anp.mean((anp.dot(h, p[4].T) + p[5] - y) ** 2)

    return trained(data.weights(2, 16, 16, 1), loss_of)


def mlp_step():
    x, y = data.images()

    def loss_of(p):
        z = anp.dot(anp.maximum(anp.dot(x, p[0].T) + p[1], 0), p[2].T) + p[3]
        z = z - anp.max(z, 1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(z), 1)) - z[anp.arange(64), y])

    return trained(data.weights(784, 128, 10), loss_of)


WORKLOADS = {"scalar_chain": scalar_chain, "tiny_mlp": tiny_mlp, "mlp": mlp_step}
