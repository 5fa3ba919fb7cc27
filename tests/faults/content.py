"""Bytes that say what they are: every 4 KiB of a written object carries the write, the key, the offset and the size.

So a reader can tell a stale block, a block of another key and a misplaced block from a damaged one, and the harness can
find the copies of an object in the files of a node without knowing how a node keeps them.
"""

import hashlib
import random
import struct

BLOCK = 4096
SIZE_MIN = 64
_HEADER = struct.Struct(">8sQQQ8s")
_MAGIC = b"TercetFB"


def _key_tag(key):
    return hashlib.sha256(key.encode()).digest()[:8]


def marker(write_id):
    """What each block of the write begins with."""
    return _MAGIC + write_id.to_bytes(8, "big")


def make(write_id, key, size):
    """The object's bytes; the same arguments give the same bytes."""
    filler = random.Random(write_id).randbytes(BLOCK - _HEADER.size)
    tag = _key_tag(key)
    pieces = []
    for offset in range(0, size, BLOCK):
        pieces.append(_HEADER.pack(_MAGIC, write_id, offset, size, tag))
        pieces.append(filler)
    return b"".join(pieces)[:size]


def block_at(data, position):
    """(write id, offset within the object, size of the object) of the block that begins there, or None."""
    if position + _HEADER.size > len(data):
        return None
    magic, write_id, offset, size, _ = _HEADER.unpack_from(data, position)
    return (write_id, offset, size) if magic == _MAGIC else None


def first_write(data, offset=0):
    """The write that the first whole block header of data (which lies at that offset of the object) names, or None."""
    block = block_at(data, -offset % BLOCK)
    return block[0] if block else None


def explain(data, expected, offset=0):
    """Says in one line how data differs from what was expected there."""
    if len(data) != len(expected):
        return f"{len(data)} bytes instead of {len(expected)}"
    at = next(i for i in range(len(data)) if data[i] != expected[i])
    start = max(0, at - (offset + at) % BLOCK)
    found = block_at(data, start)
    wanted = block_at(expected, start)
    if found and wanted and found[:2] != wanted[:2]:
        return f"at {offset + at}: block of write {found[0]} offset {found[1]}, expected {wanted[0]} offset {wanted[1]}"
    return f"damaged byte at {offset + at}"
