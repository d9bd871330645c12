"""Pages for students and for the class, read as text and in a real browser."""

import dataclasses
import re

import pytest

from coursekit.grading import class_summary, feedback
from coursekit.grading.records import CRASH, TIMEOUT, Answer

from .records import CLASS, FORMULA, graded, outcome, results, run_of

HOSTILE = '<script>alert("x")</script><img src=http://evil.example onerror=alert(1)>'
ERROR = {"type": "error", "name": "ValueError", "message": HOSTILE}


def hostile():
    run = run_of((ERROR, HOSTILE, ERROR, HOSTILE)) | outcome("spread_check", status=TIMEOUT)
    answers = (
        Answer("mean", f"# {HOSTILE}\ndef mean(x): ...", "definition", 0.9),
        Answer("spread", "", "missing", 0.0),
    )
    comments = {"mean_words": HOSTILE}
    return graded(HOSTILE, run, words=0.5, answers=answers, comments=comments, days_late=1)


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.S))


def test_every_lost_point_has_its_reason():
    text = text_of(feedback.page(CLASS, CLASS.graded[1]))
    assert "2.4 of 7 points" in text
    assert "3 earned, less 0.6 for 2 days begun after the deadline" in text
    assert "Looks like: The sum was not divided by the count." in text
    assert "Not met: the mean of two numbers: it is 3 where 1.5 is asked for." in text
    assert "Not met: a hidden check: the value is wrong." in text
    assert "Waits for a grader." in text


def test_no_hidden_input_is_on_any_page():
    for one in CLASS.graded:
        assert "77" not in feedback.page(CLASS, one)
    assert "777" not in class_summary.page(CLASS)


def test_a_submission_that_could_not_be_graded_says_why():
    text = text_of(feedback.page(CLASS, CLASS.graded[3]))
    assert "This submission was not graded: it is a link, not a file." in text


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(TIMEOUT, "took longer than it may"), (CRASH, "ended the Python process")],
)
def test_what_ended_a_check_is_said_once(status, sentence):
    one = graded("ada", run_of() | outcome("mean_check", status=status))
    text = text_of(feedback.page(results(one), one))
    assert text.count(sentence) == 1
    assert "This cost all 4 points of the check." in text


def test_an_answer_found_by_its_content_says_how_surely():
    text = text_of(feedback.page(results(hostile()), hostile()))
    assert "taken as your answer (definition, 90% sure)" in text
    assert "No cell of the notebook answers this question." in text


def test_the_summary_counts_by_question_and_misconception():
    text = text_of(class_summary.page(CLASS))
    assert "3 graded, 1 not graded" in text
    assert "The mean The sum was not divided by the count. 1" in text
    assert "Fewest points were earned on “The mean”" in class_summary.page(CLASS)
    unsafe = dataclasses.replace(CLASS, in_kernel=("mean_check, assertion 2",))
    assert "mean_check, assertion 2" in text_of(class_summary.page(unsafe))


def test_a_class_without_a_single_readable_notebook_has_a_summary():
    assert "0 graded, 1 not graded" in text_of(class_summary.page(results(CLASS.graded[3])))


def test_a_class_without_points_has_a_summary():
    lost = graded("ada", run_of((0, 0, 0, 0), (9, 9)))
    assert "Mean 0 of 7 points" in text_of(class_summary.page(results(lost)))


def test_names_of_pages_are_safe_and_differ():
    names = ["ada", "Ada", "ada-lovelace", "../ada", "ADA", FORMULA, "学生", "", "a" * 300, "con.x"]
    files = [feedback.file_name(name) for name in names]
    assert files[0] == "ada.html"
    assert len({file.lower() for file in files}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9_-]*\.html", file) for file in files)
    assert max(map(len, files)) < 80


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"width": 320}])
def test_pages_ask_for_nothing_run_nothing_and_can_be_used_by_all(tmp_path, open_page, options):
    crowd = results(*CLASS.graded, hostile())
    pages = {"summary.html": class_summary.page(crowd)}
    pages |= {f"{at}.html": feedback.page(crowd, one) for at, one in enumerate(crowd.graded)}
    for name, page in pages.items():
        (tmp_path / name).write_text(page, "utf-8")
        visit = open_page((tmp_path / name).as_uri(), **options)
        assert visit.page.locator("h1").count() == 1
        assert visit.page.locator("script, img").count() == 0
        for details in visit.page.locator("details").all():
            details.locator("summary").click()
        assert visit.overflow() == 0
        assert visit.axe() == []
        assert visit.external == []
        assert visit.console == []
