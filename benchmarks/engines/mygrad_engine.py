import mygrad as mg
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy

from engines import data

PACKAGES = "mygrad", "numpy"


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


class Adam:
    def __init__(self, parameters, lr=1e-3):
        self.parameters, self.lr, self.state = parameters, lr, {}

    def step(self, loss):
        for p in self.parameters:
            p.null_grad()
        loss.backward()
        arrays, gradients = [p.data for p in self.parameters], [p.grad for p in self.parameters]
        data.adam(arrays, gradients, self.state, self.lr)
        return loss.item()


def tensors(arrays):
    return [mg.tensor(array) for array in arrays]


def trained(shapes, loss_of):
    parameters = tensors(data.seeded(shapes))
    optimizer = Adam(parameters)
    return lambda: optimizer.step(loss_of(parameters))


def linear(x, w, b):
    return mg.matmul(x, w.T) + b


def tiny_mlp():
    x, y = data.normal((4, 2), (4, 1))

    def loss_of(p):
        h = mg.tanh(linear(x, p[0], p[1]))
        h = mg.tanh(linear(h, p[2], p[3]))
        return mg.mean((linear(h, p[4], p[5]) - y) ** 2)

    return trained(data.dense(2, 16, 16, 1), loss_of)


def mlp(dropout=0.0):
    x, y = data.labelled(64, 784)
    random = np.random.default_rng(0)

    def loss_of(p):
        h = relu(linear(x, p[0], p[1]))
        if dropout:
            h = h * ((random.random((64, 128), np.float32) >= dropout) / np.float32(1 - dropout))
        return softmax_crossentropy(linear(h, p[2], p[3]), y)

    return trained(data.dense(784, 128, 10), loss_of)


def gan():
    noise, real = data.normal((64, 16), (64, 64))
    generator = tensors(data.seeded(data.dense(16, 64, 64)))
    critic = tensors(data.seeded(data.dense(64, 64, 1), 1))
    g_optimizer, c_optimizer = Adam(generator, 2e-4), Adam(critic, 2e-4)

    def judged(x, sign):
        h = linear(x, critic[0], critic[1])
        return mg.mean(mg.logaddexp(0, sign * linear(mg.where(h.data > 0, h, 0.2 * h), critic[2], critic[3])))

    def step():
        fake = mg.tanh(linear(relu(linear(noise, generator[0], generator[1])), generator[2], generator[3]))
        c_loss = c_optimizer.step(judged(real, -1) + judged(fake.data.copy(), 1))
        return g_optimizer.step(judged(fake, -1)) + c_loss

    return step


def cnn():
    x, y = data.labelled(64, 1, 32, 32)

    def loss_of(p):
        h = x
        for i in (0, 2, 4):
            h = relu(conv_nd(h, p[i], stride=1, padding=1) + p[i + 1].reshape(-1, 1, 1))
            h = max_pool(h, (2, 2), 2)
        return softmax_crossentropy(linear(h.reshape(64, -1), p[6], p[7]), y)

    return trained(data.CNN, loss_of)


WORKLOADS = {
    "scalar_chain": scalar_chain,
    "tiny_mlp": tiny_mlp,
    "gan": gan,
    "mlp": mlp,
    "mlp_dropout": lambda: mlp(0.5),
    "cnn": cnn,
}
