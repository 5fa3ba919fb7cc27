"""Judges a history: each key is a register that must be linearizable, deletions and absence included.

A value's zone reaches from the first moment at which it certainly had been written (its write was acknowledged, or a
read that saw it ended) to the last at which it certainly was still there (the start of the last read that saw it). Each
value is written once, so:
  - nothing else may have had its place within the zone: no other acknowledged value, no acknowledged deletion, no read
    that found the key absent (Gibbons and Korach, "Testing shared memories");
  - a read that found the key absent needs a deletion, or the empty beginning, that no acknowledged value has followed;
  - a read that found it present needs a write that no acknowledged deletion has followed.
A write that may or may not have happened counts from its start on, without an end; one that was refused must never be
seen. Whatever overlaps in time may have happened in either order.
"""

from dataclasses import dataclass

from history import ABSENT, DELETE, FAILED, OK, PRESENT, PUT

LOST, STALE, MIXED, RESURRECTED, PHANTOM = "lost", "stale", "mixed", "resurrected", "phantom"
CATEGORIES = (LOST, STALE, MIXED, RESURRECTED, PHANTOM)
_NEVER = float("inf")


@dataclass(frozen=True)
class Violation:
    category: str
    key: str
    text: str

    def __str__(self):
        return f"{self.category}: {self.key}: {self.text}"


class _Zone:
    """One value of one key: its write and the reads that saw it."""

    def __init__(self, write):
        self.write = write
        self.reads = []

    @property
    def first(self):
        written = self.write.end if self.write.outcome == OK else _NEVER
        return min([written] + [read.end for read in self.reads])

    @property
    def last(self):
        return max([self.write.start] + [read.start for read in self.reads])

    @property
    def last_read(self):
        return max(self.reads, key=lambda read: read.start)


def check(operations):
    """All violations, by key."""
    keys = {}
    for operation in operations:
        keys.setdefault(operation.key, []).append(operation)
    violations = []
    for key in sorted(keys):
        violations.extend(_check_key(key, keys[key]))
    return violations


def _check_key(key, operations):
    found = []
    writes = {op.value: op for op in operations if op.kind == PUT}
    deletions = [op for op in operations if op.kind == DELETE and op.outcome != FAILED]
    reads = [op for op in operations if not op.is_write]
    zones = {value: _Zone(write) for value, write in writes.items()}
    for read in reads:
        problem = _judge_read(read, writes)
        if problem:
            found.append(Violation(problem[0], key, problem[1]))
        elif read.outcome == OK and read.value in zones:
            zones[read.value].reads.append(read)
    alive = [zone for zone in zones.values() if zone.first < _NEVER]
    absences = [read for read in reads if read.outcome == OK and read.value == ABSENT]
    for zone in alive:
        found.extend(_conflicts(key, zone, alive, deletions, absences))
    found.extend(_unexplained_absences(key, absences, alive, deletions))
    presences = [read for read in reads if read.outcome == OK and read.value == PRESENT]
    found.extend(_unexplained_presences(key, presences, zones.values(), deletions))
    return found


def _judge_read(read, writes):
    """What is wrong with the read by itself: (category, text), or None."""
    if read.problem:
        return MIXED, f"{read.kind}: {read.problem}"
    if read.outcome != OK:
        return (LOST, f"cannot be read at the end: {read.status} {read.note}") if read.final else None
    if read.value in (ABSENT, PRESENT):
        return None
    write = writes.get(read.value)
    if write is None:
        return MIXED, f"value {read.value} was never written to this key"
    if write.outcome == FAILED:
        return PHANTOM, f"write {read.value} was refused ({write.status}) but is there"
    if read.end < write.start:
        return PHANTOM, f"write {read.value} was read before it was sent"
    return None


def _conflicts(key, zone, zones, deletions, absences):
    """What lies within the zone although the value held the key all the time."""
    if not zone.first < zone.last:
        return
    value, read = zone.write.value, zone.last_read
    for other in zones:
        if other is zone:
            continue
        inside = zone.first < min(other.first, other.last) and max(other.first, other.last) < zone.last
        both_ways = other.first < other.last and zone.first < other.last and other.first < zone.last
        if inside or (both_ways and zone.write.start < other.write.start):
            category = LOST if read.final else STALE
            yield Violation(category, key, f"write {value} was read although write {other.write.value} had replaced it")
    for deletion in deletions:
        if deletion.outcome == OK and zone.first < deletion.start and deletion.end < zone.last:
            yield Violation(RESURRECTED, key, f"write {value} was read after its deletion")
    for absence in absences:
        if zone.first < absence.start and absence.end < zone.last:
            yield Violation(LOST, key, f"write {value} was absent for a time ({absence.kind})")


def _unexplained_absences(key, absences, zones, deletions):
    origins = [(float("-inf"), float("-inf"))]
    origins += [(op.start, op.end if op.outcome == OK else _NEVER) for op in deletions]
    for read in absences:
        followed = [zone.write.start for zone in zones if zone.first < read.start]
        newest = max(followed, default=float("-inf"))
        if not any(start < read.end and end >= newest for start, end in origins):
            yield Violation(LOST, key, f"absent ({read.kind}) although it was written and not deleted")


def _unexplained_presences(key, presences, zones, deletions):
    for read in presences:
        gone = [op.start for op in deletions if op.outcome == OK and op.end < read.start]
        newest = max(gone, default=float("-inf"))
        sources = [zone for zone in zones if zone.write.outcome != FAILED and zone.write.start < read.end]
        if not any(zone.first >= newest for zone in sources):
            yield Violation(RESURRECTED, key, f"present ({read.kind}) although it was deleted")


def count(violations):
    """Category -> how many."""
    return {category: sum(v.category == category for v in violations) for category in CATEGORIES}
