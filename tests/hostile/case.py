# SPDX-License-Identifier: Apache-2.0
"""One archive made in bad faith, and what must come of it."""
import dataclasses
import typing

ALL = {}  # format to its cases; filled once, when the modules are loaded


@dataclasses.dataclass
class Case:
    name: str
    data: typing.Any  # bytes, or a function of Where that makes them
    code: typing.Optional[int]  # of an import into an empty home; None: 0 or 3
    files: typing.Optional[dict] = None  # that are there then: path to content
    suffix: str = ".zip"
    generic: bool = False  # with the configuration that restores links
    modes: dict = dataclasses.field(default_factory=dict)
    settings: list = dataclasses.field(default_factory=list)
    piped: typing.Optional[tuple] = None  # code and files when it comes over a pipe, if others

    def over_pipe(self):
        if self.piped is None:
            return self
        return dataclasses.replace(self, code=self.piped[0], files=self.piped[1])

    def bytes_for(self, where):
        return self.data(where) if callable(self.data) else self.data


@dataclasses.dataclass
class Where:
    """Places that an archive may want to reach."""

    outside: str

    def path(self, text):
        return text.format(outside=self.outside) if isinstance(text, str) else text


def collect(form, cases):
    names = [case.name for case in cases]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    ALL[form] = cases
