# SPDX-License-Identifier: Apache-2.0
"""What each entry costs list and import in memory: what a million may, beside what a run takes.

The peak of two homes is compared, so that it is seen long before there are a million: the large one
has so many entries more, each of which may take a millionth of what 128 MiB leave to them. A backup
gives back what is written: its peak is no straight line.
"""
import os
import subprocess
import unittest

import hb
import large

SMALL, LARGE, PROMISED = 60_000, 1_000_000 if hb.FULL else 160_000, 1_000_000
OF_A_RUN = 13 * large.MIB  # with two workers, where no file is large
DOUBT = 2 * large.MIB  # two runs of the same differ by as much
hb.use_memory()
large.start(1)
hb.need("time")


def make_home(home, files):
    """Of small files with names as in real homes, and as much more as fills all buffers of a run."""
    for first in range(0, files, 1000):
        below = f"{home}/collection-{first // 1000:04}-of-notes"
        os.makedirs(below)
        for number in range(first, first + 1000):
            name = f"{below}/session-{number:07}-{number * 2654435761 % (1 << 32):08x}.json"
            with open(name, "wb", buffering=0) as stream:
                stream.write(b"%d of a few words\n" % number)
    large.noise_file(f"{home}/last", 32 * large.MIB)


class EachEntry(large.Case):
    def peak(self, *arguments):
        """Bytes. Of the program alone: a child of this process would begin as large as that."""
        measured = self.dir / "peak"
        done = subprocess.run(
            ["time", "-f", "%M", "-o", measured,
             *self.command("--progress", "never", "--set", "backup.workers=2", *arguments)],
            env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=240,
            check=False)
        self.assertEqual(done.returncode, 0, self.describe(done))
        return int(measured.read_text()) << 10

    def peaks(self, format_name, files):
        """Of each command, bytes."""
        home, archive = self.dir / f"home-{files}", self.dir / f"a{files}{large.FORMATS[format_name]}"
        if not home.exists():
            make_home(home, files)
        write = ("--home", home, "backup", "--format", format_name, "-o", archive,
                 "--set", "backup.reuse=yes")  # its index is the largest part of the trailer
        self.peak(*write)
        runs = {"list": ("list", archive),
                "import": ("--home", self.dir / f"back-{format_name}-{files}", "import", archive)}
        return {name: self.peak(*arguments) for name, arguments in runs.items()}

    def check(self, format_name):
        small, larger = (self.peaks(format_name, files) for files in (SMALL, LARGE))
        for name, peak in small.items():
            each = (larger[name] - peak) / (LARGE - SMALL)
            most = (large.PEAK - OF_A_RUN) / PROMISED + DOUBT / (LARGE - SMALL)
            print(f"{format_name}, {name}: {peak / large.MIB:.1f} MiB, {each:.1f} bytes an entry, "
                  f"at most {most:.1f}")
            with self.subTest(name):
                self.assertLess(each, most)

    def test_zip(self):
        self.check("zip")

    def test_tar_zstd(self):
        self.check("tar-zstd")


if __name__ == "__main__":
    unittest.main()
