# SPDX-License-Identifier: Apache-2.0
"""hbcore archives --html: names that are hostile, how large the page is, its colours and width, what it may replace."""
import datetime
import html
import html.parser
import os
import pathlib
import re
import shutil
import stat
import subprocess
import time
import unittest
import xml.etree.ElementTree

import hb
import prune_clock

DAY = 86400
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
IMAGE = "<img src=x onerror=alert(1)>"
# As names of directories at the top; the last is no UTF-8, and the one before turns the direction of text.
HOSTILE = [os.fsencode(name) for name in (IMAGE, "\"'><svg onload=alert(2)>", "&lt;b&gt;", "{{home}}", "<!--% foot -->",
                                          "a\u202eb")] + [b"bad\xff\n\x1b[31m"]
TAGS = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "h1", "h2", "h3", "p", "dl",
        "div", "dt", "dd", "small", "figure", "figcaption", "svg", "line", "rect", "circle", "g", "text", "tspan", "span",
        "i", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}


class Reader(html.parser.HTMLParser):
    """As a browser reads it: tags, attributes, texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def luminance(color):
    parts = [int(color[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


class Page(prune_clock.AtTimes):
    def setUp(self):
        super().setUp()
        self.kept, self.now, self.page = self.dir / "kept", int(time.time()), self.dir / "page.html"
        self.configure()
        hb.write(self.home / "notes/one", b"x" * 5000)

    def configure(self, home=None, kept=None):
        self.home, self.kept = home or self.home, kept or self.kept
        self.config = self.write_config(
            f"[home]\npath = {self.home}\n[backup]\nformat = zip\n[content:sqlite-snap]\ncount = messages\n"
            f"[preset:nightly]\ndirectory = {self.kept}\nkeep = 1000\n")

    def environment(self, **changes):
        return super().environment(**({"TZ": "UTC"} | changes))

    def backup_at(self, second, expect=0):
        clock = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("@%Y-%m-%d %H:%M:%S")
        return pathlib.Path(self.summary(self.run_at(clock, "--json", "backup", "--preset", "nightly",
                                                     expect=expect))["archive"])

    def make_page(self, *words, expect=0):
        self.hbcore("archives", *words, "--html", self.page, expect=expect)
        return self.read(self.page.read_bytes())

    def read(self, data):
        """Well-formed by two parsers, and with nothing in it that loads or runs."""
        text = data.decode()
        xml.etree.ElementTree.fromstring(text)
        seen = Reader(text)
        self.assertEqual(seen.tags - TAGS, set())
        self.assertEqual([row for row in seen.attributes if row[1].startswith("on") or row[1] in ("src", "href", "style")], [])
        self.assertIn(("meta", "content", POLICY), seen.attributes)
        self.assertNotIn("@import", text)
        self.assertNotIn("url(", text)
        self.assertEqual([piece for piece in re.findall(r"<!--.*?-->", text)], ["<!-- hbcore archives -->"])
        return text, seen

    def add_database(self, name="state.db", rows=1234):
        connection = hb.sqlite3.connect(self.home / name)
        with connection:
            connection.execute("CREATE TABLE messages(text)")
            connection.executemany("INSERT INTO messages VALUES(?)", [("m",)] * rows)
        connection.close()

    # ---- what it tells ----

    def test_what_is_told(self):
        first = self.backup_at(self.now - 9 * DAY)
        hb.write(self.home / "notes/two", b"x" * 5000)
        hb.write(self.home / "fresh/one", b"x" * 100)
        self.add_database()
        self.backup_at(self.now - 3 * DAY)
        hb.write(self.home / "broken.db", b"SQLite format 3\0" + b"\1" * 4000)
        self.backup_at(self.now - 2 * DAY, expect=3)
        self.backup_at(self.now - DAY, expect=3)
        text, seen = self.make_page()
        said = " ".join(" ".join(seen.texts).split())
        day = [time.strftime("%Y-%m-%d", time.gmtime(self.now - back * DAY)) for back in range(10)]
        for words in (f"Newest complete 3 d ago {day[3]}", "Archives 4 2 of them complete", f"Incomplete since {day[2]}",
                      "2 archives in a row", "notes 9.8 KB 4.9 KB +100%", "fresh 100 B new", "messages 1 234",
                      "no fault noted", first.name, "broken.db doubtful: sqlite-snap: stored raw", f"after {day[9]}",
                      f"against that of {day[9]}", "incomplete: 1 reason"):
            self.assertIn(words, said)
        self.assertEqual(text.count('<rect class="b"'), 2)
        self.assertEqual(text.count('<rect class="i"'), 2)
        self.assertNotIn("Last verified", said)
        self.assertEqual(stat.S_IMODE(self.page.stat().st_mode), 0o600)

    def test_since_before_the_oldest(self):
        hb.write(self.home / "broken.db", b"SQLite format 3\0" + b"\1" * 4000)
        for back in (4, 2):
            self.backup_at(self.now - back * DAY, expect=3)
        _, seen = self.make_page()
        self.assertIn("before " + time.strftime("%Y-%m-%d", time.gmtime(self.now - 4 * DAY)), seen.texts)

    def test_last_verified(self):
        made = self.backup_at(self.now - DAY)
        self.hbcore("verify", made, "--sample", "50%")
        _, seen = self.make_page()
        self.assertEqual(seen.texts[seen.texts.index("Last verified") + 1], time.strftime("%Y-%m-%d", time.gmtime()))

    def test_newest_that_can_be_read(self):
        """What is damaged is not opened for long, and the one before it speaks."""
        self.backup_at(self.now - 2 * DAY)
        damaged = self.backup_at(self.now - DAY)
        hb.write(damaged, b"\0" * damaged.stat().st_size)
        text, _ = self.make_page(f"{self.kept}/")
        self.assertIn("1 newer could not be read", text)
        self.assertIn("in the archive of " + time.strftime("%Y-%m-%d", time.gmtime(self.now - 2 * DAY)), text)
        for path in hb.archives(self.kept):
            hb.write(path, b"\0" * 100)
        self.assertIn("None of the archives could be read", self.make_page(f"{self.kept}/")[0])

    def test_of_another_home(self):
        """It is listed, and not counted as this one's."""
        self.backup_at(self.now - DAY)
        other = self.dir / "other"
        hb.write(other / "theirs/file", b"x" * 9000)
        self.hbcore("--home", other, "backup", "--preset", "nightly")
        text, seen = self.make_page()
        self.assertIn("of another home", text)
        self.assertEqual(seen.texts[seen.texts.index("Archives", seen.texts.index("Newest complete")) + 1], "1")
        self.assertEqual(text.count('<rect class="b"') + text.count('<td class="bad">'), 0)
        self.assertNotIn("theirs", text)

    def test_all_of_another_home(self):
        """Nobody tried to read them; and what they take is no 0 B."""
        other = self.dir / "other"
        hb.write(other / "theirs/file", os.urandom(300_000))
        self.backup_at(self.now - DAY).unlink()  # the home has an id of its own
        self.hbcore("--home", other, "backup", "--preset", "nightly")
        text, seen = self.make_page()
        said = " ".join(" ".join(seen.texts).split())
        self.assertIn("None of the archives is known to be of this home", said)
        self.assertIn("Archives 1 all of other homes Together 29", said)
        self.assertNotIn("could be read", text)
        self.assertNotIn("theirs", text)

    def test_places_without_archives(self):
        self.assertIn("No archives.", self.make_page()[0])
        hb.write(self.kept, b"no directory")
        self.assertIn("It cannot be listed", self.make_page(expect=1)[0])

    def test_standard_output(self):
        self.backup_at(self.now - DAY)
        done = self.hbcore("archives", "--html", "-")
        self.assertEqual(done.stderr, b"")
        self.assertTrue(done.stdout.startswith(b"<!DOCTYPE html>\n") and done.stdout.endswith(b"</html>\n"))
        self.read(done.stdout)
        for words in (["--html", "-", "--json"], ["--html", "x", "--prometheus"], ["--html", ""]):
            self.hbcore("archives", *words, expect=2)
        self.assertFalse((self.dir / "x").exists())

    def test_with_json(self):
        self.backup_at(self.now - DAY)
        done = self.hbcore("--json", "archives", "--html", self.page)
        self.assertEqual(self.summary(done)["archives"], 1)
        self.read(self.page.read_bytes())
        done = self.hbcore("--json", "archives", "--html", self.kept, expect=1)
        self.assertEqual(hb.json.loads(done.stdout.splitlines()[-1])["type"], "error")

    # ---- names ----

    def test_hostile_names(self):
        """As directories at the top, entries that are doubtful, homes, directories of archives, and archives."""
        self.configure(self.dir / IMAGE, self.dir / "k</style><script>alert(3)<" / "script>")
        for number, name in enumerate(HOSTILE):
            hb.write(pathlib.Path(os.fsdecode(os.fsencode(self.home) + b"/" + name)) / "file", b"x" * (9000 - 500 * number))
        hb.write(self.home / "<" / "style><script>alert(4)</script>.db", b"SQLite format 3\0" + b"\1" * 4000)
        hb.write(pathlib.Path(os.fsdecode(os.fsencode(self.home) + b"/bad\xfe.db")), b"SQLite format 3\0" + b"\1" * 4000)
        made = self.backup_at(self.now - DAY, expect=3)
        shutil.copy(made, made.with_name("<b onclick='x'>.zip"))
        for words in ([], [f"{self.kept}/"]):
            text, seen = self.make_page(*words)
            said = "".join(seen.texts)
            for name in (IMAGE, "\"'><svg onload=alert(2)>", "&lt;b&gt;", "{{home}}", "<!--% foot -->",
                         "</style><script>alert(4)</script>.db", "k</style><script>alert(3)</script>", "bad\\xFF\\x0A\\x1B[31m",
                         "bad\\xFE.db"):
                self.assertIn(name, said)
            self.assertNotIn("\u202e", text)
            self.assertEqual(text.count("<style>"), 1)
        self.assertIn("<b onclick='x'>.zip", said)

    def test_hostile_host(self):
        """A host can be called anything that its administrator likes."""
        host = "</style><script>x"
        own = ["unshare", "--uts", "--map-root-user", "sh", "-c", 'printf %s "$0" > /proc/sys/kernel/hostname && exec "$@"', host]
        tried = subprocess.run([*own, "true"], capture_output=True, check=False)
        if tried.returncode != 0:
            self.skip(f"no host can be given a name here: {tried.stderr.decode()[:200]}")
        done = self.tool(*own, *self.command("archives", "--html", "-"))
        _, seen = self.read(done.stdout)
        self.assertIn(f"On {host}, as of", "".join(seen.texts))

    # ---- size and looks ----

    def many(self):
        made = [self.backup_at(self.now - 400 * DAY), self.backup_at(self.now - DAY)]
        for number in range(398):
            shutil.copy(made[number % 2], self.kept / f"of-a-rather-long-host-name-and-preset-{number:03}-2026-11-30-031500.zip")
        return f"{self.kept}/"

    def test_size(self):
        text, _ = self.make_page(self.many())
        self.assertEqual(text.count('<rect class="b"'), 400)
        self.assertLessEqual(len(text.encode()), 300_000)

    def test_contrast(self):
        """Of each colour of text against each that it stands on, light and dark."""
        style = self.make_page()[0].partition("<style>")[2].partition("</style>")[0]
        palettes = [dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", block)) for block in re.findall(r":root\{(color-scheme.*?)\}", style)]
        self.assertEqual(len(palettes), 2)
        for colors in palettes:
            self.assertEqual(len(colors), 10)
            for front in ("ink", "quiet", "bad"):
                self.assertGreaterEqual(contrast(colors[front], colors["paper"]), 4.5, front)
            for back in ("same", "grown", "fresh", "shrunk"):
                self.assertGreaterEqual(contrast(colors["ink"], colors[back]), 4.5, back)
            for bar in ("good", "bad"):
                self.assertGreaterEqual(contrast(colors[bar], colors["paper"]), 3, bar)
        self.assertIn("@media print", style)

    def test_width(self):
        """On a telephone nothing is wider than it."""
        if not hb.FULL:
            self.skip("takes a browser: HBCORE_FULL=1")
        self.need("chromium")
        hb.write(self.home / ("long" * 50) / "file", b"x" * 90_000)
        hb.write(self.home / (("long" * 50) + ".db"), b"SQLite format 3\0" + b"\1" * 4000)
        self.add_database()
        self.backup_at(self.now - 2 * DAY, expect=3)
        text, _ = self.make_page()
        # A window is never so narrow; a frame is.
        hb.write(self.dir / "measured.html", (
            f'<iframe style="border:0" width="360" height="900" srcdoc="{html.escape(text)}"></iframe><script>onload = () => {{'
            "const page = document.querySelector('iframe').contentDocument;"
            "document.title = [page.defaultView.innerWidth, page.scrollingElement.scrollWidth, page.title]}</script>").encode())
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=360,800",
             f"--user-data-dir={self.dir}/browser", "--dump-dom", f"file://{self.dir}/measured.html"],
            capture_output=True, check=True, timeout=120)
        wide, needed, title = re.search(r"<title>(\d+),(\d+),(.*?)</title>", done.stdout.decode()).groups()
        self.assertEqual((wide, title), ("360", f"Archives of {self.home}"))
        self.assertLessEqual(int(needed), 360)

    # ---- its file ----

    def test_only_a_page_is_replaced(self):
        self.backup_at(self.now - DAY)
        self.make_page()
        before = self.page.read_bytes()
        (self.dir / "empty").touch()
        for name in ("page.html", "empty"):
            self.hbcore("archives", "--html", self.dir / name)
        self.assertEqual(re.sub(rb"as of .*", b"", before), re.sub(rb"as of .*", b"", (self.dir / "empty").read_bytes()))
        archive = hb.archives(self.kept)[0]
        others = {archive: archive.read_bytes(), self.dir / "short": b"<!DOCTYPE html>", self.dir / "notes": b"n" * 5000,
                  self.dir / "foreign.html": b"<!DOCTYPE html>\n<html lang=\"en\">\n" + b" " * 100}
        for path, data in others.items():
            hb.write(path, data)
            done = self.hbcore("archives", "--html", path, expect=1)
            self.assertIn(b"something else has that name; it was not changed", done.stderr)
            self.assertEqual(path.read_bytes(), data)

    def test_a_link_is_not_followed(self):
        hb.write(self.dir / "target", b"")
        for name, target in (("link", "target"), ("dangling", "nothing")):
            (self.dir / name).symlink_to(target)
            self.hbcore("archives", "--html", self.dir / name, expect=1)
            self.assertEqual(os.readlink(self.dir / name), target)
        self.assertEqual((self.dir / "target").read_bytes(), b"")
        self.assertFalse((self.dir / "nothing").exists())
        os.mkfifo(self.dir / "pipe")
        for path in (self.dir / "pipe", self.dir, self.dir / "none/page.html"):
            self.hbcore("archives", "--html", path, expect=1)
        self.assertTrue(stat.S_ISFIFO((self.dir / "pipe").stat().st_mode))
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
