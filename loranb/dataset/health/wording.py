"""A report as people read it in a terminal: grouped by what was found, the worst first, with what to do."""

from collections.abc import Iterator, Sequence

from loranb.dataset.caption_advice import Remark
from loranb.dataset.health.findings import Finding, severity_rank
from loranb.dataset.health.report import Report

NAMED = {"error": 20, "warning": 8, "info": 3}  # pictures under one heading
REMARKS = 8  # of one kind, on captions
_MARKS = {"error": "✗", "warning": "!", "info": "·"}


def in_words(report: Report) -> str:
    """Say all of it: how many can be used, then what was found, of the set, its subjects and its pictures."""
    groups: dict[tuple[int, str], list[tuple[str, Finding]]] = {}
    for where, finding in _found(report):
        groups.setdefault((severity_rank(finding.severity), finding.code), []).append((where, finding))
    found = [line for _, group in sorted(groups.items(), key=lambda item: item[0][0]) for line in _group(group)]
    return "\n".join([_verdict(report), *found, *_on_captions(report)])


def _found(report: Report) -> Iterator[tuple[str, Finding]]:
    yield from (("", finding) for finding in report.findings)
    yield from ((health.subject.words, finding) for health in report.subjects for finding in health.findings)
    yield from ((report.name(picture.path), finding) for picture in report.pictures for finding in picture.findings)


def _verdict(report: Report) -> str:
    told = report.summary
    stopped = "" if report.complete else "Stopped before all pictures were looked at. "
    if not told["pictures"]:
        return f"{stopped}There are no pictures yet."
    count, usable, fine = told["pictures"], told["usable"], report.fine
    subjects = f" in {told['subjects']} subjects" if told["subjects"] > 1 else ""
    left = f", and {count - usable} will be left out" if usable < count else ""
    beside = f" {told['regularisation']} pictures are there for regularisation." if told["regularisation"] else ""
    return f"{stopped}{usable} of {count} pictures{subjects} can be used{left}. {fine} are fine as they are.{beside}"


def _on_captions(report: Report) -> Iterator[str]:
    """Say what is to be said of the captions, each kind of remark once."""
    kinds: dict[str, list[Remark]] = {}
    for remark in report.captions:
        kinds.setdefault(remark.code, []).append(remark)
    if kinds:
        yield "\nCaptions (the second notebook does what is advised here, and takes it back):"
    for remarks in kinds.values():
        first = remarks[0]
        title = first.title[:1].upper() + first.title[1:]
        yield f"\n{_MARKS[first.severity]} {title}. {first.advice}"
        yield from (f"    {remark.message}" for remark in remarks[:REMARKS])
        if len(remarks) > REMARKS:
            yield f"    and {len(remarks) - REMARKS} more; --json lists all"


def _group(group: Sequence[tuple[str, Finding]]) -> Iterator[str]:
    first = group[0][1]
    named = NAMED[first.severity]
    count = f" ({len(group)})" if len(group) > 1 else ""
    title = first.title[:1].upper() + first.title[1:]
    yield f"\n{_MARKS[first.severity]} {title}{count}. {first.meaning} {first.advice}"
    for where, finding in group[:named]:
        yield f"    {where}: {finding.detail}" if where else f"    {finding.detail}"
    if len(group) > named:
        yield f"    and {len(group) - named} more; --json lists all"
