"""coursekit release and coursekit grade: files, sentences, exit codes; nothing runs in a kernel."""

import errno
import importlib.util
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from coursekit.cli import main
from coursekit.grading import command, isolation, schema, store
from coursekit.grading.isolation import Isolation
from coursekit.notebooks import files

from .conftest import source_notebook, submitted

SAFE = "Everything ran in bubblewrap."


@pytest.fixture
def course(tmp_path, monkeypatch, in_process):
    """A repository with one assignment; the current folder is in it, and nothing needs a kernel."""
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/a/b\n")
    folder = tmp_path / "notebooks" / "assignments"
    folder.mkdir(parents=True)
    (folder / "warm_up.ipynb").write_text(json.dumps(source_notebook()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.isolation, "choose", lambda wanted: Isolation("b", SAFE, True))
    monkeypatch.setattr(command, "_runner", lambda order, name: in_process)
    return tmp_path


def coursekit_command(*arguments):
    ran = CliRunner().invoke(main, [str(one) for one in arguments])
    assert "Traceback" not in ran.output
    return ran


def grade(*arguments, assignment="warm_up"):
    return coursekit_command("grade", *arguments, "--assignment", assignment, "--out", "out")


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_release_writes_a_copy_that_can_be_graded(course):
    ran = coursekit_command("release", "warm_up", "--out", "copies")
    assert (ran.exit_code, ran.stdout) == (0, "copies/warm_up.ipynb\n")
    copy = (course / "copies" / "warm_up.ipynb").read_text()
    assert "sum(numbers)" not in copy
    assert "7070" not in copy
    assert grade("copies").exit_code == 0
    assert json.loads(Path("out/results.json").read_text())["submissions"][0]["points"] == 0


def test_a_grading_leaves_its_folder_and_the_same_bytes_again(course, hand_in):
    folder = hand_in(ada=submitted(), bob=submitted(mean="def mean(x): return 1.5"))
    ran = grade(folder)
    assert (ran.exit_code, ran.stdout) == (0, "2 of 2 graded; read out/summary.html\n")
    first = files_of(course / "out")
    names = {name for name in first if not name.startswith("runs/")}
    assert names >= {
        "results.json",
        "gradebook.csv",
        "moodle.csv",
        "canvas.csv",
        "manual.csv",
        "summary.html",
        "feedback/ada.html",
        "feedback/bob.html",
    }
    assert grade(folder).exit_code == 0
    assert files_of(course / "out") == first


def test_points_filled_into_the_table_count_next_time(course, hand_in):
    folder = hand_in(ada=submitted())
    grade(folder)
    table = course / "out" / "manual.csv"
    table.write_text(table.read_text().replace("ada,words,,1,", "ada,words,0.5,1,Say why."))
    assert grade(folder).exit_code == 0
    assert "ada,6.5,7" not in table.read_text()
    assert "ada,words,0.5,1,Say why." in table.read_text()
    assert "Say why." in (course / "out" / "feedback" / "ada.html").read_text()
    assert "6.5" in (course / "out" / "gradebook.csv").read_text()


def test_another_table_of_points_leaves_both_tables_as_they_were(course, hand_in):
    folder = hand_in(ada=submitted(), bob=submitted())
    own, other = course / "out" / "manual.csv", course / "professor.csv"
    header = "student,check,points,out_of,comment\n"
    other.write_text(f"{header}bob,words,0.5,1,from the professor\n")
    assert grade(folder, "--manual", other).exit_code == 0
    assert not own.exists()
    own.write_text(f"{header}ada,words,1,1,from the assistant\n")
    before = own.read_bytes(), other.read_bytes()
    assert grade(folder, "--manual", other).exit_code == 0
    assert (own.read_bytes(), other.read_bytes()) == before
    points = [
        one["points"] for one in json.loads(Path("out/results.json").read_text())["submissions"]
    ]
    assert points == [6, 6.5]
    assert grade(folder, "--manual", own).exit_code == 0  # its own, by an absolute path
    assert "bob,words,,1," in own.read_text()


def test_text_that_is_no_unicode_stops_nobodys_report(course, hand_in):
    odd = submitted(mean="def mean(numbers): return sum(numbers) / len(numbers)  # \ud83d")
    folder = hand_in(ada=submitted(), zed=odd)
    (folder / os.fsdecode(b"\xff")).mkdir()
    for name in (b"1\xff.ipynb", b"2.ipynb"):
        (folder / os.fsdecode(b"\xff") / os.fsdecode(name)).write_text("{}")
    ran = grade(folder)
    assert (ran.exit_code, ran.stdout) == (1, "2 of 3 graded; read out/summary.html\n")
    assert "there are 2 files for one student (�/1�.ipynb, �/2.ipynb)" in ran.stderr
    assert "# ?" in (course / "out" / "feedback" / "zed.html").read_text()


def test_late_work_loses_its_share(course, hand_in):
    folder = hand_in(ada=submitted())
    os.utime(folder / "ada.ipynb", (1_700_000_000, 1_700_000_000))
    ran = grade(folder, "--late", "2023-11-14T12:00,25")
    assert ran.exit_code == 0
    (ada,) = json.loads(Path("out/results.json").read_text())["submissions"]
    assert (ada["days_late"], ada["deducted"], ada["points"]) == (1, 1.5, 4.5)


def test_what_cannot_be_read_is_named_and_the_others_are_graded(course, hand_in):
    folder = hand_in(
        ada=submitted(),
        broken="{",
        other={"cells": [], "metadata": {"coursekit": {"assignment": "another"}}},
    )
    for number in "12":
        (folder / "eve").mkdir(exist_ok=True)
        (folder / "eve" / f"{number}.ipynb").write_text(json.dumps(submitted()))
    ran = grade(folder)
    assert ran.exit_code == 1
    assert ran.stdout == "1 of 4 graded; read out/summary.html\n"
    said = ran.stderr.splitlines()
    assert [line.split(" is not graded: ")[0] for line in said] == ["broken", "eve", "other"]
    assert "it is not a Jupyter notebook" in said[0]
    assert "there are 2 files for one student (eve/1.ipynb, eve/2.ipynb)" in said[1]
    assert "it is a copy of 'another', not of 'warm_up'" in said[2]


def one_sentence(ran, beginning):
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"coursekit: {beginning}")
    assert ran.stderr.count("\n") == 1


def test_orders_that_cannot_be_carried_out(course, hand_in):
    empty = course / "empty"
    empty.mkdir()
    one_sentence(grade(empty), f"there is no notebook in {empty}; submissions end in .ipynb.")
    one_sentence(grade("nowhere"), "nowhere does not exist; name a notebook")
    folder = hand_in(ada=submitted())
    unknown = grade(folder, assignment="unknown")
    one_sentence(unknown, "there is no assignment 'unknown'; the course has warm_up.")
    copy = hand_in(ada=submitted()) / "ada.ipynb"
    one_sentence(grade(folder, assignment=str(copy)), "ada.ipynb: the notebook's metadata names no")
    one_sentence(grade(folder, "--late", "soon"), "'soon' is no late rule; write the deadline")
    one_sentence(grade(folder, "--manual", "none.csv"), "none.csv cannot be read as a table")
    outside = coursekit_command("grade", folder)
    assert outside.exit_code == 2


def test_a_missing_package_is_named_before_anything_runs(course, hand_in, monkeypatch, in_process):
    notebook = source_notebook()
    notebook["cells"][2]["source"] = "import torch\n" + notebook["cells"][2]["source"]
    Path("notebooks/assignments/warm_up.ipynb").write_text(json.dumps(notebook))
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else found(name)
    )
    ran = grade(hand_in(ada=submitted()))
    one_sentence(ran, "assignment 'warm_up' imports torch, which is not installed")
    assert in_process.cells == []


@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_full_disk_is_said_and_the_same_command_goes_on(course, hand_in, monkeypatch, after):
    folder = hand_in(ada=submitted(), bob=submitted(mean="def mean(x): return 1.5"))
    written = []

    def until_full(path, text):
        if len(written) == after:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        files.replace_file(path, text)

    with monkeypatch.context() as patched:
        patched.setattr(store, "replace_file", until_full)
        patched.setattr(command.reports, "replace_file", until_full)
        ran = grade(folder)
    one_sentence(ran, "out")
    assert "the disk is full" in ran.stderr
    assert "goes on from there" in ran.stderr
    assert grade(folder).exit_code == 0


def test_ctrl_c_keeps_what_was_graded(course, hand_in, in_process):
    numbers = {"ada": 1.5, "bob": 2.5, "cam": 3.5}
    folder = hand_in(
        **{name: submitted(mean=f"def mean(x): return {one}") for name, one in numbers.items()}
    )
    in_process.stop_after = 1
    one_sentence(grade(folder), "stopped; what was graded is kept")
    in_process.stop_after = None
    assert grade(folder).exit_code == 0
    assert in_process.cells.count("mean_check") == 1 + 3


def test_isolation_that_is_not_full_is_said_aloud(course, hand_in, monkeypatch):
    aloud = Isolation("none", "Nothing kept students' code apart from this machine.", False)
    monkeypatch.setattr(command.isolation, "choose", lambda wanted: aloud)
    ran = grade(hand_in(ada=submitted()))
    assert ran.exit_code == 0
    assert ran.stderr == "Careful: Nothing kept students' code apart from this machine.\n"
    assert "Nothing kept students&#39; code apart" in Path("out/summary.html").read_text()


def test_without_bubblewrap_the_grading_that_requires_it_is_refused(course, hand_in, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(course)
    monkeypatch.setattr(isolation, "bubblewrap_trouble", lambda: "it is not installed")
    ran = grade(hand_in(ada=submitted()), "--isolation", "required")
    one_sentence(ran, "bubblewrap is required and it is not installed; install it ('sudo apt-get")


def test_every_assignment_of_the_course_is_found_by_its_name():
    folder = Path(__file__).parents[2] / command.FOLDER
    for path in folder.glob("*.ipynb"):
        assert schema.read(path).name == path.stem


def test_another_seed_gives_the_hidden_checks_other_inputs(course, monkeypatch):
    graded = []

    def stop(places, assignment, *rest, **more):
        graded.append(assignment.seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "grade", stop)
    for order in ((), ("--seed", 7)):
        assert grade(course / "notebooks", *order).exit_code == 2
    assert graded == [0, 7]


def test_the_time_for_a_cell_is_told(course, hand_in, monkeypatch, in_process):
    limits = []
    monkeypatch.setattr(
        command, "_runner", lambda order, name: limits.append(order.limits) or in_process
    )
    assert grade(hand_in(ada=submitted()), "--seconds-cell", "2.5").exit_code == 0
    assert grade(hand_in(ada=submitted())).exit_code == 0
    assert [one.seconds_cell for one in limits] == [2.5, 30.0]
    assert grade(hand_in(ada=submitted()), "--seconds-cell", "0").exit_code == 2
