# SPDX-License-Identifier: Apache-2.0
"""Does tests/matrix.md say the truth? Every test that it names is there, and every cell has a test or a reason."""
import ast
import itertools
import pathlib
import re
import unittest

TESTS = pathlib.Path(__file__).parent
COMMANDS = ("backup", "import", "snapshot", "preset", "prune")
NAMED = re.compile(r"`(matrix|[\w/]+\.py):(\w+)(?:\.(\w+))?`")
MATRIX = "integration/test_matrix.py"


class MatrixNames(unittest.TestCase):
    def setUp(self):
        text = (TESTS / "matrix.md").read_text()
        self.names = set(NAMED.findall(text))
        self.rows = [[cell.strip() for cell in line.strip("|").split("|")]
                     for line in text.splitlines() if re.match(r"\| \d ", line)]
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
        for file, group, test in sorted(self.names):
            path = MATRIX if file == "matrix" else file
            self.assertTrue((TESTS / path).exists(), path)
            self.assertIn(group, self.names_in(path), path)
            if test:
                self.assertIn(test, self.names_in(path)[group], f"{path}: {group}")
            self.assertTrue(self.names_in(path)[group], f"{path}: {group} has no tests")

    def test_every_cell_has_a_test_or_a_reason(self):
        self.assertEqual([tuple(row[:2]) for row in self.rows],
                         list(itertools.product((str(cause) for cause in range(1, 9)), COMMANDS)))
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
        for file, _, _ in self.names:
            path = pathlib.Path(MATRIX if file == "matrix" else file)
            listed = (TESTS / path.parent / "CMakeLists.txt").read_text()
            theme = path.stem.removeprefix("test_")
            self.assertRegex(listed, rf"\({theme} \d|{path.name}", str(path))


if __name__ == "__main__":
    unittest.main()
