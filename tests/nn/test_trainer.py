"""Trainer, callbacks and metrics."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd.data import DataLoader, IterableDataset, TensorDataset
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


@pytest.mark.parametrize(("n", "share"), [(10, 0.25), (7, 0.2), (100, 0.1), (3, 0.4)])
def test_validation_split_cuts_where_keras_does(n, share):
    seen = []

    class Count(cb.Callback):
        def on_step(self, step):
            seen.append(step)

    x, y = problem(n)
    trainer().fit(x, y, batch_size=1, validation_split=share, callbacks=[Count()])
    assert len(seen) == math.floor(n * (1 - share))


def test_validation_data_comes_before_the_split():
    x, y = problem()
    t = trainer(lr=0.0)
    history = t.fit(x, y, validation_split=0.5, validation_data=(x[:3], y[:3]))
    assert history.history["val_loss"] == pytest.approx([t.evaluate(x[:3], y[:3])["loss"]])
    for wrong in (0.999, 1.5, -0.1):
        with pytest.raises(ValueError, match="validation_split"):
            t.fit(x, y, validation_split=wrong)


def test_a_summed_loss_is_reported_as_the_sum():
    x, y = problem()
    t = trainer(lr=0.0)
    t.loss = nn.CrossEntropyLoss(reduction="sum")
    total = t.loss(t.model(x), y).item()
    assert t.evaluate(x, y, batch_size=16)["loss"] == pytest.approx(total, rel=1e-5)
    history = t.fit(x, y, batch_size=16, class_weight={0: 1.0})
    assert history.history["loss"] == pytest.approx([total], rel=1e-5)
    a, b = trainer(), trainer()
    a.loss = b.loss = t.loss
    a.fit(x, y, batch_size=50, shuffle=False)
    b.fit(x, y, batch_size=10, accumulate=5, shuffle=False)
    np.testing.assert_allclose(weights(a), weights(b), atol=2e-5)


def test_streams_and_lists_of_batches():
    x, y = problem(40)

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(zip(x, y, strict=True))

    a, b, c = trainer(), trainer(), trainer()
    a.fit(x, y, batch_size=8, accumulate=3, shuffle=False)
    b.fit(DataLoader(Stream(), batch_size=8), accumulate=3, progress=True)
    c.fit([(x[i : i + 8], y[i : i + 8]) for i in range(0, 40, 8)], accumulate=3)
    np.testing.assert_array_equal(weights(a), weights(b))
    np.testing.assert_array_equal(weights(a), weights(c))


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
    one_hot = nn.functional.one_hot(y, 3).float()
    assert t.fit(x, one_hot, class_weight={1: 3.0}).history["loss"][1] == pytest.approx(loss, rel=1e-5)


def test_early_stopping_restores_the_best_weights():
    x, y = problem()
    t = trainer(lr=0.5)
    stop = cb.EarlyStopping("val_loss", patience=2)
    history = t.fit(x[:10], y[:10], epochs=60, validation_data=(x[10:], y[10:]), callbacks=[stop])
    assert len(history.epoch) < 60
    assert t.evaluate(x[10:], y[10:])["loss"] == pytest.approx(min(history.history["val_loss"]), rel=1e-6)
    with pytest.raises(KeyError, match=r"monitors 'val_loss', but an epoch logs"):
        trainer().fit(x, y, callbacks=[cb.EarlyStopping()])


@pytest.mark.parametrize("first", [True, False], ids=["checkpoint first", "checkpoint last"])
def test_checkpoint_resumes_bit_for_bit(tmp_path, first):
    pytest.importorskip("safetensors")
    x, y = problem()

    def fit(epochs, save):
        t = trainer(dropout=0.3)
        schedule = optim.lr_scheduler.ExponentialLR(t.optimizer, 0.8)
        others = [cb.LearningRateSchedule(schedule), cb.EarlyStopping("loss", patience=9)]
        checkpoint = [cb.ModelCheckpoint(tmp_path / "run.safetensors")] if save else []
        generator = ag.Generator().manual_seed(7)
        t.fit(
            x,
            y,
            epochs=epochs,
            batch_size=16,
            generator=generator,
            callbacks=checkpoint + others if first else others + checkpoint,
        )
        return t, others[1]

    ag.manual_seed(5)
    whole, _ = fit(4, False)
    ag.manual_seed(5)
    fit(2, True)
    ag.manual_seed(99)
    rest, stop = fit(4, True)
    np.testing.assert_array_equal(weights(whole), weights(rest))
    assert rest.history.history == whole.history.history
    assert rest.optimizer.param_groups[0]["lr"] == whole.optimizer.param_groups[0]["lr"]
    assert stop.best == min(whole.history.history["loss"])
    with pytest.raises(ValueError, match="expected the 3 callbacks of the state, got 1"):
        rest.fit(x, y, callbacks=[cb.ModelCheckpoint(tmp_path / "run.safetensors")])


def test_schedules():
    x, y = problem()
    t = trainer()
    t.fit(x, y, epochs=3, callbacks=[cb.LearningRateSchedule(lambda epoch: 0.1 / (epoch + 1))])
    assert t.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 3)
    t = trainer()
    t.fit(x, y, epochs=3, callbacks=[cb.LearningRateSchedule(optim.lr_scheduler.ExponentialLR(t.optimizer, 0.5))])
    assert t.optimizer.param_groups[0]["lr"] == pytest.approx(0.01 / 8)
    t = trainer()
    steps = cb.LearningRateSchedule(optim.lr_scheduler.ExponentialLR(t.optimizer, 0.5), each_step=True)
    t.fit(x, y, batch_size=10, accumulate=2, callbacks=[steps])
    assert t.optimizer.param_groups[0]["lr"] == pytest.approx(0.01 / 8), "5 batches make 3 steps"


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
        def on_step_end(self, step, loss):
            if step == 1:
                os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    t = trainer()
    history = t.fit(x, y, epochs=5, batch_size=10, callbacks=[Interrupt()])
    assert history.interrupted
    assert signal.getsignal(signal.SIGINT) is handler
    assert np.isfinite(weights(t)).all()
    assert not t.model.training
    assert len(t.fit(x, y, epochs=2).epoch) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers fork")
@pytest.mark.parametrize("persistent", [False, True])
def test_ctrl_c_in_a_terminal_reaches_the_workers_too(persistent):
    class Interrupt(cb.Callback):
        def on_step_end(self, step, loss):
            if step == 1:
                for worker in multiprocessing.active_children():
                    os.kill(worker.pid, signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)

    x, y = problem()
    t = trainer()
    loader = DataLoader(TensorDataset(x, y), batch_size=5, num_workers=2, persistent_workers=persistent)
    history = t.fit(loader, epochs=3, callbacks=[Interrupt()])
    assert history.interrupted
    assert not t.model.training
    assert len(t.fit(loader, epochs=1).epoch) == 1
    del loader
    assert not multiprocessing.active_children()


def test_interrupt_while_validating_makes_no_further_step():
    x, y = problem()
    seen = []

    class Interrupt(cb.Callback):
        def on_step_end(self, step, loss):
            seen.append(step)

    class Once(nn.CrossEntropyLoss):
        def forward(self, input, target):
            if not ag.is_grad_enabled():
                os.kill(os.getpid(), signal.SIGINT)
            return super().forward(input, target)

    t = trainer()
    t.loss = Once()
    history = t.fit(x, y, epochs=5, batch_size=50, validation_data=(x, y), callbacks=[Interrupt()])
    assert history.interrupted
    assert (history.epoch, seen) == ([0], [0])


def test_metrics():
    outputs = ag.tensor([[0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.2, 0.3, 0.5]])
    accuracy, top = Accuracy(), TopK(2)
    for m in (accuracy, top):
        m.update(outputs, ag.tensor([1, 1, 2]))
    assert accuracy.compute() == pytest.approx(2 / 3)
    assert top.compute() == 1
    accuracy.reset()
    accuracy.update(outputs, ag.eye(3))
    assert accuracy.compute() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match=r"0\.0\) for logits, 0\.5 for probabilities"):
        accuracy.update(ag.tensor([[2.0]]), ag.tensor([[1.0]]))
    with pytest.raises(ValueError, match="there is no metric 'nonsense'"):
        metric("nonsense")
    error = metric("mean_absolute_error")
    error.update(ag.tensor([1.0, 2.0]), ag.tensor([2.0, 2.0]))
    assert error.compute() == 0.5
    with pytest.raises(ValueError, match="top_9 needs at least 9 classes"):
        TopK(9).update(outputs, ag.tensor([0, 1, 2]))


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [
        (nn.BCEWithLogitsLoss(), [0.3, -2.0, -0.1, 4.0]),
        (nn.functional.binary_cross_entropy_with_logits, [0.3, -2.0, -0.1, 4.0]),
        (nn.BCELoss(), [0.9, 0.1, 0.4, 0.6]),
        (nn.functional.binary_cross_entropy, [0.9, 0.1, 0.4, 0.6]),
        (nn.MSELoss(), [0.9, 0.1, 0.4, 1.6]),
    ],
)
def test_the_loss_says_what_a_single_output_means(loss, outputs):
    sklearn = pytest.importorskip("sklearn.metrics")
    true, predicted = np.array([1, 0, 1, 1]), np.array([1, 0, 0, 1])
    for target in (ag.tensor(true), ag.tensor(true[:, None]).float()):
        for name, expected in [
            ("accuracy", 0.75),
            ("f1_score", sklearn.f1_score(true, predicted)),
            ("balanced_accuracy_score", sklearn.balanced_accuracy_score(true, predicted)),
            ("roc_auc_score", sklearn.roc_auc_score(true, outputs)),
        ]:
            m = metric(name, loss)
            m.update(ag.tensor(outputs)[:, None], target)
            assert m.compute() == pytest.approx(expected), name


def test_several_labels_of_a_sample_are_compared_one_by_one():
    outputs, target = ag.tensor([[2.0, 3.0, -1.0], [-1.0, -1.0, -2.0]]), ag.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    several, largest = metric("accuracy", nn.BCEWithLogitsLoss()), metric("accuracy", nn.CrossEntropyLoss())
    for m in (several, largest):
        m.update(outputs, target)
    assert several.compute() == pytest.approx(5 / 6)
    assert largest.compute() == 0


def test_scores_over_more_than_two_classes_are_means():
    sklearn = pytest.importorskip("sklearn.metrics")
    m = metric("f1_score", nn.CrossEntropyLoss())
    m.update(ag.eye(3)[[0, 1, 2, 2]], ag.tensor([0, 1, 2, 1]))
    assert m.compute() == pytest.approx(sklearn.f1_score([0, 1, 2, 1], [0, 1, 2, 2], average="macro"))


@pytest.mark.parametrize(("name", "falls"), [("val_loss", 1), ("val_max_error", 1), ("accuracy", 0), ("val_top_5", 0)])
def test_the_name_says_what_is_better(name, falls):
    stop = cb.EarlyStopping(name)
    assert stop.better({name: 1.0})
    assert stop.better({name: 0.5}) == falls
    with pytest.raises(ValueError, match="mode='min' or 'max'"):
        cb.EarlyStopping("perplexity")


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
    t.evaluate(DataLoader(TensorDataset(x, y), batch_size=9, shuffle=True))
    t.predict(DataLoader(TensorDataset(x, y), batch_size=9))
    assert (ag.get_rng_state() == before).all()
