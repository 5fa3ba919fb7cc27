"""What the scenarios found, as a line each while they run and as one Markdown table at the end."""

import checker

COLUMNS = (
    "scenario", "seed", "result", "operations", "acknowledged writes", "errors seen", "lost", "stale or mixed",
    "resurrected", "p99 ms read/write: healthy", "during the fault", "measured",
)


def _pair(pair):
    return "/".join("-" if value is None else str(value) for value in pair) if pair else "-"


def _text(value):
    if value is None:
        return "never"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _measured(result):
    return "; ".join(f"{name}: {_text(value)}" for name, value in result.measured.items())


def line(result):
    text = f"{result.state:8} {result.name:24} {result.seconds:5.0f} s"
    if result.skipped and not result.failures:
        return f"{text}  skipped: {result.skipped}"
    text += f"  {result.operations} operations, {result.acknowledged} acknowledged writes, {result.errors} errors"
    for phase, pair in result.p99.items():
        text += f", p99 {phase} {_pair(pair)} ms"
    if result.measured:
        text += "; " + _measured(result)
    for failure in result.failures:
        text += "\n    " + failure.strip().replace("\n", "\n    ")
    return text


def _row(result):
    counts = result.violations
    wrong = sum(counts.get(c, 0) for c in (checker.STALE, checker.MIXED, checker.PHANTOM))
    state = f"skipped: {result.skipped}" if result.state == "skipped" else result.state
    during = "; ".join(f"{name} {_pair(p)}" for name, p in result.p99.items() if name not in ("healthy", "after"))
    return (
        result.name, result.seed, state, result.operations, result.acknowledged, result.errors,
        counts.get(checker.LOST, 0), wrong, counts.get(checker.RESURRECTED, 0), _pair(result.p99.get("healthy")),
        during or "-", _measured(result) or "-",
    )


def table(results):
    rows = [COLUMNS, ["---"] * len(COLUMNS)] + [_row(result) for result in results]
    cells = ([str(cell).replace("|", "/").replace("\n", " ") for cell in row] for row in rows)
    text = "\n".join(f"| {' | '.join(row)} |" for row in cells)
    total = sum(result.acknowledged for result in results)
    lost = sum(result.violations.get(checker.LOST, 0) for result in results)
    return f"{text}\n\n{total} acknowledged writes under faults, {lost} lost.\n"
