"""Every explorable in a real browser: opened from a file, with the network refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from coursekit.explorables import Explorable, explorable, registry

Open = Callable[..., Any]
Write = Callable[..., str]

SIZES = {"desktop": {"width": 1280}, "phone": {"width": 320, "has_touch": True}}


class Figure:
    """One mounted figure of a page, with the few questions the tests ask it."""

    def __init__(self, visit: Any, index: int = 0) -> None:
        self.visit, self.page = visit, visit.page
        self.root = self.page.locator("figure.explorable").nth(index)
        self.live = self.root.locator(".explorable-live")
        self.live.wait_for()
        self.speak()

    def state(self) -> dict[str, Any]:
        name = self.root.get_attribute("data-explorable")
        keys = list(registry.mirror(name).DEFAULTS)
        return self.root.evaluate(
            "(figure, keys) => Object.fromEntries("
            "keys.map((key) => [key, figure.explorable.model.get(key)]))",
            keys,
        )

    def picture(self) -> str:
        return self.live.locator("svg.picture").evaluate("svg => svg.outerHTML")

    def looks(self) -> tuple[str, str, str]:
        """Picture, table and sentence."""
        self.speak()
        numbers = self.live.locator(".numbers").inner_html()
        return self.picture(), numbers, self.live.locator(".sentence").inner_text()

    def speak(self) -> None:
        """Wait until the sentence has followed the last change."""
        self.page.wait_for_timeout(320)

    def button(self, text: str) -> Any:
        return self.live.get_by_role("button", name=text)


@pytest.fixture
def show(open_page: Open, write_page: Write) -> Callable[..., Figure]:
    """Open a page with one figure and wait until it is alive."""

    def show_(figure: Explorable, *, before: str = "", after: str = "", **options: Any) -> Figure:
        return Figure(open_page(write_page(figure, before=before, after=after), **options))

    return show_


def all_states(name: str) -> list[dict[str, Any]]:
    """The views, every value of every control beside them, long lists thinned to seven; and 60 more
    in which all controls stand anywhere.
    """
    figure, states = registry.mirror(name), []
    rng = random.Random(0)
    for _ in range(60):
        state = dict(figure.DEFAULTS)
        for key in state:
            state[key] = rng.choice(figure.allowed(state)[key])
        states.append(state)
    for changes in figure.VIEWS.values():
        base = {**figure.DEFAULTS, **changes}
        states.append(base)
        for key, values in figure.allowed(base).items():
            thinned = values[:: max(1, len(values) // 6)]
            states += [{**base, key: value} for value in (*thinned, values[-1])]
    return states


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mounts_quietly_and_accessibly(
    name: str, size: str, scheme: str, show: Callable[..., Figure]
) -> None:
    figure = show(explorable(name), color_scheme=scheme, **SIZES[size])
    assert figure.live.get_attribute("data-page") == scheme
    assert not figure.root.locator(".explorable-still").is_visible()
    assert figure.visit.console == []
    assert figure.visit.external == []
    assert figure.visit.overflow() == 0
    figure.root.locator("summary").first.click()
    assert figure.visit.axe() == []


def test_every_range_follows_the_arrow_keys(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    ranges = figure.live.locator("input[type=range]")
    assert ranges.count() > 0
    for i in range(ranges.count()):
        slider = ranges.nth(i)
        before, said = figure.state(), slider.get_attribute("aria-valuetext")
        slider.focus()
        slider.press("ArrowLeft")
        assert figure.state() != before
        assert slider.get_attribute("aria-valuetext") != said
        slider.press("ArrowRight")
        assert figure.state() == before
        assert slider.get_attribute("aria-valuetext") == said
    assert figure.visit.console == []


def test_every_choice_follows_the_arrow_keys(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    groups = figure.live.locator("fieldset")
    for i in range(groups.count()):
        choices = groups.nth(i).locator("input")
        chosen = groups.nth(i).locator("input:checked")
        chosen.focus()
        seen = [(chosen.get_attribute("value"), str(figure.state()))]
        for _ in range(choices.count() - 1):
            figure.page.keyboard.press("ArrowRight")
            seen.append((chosen.get_attribute("value"), str(figure.state())))
        assert len({value for value, _ in seen}) == choices.count()
        assert len({state for _, state in seen}) == choices.count()
    assert figure.visit.console == []


def test_a_picture_that_can_be_dragged_follows_the_pointer(
    draggable: str, show: Callable[..., Figure]
) -> None:
    figure = show(explorable(draggable))
    picture = figure.live.locator("svg.picture")
    picture.scroll_into_view_if_needed()
    box, seen = picture.bounding_box(), set()
    for down in (0.3, 0.5, 0.7):
        figure.page.mouse.move(box["x"] + 0.05 * box["width"], box["y"] + down * box["height"])
        figure.page.mouse.down()
        for across in (0.25, 0.5, 0.7, 0.9):
            x, y = box["x"] + across * box["width"], box["y"] + down * box["height"]
            figure.page.mouse.move(x, y)
            seen.add(str(figure.state()))
        figure.page.mouse.up()
        dropped = figure.state()
        figure.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + down * box["height"])
        assert figure.state() == dropped, "it follows a pointer that is not pressed"
    assert len(seen) >= 3
    assert figure.visit.console == []


def touch(figure: Figure, *path: tuple[float, float]) -> None:
    """Put a finger down at the first place, move it along the others, and lift it."""
    finger = figure.page.context.new_cdp_session(figure.page)
    kinds = ["touchStart", *["touchMove"] * (len(path) - 1)]
    for kind, (x, y) in zip(kinds, path, strict=True):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        figure.page.wait_for_timeout(20)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    figure.page.wait_for_timeout(200)


def test_a_finger_that_scrolls_changes_nothing_and_one_that_taps_does(
    draggable: str, show: Callable[..., Figure]
) -> None:
    figure = show(explorable(draggable), width=390, height=500, has_touch=True, is_mobile=True)
    figure.page.evaluate("document.body.style.paddingBottom = '900px'")
    box, first = figure.live.locator("svg.picture").bounding_box(), figure.state()
    across = box["x"] + 0.25 * box["width"]
    for down in (0.3, 0.5, 0.7, 0.9):  # somewhere the picture stands for other states
        figure.page.evaluate("top => scrollTo(0, top)", box["y"] + down * box["height"] - 200)
        touch(figure, (across, 200))
        if figure.state() != first:
            break
    tapped, scrolled = figure.state(), figure.page.evaluate("scrollY")
    assert tapped != first
    touch(figure, *((across + 40, 200 - 12 * step) for step in range(12)))
    assert figure.page.evaluate("scrollY") > scrolled + 50
    assert figure.state() == tapped
    assert figure.visit.console == []


def test_the_player_stops_for_a_pointer(draggable: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(draggable))
    figure.button("Play").click()
    figure.live.locator("svg.picture").click()
    assert figure.button("Pause").count() == 0


def test_the_player_stops_where_a_link_leads(open_page: Open, write_page: Write) -> None:
    link = '<p><a href="#explorable-tiles?read=24">After the third tile</a></p>'
    figure = Figure(open_page(write_page(explorable("tiles"), before=link)))
    figure.button("Play").click()
    figure.page.wait_for_timeout(1500)
    figure.page.get_by_role("link").click()
    figure.page.wait_for_timeout(1500)
    assert figure.state()["read"] == 24
    assert figure.button("Pause").count() == 0


@pytest.mark.parametrize("address", ["#100%", "#explorable-tiles?read=%", "#explorable-tiles?%"])
def test_an_address_that_says_nothing_changes_nothing(
    address: str, open_page: Open, write_page: Write
) -> None:
    figure = Figure(open_page(write_page(explorable("tiles")) + address))
    tiles = registry.mirror("tiles")
    assert figure.looks()[2] == tiles.describe(tiles.DEFAULTS)
    assert figure.visit.console == []


def test_what_has_not_begun_has_not_begun_after_a_change_either(
    show: Callable[..., Figure],
) -> None:
    figure = show(explorable("scheduler", left=69))
    figure.live.locator("input[value=continuous]").check()
    most = figure.state()["left"]
    assert most == max(registry.mirror("scheduler").allowed(figure.state())["left"]) > 0


def test_tab_reaches_every_control_and_leaves(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name), after='<p><a href="#end" id="end">The end</a></p>')
    wanted = figure.root.evaluate(
        "figure => figure.querySelectorAll('.explorable-live :is(summary, button, "
        "input[type=range], input:checked, [role=slider])').length"
    )
    for _ in range(wanted):
        figure.page.keyboard.press("Tab")
        inside = "document.activeElement.closest('.explorable-live') !== null"
        assert figure.page.evaluate(inside)
        outline = "getComputedStyle(document.activeElement.type === 'radio' ? "
        outline += "document.activeElement.nextSibling : document.activeElement).outlineStyle"
        assert figure.page.evaluate(outline) != "none", "the focus cannot be seen"
    figure.page.keyboard.press("Tab")
    assert figure.page.evaluate("document.activeElement.id") == "end"


def test_reset_returns_the_exact_first_picture(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    first, state = figure.looks(), figure.state()
    for text in ("New draws", "New shuffle", "Draw one", "Step"):
        if figure.button(text).count():
            figure.button(text).click()
    for slider in figure.live.locator("input[type=range]").all():
        slider.press("Home")
    for group in figure.live.locator("fieldset").all():
        group.locator("label").last.click()
    assert figure.looks() != first
    figure.button("Reset").click()
    assert figure.looks() == first
    assert figure.state() == state
    assert figure.visit.console == []


def test_each_button_does_something(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    buttons = figure.live.get_by_role("button").all()
    assert len(buttons) >= 3
    for button in buttons:
        if button.inner_text() == "Reset":
            figure.live.locator("input[type=range]").first.press("Home")
            figure.speak()
        before = figure.looks()
        button.click()
        assert figure.looks() != before, button.inner_text()
    assert figure.visit.console == []


def test_play_walks_to_the_end_and_speaks_once(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    first = figure.looks()
    figure.live.evaluate(
        "root => { window.sentences = 0; new MutationObserver(() => { window.sentences += 1; })"
        ".observe(root.querySelector('.sentence'), { childList: true }); }"
    )
    time = figure.live.locator(".player input[type=range]")
    positions = int(time.get_attribute("max"))
    figure.button("Play").click()
    seen = set()
    for _ in range(24):
        seen.add(time.input_value())
        figure.page.wait_for_timeout(100)
    assert len(seen) > min(5, positions // 4), "the slider does not move with time"
    assert figure.button("Pause").count() == 1
    assert figure.page.evaluate("window.sentences") == 0, "it speaks while it moves"
    figure.button("Play").wait_for(timeout=12000)
    assert time.input_value() == time.get_attribute("max")
    assert figure.looks() == first
    assert figure.page.evaluate("window.sentences") == 1


def test_reduced_motion_jumps_to_the_end(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name), reduced_motion="reduce")
    time = figure.live.locator(".player input[type=range]")
    time.press("Home")
    frames = "(() => { const old = requestAnimationFrame; window.frames_asked = 0; "
    frames += (
        "window.requestAnimationFrame = f => { window.frames_asked += 1; return old(f); } })()"
    )
    figure.page.evaluate(frames)
    figure.button("Play").click()
    assert time.input_value() == time.get_attribute("max")
    assert figure.page.evaluate("window.frames_asked") == 0


def test_destroy_leaves_nothing_running(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    figure.button("Play").click()
    figure.page.wait_for_timeout(100)
    figure.root.evaluate(
        "figure => { window.late = 0; const { model } = figure.explorable, get = model.get;"
        "figure.explorable.destroy(); model.get = (key) => { window.late += 1; return get(key); };"
        "for (const key of Object.keys(JSON.parse(figure.dataset.state))) model.set(key, -1);"
        "document.body.setAttribute('class', 'changed'); }"
    )
    figure.page.set_viewport_size({"width": 500, "height": 700})
    figure.page.wait_for_timeout(500)
    assert figure.page.evaluate("window.late") == 0, "something still reads the state"
    assert figure.live.count() == 0
    assert figure.root.locator(".explorable-still").is_visible()
    assert figure.visit.console == []


# For each state, what is wrong with the picture's text, and whether the table is too wide.
WRONG = """(figure, states) => states.map((state) => {
  for (const key in state) figure.explorable.model.set(key, state[key]);
  const live = figure.querySelector(".explorable-live"), svg = live.querySelector("svg.picture");
  const frame = svg.getBoundingClientRect(), wrong = [];
  const texts = [...svg.querySelectorAll("text")].map((node) => ({
    words: node.textContent,
    size: parseFloat(getComputedStyle(node).fontSize),
    box: node.getBoundingClientRect(),
  }));
  const overlap = (a, b, from, to) => Math.min(a[to], b[to]) - Math.max(a[from], b[from]);
  texts.forEach(({ words, size, box }, i) => {
    if (size < 12) wrong.push(`small: ${words}`);
    if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
        box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      wrong.push(`outside: ${words}`);
    for (const other of texts.slice(i + 1))
      if (overlap(box, other.box, "left", "right") > 1 &&
          overlap(box, other.box, "top", "bottom") > 5)
        wrong.push(`collide: ${words} / ${other.words}`);
  });
  const [edge, end] = [live.querySelector("table"), live].map((node) =>
    node.getBoundingClientRect().right);
  return edge > end + 1 ? [...wrong, "the table is too wide"] : wrong;
})"""


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_text_fits_and_never_collides(name: str, width: int, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name), width=width)
    states = all_states(name)
    found = zip(states, figure.root.evaluate(WRONG, states), strict=True)
    assert [(state, wrong) for state, wrong in found if wrong] == []
    assert figure.visit.overflow() == 0


def test_targets_are_large_enough_on_a_phone(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name), width=320)
    for target in figure.live.locator("button, summary, input").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 24, target.evaluate("node => node.outerHTML")
    sizes = figure.live.evaluate(
        "root => [...root.querySelectorAll('*')].filter((node) => node.innerText)"
        ".map((node) => parseFloat(getComputedStyle(node).fontSize))"
    )
    assert min(sizes) >= 12


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_javascript_the_picture_stays(
    name: str, width: int, scheme: str, open_page: Open, write_page: Write
) -> None:
    address = write_page(explorable(name))
    visit = open_page(address, width=width, color_scheme=scheme, java_script_enabled=False)
    still = visit.page.locator(".explorable-still")
    shown = [svg for svg in still.locator("svg.picture").all() if svg.is_visible()]
    assert len(shown) == 1
    assert shown[0].get_attribute("aria-label") == repr(explorable(name))
    assert still.locator("table").is_visible()
    assert shown[0].bounding_box()["width"] <= width
    still.locator("summary").first.click()
    assert still.locator("details p").first.is_visible()
    assert not visit.page.locator("button").count()


def test_a_figure_that_throws_leaves_its_picture(
    name: str, open_page: Open, write_page: Write, tmp_path: Any
) -> None:
    address = write_page(explorable(name))
    path = tmp_path / "figures.html"
    text = path.read_text("utf-8")
    assert "function render({" in text
    path.write_text(
        text.replace(
            "function render({", 'function render() { throw Error("broken"); } function unused({'
        ),
        "utf-8",
    )
    visit = open_page(address)
    visit.page.wait_for_timeout(300)
    assert visit.page.locator(".explorable-still svg.wide, .explorable-still .wide").is_visible()
    assert visit.page.locator(".explorable-live").count() == 0
    assert len(visit.console) == 1
    assert f"explorable {name}: Error: broken" in visit.console[0]
    assert visit.axe() == []


def test_a_link_and_the_address_set_the_state(
    name: str, open_page: Open, write_page: Write
) -> None:
    figure = registry.mirror(name)
    key, value = next(
        (key, value)
        for key, values in figure.allowed(figure.DEFAULTS).items()
        for value in values
        if value != figure.DEFAULTS[key]
    )
    there = f"#explorable-{name}?{key}={value}"
    nonsense = f"#explorable-{name}?{key}=nonsense&unknown=1"
    address = write_page(
        explorable(name),
        before=f'<p><a href="{there}">Set it</a> <a href="{nonsense}">Nonsense</a></p>',
    )
    mounted = Figure(open_page(address))
    first = mounted.looks()
    mounted.page.get_by_role("link", name="Set it").click()
    set_by_link = mounted.looks()
    assert set_by_link != first
    mounted.button("Reset").click()
    assert mounted.looks() == first
    mounted.page.get_by_role("link", name="Set it").click()
    assert mounted.looks() == set_by_link, "the same link works twice"
    mounted.page.get_by_role("link", name="Nonsense").click()
    assert mounted.looks() == first, "what is not allowed falls back to the default"
    assert mounted.visit.console == []

    on_load = Figure(open_page(address + there))
    assert on_load.looks() == set_by_link
    on_load.button("Reset").click()
    assert on_load.looks() == first


def test_theme_follows_the_page(name: str, show: Callable[..., Figure]) -> None:
    figure = show(explorable(name))
    assert figure.live.get_attribute("data-page") == "light"
    figure.page.evaluate("document.documentElement.style.background = '#222'")
    figure.page.evaluate("document.body.style.background = 'none'")
    figure.page.wait_for_timeout(50)
    assert figure.live.get_attribute("data-page") == "dark"


def test_two_figures_of_a_kind_are_independent(
    name: str, open_page: Open, write_page: Write
) -> None:
    view, changes = list(registry.mirror(name).VIEWS.items())[-1]
    assert view != name
    visit = open_page(write_page(explorable(name), explorable(name, **changes)))
    left, right = Figure(visit, 0), Figure(visit, 1)
    other = right.looks()
    for group in left.live.locator("fieldset").all():
        group.locator("label").last.click()
    left.live.locator("input[type=range]").first.press("Home")
    assert right.looks() == other
    assert visit.console == []
    assert visit.axe() == []


def test_mounts_where_a_notebook_puts_it(name: str, open_page: Open, write_page: Write) -> None:
    """JupyterLab sets innerHTML, makes the scripts anew and attaches the output afterwards."""
    visit = open_page(write_page())
    visit.page.evaluate(
        """(html) => {
          const box = document.createElement("div");
          box.innerHTML = html;
          for (const old of box.querySelectorAll("script")) {
            const fresh = document.createElement("script");
            for (const { name, value } of old.attributes) fresh.setAttribute(name, value);
            fresh.textContent = old.textContent;
            old.replaceWith(fresh);
          }
          document.querySelector("main").append(box);
        }""",
        explorable(name)._repr_mimebundle_()["text/html"],
    )
    assert Figure(visit).looks()
    assert visit.console == []
