# SPDX-License-Identifier: Apache-2.0
"""bench/ works: the corpus is the same each time, wrong output is noticed, a small run gives a table."""
import argparse
import itertools
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import hb

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check  # noqa: E402
import corpus  # noqa: E402
import growth  # noqa: E402
import holder  # noqa: E402
import peers  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import second  # noqa: E402
import shapes  # noqa: E402
import targets  # noqa: E402

SCALE = 0.002
SHAPES_SCALE = 0.0005
CORPUS = shapes.every()["corpus"]
LIAR = """#!/bin/sh
{unzip} "$@" || exit
rm SOUL.md
"""


class WithCorpus(hb.Case):
    """The corpus is made once and only read."""

    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(hb.tempfile.mkdtemp(prefix="hbcore-test-", dir=hb.scratch()))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.corpus = CORPUS.cached(cls.work, SCALE, 1)
        cls.manifest = check.load(cls.corpus)

    def copy(self):
        """What a program that copies files brings back."""
        target = self.dir / "restored"
        self.tool("cp", "-a", self.corpus / "home", target)
        self.addCleanup(shutil.rmtree, target, ignore_errors=True)
        return target


class Corpus(WithCorpus):
    def test_same_for_the_same_seed(self):
        again = check.load(CORPUS.make(self.dir / "again", SCALE, 1, workers=1))
        other = check.load(CORPUS.make(self.dir / "other", SCALE, 2))
        self.assertEqual(self.manifest, again)
        self.assertNotEqual(self.manifest["files"], other["files"])

    def test_size_and_number_follow_the_scale(self):
        counted = {scale: [(files, size) for _, _, files, size in corpus.shards(scale)]
                   for scale in (1, 4)}
        for index in (0, 1):
            one, four = (sum(shard[index] for shard in counted[scale]) for scale in (1, 4))
            self.assertAlmostEqual(4 * one, four, delta=four // 1000)
        files, size = map(sum, zip(*counted[1]))
        self.assertAlmostEqual(files, 15_000, delta=500)
        self.assertAlmostEqual(size + corpus.STATE_BYTES, 857_000_000, delta=10_000_000)

    def test_it_packs_like_a_home(self):
        archive = self.dir / "a.zip"
        self.hbcore("--home", self.corpus / "home", "backup", "-o", archive)
        share = archive.stat().st_size / self.manifest["bytes"]
        self.assertTrue(0.42 < share < 0.58, share)

    def test_the_log_of_the_database_holds_commits(self):
        folder = self.copy()
        counts = []
        for keep_log in (True, False):
            if not keep_log:
                folder = self.copy_without_log()
            database = sqlite3.connect(folder / "state.db")
            counts += database.execute("SELECT count(*) FROM messages").fetchone()
            database.close()
        self.assertGreater(counts[0], counts[1])

    def copy_without_log(self):
        shutil.rmtree(self.dir / "restored")
        folder = self.copy()
        (folder / "state.db-wal").unlink()
        return folder


class Check(WithCorpus):
    def test_right(self):
        self.assertEqual(check.differences(self.manifest, self.copy()), [])

    def test_wrong(self):
        name = next(name for name in self.manifest["files"] if name.endswith("SKILL.md"))

        def alter(copy):
            data = bytearray((copy / name).read_bytes())
            data[len(data) // 2] ^= 1
            (copy / name).write_bytes(data)

        def alter_database(copy):
            database = sqlite3.connect(copy / "state.db")
            database.execute("UPDATE messages SET token_count = -1 WHERE id = 1")
            database.commit()
            database.close()

        changes = {
            "other content": alter, "state.db: other content": alter_database,
            "state.db: other": lambda copy: (copy / "state.db-wal").unlink(),
            "missing": lambda copy: (copy / name).unlink(),
            "not in the corpus": lambda copy: (copy / "more").write_bytes(b""),
            "empty directory missing": lambda copy: (copy / self.manifest["empty"][0]).rmdir(),
        }
        for sentence, change in changes.items():
            with self.subTest(sentence):
                copy = self.copy()
                change(copy)
                rows = check.differences(self.manifest, copy)
                shutil.rmtree(copy)
                self.assertTrue(any(sentence in row for row in rows), rows)


    def test_of_many_files_some_are_read(self):
        """The others have their sizes compared."""
        names = [name for name in sorted(self.manifest["files"]) if name.endswith(".md")]
        copy = self.copy()
        for name in names:
            (copy / name).write_bytes(bytes(self.manifest["files"][name][1]))
        some = len(check.differences(self.manifest, copy, sample=10))
        self.assertTrue(0 < some < len(names) // 2, some)
        for name in names:
            (copy / name).write_bytes(b"short")
        self.assertEqual(len(check.differences(self.manifest, copy, sample=10)), len(names))


class Change(WithCorpus):
    """The home in its second state."""

    def change(self, seed, number=0):
        """A copy, and the names of what was changed in it."""
        home = self.dir / f"home-{seed}-{number}-{len(list(self.dir.iterdir()))}"
        second.copy_home(self.corpus / "home", home)
        with holder.Holder(home, seed) as program:
            return home, program.change(number)

    def sizes(self, names, home):
        return [(home / name).stat().st_size - (self.corpus / "home" / name).stat().st_size
                for name in names]

    def test_what_is_changed(self):
        home, names = self.change(1)
        self.assertEqual(names.pop(), holder.DATABASE)
        files = [name for name in self.manifest["files"] if not name.endswith(".db")]
        self.assertEqual(len(names), max(3, round(len(files) / 100)))
        rows = check.differences(self.manifest, home)
        self.assertEqual(rows, sorted(f"{name}: other content" for name in [*names, "state.db"]))
        grown = self.sizes(names, home)
        self.assertTrue(all(size > 0 for size in grown[::3]), grown)
        self.assertEqual(set(grown[1::3] + grown[2::3]), {0})

    def test_commits_stay_in_the_log(self):
        home, _ = self.change(1)
        base, log = self.sizes(["state.db", "state.db-wal"], home)
        self.assertEqual(base, 0)
        self.assertGreater(log, 0)
        counts = []
        for folder in (self.corpus / "home", home):
            database = sqlite3.connect(f"file:{folder}/state.db?mode=ro", uri=True)
            counts += database.execute("SELECT count(*) FROM messages").fetchone()
            database.close()
        self.assertEqual(counts[1], counts[0] + round(counts[0] / 100))

    def test_the_log_outlives_a_bench_that_was_killed(self):
        home = self.dir / "home"
        second.copy_home(self.corpus / "home", home)
        size = (home / "state.db-wal").stat().st_size
        with holder.Holder(home, 1) as program:
            program.process.stdin.close()  # as when nobody is there any more
            self.assertEqual(program.process.wait(), 0)
        self.assertEqual((home / "state.db-wal").stat().st_size, size)

    def test_same_for_the_same_seed(self):
        (one, names), (two, again), (_, others), (_, later) = (
            self.change(1), self.change(1), self.change(2), self.change(1, 1))
        self.assertEqual(names, again)
        self.assertNotEqual(names, others)
        self.assertNotEqual(names, later)
        for name in names[:-1]:
            self.assertEqual((one / name).read_bytes(), (two / name).read_bytes())


class Shapes(hb.Case):
    def make(self, shape, name, scale=SHAPES_SCALE, seed=1, workers=None):
        return check.load(shape.make(self.dir / name, scale, seed, workers))

    def test_same_for_the_same_seed(self):
        for name, shape in shapes.every().items():
            if shape.database:  # the corpus has a test of its own, and the database is made by the same
                continue
            with self.subTest(name):
                one = self.make(shape, f"{name}-one")
                self.assertEqual(one, self.make(shape, f"{name}-again", workers=1))
                self.assertNotEqual(one["files"], self.make(shape, f"{name}-other", seed=2)["files"])
                self.assertGreater(len(self.make(shape, f"{name}-more", 4 * SHAPES_SCALE)["files"]),
                                   0 if name == "opaque" else len(one["files"]))

    def test_they_are_what_they_say(self):
        found = {name: self.make(shapes.every()[name], name, 0.005) for name in ("tiny", "opaque", "tree")}
        sizes = sorted(size for _, size in found["tiny"]["files"].values())
        self.assertLess(sizes[len(sizes) // 2], 1500)
        large = [size for _, size in found["opaque"]["files"].values() if size > 100_000]
        self.assertGreater(sum(large), 0.9 * found["opaque"]["bytes"])
        self.assertEqual(max(name.count("/") for name in found["tree"]["files"]), 102)
        self.assertGreater(len(found["tree"]["empty"]), 5)

    def test_limits_of_their_own_are_those_of_targets(self):
        run = {"shape": "database", "rows": [], "room": {},
               "corpus": {"files": 8, "bytes": 1, "directories": 0, "directory_headers": 0}}
        titles = [target.title for target in targets.of_run({"flush": True}, run)]
        for name, shape in shapes.every().items():
            for limit in shape.limits:
                self.assertTrue(any(title.startswith(limit) for title in titles), (name, limit))

    def test_of_few_files_one_that_changes_is_large(self):
        shape = shapes.every()["opaque"]
        shape.make(self.dir / "opaque", 0.005, 1)
        home = self.dir / "opaque/home"
        with holder.Holder(home, 1) as program:
            changed = [program.change(number) for number in range(2)]
        for names in changed:
            self.assertEqual(len(names), 3)
            self.assertEqual([(home / name).stat().st_size > 100_000 for name in names], [True, False, False])
        self.assertNotEqual(changed[0], changed[1])

    def test_names(self):
        self.assertEqual([shape.name for shape in shapes.named("tiny,corpus")], ["tiny", "corpus"])
        self.assertEqual([shape.name for shape in shapes.named("all")], list(shapes.every()))
        with self.assertRaisesRegex(argparse.ArgumentTypeError, "round: no such shape"):
            shapes.named("tiny,round")


class Growth(unittest.TestCase):
    def result(self, *rows):
        """From (scale, program, seconds); ten files of 100 bytes each at scale 1."""
        scales = sorted({scale for scale, _, _ in rows})
        return {"runs": [{
            "scale": scale, "corpus": {"files": 10 * scale, "bytes": 1000 * scale},
            "rows": [{"section": "backup", "program": name, "wall": wall, "right": True, "others": 0}
                     for where, name, wall in rows if where == scale]} for scale in scales]}

    def test_costs(self):
        result = self.result((1, "linear", 1.0), (4, "linear", 4.0), (1, "steep", 1.0),
                             (4, "steep", 4.6), (4, "late", 1.0))
        found = growth.lines(result, "backup")
        self.assertEqual(set(found), {"linear", "steep"})
        self.assertEqual(growth.costs(found["linear"], "files"), [0.1, 0.1])
        self.assertEqual(growth.costs(found["linear"], "bytes"), [0.001, 0.001])
        self.assertAlmostEqual(growth.spread(growth.costs(found["steep"], "files")), 0.15)

    def test_what_grows_linearly_is_drawn_straight(self):
        text = plot.svg("<title>", "x", "y", {"a & b": [(1, 0.1), (2, 0.2), (4, 0.4)]})
        drawn = xml.etree.ElementTree.fromstring(text)
        line = drawn.find("{http://www.w3.org/2000/svg}polyline").get("points")
        points = [tuple(map(float, pair.split(","))) for pair in line.split()]
        for index in (0, 1):
            steps = [after[index] - before[index] for before, after in zip(points, points[1:])]
            self.assertAlmostEqual(steps[0], steps[1], delta=0.2)
        self.assertGreater(points[1][0], points[0][0])
        self.assertLess(points[1][1], points[0][1])  # upwards
        words = [found.text for found in drawn.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("a & b", words)
        self.assertIn("<title>", words)


class Ratios(unittest.TestCase):
    def test_round_by_round(self):
        """A round in which the machine was slow does not move the ratio."""
        mine = [{"wall": wall} for wall in (1.0, 10.0, 1.1)]
        theirs = [{"wall": wall} for wall in (2.0, 20.0, 2.2)]
        self.assertAlmostEqual(report.ratio(mine, theirs), 0.5)

    def test_best_peer_is_a_right_one_and_not_ours(self):
        samples = {("backup", name): [{"wall": wall}] for name, wall in (
            (peers.OURS + "zip -6", 1.0), ("liar", 2.0), ("honest", 3.0), ("slow", 4.0))}
        self.assertEqual(report.best_peer("backup", samples, {"liar"}), "honest")


class Run(WithCorpus):
    def bench(self, *arguments, path=None):
        """Exit code, result of the only scale and printed text."""
        status, result, text = self.bench_all("--scale", str(SCALE), *arguments, path=path)
        return status, result["runs"][0], text

    def bench_all(self, *arguments, path=None):
        result = self.dir / "result.json"
        done = subprocess.run(
            [sys.executable, "-B", HERE / "run.py", "--work", self.work, "--hbcore", self.binary,
             "--quick", "--json", result, *arguments],
            env=self.environment(PATH=path or os.environ["PATH"]), capture_output=True, text=True,
            timeout=240, check=False)
        if not result.exists():
            self.fail(f"exit {done.returncode}: {done.stderr}")
        return done.returncode, json.loads(result.read_text()), done.stdout + done.stderr

    def test_everything_that_is_installed(self):
        status, result, text = self.bench("--large", "2")
        self.assertEqual((status, result["problems"]), (0, []), text)
        for reason in result["missing"].values():
            self.assertRegex(reason, "not there$")
        measured = {(row["section"], row["program"]) for row in result["rows"]}
        lookers = [reader for reader in peers.readers() if reader.list]
        for section, programs in (
                ("backup", peers.writers("floor")), ("again", peers.second_writers("floor")),
                ("changed", peers.second_writers("floor")), ("restore", peers.readers()),
                ("list", lookers), ("one", lookers),
                ("large-list", [reader for reader in lookers if reader.kind in (peers.ZIP, peers.TAR)])):
            for program in programs:
                expected = (section, program.name) in measured
                self.assertEqual(program.name not in result["missing"], expected,
                                 (section, program.name))
        for row in result["rows"]:
            self.assertGreater(row["wall"], 0)
            self.assertGreater(row["peak"], 1 << 20)
            self.assertIn(row["program"], text)
            if row["program"] == peers.REFERENCE:
                self.assertEqual(row["of_reference"], 1.0)
            if row["program"] == "hbcore zip -6" and row["section"] == "backup":
                self.assertGreater(row["of_floor"], 0)
            if row["section"] in second.SECTIONS and "restic" not in result["missing"]:
                self.assertGreater(row["of_restic"], 0)
        self.check_large(result)

    def check_large(self, result):
        """The archive is twice as large, and the time is compared with that of the small one."""
        rows = {(row["section"], row["program"]): row for row in result["rows"]}
        for program in ("hbcore zip", "hbcore tar-zstd"):
            small, large = rows["list", program], rows["large-list", program]
            self.assertAlmostEqual(large["bytes"] / small["bytes"], 2, delta=0.3)
            self.assertGreater(large["of_small"], 0)

    def test_second_backup(self):
        status, result, text = self.bench(
            *(word for section in second.SECTIONS for word in ("--only", f"{section}/*")))
        self.assertEqual((status, result["problems"]), (0, []), text)
        rows = {(row["section"], row["program"]): row for row in result["rows"]}
        self.assertEqual({section for section, _ in rows}, set(second.SECTIONS))
        for (section, program), row in rows.items():
            full = program in (peers.REFERENCE, peers.TAR_ZSTD) or program.startswith(peers.OURS)
            self.assertEqual(row["bytes"] > result["corpus"]["bytes"] // 4, full, (section, program))
            if program == "restic":
                self.assertEqual(row["of_restic"], 1.0)

    def test_several_shapes(self):
        """What each has to do with; the worst of all stands first."""
        status, result, text = self.bench_all(
            "--shape", "database,opaque", "--scale", str(SCALE), "--flush", "--only", "*/hbcore zip -6",
            "--only", "restore/cp*", "--only", "restore/hbcore zip*, checked in full")
        self.assertEqual((status, [run["problems"] for run in result["runs"]]), (0, [[], []]), text)
        self.assertEqual([run["shape"] for run in result["runs"]], ["database", "opaque"])
        self.assertTrue(text[text.index("## "):].startswith("## Targets"), text)
        self.assertLess(text.index("Worst over all shapes"), text.index("Targets of the shape database"))
        self.assertLess(text.index("Restores and their floor"), text.index("Targets of the shape database"))
        database, opaque = result["runs"]
        self.assertEqual((list(database["room"]), opaque["room"]), (["hbcore zip -6"], {}))
        self.assertLess(database["room"]["hbcore zip -6"], 1 << 16)  # it was read in place
        measured = [{(row["section"], row["program"]) for row in run["rows"]} for run in result["runs"]]
        self.assertEqual(measured[0] - measured[1], {("restore", "hbcore zip, checked in full")})
        self.assertIn(("changed", "hbcore zip -6"), measured[1])

    def test_every_shape(self):
        status, result, text = self.bench_all(
            "--shape", "all", "--scale", str(SHAPES_SCALE), "--only", "backup/hbcore zip -1", "--only",
            "list/hbcore zip")
        self.assertEqual((status, [run["problems"] for run in result["runs"]]), (0, [[]] * 7), text)
        self.assertEqual([run["shape"] for run in result["runs"]], list(shapes.every()))

    def test_room_of_a_copy(self):
        """What is staged beside the archive is seen."""
        copying = self.dir / "bin/hbcore"
        hb.write(copying, f'#!/bin/sh\nexec {self.binary} --set content:sqlite.snapshot=copy "$@"\n', 0o755)
        status, result, text = self.bench("--hbcore", copying, "--only", "backup/hbcore zip -6")
        self.assertEqual(status, 0, text)
        self.assertGreater(result["room"]["hbcore zip -6"], 1 << 19)

    def test_several_scales(self):
        plots = self.dir / "plots"
        status, result, text = self.bench_all(
            "--scales", f"{SCALE},{2 * SCALE}", "--only", "backup/hbcore zip -1", "--only", "backup/tar*",
            "--plot", plots)
        self.assertEqual(status, 0, text)
        self.assertEqual([run["scale"] for run in result["runs"]], [SCALE, 2 * SCALE])
        self.assertIn("Backup: cost against size", text)
        found = growth.lines(result, "backup")
        self.assertIn("hbcore zip -1", found)
        drawn = xml.etree.ElementTree.parse(plots / "backup.svg").getroot()
        lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(lines), len(found))

    def test_an_hbcore_that_lacks_an_option_is_left_out(self):
        """It says so with exit code 2."""
        old = self.dir / "bin/hbcore"
        hb.write(old, f'#!/bin/sh\ncase "$*" in *reuse*) echo "unknown key" >&2; exit 2;; esac\n'
                      f'exec {self.binary} "$@"\n', 0o755)
        status, result, text = self.bench("--hbcore", old, "--only", "hbcore zip -1")
        self.assertEqual((status, result["problems"]), (0, []), text)
        self.assertEqual({row["section"] for row in result["rows"]}, {"backup"})
        self.assertEqual(result["missing"], {"hbcore zip -1": "unknown key"})
        self.assertIn("Not measured: hbcore zip -1: unknown key", text)

    def test_a_second_backup_that_missed_a_change_is_found_out(self):
        """One that leaves the archive as it is, when it is there already."""
        lazy = self.dir / "bin/hbcore"
        hb.write(lazy, f'#!/bin/sh\ncase "$*" in *reuse*) for archive; do\n'
                       f'  case $archive in */second-*.zip) [ ! -f "$archive" ] || exit 0;; esac\n'
                       f'done;; esac\nexec {self.binary} "$@"\n', 0o755)
        status, result, text = self.bench("--hbcore", lazy, "--only", "again/hbcore zip -1", "--only",
                                          "changed/hbcore zip -1")
        self.assertEqual(status, 1, text)
        found = [row["problem"] for row in result["problems"]]
        self.assertTrue(any("other content" in problem for problem in found), found)
        self.assertIn("other members than without reuse", found)
        self.assertEqual({row["section"] for row in result["problems"]}, {"changed"})

    def test_flush_is_counted(self):
        status, result, text = self.bench("--flush", "--only", "backup/python*", "--only",
                                          "restore/hbcore zip")
        self.assertEqual((status, result["problems"]), (0, []), text)
        self.assertEqual(len(result["rows"]), 2)
        for row in result["rows"]:
            self.assertGreater(row["flushed"], row["wall"])

    def test_terminated(self):
        """Nothing stays but the corpus, as it was."""
        before = list(self.work.iterdir()), (self.corpus / "home/state.db-wal").read_bytes()
        process = subprocess.Popen(
            [sys.executable, "-B", HERE / "run.py", "--work", self.work, "--scale", str(SCALE),
             "--hbcore", self.binary, "--rounds", "1000"], env=self.environment(),
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        said = list(itertools.takewhile(lambda line: "round 1: restore" not in line, process.stderr))
        process.terminate()
        _, rest = process.communicate()
        self.assertEqual(process.returncode, 143, "".join(said) + rest)
        after = list(self.work.iterdir()), (self.corpus / "home/state.db-wal").read_bytes()
        self.assertEqual(before, after)

    def test_keep(self):
        status, _, text = self.bench("--keep", "--only", "restore/hbcore zip")
        self.assertEqual(status, 0, text)
        kept = pathlib.Path(text.split("kept: ")[1].splitlines()[0])
        self.assertEqual([path.suffix for path in kept.glob("*.zip")], [".zip"])
        self.assertEqual(list((kept / "trash").iterdir()), [])
        shutil.rmtree(kept)

    def test_a_program_that_loses_a_file_is_found_out(self):
        unzip = shutil.which("unzip")
        if unzip is None:
            self.skipTest("unzip is not installed")
        hb.write(self.dir / "path/unzip", LIAR.format(unzip=unzip), 0o755)
        status, result, text = self.bench(
            "--only", "restore/unzip", "--only", "restore/hbcore zip",
            path=f"{self.dir / 'path'}:{os.environ['PATH']}")
        self.assertEqual(status, 1)
        self.assertEqual([row["program"] for row in result["problems"]], ["unzip"])
        self.assertIn("SOUL.md: missing", result["problems"][0]["problem"])
        self.assertIn("WRONG", text)
        self.assertEqual([row["right"] for row in result["rows"] if row["program"] == "hbcore zip"],
                         [True])

    def test_what_is_not_installed_is_said(self):
        (self.dir / "nothing").mkdir()
        status, result, text = self.bench("--only", "restic", path=str(self.dir / "nothing"))
        self.assertEqual((status, result["rows"]), (1, []))
        self.assertIn("Not measured: restic: restic not there", text)


if __name__ == "__main__":
    unittest.main()
