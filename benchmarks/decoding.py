"""How many tokens a second does each way of decoding give, with the same weights and one thread?

    python benchmarks/decoding.py

The course's engines are NumPy in float32; beside them `transformers` with the same weights under
its own names. Every way must first give the same greedy tokens, or the script stops.
"""

from __future__ import annotations

import statistics
import sys
import warnings
from collections.abc import Callable, Sequence

from interleave import Times, interleave, ratios, spread, table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import numpy as np
import torch
import transformers

from coursekit.decoding import (
    Gpt,
    GptConfig,
    Request,
    Run,
    continuous_batching,
    decode_by_recompute,
    decode_with_cache,
    fit_seconds,
    multiplications_by_recompute,
    multiplications_with_cache,
    random_gpt,
    scores_by_recompute,
    static_batching,
)

SLOTS = 16
STATIC = "course, static"
SORTED = "course, static, sorted (oracle)"
PAGED = "course, continuous, paged"
THEIR_STATIC = "transformers generate, static"
Way = Callable[[], list[list[int]]]


def in_transformers(model: Gpt) -> torch.nn.Module:
    """The same weights in Hugging Face's GPT-2."""
    c = model.config
    config = transformers.GPT2Config(
        vocab_size=c.vocab_size,
        n_positions=c.context_length,
        n_embd=c.width,
        n_layer=c.num_layers,
        n_head=c.num_heads,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    state = {f"transformer.{name}": torch.tensor(w) for name, w in model.weights.items()}
    theirs.load_state_dict(state | {"lm_head.weight": state["transformer.wte.weight"]})
    return theirs


def generate(theirs: torch.nn.Module, requests: Sequence[Request]) -> list[list[int]]:
    """One rectangle of `transformers.generate`: prompts padded at the left, and masked."""
    longest = max(len(request.prompt) for request in requests)
    most = max(request.num_new for request in requests)
    tokens = torch.zeros(len(requests), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, seen, request in zip(tokens, mask, requests, strict=True):
        row[longest - len(request.prompt) :] = torch.tensor(request.prompt)
        seen[longest - len(request.prompt) :] = 1
    with torch.no_grad():
        texts = theirs.generate(
            tokens,
            attention_mask=mask,
            max_new_tokens=most,
            min_new_tokens=most,
            do_sample=False,
        )
    new = texts[:, longest:].tolist()
    return [row[: request.num_new] for row, request in zip(new, requests, strict=True)]


class Continuous:
    """`generate_batch` of Transformers, its engine for continuous batching."""

    def __init__(self, model: Gpt) -> None:
        """The same weights, the same slots and blocks as the course's engine."""
        self.theirs = in_transformers(model)
        self.theirs.set_attn_implementation("paged|sdpa")
        self.config = transformers.ContinuousBatchingConfig(
            page_size=16, num_blocks=512, max_batch_tokens=512, max_requests_per_batch=SLOTS
        )

    def generation(self, num_new: int) -> object:
        """Greedy, and no token that ends a text."""
        return transformers.GenerationConfig(
            max_new_tokens=num_new, do_sample=False, eos_token_id=-1, pad_token_id=0
        )

    def generate_batch(self, requests: Sequence[Request]) -> list[list[int]]:
        """As it is called: one length for all, so what a request did not ask for is cut off."""
        most = max(request.num_new for request in requests)
        done = self.theirs.generate_batch(
            [list(request.prompt) for request in requests],
            generation_config=self.generation(most),
            continuous_batching_config=self.config,
        )
        new = [result.generated_tokens for result in done.values()]
        return [row[: request.num_new] for row, request in zip(new, requests, strict=True)]

    def each_its_length(self, requests: Sequence[Request]) -> list[list[int]]:
        """The manager inside `generate_batch`, which takes a length for each request."""
        done: dict[str, list[int]] = {}
        with self.theirs.continuous_batching_context_manager(
            generation_config=self.generation(1), continuous_batching_config=self.config
        ) as manager:
            for request in requests:
                manager.add_request(
                    list(request.prompt), str(request.id), max_new_tokens=request.num_new
                )
            while len(done) < len(requests):
                result = manager.get_result(timeout=1)
                if result and result.is_finished():
                    done[result.request_id] = result.generated_tokens
                elif not result and not manager.is_running():
                    raise SystemExit("the manager of transformers ended before its requests did")
        return [done[str(request.id)] for request in requests]


def cache_curve(config: GptConfig, lengths: Sequence[int], rounds: int) -> str:
    """Times over the length, and what counted work predicts for them."""
    model = random_gpt(config, rng=np.random.default_rng(0), dtype=np.float32)
    ways: dict[str, Way] = {}
    for n in lengths:
        request = Request(0, (1,), n)
        ways[f"recompute {n}"] = lambda r=request: [decode_by_recompute(model, r)]
        ways[f"cache {n}"] = lambda r=request: [decode_with_cache(model, r)]
        if ways[f"recompute {n}"]() != ways[f"cache {n}"]():
            raise SystemExit(f"recompute and cache give other tokens at {n}")
    times = interleave(dict(ways), rounds=rounds, warm_up=1)
    work = {
        "recompute": [
            (
                n,
                multiplications_by_recompute(config, length=n),
                scores_by_recompute(config, length=n),
            )
            for n in lengths
        ],
        "cache": [(n, multiplications_with_cache(config, length=n)) for n in lengths],
    }
    taken, fitted, ahead = {}, {}, {}
    for way, counts in work.items():
        taken[way] = np.array([statistics.median(times[f"{way} {n}"]) for n in lengths])
        fitted[way] = counts @ fit_seconds(counts, taken[way])
        half = [i for i, n in enumerate(lengths) if 2 * n <= lengths[-1]]
        costs = fit_seconds([counts[i] for i in half], taken[way][half])
        ahead[way] = float((counts[-1] @ costs) / taken[way][-1] - 1)
    predicted = fitted["recompute"] / fitted["cache"]
    measured = [ratios(times, f"recompute {n}", f"cache {n}") for n in lengths]
    off = predicted / [ratio[0] for ratio in measured] - 1
    rows = [
        [str(n), spread(ratio, 1), f"{guess:.1f}", f"{miss:+.0%}"]
        for n, ratio, guess, miss in zip(lengths, measured, predicted, off, strict=True)
    ]
    about = (
        f"## Recompute over cache against the length, {config.num_params / 1e6:.1f} million "
        "weights\n\n"
        "Predicted: seconds = a · passes + b · multiplications, with c · scores beside it for "
        "recompute, all counted; a, b and c are fitted to the times over all lengths. The largest "
        f"miss of the ratio is {np.abs(off).max():.0%} (within 20 % asked for: "
        f"{'yes' if np.abs(off).max() <= 0.2 else 'no'}). A harder test, costs fitted up to "
        f"{lengths[-1] // 2} tokens and used at {lengths[-1]}, misses the time of recompute by "
        f"{ahead['recompute']:+.0%} and that of the cache by {ahead['cache']:+.0%}."
    )
    headers = ["tokens", "measured ratio", "predicted", "miss"]
    return f"{about}\n\n{table(headers, rows)}"


def single_stream(config: GptConfig, length: int, rounds: int) -> str:
    model = random_gpt(config, rng=np.random.default_rng(0), dtype=np.float32)
    theirs, request = in_transformers(model), Request(0, (1,), length)
    ways: dict[str, Way] = {
        "course, cache": lambda: [decode_with_cache(model, request)],
        "transformers generate": lambda: generate(theirs, [request]),
        "course, recompute": lambda: [decode_by_recompute(model, request)],
    }
    times = timed(ways, rounds)
    saved = multiplications_by_recompute(config, length=length)
    saved /= multiplications_with_cache(config, length=length)
    longer = ratios(times, "course, recompute", "course, cache")
    about = (
        f"## One request: {length} tokens, {config.num_params / 1e6:.1f} million weights\n\n"
        f"Recompute over cache: {spread(longer, 1)} in time, {saved:.0f} in counted "
        "multiplications."
    )
    return about + "\n\n" + results(times, length, "transformers generate")


def most_new(config: GptConfig) -> int:
    """Most new tokens that one of the requests asks for."""
    return config.context_length // 2


def mixed_requests(config: GptConfig, num_requests: int) -> list[Request]:
    """Prompts of 8 to 64 tokens; a few requests ask for many more new tokens than most."""
    rng = np.random.default_rng(1)
    most = most_new(config)
    return [
        Request(
            i,
            tuple(rng.integers(0, config.vocab_size, rng.integers(8, 65)).tolist()),
            int(np.clip(rng.lognormal(np.log(most / 5), 0.9), 8, most)),
        )
        for i in range(num_requests)
    ]


def many_requests(config: GptConfig, num_requests: int, rounds: int) -> str:
    model = random_gpt(config, rng=np.random.default_rng(0), dtype=np.float32)
    theirs, continuous = in_transformers(model), Continuous(model)
    requests = mixed_requests(config, num_requests)
    most = most_new(config)
    total = sum(request.num_new for request in requests)
    pages = {"num_slots": SLOTS, "num_blocks": 512, "block_size": 16}
    rows = {"num_slots": SLOTS, "num_blocks": SLOTS, "block_size": config.context_length}
    ways = engines(model, theirs, requests, SLOTS, pages) | {
        "course, one after the other": lambda: [decode_with_cache(model, r) for r in requests],
        SORTED: lambda: in_order(
            static_batching(model, requests, batch_size=SLOTS, sort=True), requests
        ),
        "transformers generate_batch": lambda: continuous.generate_batch(requests),
        "transformers generate_batch, a length for each": lambda: continuous.each_its_length(
            requests
        ),
    }
    times = timed(ways, rounds)
    paged = continuous_batching(model, requests, **pages)
    steps = {
        "static": static_batching(model, requests, batch_size=SLOTS).num_steps,
        "sorted": static_batching(model, requests, batch_size=SLOTS, sort=True).num_steps,
        "continuous": paged.num_steps,
    }
    reserved = continuous_batching(model, requests, **rows).peak_reserved
    about = (
        f"## {num_requests} requests, {total} new tokens of 8 to {most}, {SLOTS} slots, "
        f"{config.num_params / 1e6:.1f} million weights\n\n"
        f"Steps: {', '.join(f'{name} {count}' for name, count in steps.items())}. Most cache held, "
        f"in tokens: blocks of 16 {paged.peak_reserved}, a reserved row for each slot {reserved} "
        f"({reserved / paged.peak_reserved:.1f} times as much).\n\n"
        "`generate_batch` takes one length for all requests, here the longest, and is cut as "
        "`generate` is; the manager inside it takes a length for each, which is its best case.\n\n"
        "“Course, continuous, paged” is "
        + ", ".join(
            f"{spread(ratios(times, name, PAGED), 1)} times as fast as “{name}”"
            for name in times
            if name.startswith("transformers")
        )
        + "."
    )
    return about + "\n\n" + results(times, total, STATIC)


def over_slots(config: GptConfig, num_requests: int, slots: Sequence[int], rounds: int) -> str:
    """Continuous against static batching of the same requests, for several numbers of slots."""
    model = random_gpt(config, rng=np.random.default_rng(0), dtype=np.float32)
    theirs = in_transformers(model)
    requests = mixed_requests(config, num_requests)
    num_blocks = num_requests * config.context_length // 16  # room for all of them at once
    rows = []
    for num_slots in slots:
        static = static_batching(model, requests, batch_size=num_slots)
        pages = {"num_slots": num_slots, "num_blocks": num_blocks, "block_size": 16}
        paged = continuous_batching(model, requests, **pages)
        times = timed(engines(model, theirs, requests, num_slots, pages), rounds)
        rows.append(
            [
                str(num_slots),
                f"{static.num_steps} and {paged.num_steps}",
                spread(ratios(times, STATIC, PAGED)),
                spread(ratios(times, THEIR_STATIC, PAGED)),
                f"{num_slots * config.context_length / paged.peak_reserved:.1f}",
            ]
        )
    about = (
        f"## Continuous against static batching by slots, {num_requests} requests, "
        f"{config.num_params / 1e6:.1f} million weights\n\n"
        f"The requests are those above; {num_blocks} blocks of 16, so that none is preempted. A "
        "cache of reserved rows would be as many times larger as the last column says."
    )
    headers = [
        "slots",
        "steps, static and continuous",
        f"times as fast as “{STATIC}”",
        f"times as fast as “{THEIR_STATIC}”",
        "reserved rows ÷ cache held",
    ]
    return about + "\n\n" + table(headers, rows)


def engines(
    model: Gpt,
    theirs: torch.nn.Module,
    requests: Sequence[Request],
    num_slots: int,
    pages: dict[str, int],
) -> dict[str, Way]:
    """The ways that take the requests in batches of ``num_slots``."""
    groups = [requests[i : i + num_slots] for i in range(0, len(requests), num_slots)]
    return {
        STATIC: lambda: in_order(static_batching(model, requests, batch_size=num_slots), requests),
        PAGED: lambda: in_order(continuous_batching(model, requests, **pages), requests),
        THEIR_STATIC: lambda: [row for group in groups for row in generate(theirs, group)],
    }


def in_order(run: Run, requests: Sequence[Request]) -> list[list[int]]:
    """Each request's new tokens."""
    return [run.tokens[request.id] for request in requests]


def timed(ways: dict[str, Way], rounds: int) -> Times:
    first, *others = ways
    expected = ways[first]()
    for name in others:
        if ways[name]() != expected:
            raise SystemExit(f"{name!r} gives other tokens than {first!r}")
    print(f"{len(ways)} ways give the same tokens", file=sys.stderr)
    return interleave(ways, rounds=rounds, warm_up=1)


def results(times: Times, num_tokens: int, base: str) -> str:
    rates = {name: num_tokens / statistics.median(taken) for name, taken in times.items()}
    rows = [
        [name, f"{rates[name]:,.0f}", spread(ratios(times, base, name))]
        for name in sorted(times, key=lambda name: -rates[name])
    ]
    return table(["way", "tokens per CPU second", f"times as fast as “{base}”"], rows)


def main() -> None:
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    small = GptConfig(256, 512, num_layers=4, num_heads=4, head_dim=32)
    large = GptConfig(256, 128, num_layers=4, num_heads=8, head_dim=64)
    about = (
        "Greedy decoding, float32, random weights, one thread. All ways of a table gave the same "
        "tokens before they were timed."
    )
    parts = [
        about,
        cache_curve(small, (16, 32, 64, 96, 128, 192, 256), rounds=7),
        single_stream(small, 256, rounds=5),
        single_stream(large, 96, rounds=3),
        many_requests(small, 48, rounds=7),
        over_slots(small, 48, (8, 16, 24, 48), rounds=7),
        many_requests(large, 24, rounds=3),
    ]
    write_report("decoding", "Decoding", ["numpy", "torch", "transformers"], parts)


if __name__ == "__main__":
    main()
