# SPDX-License-Identifier: Apache-2.0
"""differences.txt: which archives are read otherwise than a judge reads them, and why that is right.

    REASON: the sentence, on one line
    ARCHIVE | JUDGE | KIND=COUNT KIND=COUNT | REASON
"""
import pathlib

PATH = pathlib.Path(__file__).with_name("differences.txt")
UNKNOWN = "?"


def read():
    """Reasons by name, and {(archive, judge, kind): (count, reason)}; fails on a line that says nothing."""
    reasons, rows = {}, {}
    for number, line in enumerate(PATH.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if "|" not in line:
            name, _, text = line.partition(": ")
            assert text and name not in reasons, f"{PATH}:{number}: {line}"
            reasons[name] = text
            continue
        archive, judge, kinds, reason = (part.strip() for part in line.split("|"))
        assert reason in reasons or reason == UNKNOWN, f"{PATH}:{number}: no reason is called {reason}"
        for kind in kinds.split():
            kind, _, count = kind.partition("=")
            assert (archive, judge, kind) not in rows, f"{PATH}:{number}: {kind} of {archive} is listed twice"
            rows[archive, judge, kind] = (int(count or 1), reason)
    unused = set(reasons) - {reason for _, reason in rows.values()}
    assert not unused, f"{PATH}: nothing has the reason {', '.join(sorted(unused))}"
    return reasons, rows


def write(head, found, guess):
    """The table anew: `found` is {(archive, judge, kind): count}, `guess` gives a reason for one."""
    lines = {}
    for key, count in sorted(found.items()):
        lines.setdefault((*key[:2], guess(key, count)), []).append(f"{key[2]}={count}" if count != 1 else key[2])
    text = "".join(f"{archive} | {judge} | {' '.join(kinds)} | {reason}\n" for (archive, judge, reason), kinds in lines.items())
    PATH.write_text(head + text, encoding="utf-8")
