"""Interactive figures that need no kernel: ``explorable("sampling")`` is all a notebook says.

The output carries everything it needs. It works in the built book, from a file, with the network
off, in Jupyter and on Colab; without JavaScript a still picture, its numbers and its sentence stay.

To add an explorable NAME, write two files of the same stem and one command:

1. ``NAME.mjs`` begins with ``import { … } from "./core.mjs";`` on one line and exports

   - ``DEFAULTS``, the state: a flat object of numbers and strings, time included;
   - ``CONTROLS``, in the order they are read: ``{ key, label, values }`` is a slider,
     ``names`` beside it makes it a choice, ``play: "Draw one"`` makes it the player's time, and
     ``{ key: "seed", again: "New draws", values }`` the button for other random numbers;
   - ``VIEWS``, named states that have a still picture of their own; the first is NAME itself;
   - ``simulate(state)``, the maths: only ``+ - * /``, ``Math.sqrt`` and ``mulberry32``;
   - ``draw(state, width)`` → ``{ height, layers }``: SVG text, one unit is one CSS pixel, legible
     at 304 wide, colors by class (``blue`` truth, ``vermillion`` batches, ``ink`` examples);
   - ``describe(state)``, one to three sentences, and ``table(state)``, the numbers and the legend;
   - ``default explorable({ title, question, answers, … })``: a prediction, each answer answered;
     optionally ``drag(x, y, state, width)``, the change that dragging to a point makes.

2. ``NAME.py`` mirrors it: ``DEFAULTS``, ``VIEWS``, ``allowed(state)``, ``simulate(state)``,
   ``describe(state)`` and ``typical(state)``, a few numbers in which the default seed must be
   ordinary (40th to 60th percentile of all seeds): a figure may not show a lucky draw. What
   ``allowed`` says of a key may depend only on the keys before it in ``DEFAULTS``.

3. ``node src/coursekit/explorables/pictures.mjs`` writes the still pictures.

``tests/explorables`` finds the new figure by itself and holds it to the whole contract: the same
bits in Python, keyboard, exact reset, phone, both themes, no JavaScript, at most 8 KB compressed.
A link sets a figure's state: ``<a href="#explorable-sampling?batch_size=1">a batch of one</a>``.
"""

from .display import Explorable, explorable

__all__ = ["Explorable", "explorable"]
