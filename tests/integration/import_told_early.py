# SPDX-License-Identifier: Apache-2.0
"""What completing an import left alone is told however the run ends that completed it, for no other tells it."""
import json
import os
import subprocess
import unittest

import fault
import hb

fault.need()
NAMES = {f"sessions/s{number}" for number in range(3)}


class ToldEarly(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True
        self.home, self.archive = self.dir / "home", self.dir / "a.zip"

    def pending(self):
        subprocess.run(["rm", "-rf", self.home], check=True)
        hb.write(self.home / "config.yaml", b"a: 1\n")
        for name in NAMES:
            hb.write(self.home / name, b"old")
        self.hbcore("--home", self.home, "backup", "-o", self.archive)
        for name in NAMES:
            hb.write(self.home / name, b"live")
        self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "-f", self.archive, calls="rename", at=3,
                     path="*/.hbcore-stage-*", kill=True, expect=None)
        self.assertTrue(list(self.home.glob(".hbcore-stage-*/journal")))
        for name in NAMES:
            hb.write(self.home / name, b"live, edited")

    def ends(self):
        (self.dir / "bad.zip").write_bytes(b"PK\3\4 no archive")
        yield ["import", self.archive], 4, {"input": b"n\n"}
        yield ["import", self.archive], 1, {"input": b""}
        yield ["import", "-f", self.dir / "bad.zip"], 1, {}
        yield ["import", "-f", self.dir / "none.zip"], 1, {}
        yield ["backup", "-o", self.dir / "none.zip/under.zip/x.zip" if os.geteuid() else "/proc/none/x.zip"], 1, {}

    def test_each_end(self):
        for arguments, code, keywords in self.ends():
            for json_too in (False, True):
                with self.subTest(arguments=arguments, json=json_too):
                    self.pending()
                    done = self.hbcore(*(["--json"] if json_too else ["--quiet"]), "--home", self.home, *arguments, expect=code,
                                       **keywords)
                    for name in NAMES:
                        self.assertIn(f"{name}: ".encode(), done.stderr)
                    self.assertIn(b"Completed the interrupted import", done.stderr)
                    self.assertNotIn(b"nothing was changed", done.stdout + done.stderr)
                    if not json_too:
                        continue
                    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
                    self.assertEqual([row["type"] for row in rows], ["before", "error"])
                    self.assertEqual({found["path"] for found in rows[0]["doubtful"]}, NAMES)
                    self.assertEqual(rows[0]["left_alone_files"], 3)

    def test_output_that_cannot_be_written(self):
        for arguments in (["backup", "-o", self.dir / "b.zip"], ["import", "-f", self.archive], ["snapshot", "create"]):
            with self.subTest(arguments=arguments), open("/dev/full", "wb") as full:
                self.pending()
                done = subprocess.run(self.command("--json", "--home", self.home, *arguments), stdout=full, stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, env=self.environment(), check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                for name in NAMES:
                    self.assertIn(f"{name}: ".encode(), done.stderr)

    def test_declined_where_nothing_was_pending(self):
        self.pending()
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=3)
        done = self.hbcore("--home", self.home, "import", self.archive, input=b"n\n", expect=4)
        self.assertIn(b"Declined; nothing was changed.", done.stdout)
        self.assertEqual(done.stderr, b"")


if __name__ == "__main__":
    unittest.main()
