"""An experiment's report, from what is stored: the same figures as on the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd
import plotly.graph_objects as go
import yaml
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import FieldProblem, InvalidError
from backend.results import markdown_text, queries
from backend.storage.store import comments, experiments, notes
from backend.storage.tables import (
    AlignmentRow,
    Comment,
    Experiment,
    LayerColumn,
    MetricRow,
    Run,
    SpectrumRow,
)
from loraone import __version__
from loraone.analysis import outcomes, verdicts
from loraone.analysis.figures import (
    alignment,
    columns,
    cost,
    curves,
    heatmap,
    learning_rate,
    spectra,
    step0,
)
from loraone.analysis.figures.layers import label as layer_label
from loraone.analysis.figures.layers import of_experts
from loraone.analysis.figures.style import title
from loraone.analysis.report import Section, render
from loraone.catalog import COSTS, FIGURES, LAYER_METRICS, METRICS, SCALARS, TASKS
from loraone.spec import stored
from loraone.spec.recipes import as_yaml

# Methods in each figure of a report, numbers in all of them together, and rows of warnings.
MOST_SERIES = 500
MOST_DRAWN = 2_000_000
MOST_WARNINGS = 500


def report(session: Session, experiment: Experiment) -> Iterator[str]:
    """One HTML file with verdict, tables, figures, recipe, environment and notes, in pieces.

    Raises InvalidError where it would draw more than a browser could show.
    """
    rows = experiments.runs(session, experiment.id)
    everything = queries.runs(rows)
    judge = TASKS[experiment.task].judges[0] if experiment.task in TASKS else "eval_loss"
    best = verdicts.best_learning_rates(everything, judge)
    sections = [
        Section("Verdict", verdicts.verdict(everything, judge), _methods(everything, best, judge)),
        *_figures(session, rows, everything, best, judge, experiment.task),
        Section("All runs", table=_runs(everything, judge)),
        *_warnings(rows),
        *_notes(session, experiment.id),
        *_comments(session, experiment.id),
        Section(
            "Recipe",
            _how_to_run(experiment),
            code=_recipe(experiment),
        ),
        Section("Where it ran", table=_environment(rows)),
    ]
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    launched = experiment.created_at.strftime("%Y-%m-%d %H:%M UTC")
    who = f" by {experiment.author}" if experiment.author else ""
    subtitle = (
        f"{experiment.description}\nLaunched {launched}{who}; {experiment.model}, "
        f"{experiment.data}. Report of {at} by LoRA-One Lab {__version__}."
    ).strip()
    return render(experiment.name, subtitle, sections)


def _how_to_run(experiment: Experiment) -> str:
    """How the recipe is used, or why it cannot be used here."""
    problems = stored.experiment(experiment.spec).problems
    if problems:
        return f"It cannot be run again here: {problems[0]['message']}."
    return "Save as experiment.yaml, then: loraone run experiment.yaml"


def _recipe(experiment: Experiment) -> str:
    """The spec as YAML; of one that is refused today, the document as it was stored."""
    spec = stored.experiment(experiment.spec)
    return as_yaml(spec.spec) if spec.runnable else yaml.safe_dump(spec.document, sort_keys=False)


def _methods(runs: pd.DataFrame, best: pd.DataFrame, judge: str) -> pd.DataFrame | None:
    """Each method at its own best learning rate, also those without one."""
    if best.empty:
        return None
    failed = outcomes.outcomes(runs, judge) == outcomes.FAILED
    rows = []
    for label, everything in runs.groupby("series", sort=False):
        group = best[best["series"] == label]
        estimate = verdicts.mean_and_deviation(group[judge])
        std = estimate.std if estimate else None
        rows.append(
            {
                "Method": label,
                "Best learning rate": float(group["learning_rate"].iloc[0]) if estimate else None,
                METRICS[judge].label: estimate.mean if estimate else None,
                "± over seeds": std,
                "Seeds": estimate.n if estimate else 0,
                "Failed": f"{int(failed[everything.index].sum())} of {len(everything)}",
            }
        )
    return pd.DataFrame(rows).astype({"± over seeds": "float64"})


def _figures(
    session: Session,
    rows: list[Run],
    everything: pd.DataFrame,
    best: pd.DataFrame,
    judge: str,
    task: str,
) -> list[Section]:
    if best.empty:
        return []
    ids = [int(key) for key in best["run_id"]]
    layers = queries.layer_names(rows)
    first = best.drop_duplicates("series")
    firsts = [int(key) for key in first["run_id"]]
    if len(first) > MOST_SERIES:
        raise _too_large(len(first), "methods", MOST_SERIES)
    _check_size(session, ids, firsts, judge)
    values = curves.table(best, queries.metrics(session, ids, judge), queries.before(rows, judge))
    reports = {run.id: run.init_scalars for run in rows if run.init_scalars}
    angles = alignment.table(queries.alignments(session, ids), best, name="mean_cos2", layers=None)
    rate = learning_rate.table(everything, judge)
    price = cost.table(best, judge, cost.USUAL)
    gradient = queries.scalar(session, ids[0], heatmap.QUANTITY, heatmap.SCALAR)
    by_layer = heatmap.table(layers, gradient, heatmap.SCALAR)
    shown = spectra.table(queries.spectra(session, firsts, 0, list(spectra.USUAL)), first)
    log = METRICS[judge].axis == "log"
    unit = TASKS[task].loss_unit if task in TASKS else ""
    figures = [
        (_named("curves"), curves.draw(values, best, metric=judge, log_y=log)),
        (_named("learning-rate"), learning_rate.draw(rate, everything, metric=judge)),
        (_named("cost"), cost.draw(price, best, metric=judge, cost=cost.USUAL)),
        (
            _named("step0"),
            step0.draw(step0.table(first, reports), first, unit=unit),
        ),
        *_per_layer(session, ids, best, layers),
        (_named("alignment"), alignment.draw(angles, best, name="mean_cos2", random=None)),
        *_maps(by_layer, layers, queries.without_gradient(session, ids[0])),
        (f"{_named('spectra')} of {_label(layers)}", spectra.draw(shown, first, rank=None)),
    ]
    return [Section(title, figure=figure) for title, figure in figures]


def _maps(
    by_layer: pd.DataFrame, names: list[str], unused: list[int]
) -> Iterator[tuple[str, go.Figure]]:
    """Of all layers, then of the experts of each class."""
    scalar, quantity = heatmap.SCALAR, heatmap.QUANTITY
    said = f"{SCALARS[scalar].label} of the {quantity}"
    yield said, heatmap.draw(by_layer, scalar=scalar, quantity=quantity)
    for kind in of_experts(names):
        drawn = heatmap.draw(
            by_layer, scalar=scalar, quantity=quantity, experts=kind, unused=unused
        )
        yield f"{said}: {kind}", drawn


def _check_size(session: Session, ids: list[int], firsts: list[int], judge: str) -> None:
    reported = [row.name for row in LAYER_METRICS.values() if row.reported]
    bytes_of = func.coalesce(func.sum(func.length(LayerColumn.values)), 0)
    counts = [
        select(func.count()).where(MetricRow.run_id.in_(ids), MetricRow.name == judge),
        select(func.count()).where(AlignmentRow.run_id.in_(ids)),
        select(bytes_of / 4).where(LayerColumn.run_id.in_(ids), LayerColumn.name.in_(reported)),
        select(func.coalesce(func.sum(SpectrumRow.length), 0)).where(
            SpectrumRow.run_id.in_(firsts),
            SpectrumRow.layer == 0,
            SpectrumRow.quantity.in_(spectra.USUAL),
        ),
    ]
    count = sum(int(session.scalar(each) or 0) for each in counts)
    if count > MOST_DRAWN:
        raise _too_large(count, "numbers", MOST_DRAWN)


def _too_large(count: int, of: str, most: int) -> InvalidError:
    return InvalidError(
        FieldProblem(
            path="experiment_id",
            message=f"a report of it would draw {count} {of}",
            value=count,
            allowed=f"up to {most}",
            hint="its page shows its figures one by one, and its export has all numbers",
        )
    )


def _named(figure: str) -> str:
    return FIGURES[figure].label


def _per_layer(
    session: Session, ids: list[int], best: pd.DataFrame, layers: list[str]
) -> list[tuple[str, go.Figure]]:
    """The metrics of the layers that a report draws."""
    figures = []
    for row in LAYER_METRICS.values():
        if row.reported:
            rows = columns.table(queries.layer_columns(session, ids, row.name), best, layers)
            figures.append((row.label, columns.draw(rows, best, layers, row=row)))
    return figures


def _label(names: list[str]) -> str:
    """The first layer, as people say it."""
    return layer_label(names[0]) if names else "the layer"


def _runs(everything: pd.DataFrame, judge: str) -> pd.DataFrame:
    price = COSTS[cost.USUAL]
    names = {
        "run_id": "Run",
        "label": "Method",
        "rank": "Rank",
        "learning_rate": "Learning rate",
        "seed": "Seed",
        "status": "Status",
        judge: METRICS[judge].label,
        price.name: title(price.label, price.unit),
    }
    return everything[list(names)].rename(columns=names)


def _warnings(rows: list[Run]) -> list[Section]:
    """What is wrong with results that are shown."""
    warned = [(run.id, run.label, warning) for run in rows for warning in run.warnings]
    if not warned:
        return []
    further = len(warned) - MOST_WARNINGS
    words = f"The first {MOST_WARNINGS}, and {further} more." if further > 0 else ""
    table = pd.DataFrame(warned[:MOST_WARNINGS], columns=["Run", "Method", "Warning"])
    return [Section("Warnings", words, table=table)]


def _notes(session: Session, experiment_id: int) -> list[Section]:
    latest = notes.latest(session, experiment_id)
    if latest is None:
        return []
    words = f"Version {latest.version} by {latest.author}"
    # Safe: HTML in it stays text, and nothing of it is run or fetched.
    written = Markup(markdown_text.render(latest.text))  # noqa: S704
    return [Section("Notes", words, written=written)]


def _comments(session: Session, experiment_id: int) -> list[Section]:
    """What people said of it: the newest, in the order they were written."""
    found = comments.newest(session, experiment_id)
    if not found:
        return []
    further = comments.count(session, experiment_id) - len(found)
    words = f"The last {len(found)}; {further} earlier ones are left out." if further else ""
    # Safe: HTML in a comment stays text, and what is put around it is escaped.
    written = Markup("").join(
        Markup("<p><strong>{}</strong>, {}{}</p><blockquote>{}</blockquote>").format(
            comment.author,
            comment.created_at.strftime("%Y-%m-%d %H:%M UTC"),
            f", on {about}" if (about := _about(comment)) else "",
            Markup(markdown_text.render(comment.text, comment.mentions)),  # noqa: S704
        )
        for comment in found
    )
    return [Section("Comments", words, written=written)]


def _about(comment: Comment) -> str:
    """What of the experiment it is about; empty for the whole."""
    if comment.run_id is not None:
        return f"run {comment.run_id}"
    return comment.figure or ("a view" if comment.view else "")


def _environment(rows: list[Run]) -> pd.DataFrame | None:
    known = next((run.environment for run in rows if run.environment), None)
    if known is None:
        return None
    flat = {**known, **known.get("packages", {})}
    plain = {name: value for name, value in flat.items() if not isinstance(value, dict)}
    return pd.DataFrame([(name, str(value)) for name, value in plain.items()], columns=["", " "])
