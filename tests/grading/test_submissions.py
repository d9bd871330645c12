"""Files from strangers: who handed in what, and what is not read."""

import json
import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from coursekit.errors import CourseError
from coursekit.grading.submissions import find, read


def write(path, text=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell("x = 1", outputs=[])]
    path.write_text(text if text is not None else nbformat.writes(new_notebook(cells=cells)))
    return path


def test_a_student_is_a_file_or_a_folder_and_moodle_and_canvas_names_are_understood(tmp_path):
    for name in (
        "ada.ipynb",
        "bob/homework 1.ipynb",
        "cam/deep/er/x.IPYNB",
        "Dee Doe_4711_assignsubmission_file_/any.ipynb",
        "eves_LATE_12_34567_homework-1.ipynb",
        "fay_12345_67890_hw.ipynb",
        "hw_01_2026_ann.ipynb",
        "hw_01_2026_bob.ipynb",
        "=cmd|' /C calc'!A0.ipynb",
        "fäß 学生.ipynb",
        ".hidden.ipynb",
        "bob/.ipynb_checkpoints/homework 1-checkpoint.ipynb",
        "notes.txt",
    ):
        write(tmp_path / name)
    found = {one.student: (one.file, one.number, one.problem) for one in find([tmp_path])}
    assert found == {
        "ada": ("ada.ipynb", "", ""),
        "bob": ("bob/homework 1.ipynb", "", ""),
        "cam": ("cam/deep/er/x.IPYNB", "", ""),
        "Dee Doe": ("Dee Doe_4711_assignsubmission_file_/any.ipynb", "4711", ""),
        "eves": ("eves_LATE_12_34567_homework-1.ipynb", "12", ""),
        "fay": ("fay_12345_67890_hw.ipynb", "12345", ""),
        "hw_01_2026_ann": ("hw_01_2026_ann.ipynb", "", ""),
        "hw_01_2026_bob": ("hw_01_2026_bob.ipynb", "", ""),
        "=cmd|'": ("=cmd|' /C calc'!A0.ipynb", "", ""),
        "fäß 学生": ("fäß 学生.ipynb", "", ""),
    }


def test_the_order_is_that_of_the_names_and_a_file_named_twice_counts_once(tmp_path):
    paths = [write(tmp_path / f"{name}.ipynb") for name in "cab"]
    assert [one.student for one in find([*paths, tmp_path])] == ["a", "b", "c"]


def test_students_of_one_name_are_told_apart_by_their_numbers(tmp_path):
    for name in (
        "Wei Zhang_101_assignsubmission_file/toy.ipynb",
        "Wei Zhang_102_assignsubmission_file/toy.ipynb",
        "ann_7_55555_toy.ipynb",
        "ann_8_55556_toy.ipynb",
        "ann_8_55557_toy.ipynb",
        "ann (7).ipynb",
        "ann.ipynb",
        "bob_9_55558_toy.ipynb",
    ):
        write(tmp_path / name)
    found = {one.student: (one.number, one.problem[:17]) for one in find([tmp_path])}
    assert found == {
        "Wei Zhang (101)": ("101", ""),
        "Wei Zhang (102)": ("102", ""),
        "ann": ("", ""),
        "ann (7)": ("", "there are 2 files"),
        "ann (8)": ("8", "there are 2 files"),
        "bob": ("9", ""),
    }


def test_two_files_for_one_student_are_a_problem_of_that_student_alone(tmp_path):
    for name in ("ada.ipynb", "bob/1.ipynb", "bob/2.ipynb", "bob.ipynb"):
        write(tmp_path / name)
    ada, bob = find([tmp_path])
    assert ada.problem == ""
    assert bob.problem == (
        "there are 3 files for one student (bob.ipynb, bob/1.ipynb, bob/2.ipynb); keep one of them"
    )


def test_no_notebook_and_no_place(tmp_path):
    with pytest.raises(CourseError, match="there is no notebook in"):
        find([tmp_path])
    with pytest.raises(CourseError, match="does not exist"):
        find([tmp_path / "nowhere"])


def test_a_notebook_comes_without_outputs_whatever_its_format(tmp_path):
    cell = {
        "cell_type": "code",
        "source": ["x = 1\n", "y = 2"],
        "metadata": None,
        "execution_count": 3,
        "outputs": [{"output_type": "display_data", "data": {"image/png": "A" * 1_000_000}}],
    }
    made = read(write(tmp_path / "1.ipynb", json.dumps({"nbformat": 4, "cells": [cell]})))
    assert made.cells == [
        {
            "cell_type": "code",
            "source": "x = 1\ny = 2",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
    ]
    old = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell("x = 3")])]
    )
    three = read(write(tmp_path / "3.ipynb", nbformat.writes(old, version=3)))
    assert [one.source for one in three.cells] == ["x = 3"]


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path):
    text = r'{"cells": [{"cell_type": "code", "source": "x = 1  # \ud83d, \ud83d\ude00"}]}'
    (cell,) = read(write(tmp_path / "x.ipynb", text)).cells
    assert cell.source == "x = 1  # ?, 😀"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is not a Jupyter notebook"),
        ("{", "it is not a Jupyter notebook"),
        ("[]", "it is not a Jupyter notebook"),
        ("{}", "it is not a Jupyter notebook \\(no 'cells' in it\\)"),
        ('{"cells": 3}', "it is not a Jupyter notebook"),
        ('{"cells": [3]}', "it is not a Jupyter notebook"),
        ('{"cells": [{"cell_type": "code", "source": [1]}]}', "it is not a Jupyter notebook"),
        ('{"cells": ' + "[" * 200_000, "it is not a Jupyter notebook"),
        ('{"worksheets": [{"cells": 1}], "nbformat": 3}', "it is not a Jupyter notebook"),
        (
            json.dumps({"cells": [{"cell_type": "code", "source": "#" * 3_000_000}]}),
            "its cells hold more than 2,000,000 characters",
        ),
    ],
)
def test_what_is_not_read_is_said_in_a_clause(tmp_path, text, sentence):
    with pytest.raises(CourseError, match=sentence):
        read(write(tmp_path / "x.ipynb", text))


def test_links_pipes_large_and_binary_files_are_not_read(tmp_path):
    target = write(tmp_path / "target.ipynb")
    (tmp_path / "link.ipynb").symlink_to(target)
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "binary.ipynb").write_bytes(b"\xff\xfe\x00")
    with open(tmp_path / "large.ipynb", "wb") as file:
        file.truncate(60_000_000)
    for name, sentence in (
        ("link", "a link"),
        ("pipe", "not a plain file"),
        ("binary", "not text in UTF-8"),
        ("large", "60,000,000 bytes"),
    ):
        with pytest.raises(CourseError, match=sentence):
            read(tmp_path / f"{name}.ipynb")
