import torch

from coursekit.pytorch.peak_memory import peak_bytes


def test_a_temporary_tensor_counts_while_it_is_there():
    def run():
        large = torch.zeros(1000, dtype=torch.float64)
        total = large.sum()
        del large
        return torch.zeros(10, dtype=torch.float64) + total

    assert 8000 <= peak_bytes(run) < 8000 + 1000


def test_what_is_freed_before_the_next_does_not_add_up():
    def one_after_the_other():
        for _ in range(5):
            torch.zeros(1000, dtype=torch.float64)

    def all_at_once():
        return [torch.zeros(1000, dtype=torch.float64) for _ in range(5)]

    assert peak_bytes(one_after_the_other) < 2 * 8000
    assert peak_bytes(all_at_once) >= 5 * 8000


def test_nothing_allocated_is_nothing_needed():
    assert peak_bytes(lambda: None) == 0


def test_it_says_nothing(capfd):
    peak_bytes(lambda: torch.zeros(10))
    assert capfd.readouterr().err == ""
