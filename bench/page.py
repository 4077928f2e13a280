#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts what was measured into a page, between two marks, and the plots beside it.

    bench/page.py PAGE [--results FILE]... [--growth FILE]... [--instructions FILE]...

The files are what bench/run.py and bench/instructions.py wrote with --json: shapes at one scale each, one shape
at several scales, instruction counts. What is not given is not on the page; without any of them there is
nothing between the marks.
"""
import argparse
import json
import pathlib
import sys

import growth
import instructions
import report
import targets

BEGIN, END = "<!-- measured: what follows is written by bench/page.py -->", "<!-- end of measured -->"
FORMATS = {"results": report.FORMAT, "growth": report.FORMAT, "instructions": instructions.FORMAT}


def growing(grown, page):
    """Tables from several scales, and plots."""
    sizes = "; ".join(f"{made['corpus']['files']} files, {made['corpus']['bytes'] / 1e6:.0f} MB"
                      for made in grown["runs"])
    names = growth.scales(grown).replace(", ", "-")
    titles, shape = dict(report.SECTIONS), grown["runs"][0]["shape"]
    if shape != "corpus":
        names = f"{shape}-{names}"
    plots = [f"![{titles[section]}: time against size]({path.name})"
             for section, path in growth.plots(grown, page.parent, f"{page.stem}-{names}-")]
    return [f"## Growth: {shape}, scales {growth.scales(grown)}", f"{sizes}.", *report.heading(grown),
            *growth.tables(grown, "###"), *plots]


def last_of_each(results):
    """(result, run) of each shape: the last that was given."""
    found = {}
    for result in results:
        for made in result["runs"]:
            found[made["shape"]] = (result, made)
    return list(found.values())


def times(runs):
    """The machine is described where it may be another, or in another state."""
    parts, before = [], None
    for result, made in runs:
        if result is not before:
            parts += report.heading(result)
        parts += [f"### Shape {report.named(made)}", *report.sections(result, made, "####")]
        before = result
    return parts


def block(found, page):
    """From what was loaded, by name; of several results of one shape the last counts, as of instructions."""
    runs, parts = last_of_each(found["results"]), []
    grown = [one for result in found["growth"] for _, one in report.by_shape(result)]
    if runs:
        parts += ["## Targets", *targets.text(runs, "###")]
    if grown:
        parts += ["## Targets of growth", targets.table(
            [target for one in grown for target in targets.of_growth(one)])]
    if runs:
        parts += ["## Times", *times(runs)]
    for one in grown:
        parts += growing(one, page)
    if found["instructions"]:
        parts += ["## Instructions", *map(instructions.text, found["instructions"])]
    return "\n\n".join(parts)


def replaced(text, inner):
    """The page with something else between the marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no {BEGIN if not begin else END}")
    return f"{before}{BEGIN}\n" + (f"\n{inner}\n\n" if inner else "") + END + after


def load(name, path):
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("format") != FORMATS[name] or ("runs" in found) != (name != "instructions"):
        raise ValueError(f"{path}: not a file for --{name} of this version")
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("page", type=pathlib.Path)
    for name in FORMATS:
        parser.add_argument(f"--{name}", type=pathlib.Path, metavar="FILE", default=[],
                            action="append")
    options = parser.parse_args(arguments)
    try:
        found = {name: [load(name, path) for path in getattr(options, name)] for name in FORMATS}
        text = options.page.read_text(encoding="utf-8")
        inner = block(found, options.page)
        options.page.write_text(replaced(text, inner), encoding="utf-8")
    except (OSError, ValueError) as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
