# SPDX-License-Identifier: Apache-2.0
"""
Do tests/matrix.md, docs/promises.md and tests/README.md say the truth? Every test that they name is there and is run;
every cell of the first has a test or a reason, every promise of the second has a test, and the third has every file.
"""
import ast
import itertools
import os
import pathlib
import re
import unittest

TESTS = pathlib.Path(__file__).parent
COMMANDS = ("backup", "import", "snapshot", "preset", "prune")
NAMED = re.compile(r"`(matrix|[\w/]+\.py):(\w+)(?:\.(\w+))?`")
BY_CTEST = re.compile(r"`([a-z][\w-]+)`")
PROMISES = TESTS.parent / "docs/promises.md"
MATRIX = "integration/all_matrix.py"


class MatrixNames(unittest.TestCase):
    def setUp(self):
        text = (TESTS / "matrix.md").read_text()
        self.names = set(NAMED.findall(text))
        self.rows = [[cell.strip() for cell in line.strip("|").split("|")]
                     for line in text.splitlines() if re.match(r"\| \d+ ", line)]
        self.classes = {}

    def names_in(self, file):
        """Class to the tests in it, and in those of the same file that it is made of."""
        if file not in self.classes:
            found, bases = {}, {}
            for node in ast.parse((TESTS / file).read_text()).body:
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                    found[node.name] = {item.name for item in node.body if isinstance(item, ast.FunctionDef)
                                        and item.name.startswith("test")}
                    for base in bases[node.name]:
                        found[node.name] |= found.get(base, set())
            self.classes[file] = found
        return self.classes[file]

    def test_every_test_is_there(self):
        self.assertGreater(len(self.names), 50)
        for file, group, test in sorted(self.names | set(NAMED.findall(PROMISES.read_text()))):
            path = MATRIX if file == "matrix" else file
            self.assertTrue((TESTS / path).exists(), path)
            self.assertIn(group, self.names_in(path), path)
            if test:
                self.assertIn(test, self.names_in(path)[group], f"{path}: {group}")
            self.assertTrue(self.names_in(path)[group], f"{path}: {group} has no tests")

    def test_every_cell_has_a_test_or_a_reason(self):
        self.assertEqual([tuple(row[:2]) for row in self.rows],
                         list(itertools.product((str(cause) for cause in range(1, 16)), COMMANDS)))
        for row in self.rows:
            self.assertEqual(len(row), 5, row)
            for cell in row[2:]:
                self.assertTrue(NAMED.search(cell) or re.match(r"cannot occur: \w", cell), row)

    def test_every_test_of_the_matrix_has_a_cell(self):
        """And each goes over the parties and formats."""
        named = {(group, test) for file, group, test in self.names if file == "matrix"}
        there = {(group, test) for group, tests in self.names_in(MATRIX).items() for test in tests}
        self.assertEqual(there, named)
        for node in ast.parse((TESTS / MATRIX).read_text()).body:
            for test in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(test, ast.FunctionDef) and test.name.startswith("test"):
                    self.assertIn("self.cells(", ast.unparse(test), test.name)

    def test_every_file_is_run(self):
        """By ctest: a file that nobody runs proves nothing."""
        for file, _, _ in self.names | set(NAMED.findall(PROMISES.read_text())):
            path = pathlib.Path(MATRIX if file == "matrix" else file)
            listed = (TESTS / path.parent / "CMakeLists.txt").read_text()
            theme = path.stem.removeprefix("test_")
            self.assertRegex(listed, rf"\({theme} \d|{path.name}", str(path))

    def test_every_promise_has_a_test(self):
        """At its end; with names of ctest, too, which are those of targets or stand in a CMakeLists.txt."""
        lists = "".join(path.read_text() for path in TESTS.parent.rglob("CMakeLists.txt")
                        if "build" not in path.relative_to(TESTS.parent).parts)
        promises = [line for line in PROMISES.read_text().splitlines() if line.startswith("- ")]
        self.assertGreater(len(promises), 40)
        for line in promises:
            end = line[line.rindex(". `") + 2:] if ". `" in line else ""
            named = NAMED.findall(end)
            others = [name for name in BY_CTEST.findall(end) if not NAMED.search(f"`{name}`")]
            self.assertTrue(named or others, line)
            for name in others:
                self.assertTrue(re.search(rf"\b{name}\b", lists) or
                                re.search(rf"\b{name.rpartition('-')[2]}\b", lists), name)

    def test_every_file_has_a_row(self):
        """In the table of tests/README.md, and each row has a file, or a folder."""
        rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \| \d+ \|$", (TESTS / "README.md").read_text(), re.M)
        self.assertEqual(len(rows), len(set(rows)))
        for row in rows:
            self.assertTrue((TESTS / row).exists(), row)
        files = [*TESTS.glob("integration/*_*.py"), *TESTS.glob("*/test_*.py"), *TESTS.glob("unit/*/test_*.c"),
                 *TESTS.parent.glob("plugins/*/tests/test_*.c")]
        self.assertGreater(len(files), 100)
        for path in files:
            name = os.path.relpath(path, TESTS)
            if name != "integration/fault_sweep.py":  # a part of several
                self.assertTrue(name in rows or f"{path.parent.name}/" in rows, name)


if __name__ == "__main__":
    unittest.main()
