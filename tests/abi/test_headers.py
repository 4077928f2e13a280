# SPDX-License-Identifier: Apache-2.0
"""Every public header compiles alone, as strict C11 and as C++17."""
import os
import pathlib
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["HBCORE_SOURCE"])
INCLUDE = SOURCE / "core" / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"]


def compile_text(compiler, flags, text):
    return subprocess.run(
        [compiler, *flags, *WARNINGS, "-I", str(INCLUDE), "-fsyntax-only", "-"],
        input=text, capture_output=True, text=True, check=False)


class Headers(unittest.TestCase):
    def headers(self):
        found = sorted(path.name for path in (INCLUDE / "hbcore").glob("*.h"))
        self.assertIn("plugin.h", found)
        return found

    def check(self, compiler, flags):
        for name in self.headers():
            # Twice, so that a missing include guard shows too.
            text = f"#include <hbcore/{name}>\n#include <hbcore/{name}>\nextern int nothing;\n"
            with self.subTest(header=name):
                done = compile_text(compiler, flags, text)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_c11(self):
        self.check(os.environ["HBCORE_CC"], ["-std=c11", "-Wstrict-prototypes", "-x", "c"])

    def test_cxx17(self):
        self.check(os.environ["HBCORE_CXX"], ["-std=c++17", "-x", "c++"])

    def test_the_check_can_fail(self):
        done = compile_text(os.environ["HBCORE_CC"], ["-std=c11", "-x", "c"],
                            "#include <hbcore/plugin.h>\nint f(void) { int unused; return 0; }\n")
        self.assertNotEqual(done.returncode, 0)

    def test_only_public_headers_are_included(self):
        for name in self.headers():
            for line in (INCLUDE / "hbcore" / name).read_text().splitlines():
                if line.startswith("#include \""):
                    self.fail(f"{name}: {line}: a public header includes only installed ones")


if __name__ == "__main__":
    unittest.main()
