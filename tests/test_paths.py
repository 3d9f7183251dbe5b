"""Import lines of PyTorch programs, changed as the README says, find what they name, or say what to write instead."""

from __future__ import annotations

import importlib

import pytest

import autograd as ag
import nn

FOUND = {
    "autograd.accelerator": "current_accelerator is_available",
    "autograd.amp": "GradScaler autocast",
    "autograd.backends.cuda": "matmul",
    "autograd.backends.cudnn": "benchmark deterministic enabled flags",
    "autograd.backends.mps": "is_available",
    "autograd.utils.checkpoint": "checkpoint",
    "autograd.utils.data": "DataLoader Dataset",
    "autograd.autograd.function": "Function once_differentiable",
    "autograd.autograd.functional": "hessian jacobian",
    "autograd.autograd.grad_mode": "no_grad",
    "autograd.autograd.profiler": "profile record_function",
    "autograd.autograd.variable": "Variable",
    "autograd.cuda.amp": "GradScaler autocast custom_bwd custom_fwd",
    "autograd.distributed": "destroy_process_group init_process_group is_initialized",
    "autograd.distributions.categorical": "Categorical",
    "autograd.distributions.kl": "kl_divergence",
    "autograd._dynamo": "disable is_compiling",
    "autograd.compiler": "disable is_compiling",
    "autograd.hub": "load_state_dict_from_url",
    "autograd.jit.annotations": "List",
    "autograd.mps": "is_available",
    "autograd.utils._pytree": "tree_map",
    "autograd.utils.dlpack": "from_dlpack",
    "autograd.utils.hooks": "RemovableHandle",
    "autograd.utils.model_zoo": "load_url",
    "autograd.version": "cuda",
    "autograd.xpu": "device_count is_available",
    "nn.modules.module": "Module _IncompatibleKeys",
    "nn.parallel.distributed": "DistributedDataParallel",
    "autograd.jit": "Final ScriptModule script",
    "autograd.profiler": "ProfilerActivity profile record_function schedule",
    "autograd.utils.data._utils.collate": "default_collate",
    "autograd.utils.data.dataloader": "DataLoader default_collate",
    "autograd.utils.data.dataset": "Dataset random_split",
    "autograd.utils.data.distributed": "DistributedSampler",
    "autograd.utils.data.sampler": "Sampler SubsetRandomSampler",
    "nn.common_types": "_size_2_t",
    "nn.modules": "Linear Module",
    "nn.modules.batchnorm": "BatchNorm2d _BatchNorm",
    "nn.modules.conv": "Conv2d _ConvNd",
    "nn.modules.loss": "_Loss _WeightedLoss",
    "nn.modules.rnn": "LSTM",
    "nn.modules.utils": "_ntuple _pair _quadruple _single _triple",
    "nn.parallel": "DataParallel DistributedDataParallel",
    "optim.adamw": "AdamW",
    "optim.lr_scheduler": "LRScheduler _LRScheduler",
    "optim.optimizer": "Optimizer required",
}


@pytest.mark.parametrize("path", FOUND)
def test_pytorchs_path(path):
    module = importlib.import_module(path)
    for name in FOUND[path].split():
        getattr(module, name)


def test_a_path_has_the_same_classes():
    from nn.modules.batchnorm import _BatchNorm
    from nn.modules.utils import _pair

    assert isinstance(nn.BatchNorm2d(2), _BatchNorm)
    assert nn.modules.utils._pair is _pair
    assert nn.modules.batchnorm._BatchNorm is _BatchNorm
    assert not isinstance(nn.Linear(2, 1), nn.modules.conv._ConvNd)
    assert (_pair(3), _pair([1, 2])) == ((3, 3), (1, 2))


@pytest.mark.parametrize(
    "path", ["autograd.multiprocessing", "autograd.autograd.forward_ad", "autograd.onnx", "nn.quantized"]
)
def test_a_path_that_is_absent_says_what_to_write(path):
    with pytest.raises(ModuleNotFoundError, match=f"gradloom has no '{path}': .{{10}}"):
        importlib.import_module(path)
    package, _, name = path.rpartition(".")
    with pytest.raises(ImportError, match=f"gradloom has no '{path}': .{{10}}"):
        exec(f"from {package} import {name}")


@pytest.mark.parametrize("path", ["autograd.nothing", "nn.modules.nothing", "optim.adam.nothing"])
def test_a_misspelt_path_is_not_found(path):
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module(path)
    with pytest.raises(AttributeError):
        _ = nn.modules.batchnorm.Nothing


def test_a_path_need_not_be_imported():
    assert ag.autograd.profiler.profile is ag.profiler.profile
    assert ag.autograd.function.Function is ag.autograd.Function
    assert ag.utils.data.sampler.Sampler is ag.data.Sampler
    assert ag.utils.data.dataloader.default_collate is ag.data.default_collate
    assert ag.distributions.kl.kl_divergence is ag.distributions.kl_divergence
    with pytest.raises(AttributeError, match=r"no autograd\.autograd\.forward_ad: use autograd\.func\.jvp"):
        _ = ag.autograd.forward_ad
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = ag.utils.data.nothing


def test_one_process():
    assert (ag.distributed.get_rank(), ag.distributed.get_world_size()) == (0, 1)
    with pytest.raises(RuntimeError, match=r"only if distributed\.is_initialized"):
        ag.distributed.init_process_group("gloo")
    with pytest.raises(AttributeError, match="one process"):
        _ = ag.distributed.nothing
    with pytest.raises(RuntimeError, match="use the module itself"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))


def test_scripts_are_what_they_were():
    @ag.jit.script
    def double(x):
        return 2 * x

    @ag.jit.ignore(drop=True)
    def triple(x):
        return 3 * x

    assert (double(1), triple(1), ag.jit.is_scripting()) == (2, 3, False)
    assert issubclass(ag.jit.ScriptModule, nn.Module)
    with pytest.raises(AttributeError, match=r"autograd\.save keeps"):
        _ = ag.jit.save


def test_a_profile_counts_operations_shapes_and_modules():
    model, x = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU())), ag.ones(2, 4)
    with ag.profiler.profile(record_shapes=True, with_modules=True) as prof, ag.profiler.record_function("both"):
        model(x)
        model(ag.ones(5, 4))
    rows = {(r.key, str(r.input_shapes), r.module): r for r in prof.key_averages(group_by_input_shape=True)}
    assert next(iter(rows))[0] == "both"
    assert rows["relu", "([2, 3],)", "1.0"].count == 1
    linear = [r for r in prof.key_averages() if r.key == "linear"]
    assert [r.input_shapes[0] for r in linear] == [[2, 4], [5, 4]]
    both = rows["both", "()", ""]
    assert both.cpu_time_total >= both.self_cpu_time_total + sum(r.cpu_time_total for r in linear)
    text = prof.key_averages().table(sort_by="cpu_time_total", row_limit=2)
    assert len(text.splitlines()) == 3 + 2 + 2
    assert "both" in text.splitlines()[3]
    with pytest.raises(ValueError, match="expected sort_by"):
        prof.table(sort_by="colour")
    relu = len(rows)
    model(x)
    assert len(prof.key_averages()) == relu  # nothing is watched any more


def test_a_profile_of_some_steps():
    seen = []
    plan = ag.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    with ag.profiler.profile(schedule=plan, on_trace_ready=lambda p: seen.append(p.key_averages()[0].count)) as prof:
        for _ in range(6):
            ag.ones(2).exp()
            prof.step()
    assert seen == [2]


def test_the_progress_bar_of_the_hub():
    tqdm = pytest.importorskip("tqdm").tqdm
    assert ag.hub.tqdm is tqdm
    with pytest.raises(AttributeError, match="has no attribute 'tqmd'"):
        _ = ag.hub.tqmd
