import mygrad as mg
import numpy as np

from engines import data


def scalar_chain():
    x, c = mg.tensor(0.5, dtype=np.float32), mg.tensor(1.01, dtype=np.float32, constant=True)

    def step():
        x.null_grad()
        y = x
        for _ in range(250):
            y = mg.tanh(y * c + x)
        y.backward()
        return y.item()

    return step


def trained(layers, loss_of):
    parameters = [mg.tensor(array) for layer in layers for array in layer]
    state = {}

    def step():
        for p in parameters:
            p.null_grad()
        loss = loss_of(parameters)
        loss.backward()
        arrays = [p.data for p in parameters]
        data.adam(arrays, [p.grad for p in parameters], state)
        return loss.item()

    return step


def tiny_mlp():
    x, y = data.regression()

    def loss_of(p):
        h = mg.tanh(mg.matmul(x, p[0].T) + p[1])
        h = mg.tanh(mg.matmul(h, p[2].T) + p[3])
        return mg.mean((mg.matmul(h, p[4].T) + p[5] - y) ** 2)

    return trained(data.weights(2, 16, 16, 1), loss_of)


def mlp_step():
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    x, y = data.images()

    def loss_of(p):
        return softmax_crossentropy(mg.matmul(relu(mg.matmul(x, p[0].T) + p[1]), p[2].T) + p[3], y)

    return trained(data.weights(784, 128, 10), loss_of)


WORKLOADS = {"scalar_chain": scalar_chain, "tiny_mlp": tiny_mlp, "mlp": mlp_step}
