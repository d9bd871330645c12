"""The paged decode kernel beside gathering: see the fixtures `interpret` and `run_on_gpu`."""

import torch
from torch.nn.functional import scaled_dot_product_attention
from triton_answers import DEVICE, answer

from coursekit.pytorch.triton_decoding import paged_decode


def pages(case, dtype):
    """A cache whose blocks lie in any order; what no sequence owns is poisoned."""
    generator = torch.Generator().manual_seed(0)
    heads, kv_heads, head_dim, block_size, lengths, _ = case
    needed = [-(-length // block_size) for length in lengths]
    order = torch.randperm(sum(needed) + 3, generator=generator)
    shape = (len(order), kv_heads, block_size, head_dim)
    keys, values = (torch.randn(shape, generator=generator).to(dtype) for _ in range(2))
    tables = torch.full((len(lengths), max(needed) + 1), len(order) + 1_000_000)
    for row, blocks, length in zip(tables, order.split([*needed, 3]), lengths, strict=False):
        row[: len(blocks)] = blocks
        tail = length - (len(blocks) - 1) * block_size
        keys[blocks[-1], :, tail:] = values[blocks[-1], :, tail:] = float("nan")
    query = torch.randn(len(lengths), heads, head_dim, generator=generator).to(dtype)
    return query, keys, values, tables, torch.tensor(lengths)


def gathered(query, keys, values, tables, lengths):
    """The same by another road: copy the blocks together, then the library, in float64."""
    block_size, out = keys.shape[2], []
    for q, table, length in zip(query.double(), tables, lengths.tolist(), strict=True):
        blocks = table[: -(-length // block_size)]
        k, v = (
            x[blocks].double().transpose(0, 1).flatten(1, 2)[:, :length] for x in (keys, values)
        )
        group = len(q) // len(k)
        k, v = (x.repeat_interleave(group, dim=0) for x in (k, v))
        out.append(scaled_dot_product_attention(q[:, None], k, v)[:, 0])
    return torch.stack(out)


def largest_error(case, dtype):
    """Of any number of the output, which must have the query's type and shape."""
    inputs = pages(case, dtype)
    output = paged_decode(*(each.to(DEVICE) for each in inputs), parts=case[-1])
    assert output.dtype == dtype
    assert output.shape == inputs[0].shape
    error = (output.cpu().double() - gathered(*inputs)).abs().max().item()
    assert error == error, "something that no sequence owns was read"
    return error


if __name__ == "__main__":
    answer(largest_error)
