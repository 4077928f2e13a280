#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service, or what stands in front of it, that answers what no service should: nothing hangs, nothing is believed that is
not so, nobody else is told anything."""
import gzip
import http.server
import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest
import unittest.mock

import front
import s3case
from bucket import Answer, SECRET
from s3case import hb

URL = "s3://bucket/a.zip"
LIMIT = 120  # seconds; what takes longer hangs


class Case(s3case.Case):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True
        self.seed = int(os.environ.get("HBCORE_SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)

    def section(self):
        return super().section().replace("retry-time = 12s", "retry-time = 3s")

    def some(self, *all_of_them):
        """What fails is tried again for half a minute: one of them, by chance, or all. HBCORE_SEED gives the same again."""
        return all_of_them if hb.FULL else self.random.sample(all_of_them, 1)

    def twist(self, twist, at=lambda request: True):
        self.front.twist = lambda request, answer: twist(request, answer) if at(request) else answer

    def run_it(self, *words, **keywords):
        before = time.monotonic()
        done = super().run_it(*words, **keywords)
        self.assertLess(time.monotonic() - before, LIMIT, (words, self.seed))
        return done

    def make_archive(self, megabytes=6):
        self.make_large(megabytes)
        self.run_it("backup", "-o", URL)
        self.front.arm()


def is_reading(request):
    return request.method in ("GET", "HEAD") and request.key != ""


def is_list(request):
    return request.method == "GET" and request.key == "" and "uploads" not in request.query


def head_of(answer, **changes):
    headers = {"Content-Length": str(len(answer.body)), **answer.headers, **changes}
    rows = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
    return f"HTTP/1.1 {answer.status} X\r\n{rows}\r\n".encode()


def written(data):
    """What writes those bytes as they are, and hangs up."""
    def write(handler):
        try:
            handler.wfile.write(data)
        except OSError:
            pass
    return write


def trickled(data, ending=b"", pause=0.2):
    def write(handler):
        try:
            handler.wfile.write(data)
            while True:
                handler.wfile.write(ending or b" ")
                handler.wfile.flush()
                time.sleep(pause)
        except OSError:
            pass
    return write


class Lists(Case):
    def prune(self, **keywords):
        return self.run_it("prune", "--preset", "nightly", **keywords)

    def setUp(self):
        super().setUp()
        for _ in range(2):
            self.run_it("backup", "--preset", "nightly")
        self.words = ("--set", "preset:nightly.keep=1", "prune", "--preset", "nightly")
        self.before = self.archives()

    def test_what_is_no_list(self):
        """The page of a hotel's network, or of a proxy, with a 200: not a directory in which there is nothing."""
        html = b"<html><head/><body>Please log in</body></html>"
        for body in (html, *self.some(
                b"<x/>", b"", b"{}", b"<ListBucketResult>", b"<ListBucketResult>&none;</ListBucketResult>", gzip.compress(b"<ListBucketResult/>"),
                b"<!DOCTYPE x [<!ENTITY a 'b'>]><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")):
            self.twist(lambda _, answer, body=body: Answer(200, {}, body), is_list)
            with self.subTest(body=body):
                done = self.run_it(*self.words, expect=3)
                self.assertIn(b"cannot be listed", done.stderr)
        self.assertEqual(self.archives(), self.before)

    def test_other_forms(self):
        """CDATA, a prefix for the namespace, what is new: as before."""
        def change(_, answer):
            body = answer.body.decode()
            body = re.sub(r"<Key>(.*?)</Key>", r"<Key><![CDATA[\1]]></Key><Owner><ID>1</ID></Owner>", body)
            body = re.sub(r"<(/?)(\w)", r"<\1s:\2", body.partition("?>")[2]).replace("xmlns=", "xmlns:s=")
            return Answer(200, answer.headers, body.encode())
        self.twist(change, is_list)
        self.run_it(*self.words)
        self.assertEqual(len(self.archives()), 1)

    def test_without_end(self):
        """The same page again and again, two in turn, empty ones, always with another token."""
        count = [0]

        def change(answer, token, empty):
            body = answer.body.decode().replace("<IsTruncated>false", "<IsTruncated>true")
            if empty:
                body = re.sub("<Contents>.*</Contents>", "", body)
            count[0] += 1
            return Answer(200, answer.headers, body.replace("</ListBucketResult>", f"<NextContinuationToken>{token}"
                                                            "</NextContinuationToken></ListBucketResult>").encode())

        for token, empty in ((lambda: f"t{count[0] % 2}", False), *self.some(
                (lambda: "same", False), (lambda: f"t{count[0]}", False), (lambda: f"t{count[0]}", True))):
            def twist(request, answer, token=token, empty=empty):
                request.query.pop("continuation-token", None)
                return change(self.service.handle(request) if answer.status != 200 else answer, token(), empty)
            self.front.before = lambda request: request.query.pop("continuation-token", None)
            self.twist(twist, is_list)
            with self.subTest(empty=empty):
                done = self.run_it(*self.words, expect=3)
                self.assertIn(b"cannot be listed", done.stderr)
        self.assertEqual(self.archives(), self.before)

    def test_whether_there_is_more(self):
        """It is said in another way, or only by a token: then it is not all."""
        self.service.page = 1
        for change, code in (((b"<IsTruncated>true</IsTruncated>", b"<IsTruncated>yes</IsTruncated>"), 3),
                             ((b"<IsTruncated>true</IsTruncated>", b""), 0)):
            self.twist(lambda _, answer, change=change: Answer(200, answer.headers, answer.body.replace(*change)), is_list)
            done = self.run_it("prune", "--preset", "nightly", "--dry-run", expect=code)
            if code == 0:
                for name in self.before:
                    self.assertIn(name.removeprefix("n/").encode(), done.stdout)

    def test_odd_keys(self):
        """Keys that are not names of archives, and others' rows: nothing is removed for them, nothing reaches the terminal as it is."""
        name = min(self.archives())
        etag = self.service.objects["bucket", name].etag
        odd = ["n/nightly-\n\x1b[31m.zip", "n/../nightly-2020.zip", "/n/nightly-1.zip", "n/nightly-%2F.zip", "n/nightly-\u00e4\u2028.zip",
               "elsewhere/nightly-x.zip", "n//nightly-x.zip", "n/nightly-" + "x" * 3000 + ".zip", "n/nightly-&#10;.zip"]
        for key in odd:
            def change(_, answer, key=key):
                coded = re.sub(r"[^\w./-]", lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), key)
                row = f"<Contents><Key>{coded}</Key><ETag>{etag}</ETag><Size>7</Size></Contents></ListBucketResult>"
                return Answer(200, answer.headers, answer.body.replace(b"</ListBucketResult>", row.encode()))
            self.twist(change, is_list)
            with self.subTest(key=key[:40]):
                done = self.run_it("prune", "--preset", "nightly", expect=None)
                self.assertNotIn(b"\x1b", done.stdout + done.stderr)
                self.assertNotIn(b"removed", done.stdout)
        self.assertEqual(self.archives(), self.before)

    def test_a_list_of_uploads_that_is_none(self):
        """The mark stays, by which they are found again."""
        self.make_large(6)
        mark = f"n/x.zip{s3case.MARK}"
        self.service.uploads.clear()
        count = [0]

        def kill(request):
            count[0] += "partNumber" in request.query
            if count[0] == 1:
                process.send_signal(signal.SIGKILL)
        process = subprocess.Popen(self.command("--config", self.ini, "backup", "--preset", "nightly"), env=self.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.front.before = kill
        process.wait()
        self.front.before = None
        for found in [*self.service.objects.values(), *self.service.uploads.values()]:
            found.when -= 2 * 86400
        self.twist(lambda _, answer: Answer(200, {}, b"<html>Please log in</html>"), lambda request: "uploads" in request.query and request.method == "GET")
        self.run_it("backup", "--preset", "nightly", expect=None)
        self.assertTrue([key for key in self.objects() if s3case.MARK in key], mark)
        self.front.twist = None
        self.run_it("backup", "--preset", "nightly")
        self.assertEqual(self.service.uploads, {})
        self.assertFalse([key for key in self.objects() if s3case.MARK in key])

    def test_an_etag_with_a_line_end(self):
        """It would be another header of ours."""
        headers = []

        def change(request, answer):
            headers.append(request.headers)
            return Answer(200, answer.headers, answer.body.replace(b"<ETag>", b"<ETag>&#13;&#10;x-smuggled: 1&#13;&#10;")) if is_list(request) else answer
        self.front.twist = change
        self.run_it("verify", "s3://bucket/" + min(self.archives()))
        self.run_it(*self.words, expect=None)
        self.run_it("backup", "--preset", "nightly", expect=None)
        self.assertFalse([row for row in headers if "x-smuggled" in row])


class Reading(Case):
    def read(self, **keywords):
        target = self.fresh("target")
        return target, self.run_it("--home", target, "import", URL, "--force", **keywords)

    def assert_told_or_right(self, said=b""):
        target, done = self.read(expect=None)
        if done.returncode == 0:
            self.assert_same_tree(self.home, target)
        else:
            self.assertIn(said, done.stderr)
            self.assertFalse([path for path in target.rglob("*") if path.is_file() and path.name != hb.HOME_ID])
        return done.returncode

    def test_other_bytes_than_were_asked_for(self):
        self.make_archive()
        whole = self.service.objects["bucket", "a.zip"].data

        def other_range(request, answer):
            body = whole[:len(answer.body)]
            return Answer(206, {**answer.headers, "Content-Range": f"bytes 0-{len(body) - 1}/{len(whole)}"}, body)

        def shifted(request, answer):
            return Answer(206, answer.headers, answer.body[1:] + b"x")

        def all_of_it(request, answer):
            return Answer(200, {key: value for key, value in answer.headers.items() if key != "Content-Range"}, whole)

        def without_range(request, answer):
            return Answer(206, {key: value for key, value in answer.headers.items() if key != "Content-Range"}, answer.body)

        def other_length(request, answer):
            return Answer(206, {**answer.headers, "Content-Range": answer.headers["Content-Range"].rpartition("/")[0] + "/9999999999999"}, answer.body)

        def two_lengths(request, answer):
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(answer.body), answer.body)
            return written(head_of(Answer(200, {key: value for key, value in answer.headers.items() if key != "Content-Range"}, b""),
                                   **{"Content-Length": str(len(whole)), "Transfer-Encoding": "chunked"}) + chunked)

        def cut_chunks(request, answer):
            return written(head_of(answer, **{"Content-Length": None, "Transfer-Encoding": "chunked"}) +
                           b"%x\r\n%s" % (len(answer.body), answer.body[:len(answer.body) // 2]))

        def short(request, answer):
            return written(head_of(answer) + answer.body[:-1])

        def long(request, answer):
            return written(head_of(answer, **{"Content-Length": str(len(answer.body) + 1000)}) + answer.body + b"x" * 1000)

        def zipped(request, answer):
            return Answer(206, {**answer.headers, "Content-Encoding": "gzip"}, gzip.compress(answer.body))

        def refused(request, answer):
            return Answer(416, {}, b"<Error><Code>InvalidRange</Code></Error>")

        for twist in self.some(other_range, shifted, all_of_it, without_range, other_length, two_lengths, cut_chunks, short, long, zipped, refused):
            for first in (True, False):
                count = [0]

                def is_struck(request, first=first, count=count):
                    count[0] += is_reading(request) and request.method == "GET"
                    return is_reading(request) and request.method == "GET" and (count[0] == 1) == first
                self.twist(lambda request, answer, twist=twist: twist(request, answer) if answer.status == 206 else answer, is_struck)
                with self.subTest(twist=twist.__name__, first=first, seed=self.seed):
                    code = self.assert_told_or_right()
                    if first and twist in (other_range, without_range, refused):
                        self.assertEqual(code, 1)

    def test_the_wrong_end_is_named(self):
        """A service that answers with the start when it is asked for the end."""
        self.make_archive()
        whole = self.service.objects["bucket", "a.zip"].data
        self.twist(lambda request, answer: Answer(206, {**answer.headers, "Content-Range": f"bytes 0-{len(answer.body) - 1}/{len(whole)}"}, whole[:len(answer.body)])
                   if request.headers.get("range", "").startswith("bytes=-") else answer)
        self.assertIn(b"gives no ranges", self.run_it("list", URL, expect=1).stderr)

    def test_another_etag_at_each_answer(self):
        self.make_archive()
        count = [0]

        def change(request, answer):
            count[0] += 1
            if request.headers.get("if-match"):
                request.headers["if-match"] = self.service.objects["bucket", "a.zip"].etag
                answer = self.service.get(request)
            return Answer(answer.status, {**answer.headers, "ETag": f'"{count[0]}"'}, answer.body)
        self.twist(change, is_reading)
        self.assertEqual(self.assert_told_or_right(b"other bytes"), 1)

    def test_weak_etags(self):
        """A proxy that could change the body makes them so; what the service knows is what stands in them."""
        self.make_archive()
        self.twist(lambda request, answer: Answer(answer.status, {**answer.headers, "ETag": "W/" + answer.headers["ETag"]}, answer.body)
                   if "ETag" in answer.headers else answer)
        self.assertEqual(self.assert_told_or_right(), 0)
        for _ in range(3):
            self.run_it("backup", "--preset", "nightly")
        self.assertEqual(len([key for key in self.archives() if key.startswith("n/")]), 2)

    def test_a_trickle(self):
        """A byte now and then is not an answer: in the headers, in the body, in the index, in what is read in order."""
        self.make_archive()
        for which in self.some("headers", "body", "later"):
            count = [0]

            def change(request, answer, which=which, count=count):
                count[0] += 1
                if which == "later" and count[0] == 1:
                    return answer
                if which == "headers":
                    return trickled(b"HTTP/1.1 206 X\r\n", b"x: y\r\n"[:2], 0.3)
                return trickled(head_of(answer) + answer.body[:1], answer.body[1:2] or b" ")
            self.twist(change, is_reading)
            with self.subTest(which=which):
                _, done = self.read(expect=1)
                self.assertIn(b"too slow", done.stderr)

    def test_headers_without_end(self):
        self.make_archive()

        def many(handler):
            try:
                handler.wfile.write(b"HTTP/1.1 206 X\r\n")
                while True:
                    handler.wfile.write(b"x-filler: " + b"x" * 1000 + b"\r\n")
            except OSError:
                pass

        def more(handler):
            try:
                while True:
                    handler.wfile.write(b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" * 50)
            except OSError:
                pass
        for write in (many, more):
            self.twist(lambda request, answer, write=write: write, is_reading)
            with self.subTest(write=write.__name__):
                self.assertIn(b"longer than what was asked for", self.run_it("list", URL, expect=1).stderr)

    def test_a_signal_while_it_waits(self):
        """For what is read in order: it ends soon, however long the service says nothing."""
        self.make_archive(24)
        waiting = threading.Event()

        def stall(request, answer):
            first, _, last = request.headers.get("range", "")[len("bytes="):].partition("-")
            if not first or int(last) - int(first) < 4 << 20:
                return answer
            return lambda handler: (handler.wfile.write(head_of(answer) + answer.body[:1 << 20]), waiting.set(), self.front.wait_until_gone(handler.connection))
        self.twist(stall, is_reading)
        process = subprocess.Popen(self.command("--config", self.ini, "--set", "store:s3.timeout=60s", "--progress", "never", "verify", URL),
                                   env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertTrue(waiting.wait(LIMIT))
        process.send_signal(signal.SIGTERM)
        before = time.monotonic()
        self.assertEqual(process.wait(LIMIT), 128 + signal.SIGTERM)
        self.assertLess(time.monotonic() - before, 15)


class Redirects(Case):
    def test_to_another_host(self):
        """Who is there hears nothing."""
        self.make_archive()
        heard = []

        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                heard.append((self.path, dict(self.headers)))
                self.send_error(404)
            do_PUT = do_POST = do_HEAD = do_DELETE = do_GET

            def log_message(self, *_):
                pass
        other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        threading.Thread(target=other.serve_forever, args=(0.05,), daemon=True).start()
        where = f"http://localhost:{other.server_address[1]}/x"
        for status in (301, 302, 303, 307, 308):
            for body in (b"", b"<Error><Code>TemporaryRedirect</Code><Endpoint>localhost</Endpoint><Bucket>b</Bucket></Error>",
                         b"<Error><Code>PermanentRedirect</Code><Region>../evil</Region></Error>"):
                headers = {"Location": where, "x-amz-bucket-region": "evil.example.org/"}
                self.twist(lambda request, answer, status=status, body=body, headers=headers: Answer(status, headers, body))
                for words in (("list", URL), ("backup", "-o", "s3://bucket/b.zip")):
                    with self.subTest(status=status, body=body, words=words):
                        done = self.run_it(*words, expect=1)
                        self.assertIn(where.encode(), done.stderr)
                        self.assertIn(b"set endpoint", done.stderr)
        self.assertEqual(heard, [])


class Writing(Case):
    options = "part-size = 5M\n"

    def test_a_proxy_that_sends_it_twice(self):
        """What comes back is the answer to the second one: the upload is not there any more, or the name is taken, by us."""
        self.make_large(6)

        def twice(request, answer):
            if request.method in ("PUT", "POST", "DELETE") and "uploads" not in request.query:
                return self.service.handle(request)
            return answer
        self.twist(twice)
        for exclusive in (False, True):
            self.service.exclusive = exclusive
            words = ("--set", "store:s3.exclusive=yes") if exclusive else ()
            for name, more in (("large", ()), ("small", ("--exclude", "large.bin"))):
                with self.subTest(exclusive=exclusive, name=name):
                    self.service.objects.clear()
                    done = self.run_it(*words, "backup", *more, "-o", f"s3://bucket/{name}.zip")
                    self.assertEqual(list(self.archives()), [f"{name}.zip"], self.describe(done))
                    self.assert_all_whole()
            self.service.objects.clear()
            self.run_it(*words, "backup", "--preset", "nightly")
            self.assertEqual(len(self.archives()), 1)
            self.assertEqual(len(self.objects()), 2)

    def test_somebody_who_was_first(self):
        """It is not said to be ours."""
        self.service.exclusive = True
        other = {}

        def first(request):
            if request.method == "PUT" and request.key == "b.zip":
                self.service.objects["bucket", "b.zip"] = other["object"]
        self.run_it("backup", "-o", URL)
        other["object"] = self.service.objects["bucket", "a.zip"]
        self.front.before = first
        self.run_it("--set", "store:s3.exclusive=yes", "backup", "-o", "s3://bucket/b.zip", expect=1)
        self.assertIs(self.service.objects["bucket", "b.zip"], other["object"])

    def test_a_page_instead_of_an_answer(self):
        """200, and what a network says to those who have not logged in: nothing is said to be done."""
        self.make_large(6)
        for which in self.some(lambda request: True, lambda request: request.method in ("PUT", "POST", "DELETE"),
                               lambda request: request.method == "POST", lambda request: request.method == "PUT"):
            self.service.objects.clear()
            self.service.uploads.clear()
            self.twist(lambda _, answer: Answer(200, {"ETag": '"x"'}, b"<html><body>Please log in</body></html>"), which)
            for words in (("backup", "-o", URL), ("backup", "--exclude", "large.bin", "-o", URL)):
                done = self.run_it(*words, expect=None)
                self.assertIn(done.returncode, (0, 1), self.describe(done))
                if done.returncode == 0:
                    self.assertEqual(len(self.archives()), 1, self.describe(done))
                self.assert_all_whole()

    def test_an_endpoint_that_goes_away(self):
        """For a while nobody listens: it goes on where it was."""
        self.make_large(12)
        gone = [0]

        def refuse(request, answer):
            if "partNumber" in request.query and gone[0] < 4:
                gone[0] += 1
                return written(b"")
            return answer
        self.twist(refuse)
        self.run_it("--set", "store:s3.retry-time=60s", "backup", "-o", URL)
        self.assertEqual(gone[0], 4)
        self.assert_all_whole()

    def test_a_name_that_has_no_address(self):
        """For a while, as after a resume: it is tried again, and it is said what it was."""
        done = self.run_it("--set", "store:s3.endpoint=http://none.invalid", "--set", "store:s3.retry-time=2s", "list", URL, expect=1)
        self.assertIn(b"resolve", done.stderr)
        self.assertIn(b"attempts", done.stderr)

    def test_never_continue(self):
        """The service does not say that it may be sent: it is sent after a while."""
        self.make_large(6)
        silent = unittest.mock.patch.object(front.Handler, "handle_expect_100", lambda _: True)
        silent.start()
        self.addCleanup(silent.stop)
        expected = []
        self.front.before = lambda request: expected.append("expect" in request.headers)
        self.run_it("backup", "-o", URL)
        self.assertIn(True, expected)
        self.assert_all_whole()

    def test_slow_lines(self):
        """A connection is not silent for long because of a limit: services hang up on those that are."""
        hb.write(self.home / "random", random.Random(1).randbytes(300 << 10))
        pauses = []

        class Watched:
            def __init__(self, file):
                self.file = file

            def __getattr__(self, name):
                return getattr(self.file, name)

            def read(self, count):
                data = b""
                while len(data) < count:
                    before = time.monotonic()
                    data += self.file.read1(count - len(data))
                    pauses.append(time.monotonic() - before)
                return data
        plain = front.Handler.setup
        watched = unittest.mock.patch.object(front.Handler, "setup", lambda handler: (plain(handler), setattr(handler, "rfile", Watched(handler.rfile))))
        watched.start()
        self.addCleanup(watched.stop)
        self.run_it("--set", "store:s3.upload-limit=64K", "--set", "store:s3.timeout=30s", "backup", "-o", URL)
        self.assert_all_whole()
        self.assertLess(max(pauses), 2.5)  # a quarter of a megabyte takes four


class Keys(Case):
    def command_of(self, text):
        path = self.dir / "keys"
        hb.write(path, "#!/bin/sh\n" + text, 0o755)
        return self.write_config(self.configuration().replace(f"access-key-id = AKIDTEST:fake\nsecret-access-key = {SECRET}\n",
                                                              f"credentials-command = {path}\n"))

    def test_a_command(self):
        for text, said in (("yes | head -c 100000000", b"no keys"), ("echo '{'", b"no keys"), ("exit 3", b"failed"), ("kill -9 $$", b"signal"),
                           ("cat", b"no keys"), ("printf '%s' '{\"AccessKeyId\": \"a\\n\", \"SecretAccessKey\": \"b\"}'", b"control character")):
            with self.subTest(text=text):
                done = self.hbcore("--config", self.command_of(text), "list", URL, expect=1)
                self.assertIn(said, done.stderr)
                self.assertLess(len(done.stderr), 4000)

    def test_a_metadata_service(self):
        """Garbage, redirects and floods: there are no keys, nobody else is asked, nothing hangs."""
        asked = []
        answers = {}

        class Metadata(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                asked.append(self.path)
                kind = "token" if self.command == "PUT" else "role" if self.path.endswith("/") else "keys"
                try:
                    self.wfile.write(answers.get(kind, b"HTTP/1.0 200 X\r\n\r\n" + kind.encode()))
                except OSError:
                    pass
            do_PUT = do_GET

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        where = f"http://127.0.0.1:{server.server_address[1]}"
        ini = self.write_config(self.configuration().replace(f"access-key-id = AKIDTEST:fake\nsecret-access-key = {SECRET}\n", "credentials = metadata\n"))
        good = b"HTTP/1.0 200 X\r\n\r\n"
        for kind, answer in (("token", b"HTTP/1.0 307 X\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), ("role", good + b"../../../evil\nx"),
                             ("role", good + b"x" * 60000), ("keys", good + b"<html>"), ("keys", good + b"{" * 60000), ("keys", good + b"x" * 10_000_000),
                             ("token", good + b"a\r\nHost: evil"), ("keys", b"HTTP/1.0 302 X\r\nLocation: http://127.0.0.1:1/\r\n\r\n"), ("keys", b"\0" * 100),
                             ("keys", good + b'{"AccessKeyId": "a\\u0000b", "SecretAccessKey": 7}')):
            answers.clear()
            answers[kind] = answer
            with self.subTest(kind=kind, answer=answer[:60]):
                done = self.hbcore("--config", ini, "list", URL, expect=1, env={"AWS_EC2_METADATA_SERVICE_ENDPOINT": where})
                self.assertTrue(b"metadata" in done.stderr, self.describe(done))
                self.assertLess(len(done.stderr), 4000)
        self.assertFalse([path for path in asked if "/../" in path])


if __name__ == "__main__":
    os.environ.pop("http_proxy", None)
    unittest.main()
