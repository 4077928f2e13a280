# SPDX-License-Identifier: Apache-2.0
"""What --json prints, beside the schemas in docs/schema: of each run of all tests that hb.py makes."""
import functools
import json
import os
import pathlib

try:
    import jsonschema
except ImportError:  # all_json_lines.py says that it is missing
    jsonschema = None

SCHEMAS = pathlib.Path(os.environ["HBCORE_SOURCE"]) / "docs" / "schema"
DONE = (0, 3)
FIRST, LAST = 200, 20  # of the lines of one run


@functools.lru_cache(None)
def schema(kind):
    """The schema of lines of this type; None: there is none."""
    path = SCHEMAS / f"{kind}.json"
    return json.loads(path.read_text()) if kind.isidentifier() and path.exists() else None


@functools.lru_cache(None)
def validator(kind):
    return jsonschema.Draft202012Validator(schema(kind))


def members(kind, command=None):
    """The members that the schema knows, without those that have the bytes of a name."""
    known = set(schema(kind)["properties"])
    if command is not None:
        known |= set(schema(kind)["$defs"][command.replace(" ", "_")]["properties"])
    return {name for name in known if not name.endswith("_base64")}


def without_foreign(row):
    """A hook that is not ours may add members; the row names them."""
    command = str(row.get("command")).replace(" ", "_")
    known = {**schema("summary")["properties"], **schema("summary")["$defs"].get(command, {}).get("properties", {})}
    return {key: value for key, value in row.items() if key in known or key not in row.get("added_members", ())}


def one_of_each(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError(f"a member comes twice: {names}")
    return dict(pairs)


def problem(row):
    """What is wrong with a line, or None."""
    if not isinstance(row, dict) or not isinstance(row.get("type"), str) or next(iter(row)) != "type":
        return "it does not begin with its type"
    if schema(row["type"]) is None:
        return "docs/schema has no such type"
    if jsonschema is None:
        return None
    checked = without_foreign(row) if row["type"] in ("summary", "before") else row
    error = jsonschema.exceptions.best_match(validator(row["type"]).iter_errors(checked))
    return None if error is None else f"{'/'.join(map(str, error.absolute_path))}: {error.message}"


def lines_of(words, done):
    """The lines that have to be JSON; none where nobody asked for it, or where nobody reads it."""
    words = [os.fsdecode(word) for word in words]
    if "--json" not in words:
        return []
    output = {word for option, word in zip(words, words[1:] + [""]) if option in ("-o", "--output")}
    if "cat" in words or "-" in output or "-o-" in words or "--output=-" in words:
        return [line for line in (done.stderr or b"").splitlines() if line.startswith(b'{"type":')]
    return (done.stdout or b"").splitlines()


def check(words, done):
    """What is wrong with the output of a run, as text; "": nothing."""
    lines = lines_of(words, done)
    rows = []
    for number, line in enumerate(lines):
        if FIRST <= number < len(lines) - LAST:
            continue
        try:
            rows.append(json.loads(line, object_pairs_hook=one_of_each))
        except ValueError as error:
            return f"not JSON: {error}: {line[:300]!r}"
        wrong = problem(rows[-1])
        if wrong is not None:
            return f"{wrong}: {line[:3000]!r}"
    if not rows or done.stdout is None:
        return ""
    errors = [row["exit_status"] for row in rows if row["type"] == "error"]
    if done.returncode in DONE and errors:
        return f"an error, but exit status {done.returncode}"
    if done.returncode not in DONE and (rows[-1]["type"] != "error" or set(errors) != {done.returncode}):
        return f"exit status {done.returncode}, but the last line is not an error that says so: {rows[-1]}"
    if rows[-1]["type"] == "summary" and done.returncode == 3 and rows[-1]["status"] == "complete":
        return f"exit status 3, and the summary says complete: {rows[-1]}"
    return ""
