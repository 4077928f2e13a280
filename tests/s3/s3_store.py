#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives in a bucket: what each command does with them, in how many requests, with which options."""
import base64
import dataclasses
import hashlib
import json
import os
import ssl
import unittest

import s3case
from bucket import SECRET, Answer, Refused
from s3case import hb

FIXED = {"SOURCE_DATE_EPOCH": "1800000000"}


class Store(s3case.Case):
    def test_as_a_pipe_gets_it_and_back(self):
        self.make_large(6)
        for format_, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            for workers in ("1", "8"):
                with self.subTest(format=format_, workers=workers):
                    url = f"s3://bucket/{format_}-{workers}{suffix}"
                    words = ("--config", self.ini, "--set", f"backup.workers={workers}", *s3case.SMALL, "backup", "--format", format_)
                    self.hbcore(*words, "-o", url, env=FIXED)
                    piped = self.hbcore(*words, "-o", "-", env=FIXED).stdout
                    self.assertEqual(s3case.unseal(self.objects()[url[len("s3://bucket/"):]]), s3case.unseal(piped))
                    self.assertEqual(self.service.uploads, {})
                    self.assertFalse([key for key in self.objects() if s3case.MARK in key])
                    target = self.dir / f"target-{format_}-{workers}"
                    self.run_it("--set", f"backup.workers={workers}", "--home", target, "import", url, "--force")
                    self.assert_same_tree(self.home, target)
                    self.run_it("verify", url)

    def test_few_requests(self):
        """Whatever the size: list in at most 5, cat of one file in at most 7."""
        self.make_large(40)
        for number in range(12_000):  # an index of more than a block, and more than what comes with the first request
            hb.write(self.home / f"many/{number // 500}/a file with a name that is rather long, as many are, {number}", str(number))
        for format_, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            url = f"s3://bucket/a{suffix}"
            self.run_it("backup", "--format", format_, "-o", url)
            for words, most in ((("list", url), 5), (("cat", url, "many/7/a file with a name that is rather long, as many are, 3777"), 7),
                                (("cat", url, "large.bin"), 7)):
                self.front.arm()
                self.run_it(*words)
                self.assertLessEqual(len(self.requests()), most, (words, self.requests()))

    def test_a_small_one_is_one_request(self):
        self.front.arm()
        self.run_it("backup", "-o", "s3://bucket/a.zip")
        self.assertEqual([request.split()[0] for request in self.requests() if not request.startswith("GET")], ["PUT"])

    def test_archives_are_one_listing_and_a_small_read_each(self):
        nights = 4
        for _ in range(nights):
            self.run_it("--set", "preset:nightly.keep-daily=9", "--set", "preset:nightly.keep=9", "backup", "--preset", "nightly")
        self.front.arm()
        found = json.loads(self.run_it("--json", "archives", "nightly").stdout.splitlines()[-1])
        self.assertEqual(found["complete_archives"], nights)
        listings = [request for request in self.requests() if "?list-type" in request]
        self.assertEqual((len(listings), len(self.requests())), (1, 1 + nights), self.requests())
        self.assertTrue(all(request.endswith(".facts") for request in self.requests() if request not in listings))
        listing = 1 + nights
        for words, most in ((("find", "config.yaml", "nightly"), listing + 4 * nights),
                            (("diff", "latest~1", "latest"), 2 * listing + 2 * 4)):  # each name is looked up
            self.front.arm()
            self.run_it(*words)
            self.assertLessEqual(len(self.requests()), most, self.requests())

    def test_presets(self):
        self.make_large(s3case.COPIED)
        self.make_old()
        for _ in range(3):
            self.front.arm()
            done = self.run_it("--json", *s3case.SMALL, "backup", "--preset", "nightly")
        made = self.summary(done)
        self.assertGreaterEqual(made["reused_bytes"], 20 << 20)
        copies = [request for request in self.requests() if request.endswith("copy")]
        self.assertEqual(not copies, s3case.SEALED, self.requests())
        self.assertEqual(len(self.archives()), 2)
        self.assertEqual(len([key for key in self.objects() if key.endswith(".facts")]), 2)
        self.assert_all_whole()
        for key in self.archives():
            self.run_it("verify", f"s3://bucket/{key}")

    def test_a_copy_that_is_refused(self):
        """Then the bytes are sent."""
        self.make_large(s3case.COPIED)
        self.make_old()
        self.run_it(*s3case.SMALL, "backup", "--preset", "nightly")

        def no_copies(request):
            if "x-amz-copy-source" in request.headers:
                raise Refused(403, "AccessDenied")
        check = self.service.check
        self.service.check = lambda request: (check(request), no_copies(request))
        self.run_it(*s3case.SMALL, "backup", "--preset", "nightly")
        self.assertEqual(len(self.archives()), 2)
        self.assert_all_whole()

    def test_lists_in_pages(self):
        self.service.page = 3
        for old in ("", "plain", "501"):
            self.service.old = old
            for _ in range(3):
                self.run_it("backup", "--preset", "nightly")
            self.assertEqual(len(self.archives()), 2, old)
        self.service.objects["bucket", "n/nightly-\x07 +%41&ä.zip"] = next(iter(self.service.objects.values()))
        self.run_it("backup", "--preset", "nightly")

    def test_taken_names(self):
        url = "s3://bucket/dir with space/+&=%41;ä.zip"
        self.run_it("backup", "-o", url)
        before = self.objects()
        self.assertEqual(list(before), ["dir with space/+&=%41;ä.zip"])
        self.run_it("backup", "-o", url, expect=1)
        self.assertEqual(self.objects(), before)
        hb.write(self.home / "config.yaml", b"other\n")
        self.run_it("backup", "-o", url, "--replace")
        self.assertEqual(self.run_it("cat", url, "config.yaml").stdout, b"other\n")

    def test_exclusive(self):
        """Two at once: the service refuses the second."""
        self.service.exclusive = True
        words = ("--set", "store:s3.exclusive=yes", *s3case.SMALL, "backup", "-o", "s3://bucket/a.zip")
        self.run_it(*words)
        for key, found in list(self.service.objects.items()):
            del self.service.objects[key]
            put = lambda request, key=key, found=found: self.service.objects.setdefault(key, found) if request.method in ("PUT", "POST") else None
            self.front.before = put
            self.run_it(*words, expect=1)
            self.assertIs(self.service.objects[key], found)
            self.make_large()
            self.service.objects.pop(key)
            self.run_it(*words, expect=1)
            self.assertIs(self.service.objects[key], found)
            self.assertEqual(self.service.uploads, {})

    def test_what_is_not_there(self):
        for url, said in (("s3://bucket/none.zip", b"there is nothing of that name"), ("s3://bucket/n/", b" archives s3://bucket/n/"), ("s3://no-such/none.zip", b"NoSuchBucket"),
                          ("s3://bucket", b"no object"), ("s3:///x", b"no bucket")):
            self.assertIn(said, self.run_it("list", url, expect=None).stderr, url)
        self.assertIn(b"NoSuchBucket", self.run_it("backup", "-o", "s3://no-such/a.zip", expect=1).stderr)

    def test_replaced_while_it_is_read(self):
        self.make_large()
        self.run_it(*s3case.SMALL, "backup", "-o", "s3://bucket/a.zip")
        self.make_large(12)
        self.run_it(*s3case.SMALL, "backup", "-o", "s3://bucket/b.zip")
        name = s3case.named("a.zip")
        first, other = (self.service.objects["bucket", s3case.named(key)] for key in ("a.zip", "b.zip"))
        self.front.arm()
        self.run_it("verify", "s3://bucket/a.zip")
        for at in range(2, len(self.requests()) + 1):
            self.service.objects["bucket", name] = first
            count = [0]

            def replace(_, at=at, count=count):
                count[0] += 1
                if count[0] == at:
                    self.service.objects["bucket", name] = other
            self.front.before = replace
            done = self.run_it("verify", "s3://bucket/a.zip", expect=1)
            self.assertIn(b"it was replaced or removed while it was read", done.stderr, at)
            self.front.before = None

    def test_what_is_stored_with_it(self):
        self.make_large()
        key = os.urandom(32)
        self.run_it("--set", "store:s3.storage-class=STANDARD_IA", "--set", "store:s3.encryption=kms", "--set",
                    "store:s3.kms-key=alias/x", *s3case.SMALL, "backup", "-o", "s3://bucket/a.zip")
        meta = dict(self.service.meta)[s3case.named("a.zip")]
        self.assertEqual((meta["x-amz-storage-class"], meta["x-amz-server-side-encryption"],
                          meta["x-amz-server-side-encryption-aws-kms-key-id"]), ("STANDARD_IA", "aws:kms", "alias/x"))
        words = ("--set", "store:s3.encryption=customer", "--set", "store:s3.customer-key=env:KEY", "--set", "store:s3.requester-pays=yes")
        env = {"KEY": base64.b64encode(key).decode()}
        heard = []
        self.front.before = lambda request: heard.append(request.headers)
        self.run_it(*words, *s3case.SMALL, "backup", "-o", "s3://bucket/c.zip", env=env)
        self.run_it(*words, "list", "s3://bucket/c.zip", env=env)
        digest = base64.b64encode(hashlib.md5(key).digest()).decode()
        self.assertTrue(all(row["x-amz-request-payer"] == "requester" for row in heard))
        with_key = [row for row in heard if row.get("x-amz-server-side-encryption-customer-key") == env["KEY"]]
        self.assertTrue(all(row["x-amz-server-side-encryption-customer-key-md5"] == digest for row in with_key))
        self.assertGreaterEqual(len(with_key), 6)

    def test_versions(self):
        """What is no longer kept is removed by the id of its version, or hidden; a lock is told of."""
        self.service.keeps_versions = True
        for _ in range(4):
            self.run_it("backup", "--preset", "nightly")
        self.assertEqual((len(self.archives()), self.service.hidden), (2, []))
        for _ in range(2):
            self.run_it("--set", "store:s3.versions=hide", "backup", "--preset", "nightly")
        self.assertEqual((len(self.archives()), len(self.service.hidden)), (2, 4))
        # A PUT that came twice is there twice.
        name, found = min((row for row in self.service.objects.items() if row[0][1].endswith(s3case.named(".zip"))), key=lambda row: row[1].when)
        self.service.hidden = [(name, dataclasses.replace(found, version="twin"))]
        self.run_it("backup", "--preset", "nightly")
        self.assertEqual((len(self.archives()), self.service.hidden), (2, []))
        self.service.locked = True
        done = self.run_it("backup", "--preset", "nightly")
        self.assertIn(b"does not let this version be removed", done.stdout)
        self.assertEqual(len(self.archives()), 3)

    def test_checksums(self):
        """Only where they are configured."""
        heard = []
        self.front.before = lambda request: heard.extend(name for name in request.headers if name.startswith("x-amz-checksum"))
        self.make_large(s3case.COPIED)
        self.make_old()
        self.run_it(*s3case.SMALL, "backup", "--preset", "nightly")
        self.assertEqual(heard, [])
        words = ("--set", "store:s3.checksum=sha256", *s3case.SMALL)
        self.run_it(*words, "backup", "--preset", "nightly")
        self.assertIn("x-amz-checksum-algorithm", heard)
        self.assertIn("x-amz-checksum-sha256", heard)
        self.assertEqual(not [request for request in self.requests() if request.endswith("copy")], s3case.SEALED)
        self.assert_all_whole()

    def test_the_end_is_read_back(self):
        """What the store has is not what was sent: an error, and nothing older goes."""
        self.run_it("backup", "--preset", "nightly")
        before = set(self.archives())
        words = ("--set", "preset:nightly.keep=1", "backup", "--preset", "nightly")

        def spoil(request):
            for key, found in self.service.objects.items():
                if request.method == "GET" and key[1].replace(".age", "") not in before and key[1].endswith(s3case.named(".zip")):
                    found.data = change(found.data)
        self.front.before = spoil
        for change, said in ((lambda data: data[:-1] + b"x", b"other bytes than were sent"), (lambda data: data[:-1], b"of the")):
            self.assertIn(said, self.run_it(*words, expect=1).stderr)
            self.assertEqual(set(self.archives()), before)
        # Somebody else has replaced it at once: nobody can tell.
        change = lambda data: data

        def steal(request):
            for key, found in self.service.objects.items():
                if request.method == "GET" and key[1].replace(".age", "") not in before and key[1].endswith(s3case.named(".zip")):
                    found.meta = {"x-amz-meta-hbcore-run": "another"}
        self.front.before = steal
        self.assertIn(b"cannot be read back", self.run_it(*words, expect=3).stderr)
        self.assertTrue(before < set(self.archives()))

    def test_limits(self):
        """11 MB at 6 MB a second take more than a second, each way; no more than that is asked of a clock here."""
        self.make_large()
        for words in (("store:s3.upload-limit=6M", "backup", "-o", "s3://bucket/a.zip"), ("store:s3.download-limit=6M", "verify", "s3://bucket/a.zip")):
            start = os.times().elapsed
            self.run_it("--set", words[0], *s3case.SMALL, *words[1:])
            self.assertGreater(os.times().elapsed - start, 1.2)

    def test_two_homes(self):
        """In one directory; each removes its own."""
        other = self.make_home("other")
        for _ in range(3):
            for home in (self.home, other):
                self.run_it("--home", home, "backup", "--preset", "nightly")
        self.assertEqual(len(self.archives()), 4)


class Tls(s3case.Case):
    """A service with a certificate that an authority of its own has signed."""

    def make_tls(self):
        self.need("openssl")
        for words in (("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                       "-days", "2", "-subj", "/CN=an authority", "-addext", "keyUsage=critical,keyCertSign"),
                      ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "its.key", "-out", "its.csr",
                       "-subj", "/CN=127.0.0.1"),
                      ("x509", "-req", "-in", "its.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "its.pem", "-days", "2",
                       "-extfile", "names")):
            hb.write(self.dir / "names", "subjectAltName=IP:127.0.0.1\n")
            self.tool("openssl", *words, cwd=self.dir)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "its.pem", self.dir / "its.key")
        return context

    def section(self):
        return super().section().replace("http://", "https://")

    def test_certificates(self):
        believed = ("--set", f"store:s3.ca-file={self.dir}/ca.pem")
        self.make_large(6)
        self.run_it(*believed, *s3case.SMALL, "backup", "-o", "s3://bucket/a.zip")
        self.run_it(*believed, "verify", "s3://bucket/a.zip")
        self.front.arm()
        for words in (("list", "s3://bucket/a.zip"), ("backup", "-o", "s3://bucket/b.zip")):
            done = self.run_it(*words, expect=1)  # at once: it will not be believed the next time, either
            self.assertIn(b"certificate", done.stderr)
        other = ("--set", f"store:s3.endpoint=https://localhost:{self.front.port}")  # it is not the name of that
        self.assertIn(b"localhost", self.run_it(*believed, *other, "list", "s3://bucket/a.zip", expect=1).stderr)
        self.assertEqual(self.requests(), [])
        self.assertEqual(list(self.archives()), ["a.zip"])


class Settings(s3case.Case):
    def test_wrong_ones(self):
        for words, said in ((("endpoint=ftp://x",), b"https://HOST"), (("secret-access-key=",), b"both halves"),
                            (("credentials=command",), b"credentials-command"), (("encryption=customer",), b"customer-key"),
                            (("encryption=customer", "customer-key=env:KEY", "endpoint=http://s3.example.org"), b"https://"),
                            (("encryption=customer", "customer-key=env:KEY", "endpoint=http://127.example.org"), b"https://"),
                            (("kms-key=x",), b"encryption = kms"), (("part-size=1M",), b"part-size"),
                            (("encryption=customer", "customer-key=text:AAAA"), b"base64")):
            sets = [word for pair in words for word in ("--set", f"store:s3.{pair}")]
            self.assertIn(said, self.run_it(*sets, "list", "s3://bucket/a.zip", expect=None).stderr, words)

    def hint(self, *words, expect=1):
        done = self.run_it(*words, expect=expect, env={"AWS_EC2_METADATA_DISABLED": "true"})
        return done.stderr.splitlines()[-1]

    def test_what_to_do(self):
        """Each failure that the first try meets says what to do, whatever the command."""
        wrong = ("--set", f"store:s3.secret-access-key={SECRET}x")
        for words in (("archives",), ("archives", "s3://bucket/n/"), ("find", "x"), ("list", "s3://bucket/a.zip")):
            hint = self.hint(*wrong, *words)
            self.assertIn(b"check the secret key, and that the endpoint is that of the bucket", hint, words)
        for name, said in (("dir", b"`hbcore --config "), ("dir", b" archives s3://bucket/dir/`"), ("dir/a.zip", b" archives s3://bucket/dir/`"),
                           ("dir/", b" archives s3://bucket/dir/`")):
            self.assertIn(said, self.hint("list", f"s3://bucket/{name}"), name)
        missing = ("--set", f"store:s3.secret-access-key=file:{self.dir}/none")
        for words in (("archives",), ("list", "s3://bucket/a.zip")):
            self.assertIn(b"write the secret into that file", self.hint(*missing, *words))

    def test_no_section(self):
        self.ini = self.write_config(f"[home]\npath = {self.home}\n[format:zip]\n")
        for words in (("archives", "s3://bucket/n/"), ("list", "s3://bucket/a.zip")):
            hint = self.hint(*words)
            self.assertIn(b"[store:s3]", hint)
            self.assertIn(b"endpoint", hint)

    def test_check(self):
        self.assertIn(b"both halves", self.run_it("--set", "store:s3.secret-access-key=", "config", "check", expect=None).stderr)
        self.front.arm()
        self.run_it("config", "check")
        self.assertEqual(self.requests(), [])

    def test_show(self):
        shown = self.run_it("plugins", "show", "s3").stdout
        for key in (b"endpoint", b"secret-access-key", b"part-size", b"retry-time"):
            self.assertIn(key, shown)


class Credentials(s3case.Case):
    def section(self):
        return super().section().replace(f"secret-access-key = {SECRET}", "").replace("access-key-id = AKIDTEST:fake", "")

    def try_it(self, *words, env=None, expect=0):
        return self.run_it(*[word for row in words for word in ("--set", f"store:s3.{row}")], "backup", "--replace", "-o", "s3://bucket/a.zip",
                           env={"AWS_EC2_METADATA_DISABLED": "true", **(env or {})}, expect=expect)

    def test_environment(self):
        self.try_it(env={"AWS_ACCESS_KEY_ID": self.service.access, "AWS_SECRET_ACCESS_KEY": SECRET})
        self.service.token = "a token/+="
        self.try_it(env={"AWS_ACCESS_KEY_ID": self.service.access, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": self.service.token})
        done = self.try_it(env={"AWS_ACCESS_KEY_ID": self.service.access}, expect=1)
        self.assertIn(b"the environment has no AWS_SECRET_ACCESS_KEY", done.stderr)

    def test_file(self):
        self.service.token = "t" * 1500
        text = (f"; keys\n[default]\naws_access_key_id = wrong\naws_secret_access_key=wrong\n\n[ deep ]\naws_access_key_id={self.service.access}\n"
                f"aws_secret_access_key = {SECRET} \naws_session_token = {self.service.token}\n[other]\n")
        path = self.user / ".aws/credentials"
        hb.write(path, text, 0o600)
        self.try_it("profile=deep")
        self.try_it(env={"AWS_PROFILE": "deep"})
        self.assertIn(b"InvalidAccessKeyId", self.try_it(expect=1).stderr)
        self.assertIn(b"the profile 'other' has no aws_access_key_id", self.try_it("profile=other", expect=1).stderr)
        path.rename(self.dir / "elsewhere")
        (self.dir / "elsewhere").chmod(0o644)
        self.assertIn(b"others can read these keys", self.try_it(f"credentials-file={self.dir}/elsewhere", "profile=deep").stdout)
        self.assertIn(b"there are no keys", self.try_it(expect=1).stderr)

    def test_command(self):
        keys = self.dir / "keys.json"
        hb.write(keys, json.dumps({"Version": 1, "AccessKeyId": self.service.access, "SecretAccessKey": SECRET}))
        self.try_it(f"credentials-command=cat {keys}")
        self.assertIn(b"no such thing", self.try_it("credentials-command=sh -c \"echo no such thing >&2; exit 3\"", expect=1).stderr)
        self.assertIn(b"printed no keys", self.try_it("credentials-command=echo {}", expect=1).stderr)

    def test_expired_and_new(self):
        """Keys that have expired are asked for again, once."""
        counter = self.dir / "count"
        script = self.dir / "script"
        hb.write(script, f"#!/bin/sh\necho x >> {counter}\nn=$(wc -l < {counter})\n"
                 f"echo '{{\"AccessKeyId\": \"{self.service.access}\", \"SecretAccessKey\": \"{SECRET}\", \"SessionToken\": \"token'$n'\"}}'\n", 0o755)
        self.service.token = "token2"
        self.try_it(f"credentials-command={script}")
        self.assertEqual(counter.read_text(), "x\nx\n")
        self.service.token = "another"
        self.assertIn(b"ExpiredToken", self.try_it(f"credentials-command={script}", expect=1).stderr)

    def test_metadata(self):
        answers = {"/latest/api/token": "metadata-token", "/latest/meta-data/iam/security-credentials/": "role one\n",
                   "/latest/meta-data/iam/security-credentials/role%20one": json.dumps(
                       {"AccessKeyId": self.service.access, "SecretAccessKey": SECRET, "Token": "", "Expiration": "2099-01-01T00:00:00Z"})}
        asked = []

        class Metadata:
            def handle(self, request):
                asked.append((request.method, request.headers.get("x-aws-ec2-metadata-token")))
                text = answers.get(request.path)
                return Answer(404) if text is None else Answer(200, {}, text.encode())
        front = s3case.Front(Metadata())
        self.addCleanup(front.stop)
        env = {"AWS_EC2_METADATA_DISABLED": None, "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{front.port}",
               "http_proxy": "http://127.0.0.1:1", "no_proxy": f"127.0.0.1:{self.front.port}"}
        self.try_it(env={**env, "http_proxy": None})
        self.assertEqual(asked, [("PUT", None), ("GET", "metadata-token"), ("GET", "metadata-token")])
        answers.clear()
        self.assertIn(b"this machine has no role", self.try_it("credentials=metadata", env={**env, "http_proxy": None}, expect=1).stderr)
        hb.write(self.dir / "token", "Bearer x\n")
        answers["/keys"] = json.dumps({"AccessKeyId": self.service.access, "SecretAccessKey": SECRET})
        self.try_it(env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{front.port}/keys",
                         "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self.dir / "token")})
        for url in ("http://keys.invalid/", "http://127.0.0.1.invalid/", f"http://localhost:{front.port}@keys.invalid/", "HTTP://[::2]/"):
            self.assertIn(b"to another machine", self.try_it(env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}, expect=1).stderr, url)

    def test_a_proxy_of_the_environment(self):
        """What is asked for goes by way of it."""
        env = {"AWS_ACCESS_KEY_ID": self.service.access, "AWS_SECRET_ACCESS_KEY": SECRET}
        self.try_it("endpoint=http://storage.example", env={**env, "http_proxy": f"http://127.0.0.1:{self.front.port}"})
        self.assertEqual(len(self.archives()), 1)


if __name__ == "__main__":
    unittest.main()
