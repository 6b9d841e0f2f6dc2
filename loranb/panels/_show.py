"""What panels show and how it looks: messages, failures under the widget that caused them, tables.

Everything that is not written here is escaped: file names and captions come from anywhere.
"""

import functools
import traceback
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, Literal

import ipywidgets as w

from loranb.errors import LoranbError

Kind = Literal["error", "warning", "good", "info"]
_FAILURE = "<!-- failure -->"  # marks what `shown` wrote, to be taken away when the next try succeeds

# Colours are translucent or the notebook's own, so that they are readable in a light and a dark theme.
STYLE = """<style>
.loranb { max-width: 1240px; overflow: hidden; padding: 4px 2px 10px; }
.loranb .widget-html, .loranb .jupyter-widgets-html-content, .loranb .widget-html-content
  { height: auto; line-height: 1.45; overflow: visible; min-width: 0; }
.loranb .lb-title { font-size: 15px; font-weight: 600; margin: 10px 0 2px; }
.loranb .lb-hint { font-size: 12px; opacity: .72; }
.loranb .lb-box { white-space: pre-line; overflow-wrap: anywhere; border-left: 4px solid; border-radius: 3px;
  padding: 6px 12px; margin: 4px 0; max-width: 100%; box-sizing: border-box; }
.loranb .lb-error { background: rgba(211,47,47,.11); border-color: #d32f2f; }
.loranb .lb-warning { background: rgba(255,160,0,.15); border-color: #f59f00; }
.loranb .lb-good { background: rgba(56,142,60,.12); border-color: #388e3c; }
.loranb .lb-info { background: rgba(30,136,229,.10); border-color: #1e88e5; }
.loranb .lb-box details pre { white-space: pre-wrap; font-size: 11px; max-height: 240px; overflow-y: auto; }
.loranb .lb-box summary { cursor: pointer; opacity: .72; font-size: 12px; }
.loranb table.lb-table { border-collapse: collapse; font-size: 13px; margin: 4px 0; }
.loranb table.lb-table th { text-align: left; font-weight: 600; opacity: .72; }
.loranb table.lb-table th, .loranb table.lb-table td { padding: 3px 18px 3px 0;
  border-bottom: 1px solid rgba(128,128,128,.25); }
.loranb table.lb-table td.lb-number, .loranb table.lb-table th.lb-number { text-align: right;
  font-variant-numeric: tabular-nums; }
.loranb .widget-box, .loranb .widget-hbox, .loranb .widget-vbox { overflow: visible; }
.loranb textarea { font-family: inherit; line-height: 1.4; }
.loranb .lb-bar { justify-content: center; }
.loranb .lb-bar .widget-html { margin: 0 14px; }
.loranb .lb-tools { flex-flow: row wrap; align-items: center; grid-gap: 4px 6px; width: 100%; }
.loranb .lb-part { flex-flow: row wrap; align-items: center; grid-gap: 4px 6px; }
.loranb .lb-card { border: 1px solid rgba(128,128,128,.32); border-radius: 6px; padding: 8px; margin: 0;
  min-width: 0; box-sizing: border-box; background: rgba(128,128,128,.04); overflow: hidden; }
.loranb .lb-card-bad { border-color: #d32f2f; background: rgba(211,47,47,.09); }
.loranb .lb-picture { object-fit: contain; margin: 0; border-radius: 4px; background: rgba(128,128,128,.10); }
.loranb .lb-name { font-weight: 600; font-size: 12px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.loranb .lb-said { font-size: 12px; line-height: 1.35; overflow-wrap: anywhere; margin-top: 2px; }
.loranb .lb-remark { border-left: 3px solid #f59f00; background: rgba(255,160,0,.15); padding: 2px 6px; }
.loranb .lb-facts { opacity: .75; margin-top: 0; }
.loranb .lb-chips { display: flex; flex-wrap: wrap; gap: 3px; margin-top: 3px; }
.loranb .lb-chip { font-size: 11px; line-height: 1.3; padding: 1px 7px; border-radius: 9px;
  border-width: 1px; border-style: solid; white-space: nowrap; cursor: help; }
.loranb .lb-chip.lb-info { background: rgba(128,128,128,.12); border-color: rgba(128,128,128,.35); }
.loranb .lb-card { position: relative; }
.loranb .lb-card:hover { border-color: rgba(128,128,128,.7); }
.loranb .lb-card:has(input:checked) { border-color: #1e88e5; box-shadow: 0 0 0 2px #1e88e5; }
.loranb .lb-pick { position: absolute; top: 8px; left: 8px; right: 8px; height: 150px; }
.loranb .lb-pick > .widget-label:not(.widget-label-basic) { display: none; }
.loranb .lb-pick label.widget-label-basic { position: absolute; inset: 0; height: 100%; cursor: pointer; }
.loranb .lb-pick input { position: absolute; top: 6px; left: 6px; width: 18px; height: 18px; margin: 0;
  accent-color: #1e88e5; cursor: pointer; }
.loranb .lb-finding { border-bottom: 1px solid rgba(128,128,128,.18); padding: 1px 0; }
.loranb .lb-more summary { cursor: pointer; padding: 4px 0; }
.loranb .lb-more summary .lb-hint { margin-left: 6px; }
.loranb .lb-detail { padding: 0 0 6px 22px; font-size: 13px; overflow-wrap: anywhere; }
.loranb .lb-dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin: 0 8px 1px 4px; }
.loranb .lb-dot.lb-error { background: #d32f2f; }
.loranb .lb-dot.lb-warning { background: #f59f00; }
.loranb .lb-dot.lb-info { background: rgba(128,128,128,.6); }
.loranb .lb-link { background: none; box-shadow: none; padding: 0 4px; opacity: .8; align-self: flex-start; }
.loranb .lb-row { flex-flow: row wrap; }
.loranb .lb-editor { border: 1px solid rgba(128,128,128,.32); border-radius: 6px; padding: 4px 12px 10px;
  box-sizing: border-box; }
.loranb .lb-stage { display: block; position: relative; line-height: 0; }
.loranb .lb-stage > img { width: 100%; height: auto; display: block; border-radius: 0; }
.loranb .lb-drawn { position: absolute; inset: 0; margin: 0; width: 100%; height: 100% !important; }
.loranb .lb-drawn .widget-html-content, .loranb .lb-drawn .jupyter-widgets-html-content
  { position: absolute; inset: 0; height: 100%; line-height: 0; }
.loranb .lb-drawn svg { width: 100%; height: 100%; display: block; }
.loranb .lb-field { padding: 7px 0; border-bottom: 1px solid rgba(128,128,128,.18); overflow: hidden; }
.loranb .lb-changed { border-left: 3px solid #1e88e5; padding-left: 10px; background: rgba(30,136,229,.05); }
.loranb .lb-kohya { font-size: 11px; opacity: .6; font-family: monospace; margin-left: 6px; }
.loranb .lb-length { font-size: 15px; font-weight: 600; padding: 4px 0; font-variant-numeric: tabular-nums; }
.loranb .lb-unfold { background: none; box-shadow: none; text-align: left; border: 0; padding-left: 2px; }
.loranb .lb-unfold:focus-visible, .loranb .lb-link:focus-visible { outline: 2px solid #1e88e5; }
.loranb .lb-scroll { max-height: 780px; overflow-y: auto; display: block; }
.loranb .lb-chooser .widget-toggle-button i[class*="fa-"] { margin-left: 6px; }
.loranb .lb-legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 2px 0; }
.loranb .lb-swatch { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 5px; }
.loranb .lb-hint a { color: var(--jp-content-link-color, #1976d2); text-decoration: underline; }
.loranb .lb-wrong { font-size: 12px; color: #d32f2f; overflow-wrap: anywhere; }
.loranb .lb-chooser .widget-toggle-button { border-radius: 14px; margin: 2px; box-shadow: none; }
.loranb .lb-chooser .widget-toggle-button.mod-active
  { background: var(--jp-brand-color1, #1976d2); color: #fff; }
</style>"""


class Panel(w.VBox):
    """A column of widgets that looks like the other panels."""

    def __init__(self, children: Sequence[w.Widget]):
        style = w.HTML(STYLE, layout=w.Layout(display="none"))
        super().__init__([style, *children], layout=w.Layout(width="100%"))
        self.add_class("loranb")

    def __repr__(self) -> str:
        """What stands in a notebook that is read without widgets."""
        return f"({type(self).__name__}: run the cell to see it)"


def shown(handler: Callable[..., Any], where: w.HTML) -> Callable[..., None]:
    """Wrap a widget's callback so that what goes wrong in it is read under the widget, not lost in a log.

    Args:
        handler: called with whatever the widget gives.
        where: shows the failure until the next call succeeds.
    """

    @functools.wraps(handler)
    def guarded(*given: Any) -> None:
        if where.value.startswith(_FAILURE):
            where.value = ""
        try:
            handler(*given)
        except Exception as error:
            where.value = failure(error)

    return guarded


def failure(error: Exception) -> str:
    """Return an exception as HTML: a `LoranbError` as its message, another with its traceback folded."""
    if isinstance(error, LoranbError):
        return _FAILURE + message("error", str(error))
    trace = "".join(traceback.format_exception(error))
    sentence = f"This is a fault in loranb, not in what you did: {type(error).__name__}: {error}"
    folded = f"<details><summary>For a report: where it happened</summary><pre>{escape(trace)}</pre></details>"
    return f'{_FAILURE}<div class="lb-box lb-error">{escape(sentence)}{folded}</div>'


def message(kind: Kind, text: str) -> str:
    """Return text, with its line breaks, as a coloured box."""
    return f'<div class="lb-box lb-{kind}">{escape(text)}</div>'


def title(text: str, hint: str = "") -> str:
    """Return a heading, with a line in small letters under it."""
    return f'<div class="lb-title">{escape(text)}</div>' + (small(hint) if hint else "")


def small(text: str) -> str:
    """Return text in small letters."""
    return f'<div class="lb-hint">{escape(text)}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; numbers stand to the right of their column."""
    rows = [list(row) for row in rows]
    numeric = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(header))]

    def line(cells: Sequence[object], tag: str) -> str:
        kinds = [' class="lb-number"' if number else "" for number in numeric]
        return "".join(f"<{tag}{k}>{escape(str(c))}</{tag}>" for c, k in zip(cells, kinds, strict=True))

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f'<table class="lb-table"><tr>{line(header, "th")}</tr>{body}</table>'
