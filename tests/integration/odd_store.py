# SPDX-License-Identifier: Apache-2.0
"""A second run of the tests that publish, read and prune: through the odd store of tests/external-plugin.

With HBCORE_ODD_STORE=DIRECTORY, where odd.so lies, hb.Case.command() makes URLs of the places of archives: of what -o
names, of `directory =`, of an archive that is an operand. The store's object "/a/b.zip" is the file /a/b.zip (plain), so
that a test finds it where it looks, and in what the program prints the URLs are paths again. All else about that store
is odd: parts of exactly 64 KiB, nothing exclusive, no patch, no rename, names of its own.

What only the directory of this machine can do (numbers behind names, links, modes, an incomplete archive beside the
one it must not replace) is no subject there: `@odd_store.local("why")` at a test or a class.
"""
import os
import re
import stat
import unittest

PLUGINS = os.environ.get("HBCORE_ODD_STORE", "")
SCHEME = "odd://"
PRESETS = ("pre-update", "pre-migration", "pre-import")  # of hermes.ini, in directory `backups` of the home
READING = ("list", "verify", "cat", "import")
# What a name ends with, in front of its suffix.
STAMP = r"\d{4}-\d\d-\d\d-\d{6}" + (r"Z-[0-9a-f]{6}" if PLUGINS else "")
DIRECTORY = re.compile(r"^(directory *= *)(/.*)$", re.MULTILINE)
SECTION = re.compile(r"^(?=\[)", re.MULTILINE)


def local(reason):
    """Of a test or a class: it is about the directory of this machine."""
    return unittest.skipIf(PLUGINS, f"about a directory of this machine: {reason}")


def is_url_for(path):
    """Is that a place where an archive may lie? Pipes and devices stay streams."""
    try:
        return os.path.isabs(path) and stat.S_IFMT(os.stat(path).st_mode) in (stat.S_IFREG, stat.S_IFDIR)
    except OSError:
        return os.path.isabs(path) and not os.path.islink(path)


def url(path):
    return SCHEME + path + ("/" if os.path.isdir(path) and not path.endswith("/") else "")


def configuration(text):
    """The same, with directories of archives in the store. Those of snapshots stay."""
    if not PLUGINS:
        return text
    return "".join(DIRECTORY.sub(rf"\g<1>{SCHEME}\g<2>", part) if part.startswith(("[preset:", "[backup]")) else part
                   for part in SECTION.split(text))


def setting(word):
    """Of --set SECTION.directory=PATH, and of plugins.path."""
    key, equals, value = word.partition("=")
    if key == "plugins.path":
        return f"{word} {PLUGINS}"
    archives = key == "backup.directory" or re.fullmatch(r"preset:.*\.directory", key)
    return f"{key}={SCHEME}{value}" if equals and archives and os.path.isabs(value) else word


def beside(user):
    """Where the store notes who has put what: beside the directory of the test, in which nothing else may be found."""
    return os.path.dirname(os.fspath(user)) + "-odd"


def places(words, hermes, user):
    """The settings that are needed for it to go there."""
    os.makedirs(beside(user), exist_ok=True)
    rows = [f"plugins.path={PLUGINS}", "store:odd.plugin=odd", f"store:odd.root={beside(user)}", "store:odd.plain=yes", "store:odd.parallel=3",
            "store:odd.copies=yes"]
    if hermes and not any(word.startswith("preset:") and ".directory=" in word for word in words):
        rows.append(f"preset:nightly.directory={SCHEME}{user}/hermes-backups")
        if "--home" in words:
            home = os.path.realpath(words[words.index("--home") + 1])
            rows += [f"preset:{preset}.directory={SCHEME}{home}/backups" for preset in PRESETS]
    return [word for row in rows for word in ("--set", row)]


def translate(words, hermes, user):
    """The words of a command line, with URLs in them. Those without archives stay as they are."""
    words = [os.fsdecode(word) for word in words]
    if not any(word in (*READING, "backup", "prune", "archives") for word in words):
        return words
    made, reading = [], False
    for at, word in enumerate(words):
        before = words[at - 1] if at > 0 else ""
        if before in ("-o", "--output") and os.path.isfile(word) and is_url_for(word):
            made.insert(len(made) - 1, "--replace")  # as it is with a path
        if before == "--set":
            word = setting(word)
        elif (before in ("-o", "--output") or (reading and os.path.isfile(word))) and is_url_for(word):
            word, reading = url(word), False
        elif reading and word == "-":
            reading = False
        reading = reading or (word in READING and before not in ("--home", "--config", "--format", "--preset"))
        made.append(word)
    return places(words, hermes, os.fspath(user)) + made


def path(place):
    """Of a URL or a path."""
    return place.removeprefix(SCHEME)


def paths(output):
    """What the program has printed, as if it had been told paths."""
    return output.replace(SCHEME.encode(), b"") if output else output
