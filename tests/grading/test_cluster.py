"""Grading on a real Dask cluster on loopback: a scheduler and two workers, one of them killed."""

import json
import signal
from collections import Counter

import pytest

from coursekit.errors import CourseError
from coursekit.grading import cluster
from coursekit.grading.grade import checks, grade
from coursekit.grading.limits import Limits
from coursekit.grading.results import to_json
from coursekit.grading.store import Store

from .conftest import submitted

pytest.importorskip("distributed", reason="distributed is not installed")

STUDENTS = 6


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    two_workers, hand_in, warm_up, tmp_path, in_process
):
    address, workers = two_workers
    bad = {f"s{n}": submitted(mean=f"def mean(x): return {n}.5") for n in range(STUDENTS)}
    folder = hand_in(right=submitted(), **bad)
    chosen = cluster.choose(address, "auto")
    limits = Limits()
    ran = Counter()

    def on_the_cluster(notebooks):
        for name, outcomes in cluster.run(
            notebooks, address=address, isolation=chosen.name, limits=limits
        ):
            ran[name] += 1
            yield name, outcomes
            if sum(ran.values()) == 4:  # the solved notebook, the mistake, and two students
                workers[0].send_signal(signal.SIGKILL)

    texts = []
    for name, run in (("cluster", on_the_cluster), ("here", in_process)):
        store = Store(tmp_path / name, settings={}, checks=checks(warm_up))
        texts.append(
            to_json(
                grade(
                    [folder],
                    warm_up,
                    store,
                    run=run,
                    isolation=chosen.sentence,
                    safe=chosen.safe,
                )
            )
        )
    assert workers[0].wait(timeout=10) == -signal.SIGKILL
    assert texts[0] == texts[1]
    points = {one["student"]: one["points"] for one in json.loads(texts[0])["submissions"]}
    assert points == {"right": 6} | dict.fromkeys(bad, 2.0) | {"s1": 4}
    assert set(ran.values()) == {1}
    assert len(ran) == 2 + STUDENTS


def test_an_address_where_nothing_answers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 1)
    for address in ("127.0.0.1:9", "tcp://127.0.0.1:9", "no address"):
        with pytest.raises(CourseError, match="no Dask scheduler answers at"):
            cluster.choose(address, "auto")


def test_a_cluster_without_workers_or_with_other_versions_is_refused(two_workers, monkeypatch):
    address, workers = two_workers
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 5)
    with monkeypatch.context() as patched:
        patched.setattr(cluster.store, "PACKAGES", ("numpy", "no-such-package"))
        with pytest.raises(CourseError, match="has other versions of Python, coursekit or its"):
            cluster.choose(address, "auto")
    for worker in workers:
        worker.kill()
        worker.wait()
    with pytest.raises(CourseError, match="has no worker; start one with 'dask worker"):
        cluster.choose(address, "auto")
