# SPDX-License-Identifier: Apache-2.0
"""What hbcore set out to reach, against what was measured."""
import growth
import peers
import report

AS_IS, NEITHER, BOTH = "as they are", "neither flushes", "both flush"
ENTRIES = 15_000  # for which the time of a list is stated
NO_FLUSH = ", no flush"


class Measured:
    """The rows of one corpus by section and program; None stands for what was not measured."""

    def __init__(self, result, made):
        self.flush, self.corpus = result["flush"], made["corpus"]
        self.rows = {(row["section"], row["program"]): row for row in made["rows"] if row["right"]}

    def ratio(self, section, mine, theirs, keys=("wall",)):
        one, other = self.rows.get((section, mine)), self.rows.get((section, theirs))
        return report.ratio(one["samples"], other["samples"], keys) if one and other else None

    def times(self, section, mine, theirs):
        """Of ours to that of another program, in the three ways to treat the flush at the end."""
        found = {AS_IS: self.ratio(section, mine, theirs),
                 NEITHER: self.ratio(section, mine + NO_FLUSH, theirs)}
        if self.flush and section in report.FLUSHED:
            found[BOTH] = self.ratio(section, mine, theirs, ("wall", "flush"))
        return found

    def sizes(self, mine, theirs):
        one, other = self.rows.get(("backup", mine)), self.rows.get(("backup", theirs))
        return {AS_IS: one["bytes"] / other["bytes"] if one and other else None}

    def milliseconds(self, section, program):
        row = self.rows.get((section, program))
        return {AS_IS: 1000 * row["wall"] if row else None}

    def listing(self, section, program):
        """For as many entries as are stated; what a few take says nothing of many."""
        factor = ENTRIES / self.corpus["files"]
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
    reference, floor = peers.REFERENCE, peers.FLOOR
    zip_6, fast, tar = (peers.OURS + name for name in ("zip -6", "zip fast", "tar-zstd"))
    return [
        ("zip -6: size to the reference's", "", 1.0, measured.sizes(zip_6, reference)),
        ("zip -6: time to the reference's", "", 1 / 3.5, measured.times("backup", zip_6, reference)),
        ("zip -6: time to the bare codec's", "", 1.1,
         measured.times("backup", zip_6, floor + "libdeflate -6")),
        ("zip fast: size to the reference's", "", 1.08, measured.sizes(fast, reference)),
        ("zip fast: time to the reference's", "", 0.1, measured.times("backup", fast, reference)),
        ("tar-zstd: size to that of tar + zstd -3", "", 1.02, measured.sizes(tar, peers.TAR_ZSTD)),
        ("tar-zstd: time to that of tar + zstd -3", "", 0.9,
         measured.times("backup", tar, peers.TAR_ZSTD))]


def second_backups(measured):
    return [(f"{title}: {kind}: time to restic's", "", bound,
             measured.times(section, peers.OURS + kind, "restic"))
            for section, title, bound in (("again", "second backup, nothing changed", 0.5),
                                          ("changed", "second backup, 1 % changed", 1.0))
            for kind in ("zip -6", "zip fast", "tar-zstd")]


def reading(measured):
    # With and without a flush on each side; "as they are" only ours flushes.
    found = [(f"restore: time to that of {peer}", "", 0.6,
              measured.times("restore", peers.OURS + kind, peer), (NEITHER, BOTH))
             for kind, peer in (("zip", "unzip"), ("tar-zstd", "tar --zstd"))]
    for kind in ("zip", "tar-zstd"):
        ours = peers.OURS + kind
        found += [(f"list of {ENTRIES} entries, {kind}", "ms", 30, measured.listing("list", ours)),
                  (f"list of {ENTRIES} entries in a large archive, {kind}", "ms", 30,
                   measured.listing("large-list", ours)),
                  (f"one file, {kind}", "ms", 30, measured.milliseconds("one", ours)),
                  (f"one file of a large archive, {kind}", "ms", 30,
                   measured.milliseconds("large-one", ours))]
    return found


COUNTS = ("A target is reached if each column with a figure reaches it. As they are, only hbcore flushes: the targets of a\n"
          "restore are about the other two columns.")


def judged(bound, values, ways=(AS_IS, NEITHER, BOTH)):
    """Whether a target was reached; where not always, when not. `ways`: those that it is about."""
    there = {way: values[way] for way in ways if values.get(way) is not None}
    missed = [way for way, value in there.items() if value > bound]
    if not there:
        return "not measured"
    if not missed:
        return "yes"
    return "no" if len(missed) == len(there) else "not: " + ", ".join(missed)


def figure(value, unit):
    if value is None:
        return ""
    return f"{value:.3f}" if not unit else f"{value:.1f} {unit}"


def table(result, grown):
    """From one scale, or None, and from each of several files with several scales."""
    rows = []
    if result:
        measured = Measured(result, result["runs"][0])
        rows += [*backups(measured), *second_backups(measured), *reading(measured),
                 ("memory of every run", "MiB", 128, peak(result["runs"][0]))]
    for found in grown:
        rows.append((f"memory of every run over scales {growth.scales(found)}", "MiB", 128, peak(*found["runs"])))
        rows.append((f"time a file and a byte: largest spread over scales {growth.scales(found)}", "%", 15,
                     spreads(found)))
    lines = [["target", "at most", AS_IS, NEITHER, BOTH, "reached"]]
    lines += [[title, figure(bound, unit), *(figure(values.get(way), unit) for way in (AS_IS, NEITHER, BOTH)),
               judged(bound, values, *ways)] for title, unit, bound, values, *ways in rows]
    return report.markdown(lines)
