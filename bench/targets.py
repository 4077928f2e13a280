# SPDX-License-Identifier: Apache-2.0
"""What hbcore set out to reach on every shape of home, against what was measured."""
import collections

import growth
import peers
import report
import shapes

AS_IS, NEITHER, BOTH = "as they are", "neither flushes", "both flush"
CPU = "processor time"  # no target: on a busy machine it says more than the time that passed
COLUMNS = (AS_IS, NEITHER, BOTH, CPU)
FAIR = (NEITHER, BOTH)  # the ways to treat the flush at the end that a target of a time is about
ENTRIES = 15_000  # for which the time of a list is stated
NO_FLUSH = ", no flush"
FULL = ", checked in full"
FLOOR = "cp -a of the files"
KINDS = ("zip -6", "zip fast", "tar-zstd")

# At most `bound` (None: it is only shown), or what the shape has instead; values by the way to treat the flush;
# `ways`: those that count.
Target = collections.namedtuple("Target", "title unit bound values ways", defaults=((AS_IS,),))

# What must be run to judge them, as --only takes it.
NEEDED = (
    *(f"backup/{name}" for name in (peers.REFERENCE, peers.TAR_ZSTD, peers.FLOOR + "libdeflate -6")),
    *(f"{section}/{peers.OURS}{kind}{end}" for section in ("backup", "again", "changed") for kind in KINDS
      for end in ("", NO_FLUSH)),
    *(f"{section}/restic" for section in ("again", "changed")),
    *(f"restore/{name}" for name in ("unzip", "tar --zstd", FLOOR)),
    *(f"restore/{peers.OURS}{kind}{full}{end}" for kind in ("zip", "tar-zstd") for full in ("", FULL)
      for end in ("", NO_FLUSH)),
    *(f"{section}/{peers.OURS}{kind}" for section in ("list", "one", "large-list", "large-one")
      for kind in ("zip", "tar-zstd")))


class Measured:
    """The rows of one home by section and program; None stands for what was not measured."""

    def __init__(self, result, made):
        self.flush, self.corpus, self.room = result["flush"], made["corpus"], made["room"]
        self.rows = {(row["section"], row["program"]): row for row in made["rows"] if row["right"]}

    def ratio(self, section, mine, theirs, keys=("wall",)):
        one, other = self.rows.get((section, mine)), self.rows.get((section, theirs))
        return report.ratio(one["samples"], other["samples"], keys) if one and other else None

    def times(self, section, mine, theirs):
        """Of ours to that of another program, in the three ways to treat the flush at the end."""
        found = {AS_IS: self.ratio(section, mine, theirs), CPU: self.ratio(section, mine, theirs, ("cpu",)),
                 NEITHER: self.ratio(section, mine + NO_FLUSH, theirs)}
        if self.flush and section in report.FLUSHED:
            found[BOTH] = self.ratio(section, mine, theirs, ("wall", "flush"))
        return found

    def sizes(self, section, mine, theirs, more=0):
        """Of the first runs: they saw the same files. `more`: bytes to add to theirs."""
        one, other = self.rows.get((section, mine)), self.rows.get(("backup", theirs))
        return {AS_IS: one["samples"][0]["bytes"] / (other["samples"][0]["bytes"] + more)
                if one and other else None}

    def zlib_sizes(self, section, mine):
        """To zlib -6 by entry: the reference stores all but directories."""
        return self.sizes(section, mine, peers.REFERENCE, self.corpus["directory_headers"])

    def written(self, program):
        row = self.rows.get(("backup", program))
        return {AS_IS: row["written"] / row["bytes"] if row else None}

    def beside(self, program):
        """In tenths of MB: the file that names the run takes a block, whatever there is to back up."""
        found = self.room.get(program)
        return {AS_IS: None if found is None else round(found / 1e6, 1)}

    def milliseconds(self, section, program):
        row = self.rows.get((section, program))
        return {AS_IS: 1000 * row["wall"] if row else None}

    def listing(self, section, program):
        """For as many entries as are stated; what a few take says nothing of many."""
        factor = ENTRIES / (self.corpus["files"] + self.corpus["directories"])
        found = self.milliseconds(section, program)[AS_IS]
        return {AS_IS: found * factor if found is not None and factor < 2 else None}


def is_ours(program):
    return program.startswith(peers.OURS)


def peak(*runs):
    """Of all of ours."""
    found = [row["peak"] for made in runs for row in made["rows"] if row["right"] and is_ours(row["program"])]
    return {AS_IS: max(found) / (1 << 20) if found else None}


def spreads(result):
    """Of ours, over all that grows with the corpus."""
    found = [growth.spread(growth.costs(points, unit))
             for section in growth.LINEAR for name, points in growth.lines(result, section).items()
             if is_ours(name) for unit, _, _ in growth.PER]
    return {AS_IS: 100 * max(found) if found else None}


def backups(measured):
    zip_6, fast, tar = (peers.OURS + kind for kind in KINDS)
    found = [
        Target("zip -6: time to Python's zipfile -6", "", 0.28,
               measured.times("backup", zip_6, peers.REFERENCE), FAIR),
        Target("zip -6: time to the bare codec's", "", 1.10,
               measured.times("backup", zip_6, peers.FLOOR + "libdeflate -6"), FAIR),
        Target("zip -6: size to zlib -6 by entry", "", 1.0, measured.zlib_sizes("backup", zip_6)),
        Target("zip -6: size to zlib -6 by entry, with the index for reuse", "", 1.0,
               measured.zlib_sizes("again", zip_6)),
        Target("zip fast: time to Python's zipfile -6", "", 0.09,
               measured.times("backup", fast, peers.REFERENCE), FAIR),
        Target("zip fast: size to zlib -6 by entry", "", 1.06, measured.zlib_sizes("backup", fast)),
        Target("tar-zstd: time to tar + zstd -3", "", 0.80,
               measured.times("backup", tar, peers.TAR_ZSTD), FAIR),
        Target("tar-zstd: size to tar + zstd -3", "", 1.01, measured.sizes("backup", tar, peers.TAR_ZSTD)),
        Target("tar-zstd: size to tar + zstd -3, with the index for reuse", "", 1.01,
               measured.sizes("again", tar, peers.TAR_ZSTD))]
    return found


def imports(measured):
    """Beside the peers, which check no database; and with the full check, the default, for which nothing is set out."""
    return [Target(f"import of {suffix}{full}: time to {peer}", "", None if full else bound,
                   measured.times("restore", peers.OURS + kind + full, peer), FAIR)
            for suffix, kind, peer, bound in (("zip", "zip", "unzip", 0.45),
                                              ("tar.zst", "tar-zstd", "tar --zstd", 0.70))
            for full in ("", FULL)]


def second_backups(measured):
    return [Target(f"second backup, {title}: {kind}: time to restic's", "", bound,
                   measured.times(section, peers.OURS + kind, "restic"), FAIR)
            for section, title, bound in (("changed", "1 % changed", 0.70), ("again", "nothing changed", 0.5))
            for kind in KINDS]


def costs(measured, made):
    """What a backup takes beside its time."""
    found = [Target(f"bytes written by a backup: {kind}, to its archive", "", 1.02,
                    measured.written(peers.OURS + kind)) for kind in KINDS]
    found += [Target(f"disk beside the archive, database in WAL mode: {kind}", "MB", 0,
                     measured.beside(peers.OURS + kind)) for kind in ("zip -6", "tar-zstd")]
    return [*found, Target("memory of every run", "MiB", 128, peak(made))]


def looks(measured):
    return [Target(title, "ms", 30, values) for kind in ("zip", "tar-zstd") for title, values in (
        (f"list of {ENTRIES} entries, {kind}", measured.listing("list", peers.OURS + kind)),
        (f"list of {ENTRIES} entries in a large archive, {kind}",
         measured.listing("large-list", peers.OURS + kind)),
        (f"one file, {kind}", measured.milliseconds("one", peers.OURS + kind)),
        (f"one file of a large archive, {kind}", measured.milliseconds("large-one", peers.OURS + kind)))]


def of_shape(shape, target):
    """With the limit that the shape has for it."""
    bounds = [bound for title, bound in shape.limits.items()
              if target.title.startswith(title) and target.bound is not None]
    return target._replace(bound=bounds[0]) if bounds else target


def of_run(result, made):
    """All targets of one home, without those for which it has nothing to measure."""
    measured, shape = Measured(result, made), shapes.every()[made["shape"]]
    found = [*backups(measured), *imports(measured), *second_backups(measured), *costs(measured, made),
             *looks(measured)]
    return [of_shape(shape, target) for target in found
            if shape.database or not (FULL in target.title or "WAL" in target.title)]


def of_growth(grown):
    scales = growth.scales(grown)
    if grown["runs"][0]["shape"] != "corpus":
        scales += f" of {grown['runs'][0]['shape']}"
    return [Target(f"memory of every run over scales {scales}", "MiB", 128, peak(*grown["runs"])),
            Target(f"time a file and a byte: largest spread over scales {scales}", "%", 15, spreads(grown))]


# ---- tables ----------------------------------------------------------------------------------------

COUNTS = """\
Each limit is for every shape, unless the shape has another. As they are, only hbcore flushes; a target of a time
is about the two columns beside that, and is reached if each of them that has a figure reaches it. The ratio of
the processor times, as they are, is judged by nothing: the processors share the work of hbcore, and one does that
of Python, unzip and tar."""


def counted(target):
    """The figures that it is judged by: where nothing says what the flush takes, as they are."""
    there = {way: target.values[way] for way in target.ways if target.values.get(way) is not None}
    if not there and target.values.get(AS_IS) is not None:
        there = {AS_IS: target.values[AS_IS]}
    return there


def judged(target):
    """Whether it was reached; where not always, when not."""
    there = counted(target)
    if not there:
        return "not measured"
    if target.bound is None:
        return "no target"
    missed = [way for way, value in there.items() if value > target.bound]
    if not missed:
        return "yes"
    return "no" if len(missed) == len(there) else "not: " + ", ".join(missed)


def figure(value, unit):
    if value is None:
        return ""
    return f"{value:.3f}" if not unit else f"{value:.1f} {unit}"


def table(targets):
    lines = [["target", "at most", *COLUMNS, "reached"]]
    lines += [[target.title, figure(target.bound, target.unit),
               *(figure(target.values.get(way), target.unit) for way in COLUMNS), judged(target)]
              for target in targets]
    return report.markdown(lines)


def badness(target):
    """By how much it was missed; below 1 if it was reached, below 0 if there is nothing to reach."""
    worst = max(counted(target).values())
    if target.bound is None:
        return -1 / worst
    return worst / target.bound if target.bound else 2 + worst if worst else 0


def worst(found):
    """
    From (shape, targets) of each run: of each target the shape that is nearest to its limit, or furthest beyond.
    What is worst of all stands first.
    """
    by_title = {}
    for shape, targets in found:
        for target in targets:
            if counted(target):
                by_title.setdefault(target.title, []).append((badness(target), shape, target))
    lines = [["target", "at most", "worst", CPU, "of", "on the shape", "reached"]]
    by_badness = sorted(by_title.items(), key=lambda item: -max(row[0] for row in item[1]))
    for title, rows in by_badness:
        _, shape, target = max(rows, key=lambda row: row[0])
        missed = [name for _, name, one in rows if judged(one).startswith("no")]
        lines.append([title, figure(target.bound, target.unit),
                      figure(max(counted(target).values()), target.unit), figure(target.values.get(CPU), ""),
                      str(len(rows)), shape,
                      judged(target) if target.bound is None else "no: " + ", ".join(missed) if missed else "yes"])
    return report.markdown(lines)


def beside(found):
    """From (shape, targets) of each run: a column each; what missed its target is bold."""
    shown, names = {}, [shape for shape, _ in found]
    for shape, targets in found:
        for target in targets:
            if counted(target):
                value = figure(max(counted(target).values()), target.unit)
                shown.setdefault(target.title, {})[shape] = (
                    f"**{value}**" if target.bound is not None and judged(target) != "yes" else value)
    return report.markdown([["target", *names, ""]] + [
        [title, *(values.get(name, "") for name in names), ""] for title, values in shown.items()])


def floors(results):
    """How near restores are to a copy of the same tree that is brought to the disk; needs --flush."""
    kinds = ("zip", "zip" + FULL, "tar-zstd", "tar-zstd" + FULL)
    lines = [["shape", "files", "MB", "cp -a s", *kinds, ""]]
    for result, made in results:
        measured = Measured(result, made)
        floor = measured.rows.get(("restore", FLOOR))
        if not floor or "flushed" not in floor:
            continue
        ratios = [measured.ratio("restore", peers.OURS + kind, FLOOR, ("wall", "flush")) for kind in kinds]
        lines.append([made["shape"], str(made["corpus"]["files"]), f"{made['corpus']['bytes'] / 1e6:.0f}",
                      report.seconds(floor["flushed"]), *(figure(ratio, "") for ratio in ratios),
                      report.remarks(floor)])
    return report.markdown(lines) if len(lines) > 1 else ""


BESIDE = "The figure by which a target is judged, the worse where there are two; **bold**: it missed the target."
FLOORS = """\
The floor of a restore is `cp -a` of the same tree, its output brought to the disk. The time of an import, flushed
too, is divided by it."""


def text(results, level="##"):
    """From (result, run) of each home: the worst first, then the floors, then each by itself."""
    found = [(result, made, of_run(result, made)) for result, made in results]
    by_shape = [(made["shape"], targets) for _, made, targets in found]
    parts = [COUNTS, f"{level} Worst over all shapes", worst(by_shape)]
    if len(found) > 1:
        parts += [f"{level} The shapes beside one another", BESIDE, beside(by_shape)]
    floor = floors(results)
    parts += [f"{level} Restores and their floor", FLOORS, floor] if floor else []
    for _, made, targets in found:
        parts += [f"{level} Targets of the shape {report.named(made)}", table(targets)]
    return parts
