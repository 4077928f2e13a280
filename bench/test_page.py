# SPDX-License-Identifier: Apache-2.0
"""What was measured against what was set out, the page that shows it, and instruction counts."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import hb

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import instructions  # noqa: E402
import page  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import targets  # noqa: E402

SCALE = 0.002
ZIP = peers.OURS + "zip -6"
MACHINE = {"processor": "Example 3000", "cpus": 2, "memory": 8 << 30, "kernel": "6.1", "load": [0, 0, 0],
           "file_system": "ext4", "hbcore": "hbcore 0.1.0", "python": "3.11",
           "versions": {"valgrind": "valgrind-3"}}
CALLGRIND = """# callgrind format
version: 1
positions: line
events: Ir

ob=(1) /lib/libone.so
fl=(1) one.c
fn=(1) main
16 400
+3 50
cob=(2) /lib/libtwo.so
cfn=(2) helper
calls=3 0
* 7000
-2 50

ob=(2)
fn=(2)
5 6000
fn=(3) 0x0000000000001234
0 700
fn=(4) 0x0000000000005678
0 300

totals: 7500
"""


def sample(wall, flush=0.0):
    return {"wall": wall, "flush": flush, "cpu": wall, "peak": 10 << 20, "written": 1 << 20, "others": 0.0}


def made(scale, rows, files=15_000, shape="corpus", room=None):
    """A run from (section, program, seconds, bytes, seconds to flush)."""
    samples = {(section, name): [dict(sample(wall, flush), bytes=size)]
               for section, name, wall, size, flush in rows}
    found = [dict(report.row(section, name, samples, None, None, section in report.FLUSHED), right=True,
                  best_peer=None) for section, name in samples]
    return {"shape": shape, "scale": scale, "rounds": 1, "room": room or {}, "corpus": {
        "files": round(files * scale), "bytes": 857_000_000 * scale, "directories": 0,
        "directory_headers": 1_000_000},
            "rows": found, "problems": [], "missing": {}}


def result(*runs):
    return {"format": report.FORMAT, "machine": MACHINE, "warnings": [], "rounds": 1, "repeats": 1,
            "flush": True, "quick": False, "cold": False, "seed": 1, "large": 0, "runs": list(runs)}


BACKUPS = [("backup", peers.REFERENCE, 40.0, 430e6, 1.0), ("backup", ZIP, 10.0, 429e6, 0.0),
           ("backup", ZIP + ", no flush", 9.0, 429e6, 1.0), ("list", peers.OURS + "zip", 0.02, 429e6, 0),
           ("backup", peers.FLOOR + "libdeflate -6", 8.0, 429e6, 1.0)]


def cells(table):
    """By the first cell of a row."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {line[0]: line[1:] for line in found}


class Targets(unittest.TestCase):
    def rows(self, one, *grown):
        """The cells of the table by target."""
        found = targets.of_run(one, one["runs"][0]) if one else []
        return cells(targets.table([*found, *(target for more in grown for target in targets.of_growth(more))]))

    def test_reached(self):
        found = self.rows(result(made(1, BACKUPS)))
        self.assertEqual(found["zip -6: time to Python's zipfile -6"],
                         ["0.280", "0.250", "0.225", "0.244", "0.250", "yes"])
        self.assertEqual(found["zip -6: size to zlib -6 by entry"], ["1.000", "0.995", "", "", "", "yes"])
        self.assertEqual(found["list of 15000 entries, zip"], ["30.0 ms", "20.0 ms", "", "", "", "yes"])
        self.assertEqual(found["memory of every run"], ["128.0 MiB", "10.0 MiB", "", "", "", "yes"])
        self.assertEqual(found["bytes written by a backup: zip -6, to its archive"],
                         ["1.020", "0.002", "", "", "", "yes"])

    def test_not_reached(self):
        found = self.rows(result(made(1, BACKUPS)))
        self.assertEqual(found["zip -6: time to the bare codec's"],
                         ["1.100", "1.250", "1.125", "1.111", "1.250", "no"])
        self.assertEqual(found["zip fast: time to Python's zipfile -6"], ["0.090", "", "", "", "", "not measured"])
        slow = [row if row[1] != ZIP else ("backup", ZIP, 12.0, 432e6, 0.0) for row in BACKUPS]
        found = self.rows(result(made(1, slow)))
        self.assertEqual(found["zip -6: time to Python's zipfile -6"][-1], "not: both flush")
        self.assertEqual(found["zip -6: size to zlib -6 by entry"][-1], "no")

    def test_where_nothing_says_what_the_flush_takes_the_times_are_as_they_are(self):
        one = dict(result(made(1, [row for row in BACKUPS if "no flush" not in row[1]])), flush=False)
        self.assertEqual(self.rows(one)["zip -6: time to Python's zipfile -6"],
                         ["0.280", "0.250", "", "", "0.250", "yes"])
        slow = [("backup", ZIP, 12.0, 432e6, 0.0), ("backup", peers.REFERENCE, 40.0, 430e6, 1.0)]
        one = dict(result(made(1, slow)), flush=False)
        self.assertEqual(self.rows(one)["zip -6: time to Python's zipfile -6"][-1], "no")

    def test_what_was_wrong_does_not_count(self):
        one = result(made(1, BACKUPS))
        for row in one["runs"][0]["rows"]:
            row["right"] = row["program"] != ZIP
        self.assertEqual(self.rows(one)["zip -6: size to zlib -6 by entry"][-1], "not measured")

    def test_a_short_list_says_nothing_of_a_long_one(self):
        found = self.rows(result(made(1, BACKUPS, files=100)))
        self.assertEqual(found["list of 15000 entries, zip"][-1], "not measured")

    def test_a_shape_may_have_limits_of_its_own(self):
        rows = [("backup", peers.OURS + "tar-zstd", 9.0, 100e6, 0), ("backup", peers.TAR_ZSTD, 10.0, 100e6, 0)]
        for shape, bound, judged in (("database", "0.950", "yes"), ("tiny", "0.800", "no")):
            found = self.rows(result(made(1, rows, shape=shape)))
            self.assertEqual(found["tar-zstd: time to tar + zstd -3"], [bound, "0.900", "", "0.900", "0.900", judged])
            self.assertEqual(found["tar-zstd: size to tar + zstd -3"][0], "1.010")

    def test_no_room_on_the_disk_is_needed(self):
        title = "disk beside the archive, database in WAL mode: zip -6"
        for room, cell, judged in ((4096, "0.0 MB", "yes"), (1 << 20, "1.0 MB", "no")):
            found = self.rows(result(made(1, BACKUPS, room={ZIP: room})))
            self.assertEqual(found[title], ["0.0 MB", cell, "", "", "", judged])
        self.assertNotIn(title, self.rows(result(made(1, BACKUPS, shape="tiny"))))

    def test_the_worst_over_all_shapes(self):
        """By how far it is beyond the limit of its shape."""
        def tar(wall):
            return [("backup", peers.OURS + "tar-zstd", wall, 100e6, 0), ("backup", peers.TAR_ZSTD, 10.0, 100e6, 0)]
        runs = [made(1, tar(wall), shape=shape)
                for wall, shape in ((8.8, "database"), (8.5, "tiny"), (7.0, "tree"))]
        one = result(*runs)
        found = cells(targets.worst([(run["shape"], targets.of_run(one, run)) for run in runs]))
        self.assertEqual(found["tar-zstd: time to tar + zstd -3"], ["0.800", "0.850", "0.850", "3", "tiny", "no: tiny"])
        self.assertEqual(found["tar-zstd: size to tar + zstd -3"][-1], "yes")
        self.assertEqual(next(iter(found)), "tar-zstd: time to tar + zstd -3")
        self.assertNotIn("zip -6: size to zlib -6 by entry", found)

    def test_what_has_no_limit_is_shown_and_not_judged(self):
        rows = [("restore", peers.OURS + "zip, checked in full", 9.0, 1, 0), ("restore", "unzip", 1.0, 1, 0)]
        one = result(made(1, [*BACKUPS, *rows]))
        title = "import of zip, checked in full: time to unzip"
        self.assertEqual(self.rows(one)[title], ["", "9.000", "", "9.000", "9.000", "no target"])
        found = cells(targets.worst([("corpus", targets.of_run(one, one["runs"][0]))]))
        self.assertEqual(found[title], ["", "9.000", "9.000", "1", "corpus", "no target"])
        self.assertEqual(list(found)[-1], title)

    def test_shapes_beside_one_another(self):
        one = result(made(1, BACKUPS), made(1, BACKUPS[:2], shape="tiny"))
        found = cells(targets.beside([(run["shape"], targets.of_run(one, run)) for run in one["runs"]]))
        self.assertEqual(found["zip -6: time to the bare codec's"], ["**1.125**", "", ""])
        self.assertEqual(found["zip -6: time to Python's zipfile -6"], ["0.244", "0.244", ""])

    def test_restores_and_their_floor(self):
        rows = [("restore", targets.FLOOR, 1.0, 1, 1.0), ("restore", peers.OURS + "zip", 2.5, 1, 0.5)]
        one = result(made(1, rows, shape="tree"), made(1, BACKUPS))
        self.assertEqual(cells(targets.floors([(one, run) for run in one["runs"]])),
                         {"tree": ["15000", "857", "2.00", "1.500", "", "", "", ""]})

    def test_growth(self):
        for last, judged in ((45.9, "yes"), (46.1, "no")):
            runs = [made(scale, [("backup", ZIP, wall, 1, 0), ("backup", "restic", scale**2, 1, 0)])
                    for scale, wall in ((1, 10.0), (4, last))]
            found = self.rows(None, result(*runs))
            self.assertEqual(found["time a file and a byte: largest spread over scales 1, 4"][-1], judged)
            self.assertEqual(found["memory of every run over scales 1, 4"],
                             ["128.0 MiB", "10.0 MiB", "", "", "", "yes"])


class Page(hb.Case):
    TEXT = f"# Title\n\nBefore.\n\n{page.BEGIN}\nold\n{page.END}\n\nAfter.\n"

    def render(self, **files):
        """The page after it was written."""
        path = self.dir / "speed.md"
        path.write_text(self.TEXT)
        words = []
        for name, found in files.items():
            file = self.dir / f"{name}.json"
            file.write_text(json.dumps(found))
            words += [f"--{name}", str(file)]
        page.main([str(path), *words])
        return path.read_text()

    def test_only_what_is_between_the_marks_changes(self):
        text = self.render(results=result(made(1, BACKUPS)))
        self.assertTrue(text.startswith(self.TEXT.partition("old")[0]))
        self.assertTrue(text.endswith(self.TEXT.partition("old")[2]))
        for words in ("## Targets", "Example 3000", "#### Backup", ZIP, "ext4", "hbcore flushes what it writes"):
            self.assertIn(words, text)
        self.assertNotIn("## Growth", text)

    def test_of_several_results_the_last_of_a_shape_counts(self):
        one, other = result(made(1, BACKUPS), made(2, BACKUPS, shape="tiny")), result(made(4, BACKUPS))
        runs = [(run["shape"], run["scale"]) for _, run in page.last_of_each([one, other])]
        self.assertEqual(runs, [("corpus", 4), ("tiny", 2)])

    def test_the_worst_stands_first(self):
        text = self.render(results=result(made(1, BACKUPS), made(1, BACKUPS, shape="tiny")))
        places = [text.index(words) for words in (
            "## Targets", "### Worst over all shapes", "### Targets of the shape corpus",
            "### Targets of the shape tiny", "## Times", "### Shape corpus", "### Shape tiny")]
        self.assertEqual(places, sorted(places))

    def test_nothing_measured(self):
        self.assertEqual(self.render(), self.TEXT.replace("old\n", ""))

    def test_plots_lie_beside_it(self):
        text = self.render(growth=result(made(1, BACKUPS), made(4, BACKUPS)))
        self.assertIn("(speed-1-4-backup.svg)", text)
        for name in ("backup", "list"):
            self.assertIn("<polyline", (self.dir / f"speed-1-4-{name}.svg").read_text())

    def test_other_files_are_refused(self):
        for name, found in (("results", {"format": -1, "runs": []}), ("instructions", result())):
            with self.subTest(name), self.assertRaisesRegex(SystemExit, f"not a file for --{name}"):
                self.render(**{name: found})

    def test_the_marks_must_be_there(self):
        path = self.dir / "other.md"
        path.write_text("# Title\n")
        with self.assertRaisesRegex(SystemExit, "there is no <!-- measured"):
            page.main([str(path)])
        self.assertEqual(path.read_text(), "# Title\n")

    def test_the_page_of_the_documentation_has_them(self):
        text = (hb.SOURCE / "docs" / "performance.md").read_text()
        self.assertEqual((text.count(page.BEGIN), text.count(page.END)), (1, 1))


class Instructions(hb.Case):
    def test_costs_of_functions(self):
        """Its own alone: not what those that it calls take."""
        path = self.dir / "callgrind.out"
        path.write_text(CALLGRIND)
        found = instructions.costs(path)
        self.assertEqual(sum(found.values()), 7500)
        self.assertEqual(found["/lib/libone.so", "main"], 500)
        self.assertEqual(found["/lib/libtwo.so", "helper"], 6000)
        rows = instructions.top(found, 2)
        self.assertEqual([(row["object"], row["function"]) for row in rows],
                         [("libtwo.so", "helper"), ("libtwo.so", instructions.NO_SYMBOL)])
        self.assertAlmostEqual(rows[1]["share"], 1000 / 7500)

    def count(self, *arguments, path=None):
        """Exit code, JSON and printed text."""
        file = self.dir / "counts.json"
        done = subprocess.run(
            [sys.executable, "-B", HERE / "instructions.py", "--work", self.dir / "work", "--hbcore",
             self.binary, "--scale", str(SCALE), "--json", file, *arguments],
            env=self.environment(PATH=path or os.environ["PATH"]), capture_output=True, text=True,
            timeout=240, check=False)
        return (done.returncode, json.loads(file.read_text()) if file.exists() else None,
                done.stdout + done.stderr)

    def test_counts(self):
        if shutil.which("valgrind") is None:
            self.skipTest("valgrind is not installed")
        patterns = ("start", "backup zip [06]", "cat zip", "second backup zip*")
        status, found, text = self.count(*(word for one in patterns for word in ("--only", one)))
        self.assertEqual((status, found and found["missing"]), (0, {}), text)
        rows = {row["name"]: row for row in found["rows"]}
        again = "second backup zip 6, nothing changed"
        self.assertEqual(list(rows), ["start", "backup zip 0", "backup zip 6", "cat zip", again,
                                      "second backup zip 6, 1 % changed"])
        self.assertLess(rows["start"]["instructions"], rows["cat zip"]["instructions"])
        self.assertLess(2 * rows["backup zip 0"]["instructions"], rows["backup zip 6"]["instructions"])
        self.assertLess(2 * rows[again]["instructions"], rows["backup zip 6"]["instructions"])
        self.assertTrue(rows["backup zip 6"]["top"][0]["object"].startswith("libdeflate"), rows)
        self.assertIn("backup zip 6", page.block({"results": [], "growth": [], "instructions": [found]}, None))

    def test_of_another_shape(self):
        if shutil.which("valgrind") is None:
            self.skipTest("valgrind is not installed")
        status, found, text = self.count("--shape", "tree", "--only", "list zip")
        self.assertEqual((status, found and found["shape"]), (0, "tree"), text)
        self.assertEqual([row["name"] for row in found["rows"]], ["list zip"])

    def test_without_valgrind(self):
        (self.dir / "nothing").mkdir()
        status, found, text = self.count(path=str(self.dir / "nothing"))
        self.assertEqual((status, found), (hb.SKIPPED, None))
        self.assertIn("skipped: valgrind is not there", text)


if __name__ == "__main__":
    unittest.main()
