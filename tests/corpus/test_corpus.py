#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives by every tool at hand, read by hbcore and by other programs beside it.

    test_corpus.py [--part N] [--update] [WORD…]

--part N: one archive in N (with HBCORE_FULL=1 all of them). --update: writes differences.txt anew; new rows have "?" as
their reason, which a test does not accept. WORD: only the archives with one of them in their names; says more.

What differs from a judge must stand in differences.txt, and what stands there must differ. No row there excuses a
crash, a hang, or bytes that no judge finds under that name.
"""
import argparse
import collections
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time
import zlib

import hb
import readers
import recipes
import table
import trees

import by_hand, by_scripts, by_tar, by_zip  # noqa: E401  loaded, they are in recipes.ALL

del by_hand, by_scripts, by_tar, by_zip
LEAST = 400
PIPED = 5  # one archive in so many is read from a pipe, too


def sample(name, part):
    return zlib.crc32(name.encode()) % part == 0


def make(work):
    """Runs all recipes; [(name, path)]."""
    forest = os.path.join(work, "trees")
    os.mkdir(forest)
    trees.make_all(forest)
    missing = {program for _, programs in recipes.ALL.values() for program in programs if shutil.which(program) is None}
    hb.need(*sorted(missing), "unzip", "7z", "bsdtar", "tar")

    def cook(name):
        out = os.path.join(work, "made", name)
        os.makedirs(out)
        recipes.ALL[name][0](recipes.Bench(forest, out))
        return [(f"{name}/{file}", os.path.join(out, file)) for file in sorted(os.listdir(out))]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [row for rows in pool.map(cook, recipes.ALL) for row in rows]


# ---- comparing ----


def parents(paths):
    found = set()
    for path in paths:
        while b"/" in path:
            path = path.rpartition(b"/")[0]
            found.add(path)
    return found


def compare_rows(ours, theirs, attributes, exact):
    found = collections.Counter()
    if "files" in attributes:
        links = {path for rows in (ours, theirs) for path, row in rows.items() if row.kind == "link"}
        ours, theirs = ({path: row for path, row in rows.items() if path not in links} for rows in (ours, theirs))
    found["missing"] = len(theirs.keys() - ours.keys())
    found["extra"] = len(ours.keys() - theirs.keys() - parents(theirs))
    for path in ours.keys() & theirs.keys():
        left, right = ours[path], theirs[path]
        if left.kind != right.kind:
            found["kind"] += 1
            continue
        found["content"] += left.content != right.content
        found["link"] += left.link != right.link
        if "mode" in attributes and None not in (left.mode, right.mode):
            found["mode"] += left.mode != right.mode
        if "mtime" in attributes and left.kind != "link":
            whole = 1 if exact else 10**9
            found["mtime"] += (left.mtime or 0) // whole != (right.mtime or 0) // whole
    return found


def compare(ours, theirs, attributes, exact):
    """Kinds of differences, counted."""
    found = collections.Counter()
    if theirs.state != "all":
        found["accepted"] = ours.state == "all"
    elif ours.state == "none":
        found["refused"] = 1
    else:
        found["incomplete"] = ours.state == "part"
        found.update(compare_rows(ours.rows, theirs.rows, attributes, exact))
    return {kind: int(count) for kind, count in found.items() if count}


def wrong_bytes(ours, judged):
    """Files whose content no judge has under that name, though one has the name; and names that no judge has."""
    wrong, alone = [], 0
    for path, row in ours.rows.items():
        there = [result.rows[path] for result in judged.values() if path in result.rows]
        if row.kind == "file" and there and all(other.content != row.content for other in there):
            wrong.append(path)
        alone += row.kind != "directory" and not there
    return wrong, alone


def read_one(name, path, work, talk):
    """{(judge, kind): count}, and what must never be."""
    place = tempfile.mkdtemp(dir=work)
    found, judged, never = collections.Counter(), {}, []
    try:
        home = os.path.join(place, "hbcore")
        os.mkdir(home)
        ours, odd = readers.hbcore(path, home, sample(name, PIPED) or hb.FULL)
        for kind in odd:
            found["hbcore", kind] = 1
        for judge, (read, attributes) in readers.JUDGES[readers.format_of(path)].items():
            target = os.path.join(place, judge)
            os.mkdir(target)
            judged[judge] = read(path, target)
            for kind, count in compare(ours, judged[judge], attributes, judge == "tar").items():
                found[judge, kind] = count
        wrong, alone = wrong_bytes(ours, judged)
        if alone:
            found["hbcore", "alone"] = alone
        if wrong:
            never.append(f"{name}: wrong bytes in {wrong[:5]}")
        if talk:
            show(name, ours, judged, found)
    except readers.Broken as error:
        never.append(f"{name}: {error}")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return found, never


def show(name, ours, judged, found):
    print(f"== {name}: {dict(found)}")
    print(f"   hbcore: {ours.state}: {ours.words.decode(errors='replace').strip()[-600:]}")
    for path, row in sorted(ours.rows.items()):
        print("     ", path, *row)
    for judge, result in judged.items():
        words = result.words if isinstance(result.words, str) else result.words.decode(errors="replace")
        print(f"   {judge}: {result.state}: {words.strip()[-300:]}")
        for path, row in sorted(result.rows.items()):
            if ours.rows.get(path) != row:
                print("     ", path, *row)


# ---- judging ----


def complain(found, listed, names):
    """Lines about what is not as the table says; only rows of these archives count."""
    wrong = []
    expected = {key: row for key, row in listed.items() if key[0] in names}
    for key in sorted(found.keys() | expected.keys()):
        archive, judge, kind = key
        count, reason = expected.get(key, (0, ""))
        if reason == table.UNKNOWN:
            wrong.append(f"{archive}: {judge}: {kind}: the table has no reason for it")
        if found.get(key, 0) != count:
            wrong.append(f"{archive}: {judge}: {kind}: found {found.get(key, 0)}, the table says {count}")
    return wrong


def update(found, listed, names):
    """Rows of other archives than these stay."""
    head = ""
    for line in table.PATH.read_text(encoding="utf-8").splitlines(keepends=True):
        if "|" in line:
            break
        head += line
    others = {key: count for key, (count, _) in listed.items() if key[0] not in names}
    table.write(head, {**others, **found}, lambda key, _: listed.get(key, (0, table.UNKNOWN))[1])


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("words", nargs="*")
    return parser.parse_args()


def main():
    options, start = arguments(), time.monotonic()
    if os.geteuid() != 0:
        print("skipped: what the judges do with devices and modes is listed as root sees it")
        return hb.SKIPPED
    hb.use_memory()  # thousands of small imports, each of which flushes its file system
    os.umask(0o022)
    work = tempfile.mkdtemp(prefix="hbcore-corpus-")
    try:
        made = make(work)
        assert len(made) >= LEAST and len({name for name, _ in made}) == len(made), len(made)
        part = 1 if hb.FULL or options.words else options.part
        chosen = [(name, path) for name, path in made if sample(name, part)
                  and (not options.words or any(word in name for word in options.words))]
        making = time.monotonic() - start
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda row: read_one(*row, work, bool(options.words)), chosen))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    found = {(name, *key): count for (name, _), (counts, _) in zip(chosen, results) for key, count in counts.items()}
    _, listed = table.read()
    if options.update:
        update(found, listed, {name for name, _ in chosen})
    gone = {key[0] for key in listed} - {name for name, _ in made}
    wrong = [line for _, never in results for line in never] + complain(found, listed, {name for name, _ in chosen}) \
        + [f"{name}: the table has it, but it is not made" for name in sorted(gone)]
    print(*wrong, sep="\n")
    same = len(chosen) - len({key[0] for key in found})
    print(f"{len(made)} archives, {len(chosen)} of them read: {same} as all judges do, {len(chosen) - same} otherwise; "
          f"made in {making:.0f} s, {time.monotonic() - start:.0f} s in all")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
