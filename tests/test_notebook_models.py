"""The models of the notebooks, each trained in a second or so from a fixed seed to a stated bound."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
import nn.functional as F
import optim
from autograd.autograd import grad
from autograd.data import sets
from nn import interpret, quantization

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


@pytest.fixture(scope="module")
def digits():
    return [part.tensors for part in sets.digits()]


def accuracy(model, x, y):
    model.eval()
    with ag.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def descend(optimizer, loss, steps):
    """`steps` steps; the last loss."""
    value = None
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    return value.item()


def test_quickstart_and_mlp(digits):
    (x, y), test = digits
    ag.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    trainer = nn.Trainer(model, optim.Adam(model.parameters(), lr=3e-3), nn.CrossEntropyLoss(), ["accuracy"])
    history = trainer.fit(x, y, epochs=6, batch_size=64, validation_split=0.1, progress=False)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert accuracy(model, *test) > 0.92


def test_linear_regression_finds_the_closed_form():
    ag.manual_seed(0)
    x = ag.rand(200, 1)
    y = 2 * x + 1 + 0.5 * ag.randn(200, 1)
    line = nn.Linear(1, 1)
    descend(optim.SGD(line.parameters(), lr=0.5), lambda: F.mse_loss(line(x), y), 200)
    X = ag.cat([x, ag.ones_like(x)], dim=1)
    slope, intercept = ag.linalg.solve(X.T @ X, X.T @ y)[:, 0].tolist()
    assert line.weight.item() == pytest.approx(slope, abs=1e-2)
    assert line.bias.item() == pytest.approx(intercept, abs=1e-2)


def test_logistic_regression():
    ag.manual_seed(0)
    labels = ag.cat([ag.zeros(100), ag.ones(100)])
    points = ag.tensor([[-1.0, -0.5], [1.0, 1.0]])[labels.long()] + 0.5 * ag.randn(200, 2)
    model = nn.Linear(2, 1)
    loss = nn.BCEWithLogitsLoss()
    descend(optim.SGD(model.parameters(), lr=0.5), lambda: loss(model(points)[:, 0], labels), 100)
    assert ((model(points)[:, 0] > 0) == (labels > 0)).float().mean().item() > 0.97


def test_xor():
    x = ag.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = ag.tensor([[0.0], [1], [1], [0]])
    ag.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1), nn.Sigmoid())
    assert descend(optim.Adam(model.parameters(), lr=0.1), lambda: F.mse_loss(model(x), y), 700) < 0.01


def test_convolutional_network(digits):
    (x, y), test = digits
    ag.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64, 10)),
    )
    trainer = nn.Trainer(model, optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss())
    trainer.fit(x, y, epochs=3, batch_size=32, progress=False)
    assert accuracy(model, *test) > 0.92


def test_he_keeps_what_xavier_loses():
    def deviation(start):
        ag.manual_seed(0)
        h = ag.randn(100, 64)
        first = None
        for _ in range(30):
            weight = ag.empty(64, 64)
            start(weight)
            h = (h @ weight.T).relu()
            first = first or h.std().item()
        return h.std().item() / first

    assert 0.1 < deviation(lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")) < 10
    assert deviation(nn.init.xavier_normal_) < 1e-3


@pytest.mark.parametrize(
    ("make", "bound"),
    [
        (lambda p: optim.SGD(p, lr=1e-3, momentum=0.9), 1e-2),
        (lambda p: optim.Adam(p, lr=0.1), 3e-2),
        (lambda p: optim.LBFGS(p, max_iter=2, line_search_fn="strong_wolfe"), 1e-8),
    ],
)
def test_rosenbrock(make, bound):
    p = ag.tensor([-1.2, 1.0], dtype=ag.float64, requires_grad=True)
    optimizer = make([p])

    def closure():
        optimizer.zero_grad()
        height = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
        height.backward()
        return height

    for _ in range(500):
        height = optimizer.step(closure)
    assert height.item() < bound


def test_l2_makes_the_weights_small(digits):
    (x, y), _ = digits

    def norm(decay):
        ag.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=decay)
        assert descend(optimizer, lambda: F.cross_entropy(model(x[:200]), y[:200]), 60) < 0.2
        return sum(p.square().sum().item() for p in model.parameters())

    assert norm(1e-2) < 0.7 * norm(0.0)


def test_transformer_reverses():
    """The block of the notebook on a task that needs to look at other places: say the text backwards."""
    ag.manual_seed(0)
    rng = np.random.default_rng(0)
    width, length = 32, 6
    token, place = nn.Embedding(10, width), nn.Embedding(length, width)
    layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
    head = nn.Linear(width, 10)
    model = nn.ModuleList([token, place, layer, head])

    def scores(ids):
        return head(layer(token(ids) + place(ag.arange(length))))

    def loss():
        ids = ag.tensor(rng.integers(0, 10, (64, length)))
        return F.cross_entropy(scores(ids).reshape(-1, 10), ids.flip(1).reshape(-1))

    assert descend(optim.Adam(model.parameters(), lr=5e-3), loss, 150) < 0.2


def test_network_solves_a_differential_equation():
    """u″ + u = 0, u(0) = 1, u′(0) = 0 on [0, π]: the cosine."""
    ag.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)).double()
    t = ag.linspace(0, np.pi, 30, dtype=ag.float64).reshape(-1, 1).requires_grad_()
    optimizer = optim.LBFGS(
        net.parameters(), max_iter=300, line_search_fn="strong_wolfe", tolerance_change=0, tolerance_grad=0
    )

    def u():
        return 1 + t**2 * net(t)

    def closure():
        optimizer.zero_grad()
        (du,) = grad(u().sum(), t, create_graph=True)
        (ddu,) = grad(du.sum(), t, create_graph=True)
        loss = ((ddu + u()) ** 2).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (u() - t.cos()).abs().max().item() < 1e-3


def test_int8_says_what_the_network_says(digits):
    (x, y), (test_x, test_y) = digits
    ag.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10)),
    )
    trainer = nn.Trainer(model, optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss())
    trainer.fit(x, y, epochs=2, batch_size=64, progress=False)
    prepared = quantization.prepare(model)
    with ag.no_grad():
        prepared(x[:100])
    for small in (quantization.quantize_dynamic(model), quantization.convert(prepared)):
        numbers = quantization.report(model, small, test_x, test_y)
        assert numbers["agreement"] > 0.97
        assert numbers["smaller by"] > 3


def test_what_explains_a_digit_matters_to_it(digits):
    """Blotting out the pixels that integrated gradients name lowers the score more than blotting out as many others."""
    (x, y), (test_x, test_y) = digits
    ag.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    descend(optim.Adam(model.parameters(), lr=0.01), lambda: F.cross_entropy(model(x), y), 60)
    pictures, classes = test_x[:50], test_y[:50]
    inked = (pictures > 0.3).float()

    def fall(importance):
        covered = pictures.reshape(50, 64).clone()
        covered[ag.arange(50)[:, None], importance.reshape(50, 64).topk(8, dim=1)[1]] = 0
        with ag.no_grad():
            change = model(pictures) - model(covered)
        return change.gather(1, classes[:, None]).mean().item()

    shares = interpret.integrated_gradients(model, pictures, classes)
    assert fall(shares * inked) > 1.5 * fall(inked * (1 + ag.rand_like(inked)))
