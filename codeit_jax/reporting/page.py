"""The HTML page about one or more runs: curve, scores, solved tasks with their programs and grids."""

from collections.abc import Iterator, Sequence

from codeit_jax.arc import Example
from codeit_jax.evaluation import COLUMNS
from codeit_jax.reporting.credits import ROW_NAMES, SCREENS, demonstrations_held, found_by
from codeit_jax.reporting.curve import Line, chart_svg
from codeit_jax.reporting.markup import escape, grid_svg
from codeit_jax.reporting.run_result import RunResult, ShownTask
from interpreter import Outcome

# A second line of defense behind `escape`: whatever gets into the page, nothing is loaded and nothing runs.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } th, td { padding: .2em .8em; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
pre { background: #f5f5f5; padding: .6em; overflow-x: auto; unicode-bidi: isolate; direction: ltr; }
bdi { unicode-bidi: isolate; }
figure { display: inline-block; margin: 0 .8em .8em 0; vertical-align: top; }
figcaption { font-size: 12px; color: #666; } .none { color: #999; }
svg .lines { stroke: #555; stroke-width: .5; fill: none; } svg .rule { stroke: #ddd; }
svg polyline, svg path { fill: none; stroke-width: 2; } svg .rule, svg .lines { stroke-width: .5; }
svg text { font-size: 12px; fill: #444; }
"""


def build_page(runs: Sequence[RunResult]) -> str:
    """Return the page as HTML that needs no network and no scripts."""
    title = "CodeIt: " + ", ".join(run.name for run in runs)
    body = [f"<h1>{escape(title)}</h1>", _chart(runs)]
    for run in runs:
        body += _run_section(run)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _chart(runs: Sequence[RunResult]) -> str:
    # By pass@3, the number that the paper compares.
    lines = [
        Line(
            f"{run.name}: {ROW_NAMES[key]}",
            [(row["iteration"], row[key]["pass@3"]) for row in run.scores],
            number,
            dashed,
        )
        for number, run in enumerate(runs)
        for key, dashed in (("policy", False), ("cumulative", True))
    ]
    return chart_svg(lines, "tasks solved (pass@3)")


def _run_section(run: RunResult) -> Iterator[str]:
    yield f"<h2>{escape(run.name)}</h2>"
    # <bdi> isolates text whose direction is unknown: a name in right-to-left script must not turn the words around it.
    settings = "".join(f"<li>{escape(name)}: <bdi>{escape(value)}</bdi></li>" for name, value in run.settings.items())
    yield f"<ul>{settings}</ul>"
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    yield f"<table><tr><th>tasks solved of {run.num_tasks}</th>{head}</tr>"
    for key, name in ROW_NAMES.items():
        cells = "".join(f"<td>{run.report[key][column]}</td>" for column in COLUMNS)
        yield f"<tr><td>{key}: {name}</td>{cells}</tr>"
    yield "</table>"
    yield f"<p>{escape(SCREENS[run.screen])}</p>"
    yield f"<h3>Tasks solved (pass@3): {len(run.shown)}</h3>"
    for shown in run.shown:
        yield from _task_section(shown)


def _task_section(shown: ShownTask) -> Iterator[str]:
    task, candidate = shown.task, shown.solved.candidate
    yield f"<h4><bdi>{escape(task.id)}</bdi></h4>"
    yield (
        f"<p>Found by: {escape(found_by(candidate))}. Reproduces all tests and {demonstrations_held(candidate)} "
        f"demonstrations; programs that reproduce one or more: {shown.solved.num_programs}. "
        f"Counted in the rows {', '.join(shown.solved.rows)}.</p>"
    )
    yield f"<pre>{escape(candidate.program)}</pre>"
    # Outcomes come as the inputs went in: demonstrations first.
    split = len(task.demonstrations)
    yield "<div>" + "".join(_pairs("demonstration", task.demonstrations, shown.outcomes[:split])) + "</div>"
    yield "<div>" + "".join(_pairs("test", task.tests, shown.outcomes[split:])) + "</div>"


def _pairs(kind: str, examples: Sequence[Example], outcomes: Sequence[Outcome]) -> Iterator[str]:
    for number, (example, outcome) in enumerate(zip(examples, outcomes, strict=True), start=1):
        yield grid_svg(example.input, f"{kind} {number}")
        yield grid_svg(outcome.grid, "the program's output")
