"""The report as one HTML page: what made the runs, tables, figures, the gallery. No network, no scripts."""

from collections.abc import Iterator, Sequence

from codeit_jax.charts.svg_chart import chart_style, chart_svg
from codeit_jax.laboratory.figure import Figure
from codeit_jax.laboratory.gallery import gallery_html
from codeit_jax.laboratory.report_content import Report
from codeit_jax.laboratory.tables import Table
from codeit_jax.reporting.markup import GRID_LINES, GRID_STYLE, escape

# A second line of defense behind `escape`: whatever gets into the page, nothing is loaded and nothing runs.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

# Wide things scroll in a box of their own: the page itself never does, on a phone either. Tasks out of sight aren't
# laid out (content-visibility): a page of 1,000 opens in a third of the time (docs/log.md).
_STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #222; --soft: #595959; --line: #d0d0d0; --box: #f4f4f4;
  --link: #0050a0; }
@media (prefers-color-scheme: dark) {
  :root { --page: #161616; --ink: #e4e4e4; --soft: #a8a8a8; --line: #484848; --box: #262626; --link: #8ab8ff; }
}
body { font: 16px/1.5 system-ui, sans-serif; margin: 1.5em auto; max-width: 62em; padding: 0 1em; color: var(--ink);
  background: var(--page); overflow-wrap: break-word; }
a { color: var(--link); } h1 { font-size: 1.6em; } h2 { border-top: 1px solid var(--line); padding-top: .8em; }
h3 { margin: 1.4em 0 .4em; } .note { color: var(--soft); font-size: .9em; }
table { border-collapse: collapse; font-size: .9em; } caption { text-align: left; }
th, td { padding: .25em .8em .25em 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top;
  min-width: 4em; }
.scroll { overflow-x: auto; max-width: 100%; } .scroll .chart { min-width: 460px; max-width: 760px; width: 100%; }
pre { background: var(--box); padding: .6em; overflow-x: auto; unicode-bidi: isolate; direction: ltr; }
pre { font-size: .85em; }
bdi { unicode-bidi: isolate; } nav.ids a { display: inline-block; margin: 0 .6em .2em 0; padding: .1em 0; }
.pairs { display: flex; flex-wrap: wrap; gap: .8em 2em; margin: .6em 0; }
.pair { display: flex; gap: .6em; max-width: 100%; } .pair figure { flex: 0 1 auto; min-width: 0; }
figure { margin: 0; } figcaption { font-size: 12px; color: var(--soft); } .none { color: var(--soft); }
.hidden { position: absolute; } article { content-visibility: auto; contain-intrinsic-size: auto 700px; }
"""


def build_page(report: Report) -> str:
    """Return the page as HTML that needs no network and no scripts."""
    title = "CodeIt: " + ", ".join(dict.fromkeys(run.name for arm in report.arms for run in arm.runs))
    sections = [
        ("provenance", "What made each run", _tables([report.provenance])),
        ("results", "Results", _tables(report.tables)),
        ("figures", "Figures", _figures(report.figures)),
        ("training", "The runs at work", (*_tables(report.work_tables), *_figures(report.work_figures))),
        ("gallery", f"Tasks: {len(report.shown)}", gallery_html(report.shown)),
        ("configuration", "Configuration", _tables([report.settings])),
    ]
    body = [f"<header><h1>{escape(title)}</h1></header>", GRID_LINES]
    body.append(_contents(report, [(anchor, name) for anchor, name, _ in sections]))
    body.append("<main>")
    for anchor, name, content in sections:
        body += [f'<section id="{anchor}"><h2>{escape(name)}</h2>', *content, "</section>"]
    body.append("</main>")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{chart_style()}{GRID_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _contents(report: Report, sections: Sequence[tuple[str, str]]) -> str:
    parts = {
        "results": [(table.name, table.title) for table in report.tables],
        "figures": [(figure.name, figure.title) for figure in report.figures],
        "training": [
            *((table.name, table.title) for table in report.work_tables),
            *((figure.name, figure.title) for figure in report.work_figures),
        ],
    }
    items = []
    for anchor, name in sections:
        inner = "".join(f"<li>{_link(*part)}</li>" for part in parts.get(anchor, []))
        items.append(f"<li>{_link(anchor, name)}{f'<ul>{inner}</ul>' if inner else ''}</li>")
    return (
        f'<nav aria-label="contents"><details open><summary>Contents</summary><ul>{"".join(items)}</ul></details></nav>'
    )


def _link(anchor: str, name: str) -> str:
    return f'<a href="#{anchor}">{escape(name)}</a>'


def _tables(tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        yield f'<h3 id="{table.name}">{escape(table.title)}</h3>'
        yield f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title)}"><table>'
        yield (
            "<thead><tr>"
            + "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table.head)
            + "</tr></thead><tbody>"
        )
        for first, *rest in table.rows:
            cells = "".join(f"<td>{_text(cell)}</td>" for cell in rest)
            yield f'<tr><th scope="row">{_text(first)}</th>{cells}</tr>'
        yield "</tbody></table></div>"
        yield from (f'<p class="note">{escape(note)}</p>' for note in table.notes)


def _text(cell: str) -> str:
    # <bdi> isolates text whose direction is unknown: a name in right-to-left script must not turn the words around it.
    return f"<bdi>{escape(cell)}</bdi>" if cell else ""


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    for figure in figures:
        yield f'<h3 id="{figure.name}">{escape(figure.title)}</h3>'
        if figure.chart is not None:
            label = f'tabindex="0" role="region" aria-label="{escape(figure.title)}"'
            yield f'<div class="scroll" {label}>{chart_svg(figure.chart)}</div>'
        yield f'<p class="note">{escape(figure.note)}</p>'
        yield from (f"<p>{escape(name)}</p><pre>{escape(text)}</pre>" for name, text in figure.programs)
