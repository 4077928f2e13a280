# SPDX-License-Identifier: Apache-2.0
"""A source is read while its plugin has still to say what it is worth, and nothing of it is stored before."""
import json
import os
import random
import unittest

import hb

hb.use_memory()
FORMATS = (("zip", "zip"), ("tar-zstd", "tar.zst"))
WORKERS = (1, 2, 8) if hb.FULL or not os.environ.get("HBCORE_SANITIZE") else (1, 8)
BYTES = (20 << 20) + 5  # many times the window
WINDOW = 4 << 20
SMALL_WINDOW = ("--set", f"backup.window={WINDOW}")
# Half of the window for units of the previous archive, and there is room for one that is new.
ALL_READ = ("--set", "backup.window=8M", "--set", f"content:verdict.wants={BYTES}")


def turned(data):
    return data.translate(bytes(255 - byte for byte in range(256)))


class Verdict(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.data = random.Random(5).randbytes(BYTES)
        hb.write(self.home / "before", b"before")
        hb.write(self.home / "a.verdict", self.data)
        hb.write(self.home / "b.verdict", b"short")
        hb.write(self.home / "c.verdict")
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_MEETING']}\n"
            "[backup]\nformat = zip\nreuse = yes\n[format:zip]\n"
            "[format:tar-zstd]\nframe-size = 1M\n[content:verdict]\n")

    def store(self, archive, form, *settings, workers=2, **keywords):
        return self.hbcore("--home", self.home, "--set", f"backup.workers={workers}", *SMALL_WINDOW,
                           *settings, "--json", "backup", "--format", form, "-o", archive, **keywords)

    def stored(self, archive):
        return {name: self.hbcore("cat", archive, name).stdout
                for name in ("a.verdict", "b.verdict", "c.verdict", "before")}

    def expected(self, change):
        return {"a.verdict": change(self.data), "b.verdict": change(b"short"), "c.verdict": b"",
                "before": b"before"}

    def each(self):
        for form, suffix in FORMATS:
            for workers in WORKERS:
                yield form, workers, self.dir / f"{workers}.{suffix}"

    def test_what_is_sound_is_stored(self):
        for form, workers, archive in self.each():
            done = self.store(archive, form, workers=workers)
            self.assertEqual(self.stored(archive), self.expected(turned))
            self.assertEqual({row["check"] for row in json.loads(done.stdout)["databases"]}, {"ok"})

    def test_what_is_not_sound_is_told(self):
        for form, workers, archive in self.each():
            done = self.store(archive, form, "--set", "content:verdict.answer=unsound", workers=workers,
                              expect=3)
            self.assert_mentions(done, "a.verdict", "b.verdict", "c.verdict", "unsound")
            self.assertEqual(self.stored(archive), self.expected(turned))
            self.assertEqual({row["check"] for row in json.loads(done.stdout)["databases"]}, {"failed"})

    def test_stored_raw_after_it_was_read(self):
        for form, workers, archive in self.each():
            self.store(archive, form, "--set", "content:verdict.answer=raw", workers=workers, expect=3)
            self.assertEqual(self.stored(archive), self.expected(bytes))
            self.hbcore("verify", archive, expect=3)

    def test_left_out_after_it_was_read(self):
        for form, workers, archive in self.each():
            done = self.store(archive, form, "--set", "content:verdict.answer=skip", workers=workers,
                              expect=3)
            self.assert_mentions(done, "a.verdict", "b.verdict", "c.verdict", "is worth nothing")
            self.assertEqual(self.hbcore("list", archive).stdout.split(), [b"before"])

    def test_what_counts_for_nothing_gives_its_room_back(self):
        """Memory and stage hold what is waited for, not what was made of sources that were refused."""
        home, stage = self.dir / "many", self.dir / "stage"
        stage.mkdir()
        for number in range(12):
            hb.write(home / f"{number}.verdict", self.data)
        peak = {}
        for answer in ("sound", "raw"):
            process = self.start_hbcore(
                "--home", home, *SMALL_WINDOW, "--set", f"backup.stage-dir={stage}",
                "--set", f"content:verdict.answer={answer}", "--set", f"content:verdict.wants={WINDOW}",
                "backup", "--format", "zip", "-o", self.dir / f"{answer}.zip")
            peak[answer] = self.peak_of_spill(process)
            self.finish(process, expect=0 if answer == "sound" else 3)
        self.assertLess(peak["raw"], peak["sound"] + 3 * BYTES)
        self.hbcore("verify", self.dir / "raw.zip", expect=3)

    @staticmethod
    def peak_of_spill(process):
        """The most that the file without a name in the stage held, looked at until it is closed."""
        peak = 0
        while process.poll() is None:
            try:
                for name in os.listdir(f"/proc/{process.pid}/fd"):
                    link = f"/proc/{process.pid}/fd/{name}"
                    if "spill" in os.readlink(link):
                        peak = max(peak, 512 * os.stat(link).st_blocks)
            except (FileNotFoundError, PermissionError):
                pass
        return peak

    def test_to_a_pipe(self):
        for form, suffix in FORMATS:
            for answer, change in (("sound", turned), ("raw", bytes)):
                archive = self.dir / f"pipe-{answer}.{suffix}"
                done = self.hbcore("--home", self.home, *SMALL_WINDOW, "--set",
                                   f"content:verdict.answer={answer}", "backup", "--format", form,
                                   "-o", "-", expect=3 if answer == "raw" else 0)
                archive.write_bytes(done.stdout)
                self.assertEqual(self.stored(archive), self.expected(change))

    def test_units_of_the_previous_archive(self):
        """More of them than the window takes: they are left where they are until their turn comes."""
        for form, suffix in FORMATS:
            archive, anew = self.dir / f"r.{suffix}", self.dir / f"anew.{suffix}"
            self.store(archive, form)
            middle = len(self.data) // 2
            self.data = self.data[:middle] + b"!" + self.data[middle + 1:]
            hb.write(self.home / "a.verdict", self.data)
            self.store(archive, form, *ALL_READ)
            self.assertEqual(self.stored(archive), self.expected(turned))
            self.store(anew, form, "--set", "backup.reuse=no")
            # The random bytes alone are so many; the trailers behind the entries differ.
            self.assertTrue(archive.read_bytes()[:BYTES] == anew.read_bytes()[:BYTES])

    def test_previous_archive_that_changes_meanwhile(self):
        for form, suffix in FORMATS:
            archive = self.dir / f"s.{suffix}"
            self.store(archive, form)
            done = self.store(archive, form, *ALL_READ, "--set", f"content:verdict.spoil={archive}",
                              expect=1)
            self.assert_mentions(done, "a.verdict", "the previous archive changed while it was being reused")
            self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
