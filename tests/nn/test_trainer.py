"""Trainer, callbacks and metrics."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd.data import DataLoader, TensorDataset
from nn import callbacks as cb
from nn.metrics import Accuracy, TopK, metric
from nn.trainer import Trainer


def problem(n=50, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, 4)).astype(np.float32)
    return ag.tensor(x), ag.tensor((x.sum(1) > 0).astype(np.int64) + (x[:, 0] > 1))


def model(dropout=0.0):
    ag.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 3))


def trainer(lr=0.01, dropout=0.0, metrics=("accuracy",)):
    made = model(dropout)
    return Trainer(made, optim.Adam(made.parameters(), lr=lr), nn.CrossEntropyLoss(), metrics)


def weights(t):
    return np.concatenate([p.detach().numpy().ravel() for p in t.model.parameters()])


def test_fit_is_the_loop_of_the_readme():
    x, y = problem()
    t = trainer()
    history = t.fit(x, y, epochs=3, batch_size=16, shuffle=False, progress=False)

    again = model()
    optimizer = optim.Adam(again.parameters(), lr=0.01)
    for _ in range(3):
        total = 0.0
        for a, b in DataLoader(TensorDataset(x, y), batch_size=16):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(again(a), b)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(a)
    np.testing.assert_array_equal(weights(t), np.concatenate([p.detach().numpy().ravel() for p in again.parameters()]))
    assert history.history["loss"][-1] == pytest.approx(total / 50, rel=1e-6)


def test_evaluate_gives_what_fit_reports_for_the_same_weights():
    x, y = problem()  # 50 = 3 × 16 + 2: a partial batch
    t = trainer(lr=0.0, metrics=["accuracy", "top_2", "f1_score"])
    reported = {name: values[-1] for name, values in t.fit(x, y, epochs=1, batch_size=16).history.items()}
    assert t.evaluate(x, y, batch_size=50) == pytest.approx(reported, rel=1e-5)
    t = trainer(dropout=0.5)
    history = t.fit(x, y, epochs=2, batch_size=16, eval_train=True)
    assert t.evaluate(x, y) == pytest.approx({k: v[-1] for k, v in history.history.items()}, rel=1e-5)


def test_evaluate_and_predict_leave_the_mode():
    x, y = problem()
    t = trainer(dropout=0.5)
    t.model.train()
    assert t.predict(x, batch_size=7).shape == (50, 3)
    np.testing.assert_array_equal(
        t.predict(x).numpy(), t.predict(DataLoader(TensorDataset(x, y), batch_size=9)).numpy()
    )
    t.evaluate(x, y)
    assert t.model.training


def test_validation_data_split_and_history():
    x, y = problem(100)
    history = trainer().fit(x, y, epochs=2, validation_split=0.2)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.epoch == [0, 1]
    t = trainer()
    t.fit(x[:80], y[:80], epochs=1, validation_data=(x[80:], y[80:]), shuffle=False)
    assert t.evaluate(x[80:], y[80:])["loss"] == pytest.approx(t.history.history["val_loss"][-1])
    assert len(t.fit(x, y, epochs=2).epoch) == 3


def test_accumulated_gradients_equal_one_large_batch():
    x, y = problem(48)
    a, b = trainer(), trainer()
    a.fit(x, y, epochs=2, batch_size=16, shuffle=False)
    b.fit(x, y, epochs=2, batch_size=4, accumulate=4, shuffle=False)
    np.testing.assert_allclose(weights(a), weights(b), atol=2e-5)


def test_clip_norm_bounds_the_gradient():
    x, y = problem()
    norms = []

    class Look(cb.Callback):
        def on_step(self, batch):
            norms.append(float(sum((p.grad**2).sum().item() for p in self.trainer.model.parameters()) ** 0.5))

    trainer().fit(x, y, clip_norm=1e-3, callbacks=[Look()])
    assert max(norms) <= 1.001e-3


def test_class_weight_scales_the_losses_of_a_class():
    x, y = problem()
    table = ag.tensor([1.0, 3.0, 1.0])
    t = trainer(lr=0.0)
    loss = t.fit(x, y, class_weight={1: 3.0}, batch_size=50).history["loss"][0]
    each = nn.functional.cross_entropy(t.model(x), y, reduction="none")
    assert loss == pytest.approx((each * table[y]).mean().item(), rel=1e-5)


def test_early_stopping_restores_the_best_weights():
    x, y = problem()
    t = trainer(lr=0.5)
    stop = cb.EarlyStopping("val_loss", patience=2)
    history = t.fit(x[:10], y[:10], epochs=60, validation_data=(x[10:], y[10:]), callbacks=[stop])
    assert len(history.epoch) < 60
    assert t.evaluate(x[10:], y[10:])["loss"] == pytest.approx(min(history.history["val_loss"]), rel=1e-6)
    with pytest.raises(KeyError, match=r"monitors 'val_loss', but an epoch logs"):
        trainer().fit(x, y, callbacks=[cb.EarlyStopping()])


def test_checkpoint_resumes_bit_for_bit(tmp_path):
    pytest.importorskip("safetensors")
    x, y = problem()
    ag.manual_seed(5)
    whole = trainer(dropout=0.3)
    ag.manual_seed(5)
    whole.fit(x, y, epochs=4, batch_size=16)
    part = trainer(dropout=0.3)
    ag.manual_seed(5)
    part.fit(x, y, epochs=2, batch_size=16, callbacks=[cb.ModelCheckpoint(tmp_path / "run.safetensors")])
    rest = trainer(dropout=0.3)
    ag.manual_seed(99)
    history = rest.fit(x, y, epochs=4, batch_size=16, callbacks=[cb.ModelCheckpoint(tmp_path / "run.safetensors")])
    np.testing.assert_array_equal(weights(whole), weights(rest))
    assert history.history == whole.history.history


def test_schedules():
    x, y = problem()
    t = trainer()
    t.fit(x, y, epochs=3, callbacks=[cb.LearningRateSchedule(lambda epoch: 0.1 / (epoch + 1))])
    assert t.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 3)
    t = trainer()
    t.fit(x, y, epochs=3, callbacks=[cb.LearningRateSchedule(optim.lr_scheduler.ExponentialLR(t.optimizer, 0.5))])
    assert t.optimizer.param_groups[0]["lr"] == pytest.approx(0.01 / 8)


def test_csv_log(tmp_path):
    x, y = problem()
    trainer().fit(x, y, epochs=2, callbacks=[cb.CSVLog(tmp_path / "log.csv")])
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,accuracy"
    assert len(lines) == 3


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    x, y = problem()
    trainer().fit(x, y, epochs=1, callbacks=[cb.TensorBoard(tmp_path)])
    assert list(tmp_path.glob("events*"))


def test_gradient_monitor_names_parameters():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            return self.used(x)

    x, y = problem()
    net = Half()
    t = Trainer(net, optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss())
    with pytest.warns(RuntimeWarning) as record:
        t.fit(x, y, epochs=2, callbacks=[cb.GradientMonitor()])
    assert [str(w.message).split(":")[0] for w in record] == [
        "unused.weight has no gradient",
        "unused.bias has no gradient",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda loss: loss * float("nan"), "weight has a gradient with NaN"),
        (lambda loss: loss * 1e9, "weight has an exploding gradient"),
        (lambda loss: loss * 1e-12, "weight has a vanishing gradient"),
    ],
)
def test_gradient_monitor_in_a_loop_of_ones_own(change, message):
    x, y = problem()
    net = nn.Linear(4, 3)
    optimizer = optim.SGD(net.parameters(), lr=0.0)
    cb.GradientMonitor().watch(net, optimizer)
    change(nn.functional.cross_entropy(net(x), y)).backward()
    with pytest.warns(RuntimeWarning) as record:
        optimizer.step()
    assert any(message in str(w.message) for w in record)


@pytest.mark.parametrize("zero", [None, True, False])
def test_gradient_monitor_sees_a_forgotten_zero_grad(zero, recwarn):
    x, y = problem()
    net = nn.Linear(4, 3)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    cb.GradientMonitor().watch(net, optimizer)
    for _ in range(3):
        if zero is not None:
            optimizer.zero_grad(set_to_none=zero)
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    assert any("zero_grad() was forgotten" in str(w.message) for w in recwarn) == (zero is None)


def test_interrupt_ends_after_the_step():
    x, y = problem()

    class Interrupt(cb.Callback):
        def on_batch_end(self, batch, loss):
            if batch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    t = trainer()
    history = t.fit(x, y, epochs=5, batch_size=10, callbacks=[Interrupt()])
    assert history.interrupted
    assert signal.getsignal(signal.SIGINT) is handler
    assert np.isfinite(weights(t)).all()
    assert not t.model.training
    assert len(t.fit(x, y, epochs=2).epoch) == 2


def test_metrics():
    outputs = ag.tensor([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5]])
    accuracy, top = Accuracy(), TopK(2)
    for m in (accuracy, top):
        m.update(outputs, ag.tensor([1, 1, 2]))
    assert accuracy.compute() == pytest.approx(2 / 3)
    assert top.compute() == 1
    accuracy.reset()
    accuracy.update(ag.tensor([[2.0], [-1.0]]), ag.tensor([[1.0], [1.0]]))
    assert accuracy.compute() == 0.5
    accuracy.reset()
    accuracy.update(outputs, ag.eye(3))
    assert accuracy.compute() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="there is no metric 'nonsense'"):
        metric("nonsense")
    error = metric("mean_absolute_error")
    error.update(ag.tensor([1.0, 2.0]), ag.tensor([2.0, 2.0]))
    assert error.compute() == 0.5
    with pytest.raises(ValueError, match="top_9 needs at least 9 classes"):
        TopK(9).update(outputs, ag.tensor([0, 1, 2]))


@pytest.mark.parametrize(("loss", "activation"), [(nn.CrossEntropyLoss, "softmax"), (nn.BCEWithLogitsLoss, "sigmoid")])
def test_activation_that_the_loss_applies_itself(loss, activation):
    """A model that ends in a softmax, and a loss that wants logits: it runs, so something has to tell."""
    x = ag.zeros(2, 3, requires_grad=True)
    outputs = x.softmax(1) if activation == "softmax" else x.sigmoid()
    with pytest.warns(UserWarning, match=f"leave out the {activation} at the end"):
        loss()(outputs, ag.ones(2, 3))
    loss()(x, ag.ones(2, 3))  # warnings are errors here


def test_evaluation_draws_no_random_numbers():
    x, y = problem()
    t, before = trainer(), ag.get_rng_state()
    t.evaluate(x, y)
    assert (ag.get_rng_state() == before).all()
