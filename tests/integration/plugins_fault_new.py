# SPDX-License-Identifier: Apache-2.0
"""`plugins new` when a call fails: the message names the file and the reason, and nothing stays."""
import os
import unittest

import fault
import hb

fault.need()

CALLS = "create,write"


class NewPlugin(fault.FaultCase):
    config = None

    def setUp(self):
        super().setUp()
        self.here = self.dir / "here"
        hb.write(self.here / "mine", b"stays")
        self.before = self.content(self.here)

    def new(self, **keywords):
        return self.faulted("plugins", "new", "format", "fresh", calls=CALLS, path="*/fresh*",
                            cwd=self.here, **keywords)

    def test_each_call_fails(self):
        calls = self.new(list_calls=True).calls
        names = [os.path.basename(path) for _, path, *_ in calls]
        # The directory, and three files, each made and written to.
        self.assertEqual(names, ["fresh", *(["fresh.c"] * 2), *(["CMakeLists.txt"] * 2),
                                 *(["README.md"] * 2)], calls)
        self.assertEqual(len(os.listdir(self.here / "fresh")), 3)
        for path in (self.here / "fresh").iterdir():
            path.unlink()
        (self.here / "fresh").rmdir()
        for at, name in enumerate(names, 1):
            for error, reason in (("ENOSPC", "No space left on device"), ("EIO", "Input/output error")):
                with self.subTest(at=at, name=name, error=error):
                    done = self.new(at=at, error=error, expect=1)
                    self.assertEqual(done.hits, 1)
                    self.assert_mentions(done, f"hbcore: fresh{'' if at == 1 else '/' + name}:", reason)
                    self.assertEqual(done.stdout, b"")
                    self.assertEqual(self.content(self.here), self.before)

    def test_an_interrupted_write_goes_on(self):
        self.new(at=3, error="EINTR")
        self.assertEqual((self.here / "fresh/fresh.c").read_text(),
                         (hb.SOURCE / "templates/format.c").read_text().replace("example", "fresh"))


if __name__ == "__main__":
    unittest.main()
