# SPDX-License-Identifier: Apache-2.0
"""
abi.txt is the binary interface: no line of it goes or changes, except that a structure may become longer and that what
is experimental may change. What is new is written down by `python3 tests/abi/list_abi.py --write`.
"""
import re
import unittest

try:
    import list_abi
except ImportError:
    list_abi = None

EXPERIMENTAL = re.compile(r"(enum|struct|typedef) hb_(store|transform|part|object)")
SIZE = re.compile(r"(struct \w+ size) (\d+)")
# Endings of the name of an enum that its enumerators do not have.
ENDING = re.compile(r"_(flags|kind|type|result|bounds)$")


def sizes(rows):
    return {match[1]: int(match[2]) for match in map(SIZE.fullmatch, rows) if match}


def broken(listed, now):
    """The lines of the list that do not hold any more."""
    grown = sizes(now)
    return [row for row in listed if row not in now and not EXPERIMENTAL.match(row)
            and not (SIZE.fullmatch(row) and grown.get(SIZE.fullmatch(row)[1], 0) >= int(SIZE.fullmatch(row)[2]))]


@unittest.skipIf(list_abi is None, "python3-pycparser is missing")
class Listed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.now = list_abi.lines()
        cls.listed = list_abi.LISTED.read_text().splitlines()

    def test_nothing_is_gone_or_changed(self):
        self.assertEqual(broken(self.listed, self.now), [])

    def test_everything_is_listed(self):
        new = sorted(set(self.now) - set(self.listed))
        self.assertEqual(new, [], "new in the headers; look at it once more, then: python3 tests/abi/list_abi.py --write")

    def test_it_would_be_noticed(self):
        for number, row in enumerate(self.listed):
            if EXPERIMENTAL.match(row):
                continue
            self.assertEqual(broken(self.listed, self.now[:number] + self.now[number + 1:]), [row])
            self.assertEqual(broken(self.listed, [*self.now[:number], row + "1" if not SIZE.fullmatch(row) else
                                                  row[:-1], *self.now[number + 1:]]), [row])

    def test_enumerators_begin_with_the_name_of_their_enum(self):
        for row in self.now:
            kind, name, *rest = row.split(" ")
            if kind == "enum" and rest[0] != "HB_OK":
                self.assertTrue(rest[0].startswith(ENDING.sub("", name).upper() + "_"), row)


if __name__ == "__main__":
    unittest.main()
