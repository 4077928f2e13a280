# SPDX-License-Identifier: Apache-2.0
"""From samples to rows with medians and ratios, and from these to tables."""
import os
import platform
import statistics
import subprocess

import peers

SECTIONS = (("backup", "Backup"), ("restore", "Restore into an empty directory"), ("list", "List"),
            ("one", "One file to standard output"))
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


def row(section, name, samples, best, floor, flush):
    mine = samples[section, name]
    walls = [sample["wall"] for sample in mine]
    made = {"section": section, "program": name, "wall": statistics.median(walls),
            "wall_min": min(walls), "wall_max": max(walls), "cpu": median(mine, "cpu"),
            "peak": max(sample["peak"] for sample in mine),
            "others": max(sample["others"] / (sample["wall"] * peers.CPUS) for sample in mine),
            "samples": mine}
    if all("bytes" in sample for sample in mine):
        made["bytes"] = median(mine, "bytes")
    for title, other in (("of_reference", peers.REFERENCE), ("of_best_peer", best),
                         ("of_floor", floor)):
        theirs = samples.get((section, other))
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
    """The type of the one that holds `path`."""
    best = ("", "unknown")
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        for line in stream:
            _, point, kind, *_ = line.split()
            if os.path.commonpath([point, path]) == point and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]


def machine(bench):
    version = subprocess.run([bench.place.hbcore, "--version"], capture_output=True, text=True,
                             check=False).stdout.splitlines()
    return {
        "processor": first_line("/proc/cpuinfo", "model name"), "cpus": peers.CPUS,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(), "file_system": file_system(str(bench.place.folder.parent)),
        "load": os.getloadavg(), "python": platform.python_version(),
        "hbcore": version[0] if version else "unknown",
        "versions": {name: peers.version(name) for name in peers.VERSIONS},
    }


def collect(bench, warned):
    options = bench.arguments
    rows, floors = [], {writer.name: writer.floor for writer in bench.writers}
    for section, _ in SECTIONS:
        wrong = {found["program"] for found in bench.problems if found["section"] == section}
        best = best_peer(section, bench.samples, wrong)
        names = [name for where, name in bench.samples if where == section]
        for name in names:
            made = row(section, name, bench.samples, best,
                       floors.get(name) if section == "backup" else None,
                       options.flush and section in ("backup", "restore"))
            made["right"], made["best_peer"] = name not in wrong, best
            rows.append(made)
    return {"machine": machine(bench), "warnings": warned, "rows": rows,
            "problems": bench.problems, "missing": bench.missing, "rounds": options.rounds,
            "flush": options.flush, "quick": options.quick, "cold": options.cold, "scale": options.scale,
            "seed": options.seed, "corpus": {"files": len(bench.manifest["files"]),
                                             "bytes": bench.manifest["bytes"]}}


# ---- tables ----------------------------------------------------------------------------------------

def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def share(value):
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def columns(section, flush):
    """(title, what of a row)"""
    found = [("program", lambda made: made["program"]), ("wall s", lambda made: seconds(made["wall"])),
             ("min", lambda made: seconds(made["wall_min"])),
             ("max", lambda made: seconds(made["wall_max"])),
             ("CPU s", lambda made: seconds(made["cpu"])),
             ("peak MiB", lambda made: f"{made['peak'] / (1 << 20):.0f}")]
    if section == "backup":
        found.append(("MB", lambda made: f"{made['bytes'] / 1e6:.1f}"))
    found += [("of reference", lambda made: share(made["of_reference"])),
              ("of best peer", lambda made: share(made["of_best_peer"]))]
    if section == "backup":
        found.append(("of floor", lambda made: share(made["of_floor"])))
    if flush and section in ("backup", "restore"):
        found += [("flushed s", lambda made: seconds(made["flushed"])),
                  ("of reference, flushed", lambda made: share(made["of_reference_flushed"])),
                  ("of best peer, flushed", lambda made: share(made["of_best_peer_flushed"]))]
    found.append(("", remarks))
    return found


def remarks(made):
    words = [] if made["right"] else ["WRONG"]
    if made["others"] > DISTURBED and made["wall"] > COUNTABLE:
        words.append(f"others {made['others']:.0%}")
    return ", ".join(words)


def table(rows, section, flush):
    """In Markdown, the fastest first, columns in line."""
    heads = columns(section, flush)
    cells = [[title for title, _ in heads]]
    cells += [[value(made) for _, value in heads] for made in sorted(rows, key=lambda r: r["wall"])]
    widths = [max(3, *(len(line[i]) for line in cells)) for i in range(len(heads))]

    def line(words):
        return "| " + " | ".join(
            word.ljust(width) if i in (0, len(widths) - 1) else word.rjust(width)
            for i, (word, width) in enumerate(zip(words, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if i in (0, len(widths) - 1) else ":")
                          for i, width in enumerate(widths)) + "|"
    return "\n".join([line(cells[0]), rule] + [line(words) for words in cells[1:]])


def heading(result):
    here, made = result["machine"], result["corpus"]
    caches = ("page cache dropped before each run" if result["cold"]
              else "files of the corpus in the page cache")
    flushing = ("; 'flushed' adds what it takes to bring the output to the disk" if result["flush"]
                else "")
    written = "" if result["quick"] else "Before each run all is written out (sync); "
    rows = [f"{made['files']} files, {made['bytes'] / 1e6:.0f} MB (scale {result['scale']:g}, seed "
            f"{result['seed']}), {result['rounds']} rounds, {here['cpus']} processors "
            f"({here['processor']}), {here['memory'] / (1 << 30):.0f} GiB, Linux {here['kernel']}, "
            f"{here['file_system']}; load {', '.join(f'{load:.2f}' for load in here['load'])} at the end.",
            f"{written}{caches}. hbcore flushes what it writes, "
            f"unless it says 'no flush'; the others do not{flushing}.",
            f"{here['hbcore']}; Python {here['python']}; " + "; ".join(
                f"{words}" for words in here["versions"].values() if words)]
    rows += [f"WARNING: {row}" for row in result["warnings"]]
    rows += [f"Not measured: {name}: {reason}" for name, reason in result["missing"].items()]
    return rows


def text(result):
    parts = ["\n\n".join(heading(result))]
    for section, title in SECTIONS:
        rows = [made for made in result["rows"] if made["section"] == section]
        if rows:
            best = rows[0]["best_peer"]
            note = f" (best peer: {best})" if best else ""
            parts.append(f"## {title}{note}\n\n" + table(rows, section, result["flush"]))
    if not result["rows"]:
        parts.append("Nothing was measured.")
    if result["problems"]:
        parts.append("## Problems\n\n" + "\n".join(
            f"- {row['section']}: {row['program']}: {row['problem']}" for row in result["problems"]))
    return "\n\n".join(parts)
