"""Run one notebook as Colab would: in a bare folder, from its own setup cell.

    BATCH_BY_BATCH_SOURCE=file:///…/the.whl python run_as_on_colab.py NOTEBOOK [--setup-alone]

Run by the Python of the environment that stands in for Colab; see test_colab.py. Ends with exit
code 1 and one line when a cell fails or its result cannot be shown, or when the setup cell changed
a package that Colab brings.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

WIDGET = """\
from coursekit.explorables.live import live
import ipywidgets, json
data, _ = live("sampling")._repr_mimebundle_()
print(json.dumps([ipywidgets.__version__, sorted(data)]))
"""


def main(path: str, *options: str) -> None:
    """Run the notebook; report seconds as JSON."""
    before = versions()
    notebook = nbformat.read(path, 4)
    setup = next(cell for cell in notebook.cells if cell.get("id") == "setup")
    if "--setup-alone" in options:
        notebook.cells = [setup, nbformat.v4.new_code_cell(WIDGET)]
    with tempfile.TemporaryDirectory() as bare:
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            skip_cells_with_tag="gpu",
            resources={"metadata": {"path": bare}},
        )
        start = time.monotonic()
        ended = []
        client.on_cell_executed = lambda **_: ended.append(time.monotonic() - start)
        try:
            client.execute(stderr=subprocess.DEVNULL)
        except CellExecutionError as error:
            sys.exit(f"{Path(path).name}: {error.ename}: {error.evalue}")
        left = os.listdir(bare)
    changed = {name for name, version in versions().items() if before.get(name, version) != version}
    if changed:
        sys.exit(f"the setup cell changed {', '.join(sorted(changed))}")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        if output["output_type"] == "error":  # of a result: IPython says so and goes on
            sys.exit(f"{Path(path).name}: cannot show: {output['ename']}: {output['evalue']}")
    said = "".join(output.get("text", "") for output in notebook.cells[-1].get("outputs", []))
    figures = [
        output
        for output in outputs
        if "data-explorable" in output.get("data", {}).get("text/html", "")
    ]
    report = {"setup": round(ended[0], 1), "whole": round(ended[-1], 1), "left": left}
    print(json.dumps(report | {"explorables": len(figures), "said": said}))


def versions() -> dict[str, str]:
    """Every installed distribution and its version."""
    return {one.metadata["Name"]: one.version for one in metadata.distributions()}


if __name__ == "__main__":
    main(*sys.argv[1:])
