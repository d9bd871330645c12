"""The glossary: every word says where the course earns it."""

import re
from pathlib import Path

GLOSSARY = Path(__file__).parents[2] / "book" / "reference" / "glossary.md"
EARNED = re.compile(r"\{claim\}`|\]\([./\w]+\.(ipynb|md)")


def test_every_word_links_to_the_claim_or_the_chapter_that_earns_it():
    listed = GLOSSARY.read_text(encoding="utf-8").split("```{glossary}")[1].split("```")[0]
    entries = [entry for entry in re.split(r"\n\n+", listed.strip()) if entry]
    assert len(entries) > 50
    assert [entry.split("\n")[0] for entry in entries if not EARNED.search(entry)] == []
