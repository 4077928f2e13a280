# SPDX-License-Identifier: Apache-2.0
"""The units for a nightly backup: systemd takes them, and what they start makes an archive."""
import shlex
import shutil
import unittest

import hb

UNITS = hb.SOURCE / "contrib" / "systemd"


class Units(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.units = self.dir / "units"
        self.units.mkdir()
        text = (UNITS / "hbcore-backup.service.in").read_text()
        self.assertEqual(text.count("@HBCORE@"), 1)
        (self.units / "hbcore-backup.service").write_text(text.replace("@HBCORE@", self.binary))
        shutil.copy(UNITS / "hbcore-backup.timer", self.units)

    def value(self, unit, key):
        lines = [line.partition("=")[2] for line in (self.units / unit).read_text().splitlines()
                 if line.startswith(f"{key}=")]
        self.assertEqual(len(lines), 1, f"{unit}: {key}")
        return lines[0]

    def test_systemd_takes_them(self):
        self.need("systemd-analyze")
        done = self.tool("env", f"XDG_RUNTIME_DIR={self.dir}", "systemd-analyze", "--user", "--man=no", "verify",
                         self.units / "hbcore-backup.service", self.units / "hbcore-backup.timer")
        self.assertEqual(done.stderr, b"")
        self.tool("systemd-analyze", "calendar", self.value("hbcore-backup.timer", "OnCalendar"))

    def test_what_it_starts(self):
        command = shlex.split(self.value("hbcore-backup.service", "ExecStart"))
        self.assertEqual(command[0], self.binary)
        home = self.make_home()
        config = self.user / ".config" / "hbcore" / "hbcore.ini"
        hb.write(config, hb.HERMES.read_bytes(), 0o600)
        names = set()
        for _ in range(2):  # of one day: the newest stays
            self.hbcore(*command[1:], env={"HERMES_HOME": str(home)})
            archive, = (self.user / "hermes-backups").glob("nightly-*.zip")
            names.add(archive)
        self.assertEqual(len(names), 2)


if __name__ == "__main__":
    unittest.main()
