"""coursekit: the shared code of Batch by Batch, an executable course on mini-batch training.

Import the room you need, for example ``from coursekit.gradients import exact_moments``. This
module itself imports nothing, so that every room stays usable on its own.
"""

__version__ = "0.1.0"

DISTRIBUTION = "batch-by-batch"
"""Name of the distribution. An unrelated package elsewhere is also called ``coursekit``; the setup
cell of each notebook compares this name before it goes on."""
