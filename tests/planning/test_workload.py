"""What a reader hands over, and what is said when it is not what is needed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from coursekit.errors import CourseError
from coursekit.planning import Workload, load_workload, plan
from coursekit.planning.workload import as_workload

from .workloads import each_cross_entropy, images, mlp, network


class Items(Dataset):
    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.inputs[index], int(self.labels[index])


@pytest.mark.parametrize(
    "wrap", [lambda pair: pair, lambda p: TensorDataset(*p), lambda p: Items(*p)]
)
def test_three_forms_of_a_data_set_give_the_same_batch(wrap):
    inputs, labels = images()
    work = Workload(network(64, 10), each_cross_entropy, wrap((inputs, labels)))
    chosen = np.array([3, 0, 399])
    batch = work.batch(chosen)
    assert work.num_examples == 400
    assert torch.equal(batch[0], inputs[[3, 0, 399]])
    assert torch.equal(batch[1], labels[[3, 0, 399]])


def test_a_factory_is_found_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_own_training.py").write_text("from tests_of_mine import mlp as workload\n")
    monkeypatch.setitem(sys.modules, "tests_of_mine", sys.modules[mlp.__module__])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    assert load_workload("my_own_training:workload").num_examples == 400


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("workloads", "'workloads' does not name a factory; write module:factory"),
        ("workloads:", "'workloads:' does not name a factory"),
        ("no_such_module_here:f", "cannot be imported .ModuleNotFoundError: No module named"),
        ("planning_workloads:nothing", "has no function 'nothing'; it has "),
        ("planning_workloads:not_a_function", "has no function 'not_a_function'"),
        ("planning_workloads:fails", "failed .FileNotFoundError: no file train.csv.; it must run"),
        ("planning_workloads:something_else", "got a str; needed is a Workload, or"),
        ("planning_workloads:few_examples", "has 12 examples; at least 40 are needed"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(name, sentence, monkeypatch):
    monkeypatch.setitem(sys.modules, "planning_workloads", sys.modules[mlp.__module__])
    with pytest.raises(CourseError, match=sentence) as caught:
        load_workload(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ((1, 2), "got a tuple of 2; needed is"),
        (
            ("model", each_cross_entropy, images()),
            "the model is a str; it must be a torch.nn",
        ),
        ((network(64, 10), "loss", images()), "loss_fn and optimizer must be functions"),
        ((torch.nn.Tanh(), each_cross_entropy, images()), "no parameter of the model requires"),
        ((network(64, 10), each_cross_entropy, iter([])), "without a length"),
    ],
)
def test_parts_that_are_not_what_they_should_be(parts, sentence):
    with pytest.raises(CourseError, match=sentence):
        as_workload(parts)


def test_items_that_cannot_be_batched_are_said():
    ragged = [(torch.ones(2 + i % 3), 0) for i in range(50)]
    with pytest.raises(CourseError, match=r"the data set failed on 2 examples .*all of one shape"):
        plan((network(2, 2), each_cross_entropy, ragged), seconds=5)
