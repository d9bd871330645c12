"""What the reader brings: a model, a loss and examples, and how to load them by name."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import TensorDataset, default_collate

from ..errors import CourseError
from ..pytorch.per_example_contract import LossFunction, example_losses

FEWEST_EXAMPLES = 40
"""Fewer examples than this give neither a noise scale with an interval nor a useful trial."""

MakeOptimizer = Callable[..., torch.optim.Optimizer]
"""``make(parameters, lr)``; every class of `torch.optim` will do, or a function of your own."""


@dataclass(frozen=True)
class Workload:
    """What is to be trained, as a factory hands it to `coursekit.planning.plan`.

    Attributes
    ----------
    model
        On the device it is to be trained on, with the parameters from which training starts.
    loss_fn
        ``loss_fn(model(inputs), targets)`` returns one loss per example, shape ``(B,)``: pass
        ``reduction="none"``, and average over positions inside. Training minimizes their mean.
    dataset
        Anything with a length whose items are pairs of tensors, or numbers, ``(input, target)``;
        or a pair of tensors ``(inputs, targets)`` with the examples as first dimension.
    optimizer
        ``optimizer(parameters, learning_rate)``; plain gradient descent unless told.
    """

    model: nn.Module
    loss_fn: LossFunction
    dataset: Any
    optimizer: MakeOptimizer = torch.optim.SGD

    @property
    def num_examples(self) -> int:
        """N."""
        return len(self.dataset[0] if isinstance(self.dataset, tuple) else self.dataset)

    @property
    def device(self) -> torch.device:
        """Where the model is; batches are moved there."""
        return next(self.model.parameters()).device

    def batch(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The examples with these numbers, on the model's device."""
        tensors = self.dataset.tensors if isinstance(self.dataset, TensorDataset) else self.dataset
        if isinstance(tensors, tuple):
            chosen = torch.from_numpy(indices)
            inputs, targets = (tensor[chosen.to(tensor.device)] for tensor in tensors)
        else:
            inputs, targets = default_collate([self.dataset[int(index)] for index in indices])
        return inputs.to(self.device), targets.to(self.device)

    def loss(self, batch: tuple[Tensor, Tensor], model: nn.Module | None = None) -> Tensor:
        """Mean loss of a batch: what training minimizes. For a copy of the model, give that."""
        return example_losses(model or self.model, self.loss_fn, *batch).mean()


def load_workload(name: str) -> Workload:
    """Import ``"module:factory"`` and call the factory, which takes no arguments.

    The current folder is searched too. The factory returns a `Workload`, or the three
    ``(model, loss_fn, dataset)``, or these and an optimizer.

    Raises
    ------
    CourseError
        When the name is not of this form, cannot be imported, the factory fails, or what it
        returns is something else.
    """
    module_name, colon, factory_name = name.partition(":")
    if not (module_name and colon and factory_name.isidentifier()):
        raise CourseError(
            f"{name!r} does not name a factory; write module:factory, for example "
            "my_project.train:workload."
        )
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise CourseError(
            f"module {module_name!r} cannot be imported ({said(error)}); run from the folder that "
            "holds it, and give its dotted name without .py."
        ) from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        functions = [key for key, value in vars(module).items() if _is_own(value, module_name)]
        offered = f"it has {', '.join(functions[:6])}" if functions else "it has no functions"
        raise CourseError(f"module {module_name!r} has no function {factory_name!r}; {offered}.")
    try:
        made = factory()
    except Exception as error:
        raise CourseError(
            f"{name} failed ({said(error)}); it must run without arguments."
        ) from error
    return as_workload(made)


def as_workload(made: Workload | Sequence[Any]) -> Workload:
    """Accept a `Workload`, or ``(model, loss_fn, dataset)`` with or without an optimizer.

    Raises
    ------
    CourseError
        When it is neither, or the parts are not what they should be, or there are too few examples.
    """
    if isinstance(made, (tuple, list)) and len(made) in (3, 4):
        made = Workload(*made)
    if not isinstance(made, Workload):
        raise CourseError(f"got {_kind(made)}; needed is a Workload, or (model, loss_fn, dataset).")
    if not isinstance(made.model, nn.Module):
        raise CourseError(f"the model is {_kind(made.model)}; it must be a torch.nn.Module.")
    if not callable(made.loss_fn) or not callable(made.optimizer):
        raise CourseError("loss_fn and optimizer must be functions; one of them cannot be called.")
    if not any(parameter.requires_grad for parameter in made.model.parameters()):
        raise CourseError("no parameter of the model requires a gradient; there is no training.")
    try:
        num_examples = made.num_examples
    except (TypeError, IndexError, NotImplementedError) as error:
        raise CourseError(
            f"the data set is {_kind(made.dataset)}, without a length; give a map-style data set "
            "or a pair of tensors, for a stream the first few thousand examples."
        ) from error
    if num_examples < FEWEST_EXAMPLES:
        raise CourseError(
            f"the data set has {num_examples} examples; at least {FEWEST_EXAMPLES} are needed to "
            "measure how much their gradients differ."
        )
    return made


def said(error: BaseException) -> str:
    """An error as one line."""
    words = " ".join(str(error).split())
    shown = f"{words[:160]}…" if len(words) > 161 else words
    return f"{type(error).__name__}: {shown.rstrip('.')}" if shown else type(error).__name__


def _is_own(value: object, module_name: str) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module_name


def _kind(value: object) -> str:
    size = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
    return f"a {type(value).__name__}{size}"
