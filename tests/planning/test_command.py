"""`coursekit plan` in a terminal: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

import coursekit.planning
from coursekit.cli import main

from . import workloads


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "my_training", workloads)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["plan", *arguments])


def test_a_plan_is_printed_and_written(run, tmp_path):
    ran = run(
        *("my_training:mlp", "--seconds", "60", "--memory", "1GB"),
        *("--json", "plan.json", "--figure", "plan.svg"),
    )
    assert ran.exit_code == 0, ran.stderr
    record = json.loads((tmp_path / "plan.json").read_text())
    size = record["advice"]["global_batch_size"]
    assert f"{size} × 1 × 1" in ran.stdout
    assert "- Loading the data is not in the time of a step." in ran.stdout
    assert "<svg" in (tmp_path / "plan.svg").read_text()
    assert record["memory"]["limit_bytes"] == 1e9


def test_json_alone_goes_to_the_standard_output(run):
    ran = run("my_training:mlp", "--seconds", "3", "--global-batch-size", "64", "--json", "-")
    assert json.loads(ran.stdout)["advice"]["global_batch_size"] == 64


@pytest.mark.parametrize(("option", "file"), [("--json", "p.json"), ("--figure", "p.svg")])
def test_a_plan_that_cannot_be_written_is_printed(run, tmp_path, monkeypatch, option, file):
    folder = tmp_path / "results"
    folder.mkdir()
    measure = coursekit.planning.plan

    def measure_and_lose_the_folder(*arguments, **options):
        made = measure(*arguments, **options)
        folder.rmdir()
        return made

    monkeypatch.setattr(coursekit.planning, "plan", measure_and_lose_the_folder)
    ran = run(
        *("my_training:mlp", "--seconds", "3", "--global-batch-size", "64"),
        *(option, f"results/{file}"),
    )
    assert ran.exit_code == 2, ran.output
    assert "64 × 1 × 1" in ran.stdout
    assert ran.stderr.splitlines()[-1] == (
        f"coursekit: 'results/{file}' could not be written (No such file or directory); "
        "the plan is shown above."
    )


def test_a_target_loss_is_raced_to(run):
    ran = run("my_training:mlp", "--seconds", "30", "--target-loss", "0.5", "--json", "-")
    assert ran.exit_code == 0, ran.stderr
    record = json.loads(ran.stdout)
    assert record["target_loss"] == 0.5
    assert record["advice"]["global_batch_size"] in [size for size, _ in record["raced"]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere_to_be_found:f"], "coursekit: module 'nowhere_to_be_found' cannot be imported"),
        (["my_training:fails"], "coursekit: my_training:fails failed (FileNotFoundError: no file"),
        (["my_training:few_examples"], "coursekit: the data set has 12 examples; at least 40"),
        (["my_training:nan_losses"], "coursekit: the loss of the untrained model on 2 examples is"),
        (["my_training:wrong_width"], "coursekit: the model or its loss failed on a batch of 2"),
        (
            ["my_training:out_of_memory"],
            "coursekit: the machine ran out of memory at a micro",
        ),
        (["my_training:mlp", "--memory", "1kB"], "and the limit is 1000; not one example fits."),
        (["my_training:mlp", "--memory", "lots"], "coursekit: 'lots' is not an amount of memory;"),
        (["my_training:mlp", "--target-loss", "9"], "the untrained model's loss is already 2."),
        (["my_training:mlp", "--seconds", "0"], "coursekit: seconds=0.0; a plan needs some time"),
        (["my_training:mlp", "--devices", "0"], "coursekit: world_size=0; use 1 device or more"),
        (["not:read", "--json", "nowhere/p.json"], "coursekit: 'nowhere/p.json' cannot be written"),
        (["not:read", "--figure", "nowhere/p.svg"], "coursekit: 'nowhere/p.svg' cannot be written"),
        (["not:read", "--figure", "."], "coursekit: '.' cannot be written; name a file in a"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(run, arguments, sentence):
    ran = run(*arguments)
    assert ran.exit_code == 2, ran.output
    assert sentence in ran.stderr
    assert "Traceback" not in ran.output
    said = [line for line in ran.stderr.splitlines() if line.startswith("coursekit: ")]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("text", "amount"), [("8GB", 8e9), ("8 GiB", 8 * 2**30), ("500mb", 5e8), ("1024", 1024.0)]
)
def test_amounts_of_memory(text, amount):
    from coursekit.cli import bytes_of

    assert bytes_of(text) == amount
