# SPDX-License-Identifier: Apache-2.0
"""How cost grows with the corpus: time a file and time a byte at each scale, as tables and as plots."""
import plot
import report

SECTIONS = ("backup", "again", "changed", "restore", "list", "one")
LINEAR = ("backup", "again", "changed", "restore", "list")  # one file costs the same at any size
PER = (("files", 1e6, "µs a file"), ("bytes", 1e9, "ns a byte"))


def scales(result):
    return ", ".join(f"{made['scale']:g}" for made in result["runs"])


def lines(result, section):
    """Program to its (corpus, row) at each scale, of programs that were right at all of them."""
    found = {}
    for made in result["runs"]:
        for row in made["rows"]:
            if row["section"] == section and row["right"]:
                found.setdefault(row["program"], []).append((made["corpus"], row))
    count = len(result["runs"])
    return {name: points for name, points in found.items() if count > 1 and len(points) == count}


def costs(points, unit):
    """Seconds for each file, or byte, at each scale."""
    return [row["wall"] / corpus[unit] for corpus, row in points]


def spread(values):
    """How far the largest lies above the smallest: 0.15 is 15 %."""
    return max(values) / min(values) - 1


def short(value):
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def table(result, section):
    found, heads = lines(result, section), ["program"]
    for _, _, title in PER:
        first, *others = scales(result).split(", ")
        heads += [f"{title}: scale {first}", *others, "spread"]
    rows = [[*heads, ""]]
    for name, points in sorted(found.items(), key=lambda item: item[1][-1][1]["wall"]):
        words = [name]
        for unit, factor, _ in PER:
            values = costs(points, unit)
            words += [short(factor * value) for value in values] + [f"{spread(values):.0%}"]
        rows.append([*words, report.remarks(max((row for _, row in points),
                                                key=lambda row: row["others"] / row["wall"]))])
    return report.markdown(rows)


def tables(result, level="##"):
    titles = dict(report.SECTIONS)
    return [f"{level} {titles[section]}: cost against size\n\n" + table(result, section)
            for section in LINEAR if lines(result, section)]


def plot_section(result, section):
    """The text of an SVG."""
    found = {name: [(corpus["bytes"] / 1e6, row["wall"]) for corpus, row in points]
             for name, points in lines(result, section).items()}
    return plot.svg(dict(report.SECTIONS)[section], "size of the home, MB", "seconds", found)


def plots(result, directory, prefix=""):
    """Writes them; (section, path) of each."""
    directory.mkdir(parents=True, exist_ok=True)
    made = [(section, directory / f"{prefix}{section}.svg") for section in SECTIONS
            if lines(result, section)]
    for section, path in made:
        path.write_text(plot_section(result, section), encoding="utf-8")
    return made
