# SPDX-License-Identifier: Apache-2.0
"""bench/ works: the corpus is the same each time, wrong output is noticed, a small run gives a table."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import unittest

import hb

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check  # noqa: E402
import corpus  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402

SCALE = 0.002
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
        cls.corpus = corpus.cached(cls.work, SCALE, 1)
        cls.manifest = check.load(cls.corpus)

    def copy(self):
        """What a program that copies files brings back."""
        target = self.dir / "restored"
        self.tool("cp", "-a", self.corpus / "home", target)
        self.addCleanup(shutil.rmtree, target, ignore_errors=True)
        return target


class Corpus(WithCorpus):
    def test_same_for_the_same_seed(self):
        again = check.load(corpus.make(self.dir / "again", SCALE, 1, workers=1))
        other = check.load(corpus.make(self.dir / "other", SCALE, 2))
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
        """Exit code, result and printed text."""
        result = self.dir / "result.json"
        done = subprocess.run(
            [sys.executable, "-B", HERE / "run.py", "--work", self.work, "--scale", str(SCALE),
             "--hbcore", self.binary, "--quick", "--json", result,
             *arguments],
            env=self.environment(PATH=path or os.environ["PATH"]), capture_output=True, text=True,
            timeout=240, check=False)
        if not result.exists():
            self.fail(f"exit {done.returncode}: {done.stderr}")
        return done.returncode, json.loads(result.read_text()), done.stdout + done.stderr

    def test_everything_that_is_installed(self):
        status, result, text = self.bench()
        self.assertEqual((status, result["problems"]), (0, []), text)
        measured = {(row["section"], row["program"]) for row in result["rows"]}
        for program, sections in [(writer, ("backup",)) for writer in peers.writers("floor")] + [
                (reader, ("restore",)) for reader in peers.readers()]:
            for section in sections:
                expected = (section, program.name) in measured
                self.assertEqual(program.name not in result["missing"], expected, program.name)
        self.assertIn(("list", "hbcore zip"), measured)
        self.assertIn(("one", "hbcore tar-zstd"), measured)
        for row in result["rows"]:
            self.assertGreater(row["wall"], 0)
            self.assertGreater(row["peak"], 1 << 20)
            self.assertIn(row["program"], text)
            if row["program"] == peers.REFERENCE:
                self.assertEqual(row["of_reference"], 1.0)
            if row["program"] == "hbcore zip -6":
                self.assertGreater(row["of_floor"], 0)

    def test_flush_is_counted(self):
        status, result, text = self.bench("--flush", "--only", "backup/python*", "--only",
                                          "restore/hbcore zip")
        self.assertEqual((status, result["problems"]), (0, []), text)
        self.assertEqual(len(result["rows"]), 2)
        for row in result["rows"]:
            self.assertGreater(row["flushed"], row["wall"])

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
