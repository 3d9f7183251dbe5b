import jax
import jax.numpy as jnp
from jax import lax

from engines import data

PACKAGES = "jax", "jaxlib"


def adam(parameters, gradients, state, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    t, ms, vs = state
    t = t + 1
    ms = [b1 * m + (1 - b1) * g for m, g in zip(ms, gradients, strict=True)]
    vs = [b2 * v + (1 - b2) * g * g for v, g in zip(vs, gradients, strict=True)]
    size, scale = lr / (1 - b1**t), 1 / (1 - b2**t)
    return [p - size * m / (jnp.sqrt(v * scale) + eps) for p, m, v in zip(parameters, ms, vs, strict=True)], (t, ms, vs)


def momentum(parameters, gradients, state, lr=0.01, momentum=0.9):
    t, velocities, unused = state
    velocities = [momentum * v + g for v, g in zip(velocities, gradients, strict=True)]
    return [p - lr * v for p, v in zip(parameters, velocities, strict=True)], (t + 1, velocities, unused)


def started(shapes, seed=0):
    """Parameters, and the state of an optimizer: the number of steps, and two numbers for each parameter."""
    parameters = [jnp.asarray(array) for array in data.seeded(shapes, seed)]
    return parameters, (jnp.float32(0), *([jnp.zeros_like(p) for p in parameters] for _ in range(2)))


def repeated(step, held, *batch):
    """A step from what is held (parameters and states) to what is held next and a loss, as one compiled function."""
    step = jax.jit(step, donate_argnums=0)
    batch = [jnp.asarray(array) for array in batch]

    def run():
        nonlocal held
        held, loss = step(held, *batch)
        return float(loss)

    return run


def trained(shapes, loss_of, *batch, update=adam):
    def step(held, *batch):
        parameters, state = held
        loss, gradients = jax.value_and_grad(loss_of)(parameters, *batch)
        return update(parameters, gradients, state), loss

    return repeated(step, started(shapes), *batch)


def scalar_chain():
    def chain(x):
        y = x
        for _ in range(250):
            y = jnp.tanh(y * 1.01 + x)
        return y

    derivative, x = jax.jit(jax.value_and_grad(chain)), jnp.float32(0.5)
    return lambda: float(derivative(x)[0])


def linear(x, w, b):
    return x @ w.T + b


def cross_entropy(z, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[..., None], -1).mean()


def tiny_mlp():
    def loss_of(p, x, y):
        h = jnp.tanh(linear(x, *p[:2]))
        h = jnp.tanh(linear(h, *p[2:4]))
        return ((linear(h, *p[4:]) - y) ** 2).mean()

    return trained(data.dense(2, 16, 16, 1), loss_of, *data.normal((4, 2), (4, 1)))


def gan():
    def generated(p, noise):
        return jnp.tanh(linear(jax.nn.relu(linear(noise, *p[:2])), *p[2:]))

    def judged(p, x, sign):
        return jax.nn.softplus(sign * linear(jax.nn.leaky_relu(linear(x, *p[:2]), 0.2), *p[2:])).mean()

    def step(held, noise, real):
        (generator, g_state), (critic, c_state) = held
        fake, back = jax.vjp(lambda p: generated(p, noise), generator)
        c_loss, gradients = jax.value_and_grad(lambda p: judged(p, real, -1) + judged(p, fake, 1))(critic)
        critic, c_state = adam(critic, gradients, c_state, 2e-4)
        g_loss, gradient = jax.value_and_grad(lambda x: judged(critic, x, -1))(fake)
        generator, g_state = adam(generator, *back(gradient), g_state, 2e-4)
        return ((generator, g_state), (critic, c_state)), g_loss + c_loss

    held = started(data.dense(16, 64, 64)), started(data.dense(64, 64, 1), 1)
    return repeated(step, held, *data.normal((64, 16), (64, 64)))


def mlp():
    def loss_of(p, x, y):
        return cross_entropy(linear(jax.nn.relu(linear(x, *p[:2])), *p[2:]), y)

    return trained(data.dense(784, 128, 10), loss_of, *data.labelled(64, 784))


def mlp_dropout():
    def step(held, x, y):
        parameters, state, key = held
        key, now = jax.random.split(key)

        def loss_of(p):
            h = jax.nn.relu(linear(x, *p[:2]))
            return cross_entropy(linear(h * jax.random.bernoulli(now, 0.5, h.shape) * 2, *p[2:]), y)

        loss, gradients = jax.value_and_grad(loss_of)(parameters)
        return (*adam(parameters, gradients, state), key), loss

    return repeated(step, (*started(data.dense(784, 128, 10)), jax.random.key(0)), *data.labelled(64, 784))


def convolution(x, w, stride=1):
    padding = w.shape[-1] // 2
    return lax.conv_general_dilated(x, w, (stride, stride), [(padding, padding)] * 2)


def cnn():
    def loss_of(p, x, y):
        for i in (0, 2, 4):
            x = jax.nn.relu(convolution(x, p[i]) + p[i + 1][:, None, None])
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return cross_entropy(linear(x.reshape(64, -1), *p[6:]), y)

    return trained(data.CNN, loss_of, *data.labelled(64, 1, 32, 32))


def batch_norm(x, w, b, eps=1e-5):
    mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) * lax.rsqrt(variance + eps) * w[:, None, None] + b[:, None, None]


def resnet():
    def block(x, p, stride):
        h = jax.nn.relu(batch_norm(convolution(x, p[0], stride), *p[1:3]))
        h = batch_norm(convolution(h, p[3]), *p[4:6])
        return jax.nn.relu(h + (batch_norm(convolution(x, p[6], stride), *p[7:]) if len(p) > 6 else x))

    def loss_of(p, x, y):
        x = jax.nn.relu(batch_norm(convolution(x, p[0]), *p[1:3]))
        x = block(block(x, p[3:9], 1), p[9:18], 2)
        return cross_entropy(linear(x.mean((2, 3)), *p[18:]), y)

    def normed(*kernel):
        return [kernel, kernel[:1], kernel[:1]]

    shapes = [
        *normed(16, 3, 3, 3), *normed(16, 16, 3, 3), *normed(16, 16, 3, 3),
        *normed(32, 16, 3, 3), *normed(32, 32, 3, 3), *normed(32, 16, 1, 1), *data.dense(32, 10),
    ]  # fmt: skip
    return trained(shapes, loss_of, *data.labelled(32, 3, 32, 32), update=momentum)


def lstm():
    def loss_of(p, x, y):
        embedding, w_input, w_hidden, b_input, b_hidden, *head = p
        gates = linear(embedding[x].swapaxes(0, 1), w_input, b_input + b_hidden)

        def cell(held, gate):
            h, c = held
            i, f, g, o = jnp.split(gate + h @ w_hidden.T, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((x.shape[0], 128))
        return cross_entropy(linear(lax.scan(cell, (start, start), gates)[1].swapaxes(0, 1), *head), y)

    shapes = [(96, 64), (512, 64), (512, 128), (512,), (512,), *data.dense(128, 96)]
    return trained(shapes, loss_of, *data.text(32))


def layer_norm(x, w, b, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + eps) * w + b


def gpt():
    def attention(x, w_in, b_in, w_out, b_out):
        heads = linear(x, w_in, b_in).reshape(*x.shape[:2], 3, 4, 32)
        mixed = jax.nn.dot_product_attention(*(heads[:, :, i] for i in range(3)), is_causal=True)
        return linear(mixed.reshape(x.shape), w_out, b_out)

    def loss_of(p, x, y):
        h = p[0][x] + p[1]
        for i in range(2, 50, 12):
            h = h + attention(layer_norm(h, *p[i : i + 2]), *p[i + 2 : i + 6])
            middle = jax.nn.gelu(linear(layer_norm(h, *p[i + 6 : i + 8]), *p[i + 8 : i + 10]), approximate=False)
            h = h + linear(middle, *p[i + 10 : i + 12])
        return cross_entropy(layer_norm(h, *p[50:52]) @ p[52].T, y)

    norm = [(128,), (128,)]
    layer = [*norm, *data.dense(128, 384), *data.dense(128, 128), *norm, *data.dense(128, 512, 128)]
    return trained([(96, 128), (64, 128), *layer * 4, *norm, (96, 128)], loss_of, *data.text(16))


def elementwise():
    def loss_of(x):
        return jax.nn.sigmoid(jax.nn.gelu(x, approximate=False) ** 2 + x).sum() / 1e6

    derivative, x = jax.jit(jax.value_and_grad(loss_of)), jnp.asarray(data.normal(1_000_000)[0])
    return lambda: float(derivative(x)[0])


WORKLOADS = {
    f.__name__: f for f in (scalar_chain, tiny_mlp, gan, mlp, mlp_dropout, cnn, resnet, lstm, gpt, elementwise)
}
