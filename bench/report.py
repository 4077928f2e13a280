# SPDX-License-Identifier: Apache-2.0
"""From samples to rows with medians and ratios, and from these to tables."""
import os
import platform
import statistics
import subprocess

import peers
import shapes

FORMAT = 2  # of the JSON
ZIP_HEADERS = 30 + 46  # of an entry, without its name (APPNOTE 4.3.7, 4.3.12)
SECTIONS = (
    ("backup", "Backup"), ("again", "Second backup, nothing changed"),
    ("changed", "Second backup, 1 % of the files and 1 % new messages"),
    ("restore", "Restore into an empty directory"), ("list", "List"),
    ("one", "One file to standard output"), ("large-list", "List of a large archive"),
    ("large-one", "One file from a large archive"))
WRITING = ("backup", "again", "changed")
SECOND = ("again", "changed")
FLUSHED = (*WRITING, "restore")
SMALL = {"large-list": "list", "large-one": "one"}
DISTURBED = 0.10  # of the processors used by others: the row is marked
COUNTABLE = 0.5  # seconds; the kernel counts the processors' time in hundredths


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def ratio(samples, others, keys=("wall",)):
    """Median of the ratios run by run: what slows down a whole round cancels out."""
    pairs = zip(samples, others)
    return statistics.median(sum(mine[key] for key in keys) / sum(theirs[key] for key in keys)
                             for mine, theirs in pairs)


def is_peer(name):
    return not name.startswith((peers.OURS, peers.FLOOR, "cp "))


def best_peer(section, samples, wrong):
    found = [(median(rows, "wall"), name) for (where, name), rows in samples.items()
             if where == section and is_peer(name) and name not in wrong]
    return min(found)[1] if found else None


def compared(section, name, best, floor):
    """(member of a row, section and program that its time is divided by)"""
    found = [("of_reference", section, peers.REFERENCE), ("of_best_peer", section, best)]
    if section == "backup":
        found.append(("of_floor", section, floor))
    if section in SECOND:
        found.append(("of_restic", section, "restic"))
    if section in SMALL:
        found.append(("of_small", SMALL[section], name))
    return found


def row(section, name, samples, best, floor, flush):
    mine = samples[section, name]
    walls = [sample["wall"] for sample in mine]
    made = {"section": section, "program": name, "wall": statistics.median(walls),
            "wall_min": min(walls), "wall_max": max(walls), "cpu": median(mine, "cpu"),
            "peak": max(sample["peak"] for sample in mine), "written": median(mine, "written"),
            "others": max(sample["others"] / (sample["wall"] * peers.CPUS) for sample in mine),
            "samples": mine}
    if all("bytes" in sample for sample in mine):
        made["bytes"] = median(mine, "bytes")
    for title, where, other in compared(section, name, best, floor):
        theirs = samples.get((where, other))
        made[title] = ratio(mine, theirs) if theirs else None
        if flush:
            made[title + "_flushed"] = ratio(mine, theirs, ("wall", "flush")) if theirs else None
    if flush:
        made["flushed"] = statistics.median(sample["wall"] + sample["flush"] for sample in mine)
    return made


def first_line(path, key):
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def file_system(path):
    """The type of the one that holds `path`, and the options that it is mounted with."""
    best = ("", "unknown", "")
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        for line in stream:
            _, point, kind, options, *_ = line.split()
            if os.path.commonpath([point, path]) == point and len(point) >= len(best[0]):
                best = (point, kind, options)
    return best[1], best[2].split(",")


def machine(place):
    """What it ran on."""
    version = subprocess.run([place.hbcore, "--version"], capture_output=True, text=True,
                             check=False).stdout.splitlines()
    return {
        "processor": first_line("/proc/cpuinfo", "model name"), "cpus": peers.CPUS,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(), "file_system": file_system(str(place.folder.parent))[0],
        "load": os.getloadavg(), "python": platform.python_version(),
        "hbcore": version[0] if version else "unknown",
        "versions": {name: peers.version(name) for name in peers.VERSIONS},
    }


def run(bench):
    """What came out for one corpus."""
    rows, floors = [], {writer.name: writer.floor for writer in bench.writers}
    for section, _ in SECTIONS:
        wrong = {found["program"] for found in bench.problems if found["section"] == section}
        best = best_peer(section, bench.samples, wrong)
        names = [name for where, name in bench.samples if where == section]
        for name in names:
            made = row(section, name, bench.samples, best, floors.get(name),
                       bench.arguments.flush and section in FLUSHED)
            made["right"], made["best_peer"] = name not in wrong, best
            rows.append(made)
    return {"shape": bench.shape.name, "scale": bench.scale, "rounds": bench.rounds,
            "corpus": {"files": len(bench.manifest["files"]), "bytes": bench.manifest["bytes"],
                       **directories(bench.place.home)},
            "rows": rows, "problems": bench.problems, "missing": bench.missing, "room": bench.room}


def directories(home):
    """How many there are, and what they take in a zip: two headers with the name and a '/' each."""
    names = [os.path.relpath(os.path.join(folder, name), home) for folder, below, _ in os.walk(home) for name in below]
    return {"directories": len(names),
            "directory_headers": sum(ZIP_HEADERS + 2 * (len(name.encode()) + 1) for name in names)}


def by_shape(result):
    """(shape, the result with the runs of that shape alone), in their order."""
    names = dict.fromkeys(made["shape"] for made in result["runs"])
    return [(name, dict(result, runs=[made for made in result["runs"] if made["shape"] == name]))
            for name in names]


def collect(benches, warned):
    """All that was measured, as it is kept."""
    options = benches[0].arguments
    return {"format": FORMAT, "machine": machine(benches[0].place), "warnings": warned,
            "rounds": options.rounds, "repeats": options.repeats, "flush": options.flush,
            "quick": options.quick, "cold": options.cold, "seed": options.seed,
            "large": options.large, "runs": [run(bench) for bench in benches]}


# ---- tables ----------------------------------------------------------------------------------------

def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def share(value):
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def megabytes(key):
    return lambda made: f"{made[key] / 1e6:.1f}"


def ratio_column(key):
    return lambda made: share(made[key])


def columns(section, flush):
    """(title, what of a row)"""
    found = [("program", lambda made: made["program"]), ("wall s", lambda made: seconds(made["wall"])),
             ("min", lambda made: seconds(made["wall_min"])),
             ("max", lambda made: seconds(made["wall_max"])),
             ("CPU s", lambda made: seconds(made["cpu"])),
             ("peak MiB", lambda made: f"{made['peak'] / (1 << 20):.0f}")]
    if section in WRITING or section in SMALL:
        found.append(("new MB" if section in SECOND else "MB", megabytes("bytes")))
    if section in SECOND:
        found.append(("written MB", megabytes("written")))
    flush = flush and section in FLUSHED
    if flush:
        found.append(("flushed s", lambda made: seconds(made["flushed"])))
    for key, _, _ in compared(section, None, None, None):
        title = key.replace("_", " ")
        found.append((title, ratio_column(key)))
        if flush:
            found.append((title + ", flushed", ratio_column(key + "_flushed")))
    found.append(("", remarks))
    return found


def remarks(made):
    words = [] if made["right"] else ["WRONG"]
    if made["others"] > DISTURBED and made["wall"] > COUNTABLE:
        words.append(f"others {made['others']:.0%}")
    return ", ".join(words)


def markdown(lines):
    """A table, from lines of words; the first names the columns. The first and the last go to the left."""
    widths = [max(3, *(len(words[i]) for words in lines)) for i in range(len(lines[0]))]
    left = (0, len(widths) - 1)

    def line(words):
        return "| " + " | ".join(word.ljust(width) if i in left else word.rjust(width)
                                 for i, (word, width) in enumerate(zip(words, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if i in left else ":")
                          for i, width in enumerate(widths)) + "|"
    return "\n".join([line(lines[0]), rule] + [line(words) for words in lines[1:]])


def table(rows, section, flush):
    """The fastest first."""
    heads = columns(section, flush)
    return markdown([[title for title, _ in heads]] + [
        [value(made) for _, value in heads] for made in sorted(rows, key=lambda r: r["wall"])])


def heading(result):
    here = result["machine"]
    caches = ("page cache dropped before each run" if result["cold"]
              else "files of the corpus in the page cache")
    flushing = ("; 'flushed' adds what it takes to bring the output to the disk" if result["flush"]
                else "")
    written = "" if result["quick"] else "Before each run all is written out (sync); "
    rows = [f"{result['rounds']} rounds, {here['cpus']} processors ({here['processor']}), "
            f"{here['memory'] / (1 << 30):.0f} GiB, Linux {here['kernel']}, {here['file_system']}; "
            f"load {', '.join(f'{load:.2f}' for load in here['load'])} at the end.",
            f"{written}{caches}. hbcore flushes what it writes, "
            f"unless it says 'no flush'; the others do not{flushing}.",
            f"{here['hbcore']}; Python {here['python']}; " + "; ".join(
                f"{words}" for words in here["versions"].values() if words)]
    return rows + [f"WARNING: {row}" for row in result["warnings"]]


def named(made):
    """"database: one large database"."""
    return f"{made['shape']}: {shapes.every()[made['shape']].title}"


def sections(result, made, level="##"):
    """The tables of one corpus, and what is to be said of it."""
    parts = [f"{named(made)}: {made['corpus']['files']} files, {made['corpus']['bytes'] / 1e6:.0f} MB (scale "
             f"{made['scale']:g}, seed {result['seed']}, {made['rounds']} rounds)."]
    parts += [f"Not measured: {name}: {reason}" for name, reason in made["missing"].items()]
    for section, title in SECTIONS:
        rows = [one for one in made["rows"] if one["section"] == section]
        if rows:
            best = rows[0]["best_peer"]
            note = f" (best peer: {best})" if best else ""
            parts.append(f"{level} {title}{note}\n\n" + table(rows, section, result["flush"]))
    if not made["rows"]:
        parts.append("Nothing was measured.")
    if made["problems"]:
        parts.append(f"{level} Problems\n\n" + "\n".join(
            f"- {row['section']}: {row['program']}: {row['problem']}" for row in made["problems"]))
    return parts


def text(result):
    parts = heading(result)
    for made in result["runs"]:
        parts += sections(result, made)
    return "\n\n".join(parts)
