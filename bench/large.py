# SPDX-License-Identifier: Apache-2.0
"""
Listing and one file from an archive many times as large as that of the corpus, with the same entries and a
few more that do not compress: neither may take longer for it.
"""
import pathlib
import random

import check
import peers
import rounds
import second

SECTIONS = ("large-list", "large-one")
FILLER = "image_cache"  # before the skills, of which one is the file to be read
FILLER_BYTES = 256 << 20
PACKED_SHARE = 0.5  # what the corpus becomes in an archive


def fill(folder, size, seed):
    rng = random.Random(f"{seed}/large")
    folder.mkdir(exist_ok=True)
    for number, first in enumerate(range(0, size, FILLER_BYTES)):
        left = min(FILLER_BYTES, size - first)
        with open(folder / f"large-{number}.png", "wb") as stream:
            while left > 0:
                stream.write(rng.randbytes(min(left, check.BLOCK_BYTES)))
                left -= check.BLOCK_BYTES


class Large:
    """The archives are made once and stay until the end."""

    def __init__(self, bench):
        self.bench, self.archives = bench, {}
        self.readers = []
        if bench.arguments.large:
            self.readers = bench.choose([reader for reader in peers.readers() if reader.list and
                                         reader.kind in (peers.ZIP, peers.TAR)], SECTIONS)
        if self.readers:
            self.make(pathlib.Path(bench.place.folder) / "large")

    def make(self, home):
        bench, place = self.bench, self.bench.place
        rounds.say(f"{bench.shape.name}, scale {bench.scale:g}: archives {bench.arguments.large:g} times as large")
        second.copy_home(place.home, home)
        size = PACKED_SHARE * (bench.arguments.large - 1) * bench.manifest["bytes"]
        fill(home / FILLER, round(size), bench.arguments.seed)
        for writer in peers.writers(place.floor):
            if rounds.SOURCES.get(writer.kind) == writer.name and any(
                    reader.kind == writer.kind for reader in self.readers):
                self.archives[writer.kind] = bench.make_source(writer, "large", home)
        rounds.remove(home)

    def round(self, number):
        for reader in rounds.rotated(self.readers, number):
            archive = self.archives[reader.kind]
            if archive:
                self.bench.say(number, "large", reader)
                self.bench.look_up(SECTIONS, reader, archive, number)
