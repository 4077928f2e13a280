# SPDX-License-Identifier: Apache-2.0
"""The shapes of homes that are measured, so that nothing is tuned to one of them. A file each.

A shape says how a home of it is made (the same for the same seed and scale), what it has limits of its own
for, and how much of the bench it can bear.
"""
import argparse
import dataclasses
import fnmatch
import pathlib
import typing

import making

HOLDER_NAME = "state.db"  # what a program has open, where a shape has such a database


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    title: str     # as in "one large database"
    version: int   # a cached home of another version is made again
    fill: typing.Callable  # (home, scale, seed, workers): makes what is in it
    database: bool = False  # whether it is one that a program has open: HOLDER_NAME, in WAL mode
    limits: dict = dataclasses.field(default_factory=dict)  # target to what holds here instead
    programs: tuple = ()   # patterns of those that can bear it; none: all
    rounds: int | None = None  # at most
    sample: int = 1        # every how manyth restored file has its content compared; all have their sizes

    def bears(self, program):
        return not self.programs or any(fnmatch.fnmatchcase(program, one) for one in self.programs)

    def directory(self, folder, scale, seed):
        return pathlib.Path(folder) / f"{self.name}-v{self.version}-scale{scale:g}-seed{seed}"

    def make(self, directory, scale=1.0, seed=1, workers=None):
        """`directory` must not be there. It is complete when this returns, else there is none."""
        return making.whole(directory, lambda home: self.fill(home, scale, seed, workers), seed,
                            {"shape": self.name, "version": self.version, "scale": scale, "seed": seed})

    def cached(self, folder, scale, seed):
        """The home of these parameters, made if it is not there yet."""
        directory = self.directory(folder, scale, seed)
        if not directory.is_dir():
            directory.parent.mkdir(parents=True, exist_ok=True)
            self.make(directory, scale, seed)
        return directory


def every():
    """All shapes by name; the corpus first."""
    from shapes import entries, hermes, machine, one_database, opaque, tiny, tree  # they need what is above
    found = (hermes, one_database, tiny, opaque, machine, tree, entries)
    return {module.SHAPE.name: module.SHAPE for module in found}


def named(words):
    """The shapes of an option's list of names; "all": every one."""
    known = every()
    names = list(known) if words == "all" else words.split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name}: no such shape; there are {', '.join(known)}, all")
    return [known[name] for name in names]
