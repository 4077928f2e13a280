# SPDX-License-Identifier: Apache-2.0
"""A small S3 service in memory, as strict as it can be: it checks each signature, hash and Content-MD5 by means of its
own, and refuses what S3 refuses. What it takes the place of is tested with the real one, too (s3_swift.py)."""
import base64
import dataclasses
import hashlib
import re
import secrets
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import signer

ACCESS, SECRET, REGION = "AKIDTEST:fake", "top/secret+KEY-of-the-suite", "us-east-1"
PART_LEAST = 5 << 20


@dataclasses.dataclass
class Request:
    method: str
    target: str  # as it was sent
    headers: dict  # in lower case
    body: bytes

    def __post_init__(self):
        self.path, _, self.raw_query = self.target.partition("?")
        pairs = urllib.parse.parse_qsl(self.raw_query, keep_blank_values=True)
        self.query = dict(pairs)
        self.pairs = pairs
        self.bucket, _, self.key = urllib.parse.unquote(self.path[1:]).partition("/")

    def __str__(self):
        what = [name for name in ("list-type", "uploads", "partNumber", "uploadId", "marker", "prefix") if name in self.query]
        copy = " copy" if "x-amz-copy-source" in self.headers else ""
        return f"{self.method} {self.bucket}/{self.key}{'?' if what else ''}{'&'.join(what)}{copy}"


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""


class Refused(Exception):
    def __init__(self, status, code, message="", headers=None, more=""):
        super().__init__(code)
        self.answer = error(status, code, message, headers, more)


def error(status, code, message="", headers=None, more=""):
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{escape(message or code)}</Message>{more}</Error>"
    return Answer(status, {"Content-Type": "application/xml", **(headers or {})}, text.encode())


def xml(text):
    return Answer(200, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode())


@dataclasses.dataclass
class Object:
    data: bytes
    meta: dict
    etag: str
    when: float
    version: str = ""


@dataclasses.dataclass
class Upload:
    bucket: str
    key: str
    meta: dict
    when: float
    parts: dict = dataclasses.field(default_factory=dict)


class Bucket:
    """One service. `page`: how many keys a list has at most; `old`: it does not know ListObjectsV2."""

    def __init__(self):
        self.lock = threading.Lock()
        self.objects, self.uploads, self.buckets = {}, {}, set()
        self.region, self.page, self.old, self.exclusive = REGION, 1000, "", False
        self.access, self.secret, self.token = ACCESS, SECRET, ""
        self.ahead = 0  # seconds that its clock is ahead
        self.keeps_versions, self.locked = False, False
        self.hidden = []  # versions that are not the newest, and newest ones below a marker: [(key, object)]
        self.meta = []  # of all that was put: the headers that count

    def handle(self, request):
        try:
            self.check(request)
            with self.lock:
                return self.dispatch(request)
        except Refused as refused:
            return refused.answer

    # ---- is it right? ----

    def check(self, request):
        said = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(.*)/(\d+)/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)",
                            request.headers.get("authorization", ""))
        if not said:
            raise Refused(403, "AccessDenied", "not signed")
        access, _, region, names, _ = said.groups()
        if region != self.region:
            raise Refused(301, "PermanentRedirect", "elsewhere", {"x-amz-bucket-region": self.region})
        if access != self.access:
            raise Refused(403, "InvalidAccessKeyId")
        if request.headers.get("x-amz-security-token", "") != self.token:
            raise Refused(400, "ExpiredToken", "The provided token has expired.")
        stamp = request.headers["x-amz-date"]
        then = time.mktime(time.strptime(stamp + " UTC", "%Y%m%dT%H%M%SZ UTC")) - time.timezone
        if abs(then - time.time() - self.ahead) > 900:
            raise Refused(403, "RequestTimeTooSkewed", headers={"Date": formatdate(time.time() + self.ahead, usegmt=True)})
        for name in request.headers:
            if (name == "host" or name.startswith("x-amz-")) and name not in names.split(";"):
                raise Refused(403, "AccessDenied", f"{name} is not signed")
        expected = signer.authorization({
            "method": request.method, "path": request.path, "query": request.pairs,
            "headers": [(name, request.headers[name]) for name in names.split(";")],
            "payload": request.headers["x-amz-content-sha256"], "time": stamp, "access": access, "secret": self.secret,
            "region": region})
        if request.headers["authorization"] != expected:
            raise Refused(403, "SignatureDoesNotMatch")
        if request.method in ("PUT", "POST") and request.body:
            if base64.b64encode(hashlib.md5(request.body).digest()).decode() != request.headers.get("content-md5"):
                raise Refused(400, "BadDigest")
        said = request.headers.get("x-amz-checksum-sha256")
        if said and base64.b64encode(hashlib.sha256(request.body).digest()).decode() != said:
            raise Refused(400, "BadDigest")
        if hashlib.sha256(request.body).hexdigest() != request.headers["x-amz-content-sha256"]:
            raise Refused(400, "XAmzContentSHA256Mismatch")

    # ---- what it does ----

    def dispatch(self, request):
        query = request.query
        if request.bucket not in self.buckets:
            raise Refused(404, "NoSuchBucket")
        if not request.key:
            return self.list_uploads(request) if "uploads" in query else self.list(request)
        if request.method == "POST":
            return self.create(request) if "uploads" in query else self.complete(request)
        if "uploadId" in query:
            upload = self.uploads.get(query["uploadId"])
            if upload is None:
                raise Refused(404, "NoSuchUpload")
            if request.method == "DELETE":
                del self.uploads[query["uploadId"]]
                return Answer(204)
            return self.part(request, upload)
        return {"PUT": self.put, "GET": self.get, "HEAD": self.get, "DELETE": self.delete}[request.method](request)

    def conditions(self, request):
        now = self.objects.get((request.bucket, request.key))
        if not self.exclusive and {"if-none-match", "if-match"} & request.headers.keys():
            raise Refused(501, "NotImplemented")
        if request.headers.get("if-none-match") == "*" and now:
            raise Refused(412, "PreconditionFailed")
        if "if-match" in request.headers and (not now or now.etag != request.headers["if-match"].strip('"')):
            raise Refused(412, "PreconditionFailed")

    @staticmethod
    def meta_of(request):
        return {name: value for name, value in request.headers.items()
                if name.startswith(("x-amz-meta-", "x-amz-server-side", "x-amz-storage", "x-amz-checksum-algorithm"))}

    def store(self, bucket, key, data, meta, etag):
        if self.keeps_versions and (bucket, key) in self.objects:
            self.hidden.append(((bucket, key), self.objects[bucket, key]))
        self.objects[bucket, key] = Object(data, meta, etag, time.time() + self.ahead, secrets.token_hex(8) if self.keeps_versions else "")
        self.meta.append((key, meta))

    def put(self, request):
        self.conditions(request)
        etag = hashlib.md5(request.body).hexdigest()
        self.store(request.bucket, request.key, request.body, self.meta_of(request), etag)
        return Answer(200, {"ETag": f'"{etag}"'})

    def get(self, request):
        found = self.objects.get((request.bucket, request.key))
        if "versionId" in request.query:
            found = self.version(request)
        if not found:
            raise Refused(404, "NoSuchKey")
        wanted = request.headers.get("if-match")
        if wanted and wanted.strip('"') != found.etag:
            raise Refused(412, "PreconditionFailed")
        headers = {"ETag": f'"{found.etag}"', "Last-Modified": formatdate(found.when, usegmt=True), **found.meta}
        if found.version:
            headers["x-amz-version-id"] = found.version
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
        if not span:
            return Answer(200, headers, found.data)
        length = len(found.data)
        first, last = span.groups()
        start = int(first) if first else max(0, length - int(last))
        end = min(length, int(last) + 1) if first and last else length
        if start >= length:
            raise Refused(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{length}"
        return Answer(206, headers, found.data[start:end])

    def version(self, request):
        name = (request.bucket, request.key)
        return next((row for key, row in [*self.objects.items(), *self.hidden] if key == name and row.version == request.query["versionId"]), None)

    def delete(self, request):
        name = (request.bucket, request.key)
        if "versionId" not in request.query:
            gone = self.objects.pop(name, None)
            if gone and self.keeps_versions:
                self.hidden.append((name, gone))
            return Answer(204)
        found = self.version(request)
        if self.locked:
            raise Refused(403, "AccessDenied", "it is locked")
        if found is self.objects.get(name):
            del self.objects[name]
            older = [row for row in self.hidden if row[0] == name]
            if older:
                self.objects[name] = older[-1][1]
                self.hidden.remove(older[-1])
        else:
            self.hidden = [row for row in self.hidden if row[1] is not found]
        return Answer(204)

    def list(self, request):
        query = request.query
        second = query.get("list-type") == "2"
        if second and self.old:
            if self.old == "501":
                raise Refused(501, "NotImplemented")
            second = False  # it does not know the word, and answers as it always did
        start = query.get("continuation-token" if second else "marker", "")
        keys = sorted(key for bucket, key in self.objects if bucket == request.bucket and
                      key.startswith(query.get("prefix", "")) and key > start)
        shown, more = keys[:self.page], len(keys) > self.page
        coded = urllib.parse.quote if query.get("encoding-type") == "url" else escape
        rows = "".join(
            f"<Contents><Key>{coded(key)}</Key><LastModified>{stamp(self.objects[request.bucket, key].when)}</LastModified>"
            f"<ETag>&quot;{self.objects[request.bucket, key].etag}&quot;</ETag>"
            f"<Size>{len(self.objects[request.bucket, key].data)}</Size></Contents>" for key in shown)
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more and second else ""
        coding = "<EncodingType>url</EncodingType>" if coded is not escape else ""
        return xml(f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{coding}'
                   f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>")

    # ---- parts ----

    def create(self, request):
        name = secrets.token_urlsafe(20)
        self.uploads[name] = Upload(request.bucket, request.key, self.meta_of(request), time.time() + self.ahead)
        return xml(f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>")

    def part(self, request, upload):
        data, source = request.body, request.headers.get("x-amz-copy-source")
        if source:
            bucket, _, key = urllib.parse.unquote(source[1:]).partition("/")
            found = self.objects.get((bucket, key))
            if not found:
                raise Refused(404, "NoSuchKey")
            if request.headers["x-amz-copy-source-if-match"].strip('"') != found.etag:
                raise Refused(412, "PreconditionFailed")
            first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["x-amz-copy-source-range"]).groups()
            data = found.data[int(first):int(last) + 1]
        etag = hashlib.md5(data).hexdigest()
        upload.parts[int(request.query["partNumber"])] = (data, etag)
        checksum = f"<ChecksumSHA256>{checksum_of(data)}</ChecksumSHA256>" if "x-amz-checksum-algorithm" in upload.meta else ""
        if checksum and not source and "x-amz-checksum-sha256" not in request.headers:
            raise Refused(400, "InvalidRequest", "a part without its checksum")
        return xml(f"<CopyPartResult><ETag>&quot;{etag}&quot;</ETag>{checksum}</CopyPartResult>") if source else Answer(200, {"ETag": f'"{etag}"'})

    def complete(self, request):
        upload = self.uploads.get(request.query["uploadId"])
        if upload is None:
            raise Refused(404, "NoSuchUpload")
        self.conditions(request)
        space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        said = [(int(part.find(space + "PartNumber").text), part.find(space + "ETag").text.strip('"'))
                for part in ElementTree.fromstring(request.body)]
        if any(number not in upload.parts or upload.parts[number][1] != etag for number, etag in said):
            raise Refused(400, "InvalidPart")
        pieces = [upload.parts[number][0] for number, _ in said]
        if "x-amz-checksum-algorithm" in upload.meta:
            told = [getattr(part.find(space + "ChecksumSHA256"), "text", None) for part in ElementTree.fromstring(request.body)]
            if told != [checksum_of(piece) for piece in pieces]:
                raise Refused(400, "InvalidRequest", "the complete request must include the checksum for each part")
        if any(len(piece) < PART_LEAST for piece in pieces[:-1]):
            raise Refused(400, "EntityTooSmall")
        etag = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in pieces)).hexdigest() + f"-{len(pieces)}"
        self.store(request.bucket, request.key, b"".join(pieces), upload.meta, etag)
        del self.uploads[request.query["uploadId"]]
        return xml(f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>")

    def list_uploads(self, request):
        rows = "".join(f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{name}</UploadId><Initiated>{stamp(upload.when)}</Initiated></Upload>"
                       for name, upload in self.uploads.items() if upload.key.startswith(request.query.get("prefix", "")))
        return xml(f"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>{rows}</ListMultipartUploadsResult>")


def checksum_of(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(when))
