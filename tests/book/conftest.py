"""Tiny books, built in this process with nothing but the extension and the notebook reader."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from coursekit.claims import Claim, proved


@dataclass
class Built:
    """A finished build: what it warned of, which pages it wrote, and where they are."""

    folder: Path
    warnings: str
    written: list[str]

    def page(self, name: str) -> str:
        return (self.folder / "html" / f"{name}.html").read_text("utf-8")


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Built]:
    """Write the files given by name, then build; a second call builds again what changed."""

    def build_(**files: str | dict[str, Any]) -> Built:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        for name, content in files.items():
            if isinstance(content, dict):
                (source / f"{name}.ipynb").write_text(json.dumps(content), "utf-8")
            else:
                (source / f"{name}.md").write_text(content, "utf-8")
        said, written = io.StringIO(), []
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                srcdir=source,
                confdir=None,
                outdir=tmp_path / "html",
                doctreedir=tmp_path / "trees",
                buildername="html",
                confoverrides={
                    "extensions": ["myst_nb", "coursekit.book"],
                    "html_theme": "basic",
                    "nb_execution_mode": "off",
                    "suppress_warnings": ["mystnb.unknown_mime_type"],
                    "myst_enable_extensions": ["colon_fence"],
                },
                status=None,
                warning=said,
            )
            app.connect("html-page-context", lambda app, name, *_: written.append(name))
            app.build()
        lines = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue()).splitlines()
        warnings = "\n".join(line for line in lines if "isn't included in any toctree" not in line)
        return Built(tmp_path, warnings, written)

    return build_


def notebook(*cells: tuple[str, Claim | None], title: str = "A chapter") -> dict[str, Any]:
    """A stored notebook: a heading, then cells of code with the claim each one displays."""
    stored = [
        {
            "cell_type": "code",
            "id": f"cell-{i}",
            "metadata": {},
            "source": source,
            "execution_count": i,
            "outputs": [
                {
                    "output_type": "execute_result",
                    "execution_count": i,
                    "metadata": {},
                    "data": claim._repr_mimebundle_(),
                }
            ]
            if claim
            else [],
        }
        for i, (source, claim) in enumerate(cells, start=1)
    ]
    heading = {
        "cell_type": "markdown",
        "id": "heading",
        "metadata": {},
        "source": f"# {title}\n\nWhat a batch does.",
    }
    return {
        "cells": [heading, *stored],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "coursekit": {"minutes_read": 25, "seconds_run": 20},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def claim(id: str, statement: str = "One is one.", **more: Any) -> tuple[str, Claim]:
    """A cell that makes a claim, and the claim that its run stored."""
    return f'proved("{id}", ...)', proved(id, statement, got=1, expected=1, **more)
