"""What the scenarios found, as a line each while they run and as one Markdown table at the end."""

import checker
from runner import CALM

COLUMNS = (
    "scenario", "seed", "result", "operations", "under faults", "acknowledged writes", "errors seen", "lost",
    "stale or mixed", "resurrected", "p99 ms read/write: healthy", "during the fault", "times", "MiB gateway/node",
    "measured",
)


def _pair(pair):
    return "/".join("-" if value is None else str(value) for value in pair) if pair else "-"


def _text(value):
    if value is None:
        return "never"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _measured(result):
    return "; ".join(f"{name}: {_text(value)}" for name, value in result.measured.items())


def _memory(result):
    return "/".join(str(result.peak_bytes[kind] >> 20) if kind in result.peak_bytes else "-"
                    for kind in ("gateway", "node"))


def _times(result):
    """How many times the healthy p99 the worst one during a fault is, of reads and of writes."""
    healthy = result.p99.get("healthy")
    during = [pair for name, pair in result.p99.items() if name not in CALM]
    if not healthy or not during:
        return "-"
    worst = [max((pair[side] or 0 for pair in during), default=0) for side in (0, 1)]
    return "/".join(f"{worst[side] / healthy[side]:.1f}" if healthy[side] and worst[side] else "-" for side in (0, 1))


def line(result):
    text = f"{result.state:8} {result.name:24} {result.seconds:5.0f} s"
    if result.skipped and not result.failures:
        return f"{text}  skipped: {result.skipped}"
    text += f"  {result.operations} operations, {result.under_faults} under faults, {result.acknowledged} acknowledged"
    text += f" writes, {result.errors} errors, {_memory(result)} MiB"
    for phase, pair in result.p99.items():
        text += f", p99 {phase} {_pair(pair)} ms"
    if result.measured:
        text += "; " + _measured(result)
    for failure in result.failures:
        text += "\n    " + failure.strip().replace("\n", "\n    ")
    return text


def _wrong(result):
    return sum(result.violations.get(c, 0) for c in (checker.STALE, checker.MIXED, checker.PHANTOM))


def _row(result):
    counts = result.violations
    state = f"skipped: {result.skipped}" if result.state == "skipped" else result.state
    during = "; ".join(f"{name} {_pair(p)}" for name, p in result.p99.items() if name not in CALM)
    return (
        result.name, result.seed, state, result.operations, result.under_faults, result.acknowledged, result.errors,
        counts.get(checker.LOST, 0), _wrong(result), counts.get(checker.RESURRECTED, 0),
        _pair(result.p99.get("healthy")), during or "-", _times(result), _memory(result), _measured(result) or "-",
    )


def summary(results):
    """The figures of the whole run in one line. Scenarios that lose data on purpose are not counted."""
    counted = [result for result in results if not result.must_lose]

    def total(of):
        return f"{sum(map(of, counted)):,}"

    return (
        f"{total(lambda r: r.operations)} operations, {total(lambda r: r.under_faults)} of them under faults; "
        f"{total(lambda r: r.acknowledged)} acknowledged writes, "
        f"{total(lambda r: r.violations.get(checker.LOST, 0))} lost; {total(_wrong)} stale or mixed bytes, "
        f"{total(lambda r: r.violations.get(checker.RESURRECTED, 0))} resurrected deletes."
    )


def table(results):
    rows = [COLUMNS, ["---"] * len(COLUMNS)] + [_row(result) for result in results]
    cells = ([str(cell).replace("|", "/").replace("\n", " ") for cell in row] for row in rows)
    text = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    return f"{summary(results)}\n\n{text}\n"
