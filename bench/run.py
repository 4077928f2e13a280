#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times hbcore and the programs that people would use instead, and prints tables.

    bench/run.py [--shape NAME[,NAME...]|all] [--scale S | --scales S,S,...] [--rounds N] [--only PATTERN]...
                 [--targets] [--flush] [--json FILE]

All programs run once in each round, in an order that moves on by one from round to round, on the same
home, whose database a process holds open. What each wrote or restored is compared with the home. One shape
of home follows another; see shapes/.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

import check
import growth
import holder
import large
import peers
import report
import rounds
import second
import shapes
import targets

QUIET_LOAD = 0.15  # of the processors


def scales(text):
    found = sorted({float(word) for word in text.split(",")})
    if found[0] <= 0:
        raise ValueError(text)
    return found


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--shape", "--shapes", type=shapes.named, default="corpus", dest="shapes",
                        metavar="NAME[,NAME...]", help=f"of the home: {', '.join(shapes.every())}; all")
    parser.add_argument("--scale", "--scales", type=scales, default=[1.0], dest="scales",
                        metavar="S[,S...]", help="of the home (corpus at 1: 0.86 GB); several take turns in "
                        "each round, and it is shown how cost grows")
    parser.add_argument("--large", type=float, default=0, metavar="FACTOR", help="list, and read one "
                        "file, also from archives that are so many times as large (10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5,
                        help="of listing and of one file, in each round")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN",
                        help="programs, as 'hbcore*' or 'restore/unzip'; may be repeated")
    parser.add_argument("--targets", action="store_true", help="only what the targets are about")
    parser.add_argument("--quick", action="store_true", help="one round that does not wait for the "
                        "disk before each run: to see that all works, not to measure")
    parser.add_argument("--flush", action="store_true",
                        help="count also what it takes to bring the output to the disk")
    parser.add_argument("--cold", action="store_true",
                        help="drop the page cache before each run (as root)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="all that was measured")
    parser.add_argument("--plot", type=pathlib.Path, metavar="DIRECTORY",
                        help="time against size, one SVG for each section, from several scales")
    parser.add_argument("--keep", action="store_true", help="keep the archives that were read, and say where")
    rounds.add_places(parser)
    parsed = rounds.with_places(parser, parser.parse_args(arguments))
    if min(parsed.rounds, parsed.repeats) <= 0:
        parser.error("rounds and repeats must be above zero")
    if parsed.large and parsed.large <= 1:
        parser.error("--large must be above one")
    if parsed.plot and len(parsed.scales) < 2:
        parser.error("--plot needs several --scales")
    if parsed.cold and os.geteuid() != 0:
        parser.error("--cold needs root")
    if parsed.targets:
        parsed.only += targets.NEEDED
    if parsed.quick:
        parsed.rounds = parsed.repeats = 1
    return parsed


def warnings(arguments, corpora):
    rows = []
    load = os.getloadavg()[0]
    if load > QUIET_LOAD * peers.CPUS:
        rows.append(f"the load average was {load:.2f} at the start; a row whose runs other programs disturbed "
                    "says 'others'. Compare ratios: programs of one round took turns")
    size = sum(check.load(directory)["bytes"] for directory in corpora)
    factor = rounds.SPACE_FACTOR + arguments.large
    if shutil.disk_usage(arguments.work).free < factor * size:
        rows.append(f"less than {factor:g} times the size of the corpus is free in {arguments.work}")
    if "discard" in report.file_system(str(arguments.work))[1]:
        rows.append(f"the file system of {arguments.work} is mounted with discard: it may take milliseconds to delete "
                    "a file, and minutes to take away what was restored; --work can name another")
    if arguments.quick:
        rows.append("a quick run: what earlier programs wrote was still being brought to the disk")
    return rows


def prepare(arguments, stack, shape, scale, directory):
    """A bench for one corpus, and what else has a part in its rounds."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=arguments.work))
    if arguments.keep:
        stack.callback(rounds.say, f"kept: {folder}")
    else:
        stack.callback(shutil.rmtree, folder)
    stack.enter_context(holder.Holder(directory / "home", arguments.seed))
    bench = rounds.Bench(arguments, shape, scale, directory, folder)
    stack.enter_context(contextlib.closing(bench.meter))
    return bench, (bench, second.Second(bench, stack), large.Large(bench))


def measure(arguments, stack, shape, corpora):
    """All rounds of one shape; the scales take turns in each."""
    prepared = [prepare(arguments, stack, shape, *found) for found in corpora.items()]
    benches = [bench for bench, _ in prepared]
    for number in range(benches[0].rounds):
        for _, parts in prepared:
            for part in parts:
                part.round(number)
    for bench in benches:
        bench.empty_trash()
    return benches


def measure_shape(arguments, shape):
    """Its benches, and what is to be said of them."""
    corpora = {}
    for scale in arguments.scales:
        rounds.say(f"{shape.name}: scale {scale:g}, seed {arguments.seed}, in {arguments.work}")
        corpora[scale] = shape.cached(arguments.work, scale, arguments.seed)
    warned = warnings(arguments, corpora.values())
    for row in warned:
        rounds.say(f"bench: warning: {row}")
    with contextlib.ExitStack() as stack:
        return measure(arguments, stack, shape, corpora), warned


def printed(result):
    """With several shapes, what is worst stands first."""
    parts = ["## Targets", *targets.text([(result, made) for made in result["runs"]], "###")] if (
        len(report.by_shape(result)) > 1) else []
    parts.append(report.text(result))
    for _, one in report.by_shape(result):
        parts += growth.tables(one)
    return "\n\n".join(parts)


def main(arguments=None):
    rounds.end_in_order()
    arguments = parse(arguments)
    arguments.work.mkdir(parents=True, exist_ok=True)
    benches, warned = [], []
    for shape in arguments.shapes:
        more, words = measure_shape(arguments, shape)
        benches += more
        warned += [word for word in words if word not in warned]
        result = report.collect(benches, warned)
        if arguments.json:  # after each shape: the next may take long
            arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    print(printed(result))
    if arguments.plot:
        for name, one in report.by_shape(result):
            growth.plots(one, arguments.plot, "" if len(arguments.shapes) == 1 else f"{name}-")
    return 1 if any(bench.problems or not bench.samples for bench in benches) else 0


if __name__ == "__main__":
    sys.exit(main())
