"""The course's notebooks as files: the rules they keep, how they open, how they are re-executed.

- `rules`: what makes a stored notebook fit to publish (standard library only);
- `opening`: the setup cell and the Colab link, one text for all notebooks;
- `repository`: the public address, which stands in ``_config.yml`` and is copied from there;
- `execution`: re-execute, normalize, write.
"""

from .opening import SETUP_CELL
from .rules import problems

__all__ = ["SETUP_CELL", "problems"]
