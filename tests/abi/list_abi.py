# SPDX-License-Identifier: Apache-2.0
"""
Everything of the binary interface as lines of text, from the public headers as the compiler reads them: enumerators and
their values, members with their offsets and types, sizes, macros, the exported symbol.

    list_abi.py            prints them
    list_abi.py --write    into abi.txt, which test_list.py compares with the headers
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian has it, whichever Python this is
import pycparser.c_ast as ast
import pycparser.c_generator
import pycparser.c_parser

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "core" / "include"
LISTED = HERE / "abi.txt"
COMPILER = os.environ.get("HBCORE_CC", "cc")
# What the headers take from the system, as far as their declarations need it.
SYSTEM = {
    "stddef.h": "typedef unsigned long size_t;\n#define NULL 0\n",
    "stdint.h": "".join(f"typedef int {name}_t;\n" for name in
                        ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")),
    "time.h": "typedef long time_t;\nstruct timespec { time_t tv_sec; long tv_nsec; };\n",
}
VALUES = ("HB_ABI", "HB_ABI_NOT_FROZEN", "HB_SIZE_UNKNOWN")
TEXTS = ("HB_PLUGIN_SYMBOL", "HB_METHOD_SNAPSHOT")


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def headers():
    return sorted(path.name for path in (INCLUDE / "hbcore").glob("*.h"))


def parse(system):
    """The declarations of all headers, without what only checks them."""
    for name, text in SYSTEM.items():
        (system / name).write_text(text)
    text = "".join(f"#include <hbcore/{name}>\n" for name in headers())
    plain = run(COMPILER, "-E", "-P", "-nostdinc", "-std=c11", "-D__attribute__(x)=", f"-I{system}", f"-I{INCLUDE}", "-x",
                "c", "-", text=text)
    plain = re.sub(r"_Static_assert\(.*?\);", "", plain, flags=re.S)
    plain = re.sub(r"static inline [^{;]*\{.*?\n\}", "", plain, flags=re.S)
    return pycparser.c_parser.CParser().parse(plain)


def type_text(declaration):
    """The type alone, in one line."""
    written = pycparser.c_generator.CGenerator()._generate_type(declaration.type, emit_declname=False)
    return re.sub(r"\s+", " ", written).strip()


def is_ours(node):
    return (node.name or "").startswith("hb_")


def lines():
    rows, program = [], []  # what is known; what the compiler has to say

    def ask(text, expression):
        program.append(f'    printf("{text} %lld\\n", (long long)({expression}));')

    with tempfile.TemporaryDirectory() as system:
        tree = parse(pathlib.Path(system))
    for node in tree.ext:
        kind = node.type
        if isinstance(node, ast.Typedef):
            if node.name.startswith("hb_"):
                rows.append(f"typedef {node.name} {type_text(node)}")
        elif isinstance(kind, ast.Enum) and kind.values:
            for value in kind.values.enumerators:
                ask(f"enum {kind.name or '-'} {value.name}", value.name)
        elif isinstance(kind, ast.Struct) and kind.decls and is_ours(kind):
            ask(f"struct {kind.name} size", f"sizeof(struct {kind.name})")
            for member in kind.decls:
                ask(f"struct {kind.name} {member.name} {type_text(member)} at",
                    f"offsetof(struct {kind.name}, {member.name})")
        elif isinstance(kind, ast.FuncDecl) and node.name.startswith("hb_") and "static" not in node.storage:
            rows.append(f"symbol {node.name} {type_text(node)}")
    for name in VALUES:
        ask(f"macro {name}", name)
    for name in TEXTS:
        program.append(f'    printf("macro {name} \\"%s\\"\\n", {name});')
    text = "".join(f"#include <hbcore/{name}>\n" for name in headers())
    text += "#include <stdio.h>\nint main(void)\n{\n" + "\n".join(program) + "\n    return 0;\n}\n"
    with tempfile.TemporaryDirectory() as directory:
        built = pathlib.Path(directory) / "list"
        run(COMPILER, "-std=c11", f"-I{INCLUDE}", "-x", "c", "-", "-o", str(built), text=text)
        rows += run(str(built)).splitlines()
    return sorted(rows)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        LISTED.write_text("".join(line + "\n" for line in lines()))
    else:
        print("\n".join(lines()))
