"""What a stored notebook must be, each rule with a notebook that breaks it; how it opens."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit.errors import CourseError
from coursekit.notebooks import opening, problems

ADDRESS = "https://github.com/owner/course"
DETAILS = {"chapter": "01", "minutes_read": 5, "seconds_run": 10, "device": "cpu"}


def printed(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def shown(**data: str):
    kinds = {"plain": "text/plain", "html": "text/html", "svg": "image/svg+xml", "png": "image/png"}
    return new_output("display_data", data={kinds[kind]: text for kind, text in data.items()})


def notebook(*code, **metadata):
    """A notebook that keeps every rule, unless ``code`` or ``metadata`` break one."""
    cells = [new_markdown_cell("# Title\n\nA promise.", id="title")]
    for number, cell in enumerate(code, start=1):
        cell = copy.deepcopy(cell)
        cell["id"] = f"cell-{number}"
        cell["execution_count"] = cell["execution_count"] or number
        cells.append(cell)
    made = new_notebook(cells=cells)
    made["metadata"] = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "coursekit": DETAILS}
        | metadata
    )
    return made


def tagged(*tags: str, outputs=(), source="1", **reasons: str):
    metadata = {"tags": list(tags)} | ({"coursekit": reasons} if reasons else {})
    return new_code_cell(source, metadata=metadata, outputs=list(outputs))


def test_a_good_notebook_has_no_problem():
    good = notebook(
        new_code_cell("print(1)", outputs=[printed("1\n")]),
        new_code_cell("show(ax)", outputs=[shown(html="<svg/>", plain="Figure: it falls.")]),
        tagged("nbval-ignore-output", outputs=[printed("3 s")], ignore_output_because="seconds"),
        tagged("hide-input", "gpu"),
    )
    assert problems(good) == []
    nbformat.validate(good)


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
BROKEN = {
    "kernelspec is not 'python3'": notebook(kernelspec={"name": "conda-env"}),
    "metadata.widgets": notebook(widgets={}),
    "lacks seconds_run": notebook(
        coursekit={name: value for name, value in DETAILS.items() if name != "seconds_run"}
    ),
    "promises to run in 90 s; 60 s": notebook(coursekit=DETAILS | {"seconds_run": 90}),
    "out of order or more than once (2, 1)": notebook(
        new_code_cell("1", execution_count=2), new_code_cell("2", execution_count=1)
    ),
    "more than once (3)": notebook(new_code_cell("1", execution_count=3)),
    "ends with ';'": notebook(new_code_cell("plt.plot(x);")),
    "is empty; delete it": notebook(new_code_cell(" \n")),
    "stores the error ValueError: no": notebook(new_code_cell("1", outputs=[ERROR])),
    "wrote to stderr (Warning: old)": notebook(
        new_code_cell("1", outputs=[printed("Warning: old\n  code", "stderr")])
    ),
    "tag nbval-ignore-output; say why in its metadata, coursekit.ignore_output_because": notebook(
        tagged("nbval-ignore-output")
    ),
    "coursekit.skip_because": notebook(tagged("nbval-skip", skip_because=" ")),
    "coursekit.raises_because": notebook(tagged("raises-exception", outputs=[ERROR])),
    "tag nbval-ignore-outputs, which nbval does not know": notebook(tagged("nbval-ignore-outputs")),
    "by the comment NBVAL_SKIP": notebook(new_code_cell("# NBVAL_SKIP\n1 / 0")),
    "an unrelated package": notebook(new_code_cell("%pip install -q coursekit")),
    "without its data as text/plain": notebook(
        new_code_cell("1", outputs=[shown(png="aGk=", plain="<Figure size 640x480 with 1 Axes>")])
    ),
    "a picture without its data": notebook(new_code_cell("1", outputs=[shown(html="<b>hi</b>")])),
    "shows /home/ada/course/data.csv": notebook(
        new_code_cell("1", outputs=[printed("reading /home/ada/course/data.csv\n")])
    ),
    "shows C:\\Users\\ada\\x": notebook(
        new_code_cell("1", outputs=[shown(plain="'C:\\Users\\ada\\x'")])
    ),
    "a path of the machine it ran on": notebook(
        new_code_cell("1", outputs=[printed(f"{sys.prefix}/lib")])
    ),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_broken_rule_is_named(sentence):
    found = problems(BROKEN[sentence])
    assert len(found) == 1, found
    assert sentence in found[0]


def test_an_assignment_is_no_chapter():
    details = {name: value for name, value in DETAILS.items() if name != "chapter"}
    assert problems(notebook(coursekit=details | {"assignment": "1_x"})) == []
    (found,) = problems(notebook(coursekit=details))
    assert "lacks chapter" in found


def test_cells_that_never_ran_are_counted():
    unrun = notebook(new_code_cell("1"), new_code_cell("2"), tagged("gpu"))
    unrun.cells[1].execution_count = unrun.cells[3].execution_count = None
    (found,) = problems(unrun)
    assert "2 of 3 code cells were never run (1, 3)" in found


def test_cells_that_share_an_id_are_named():
    twins = notebook(new_code_cell("1"), new_code_cell("2"))
    twins.cells[1].id = twins.cells[2].id = "same"
    assert ["share the id same" in found for found in problems(twins)] == [True]


def test_reasons_given_are_accepted():
    reasoned = notebook(
        tagged("raises-exception", outputs=[ERROR], raises_because="the error is the lesson"),
        tagged("nbval-skip", skip_because="asks the reader"),
        tagged("nbval-ignore-output", outputs=[printed("w", "stderr")], ignore_output_because="x"),
    )
    assert problems(reasoned) == []


@pytest.mark.parametrize("source", ["pip install batch-by-batch", "%pip install './coursekit[x]'"])
def test_installing_ours_is_allowed(source):
    assert problems(notebook(new_code_cell(source))) == []


# How a notebook opens


def test_opening_adds_link_and_setup_once():
    made = notebook(new_code_cell("1"))
    for _ in range(2):
        opening.open_the_course_way(made, address=ADDRESS, path="notebooks/01_x.ipynb")
    title, setup, _ = made.cells
    link = "https://colab.research.google.com/github/owner/course/blob/main/notebooks/01_x.ipynb"
    assert title.source == f"# Title\n\n[Open in Colab]({link})\n\nA promise."
    assert (setup.id, setup.metadata.tags) == ("setup", ["hide-input"])
    assert f"git+{ADDRESS}" in setup.source
    nbformat.validate(made)


def test_opening_follows_a_new_address_and_keeps_outputs_and_place():
    made = notebook(new_code_cell("1"))
    opening.open_the_course_way(made, address=ADDRESS, path="notebooks/01_x.ipynb")
    made.cells[1].outputs = [printed("coursekit is ready.\n")]
    made.cells.insert(1, new_markdown_cell("between"))
    opening.open_the_course_way(made, address=f"{ADDRESS}-2", path="notebooks/02_y.ipynb")
    assert "owner/course-2/blob/main/notebooks/02_y.ipynb" in made.cells[0].source
    assert made.cells[0].source.count("Open in Colab") == 1
    assert f"git+{ADDRESS}-2" in made.cells[2].source
    assert made.cells[2].outputs


def test_a_notebook_without_title_is_refused():
    untitled = new_notebook(cells=[new_code_cell("1")])
    with pytest.raises(CourseError, match="does not open with its title"):
        opening.open_the_course_way(untitled, address=ADDRESS, path="notebooks/x.ipynb")


def run_setup(tmp_path: Path, *, installed: str | None, pip: str = "sys.exit(7)"):
    """Run the setup cell with a stand-in for ``pip`` and ``installed`` as the source of coursekit.

    No package of the environment is visible, as on a machine that has nothing of ours.
    """
    site = tmp_path / "site"
    (site / "pip").mkdir(parents=True)
    (site / "pip" / "__init__.py").touch()
    (site / "pip" / "__main__.py").write_text(f"import sys\n{pip}\n")
    if installed is not None:
        (site / "coursekit.py").write_text(installed)
    cell = tmp_path / "cell.py"
    cell.write_text(opening.setup_source(ADDRESS))
    return subprocess.run(
        [sys.executable, "-S", cell],
        env={"PYTHONPATH": str(site), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


OURS = 'DISTRIBUTION = "batch-by-batch"'


def test_setup_finds_what_is_there(tmp_path):
    ran = run_setup(tmp_path, installed=OURS)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "coursekit is ready.\n", "")


def test_setup_refuses_the_unrelated_package(tmp_path):
    ran = run_setup(tmp_path, installed="__version__ = '0.3'")
    assert ran.returncode == 1
    assert ran.stderr == "Another coursekit is here; uninstall it and restart.\n"


def test_setup_says_what_to_do_when_the_installation_fails(tmp_path):
    ran = run_setup(tmp_path, installed=None)
    assert ran.returncode == 1
    assert ran.stderr == f"Nothing came from git+{ADDRESS}; go online, rerun.\n"


def test_setup_installs_and_keeps_numpy_and_torch(tmp_path):
    """The stand-in for pip writes down its arguments and installs the package."""
    site = tmp_path / "site"
    for name in ("numpy", "torch"):
        (site / f"{name}-1.2.3+local.dist-info").mkdir(parents=True)
        (site / f"{name}-1.2.3+local.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3+local\n"
        )
        (site / f"{name}.py").write_text("")
    asked = tmp_path / "asked.txt"
    pip = (
        f"open({str(asked)!r}, 'w').write('\\n'.join(sys.argv[1:]))\n"
        f"open({str(site / 'coursekit.py')!r}, 'w').write({OURS!r})"
    )
    ran = run_setup(tmp_path, installed=None, pip=pip)
    assert (ran.returncode, ran.stdout) == (0, "coursekit is ready.\n"), ran.stderr
    assert asked.read_text().splitlines() == [
        "install",
        "--quiet",
        "numpy==1.2.3+local",
        "torch==1.2.3+local",
        f"batch-by-batch[notebooks] @ git+{ADDRESS}",
    ]


def test_the_setup_cell_is_short():
    lines = opening.setup_source(ADDRESS).splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 78  # as notebooks/ruff.toml asks of every cell
