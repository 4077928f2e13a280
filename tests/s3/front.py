# SPDX-License-Identifier: Apache-2.0
"""A server of HTTP in front of a service (Bucket, or another server), which does at one request what networks and services
do. KINDS says what there is."""
import http.client
import http.server
import re
import socket
import struct
import threading
import time
from email.utils import formatdate

from bucket import Answer, Request, error

ELSEWHERE = "eu-west-9"
KINDS = {
    "500": "an internal error, and nothing was done",
    "500-done": "an internal error, after it was done",
    "slow": "too many requests, come later",
    "error-in-200": "success, with an error below it",
    "lost": "it is done, and the answer does not arrive",
    "reset": "the connection is reset in the middle of the request",
    "stall": "nothing happens any more",
    "cut": "the answer ends in its middle",
    "digest": "a byte is another one when it arrives",
    "skew": "our clock is said to be wrong",
    "expired": "the keys have expired",
    "region": "the bucket is in another region",
    "404": "there is no such thing",
    "412": "it is another version",
    "aborted": "somebody gives up all uploads before",
    "old-list": "a list that lacks the newest",
}


class Forward:
    """Another server as the service."""

    def __init__(self, port):
        self.port = port

    def handle(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in ("expect", "connection", "content-length"):
                    connection.putheader(name, value)
            if request.body or request.method in ("PUT", "POST"):
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders()
                       if name.lower() not in ("connection", "transfer-encoding", "date", "content-length")}
            if request.method == "HEAD":
                headers["Content-Length"] = answer.headers.get("Content-Length", "0")
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "front", ""
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def serve(self):
        front = self.server
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        # Signed for another name, where it comes through a proxy.
        request = Request(self.command, re.sub(r"^http://[^/]+", "", self.path), headers, b"")
        kind = front.next(request)
        if kind == "reset":
            self.rfile.read(length // 2)
            return self.hang_up(abrupt=True)
        request.body = self.rfile.read(length)
        if kind == "stall":
            front.wait_until_gone(self.connection)
            return self.hang_up()
        answer = front.answer(request, kind)
        if front.twist:
            answer = front.twist(request, answer)
        if callable(answer):
            self.close_connection = True
            return answer(self)
        if kind == "lost":
            return self.hang_up()
        self.reply(answer, kind)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

    def reply(self, answer, kind):
        self.send_response_only(answer.status)
        if "Date" not in answer.headers:
            self.send_header("Date", formatdate(usegmt=True))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)) if answer.status != 204 else "0")
        self.end_headers()
        cut = kind == "cut" and self.command != "HEAD"
        if self.command != "HEAD":
            self.wfile.write(answer.body[:len(answer.body) // 2] if cut else answer.body)
        self.wfile.flush()
        if cut and answer.body:
            self.hang_up()

    def hang_up(self, abrupt=False):
        self.close_connection = True
        if abrupt:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


class Front(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service, tls=None):
        """`tls`: a context of ssl."""
        super().__init__(("127.0.0.1", 0), Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.service, self.lock = service, threading.Lock()
        self.log, self.at, self.kind, self.struck, self.before, self.slowness = [], 0, "", None, None, 0
        self.twist = None  # gets the request and the answer, and gives another one, or what writes one on its own
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # a client that was killed

    def arm(self, kind="", at=0):
        """At the request of that number from now on, counted from 1."""
        with self.lock:
            self.log, self.at, self.kind, self.struck = [], at, kind, None

    def next(self, request):
        with self.lock:
            self.log.append(str(request))
            if len(self.log) != self.at:
                return ""
            self.struck = str(request)
            return self.kind

    def answer(self, request, kind):
        if self.slowness:
            time.sleep(self.slowness)
        if self.before:
            self.before(request)
        made = {"500": lambda: error(500, "InternalError", "We encountered an internal error."),
                "slow": lambda: error(503, "SlowDown", "Please reduce your request rate.", {"Retry-After": "1"}),
                "error-in-200": lambda: error(200, "InternalError", "Please try again."),
                "skew": lambda: error(403, "RequestTimeTooSkewed"),
                "expired": lambda: error(400, "ExpiredToken", "The provided token has expired."),
                "region": lambda: error(301, "PermanentRedirect", "elsewhere", {"x-amz-bucket-region": ELSEWHERE}),
                "404": lambda: error(404, "NoSuchUpload" if "uploadId" in request.query else "NoSuchKey"),
                "412": lambda: error(412, "PreconditionFailed")}.get(kind)
        if made:
            return made()
        if kind == "digest" and request.body:
            at = len(request.body) // 2
            request.body = request.body[:at] + bytes([request.body[at] ^ 1]) + request.body[at + 1:]
        if kind == "aborted":
            self.service.uploads.clear()
        answer = self.service.handle(request)
        if kind == "500-done":
            return error(500, "InternalError", "We encountered an internal error.")
        if kind == "old-list" and b"<ListBucketResult" in answer.body:
            rows = re.findall(rb"<Contents>.*?</Contents>", answer.body, re.DOTALL)
            newest = max((re.search(rb"<Key>(.*?)</Key>", row).group(1) for row in rows if b".facts<" not in row), default=None)
            for row in rows:
                if newest and re.search(rb"<Key>" + re.escape(newest), row):
                    answer.body = answer.body.replace(row, b"")
        return answer

    @staticmethod
    def wait_until_gone(connection):
        connection.settimeout(60)
        try:
            while connection.recv(1 << 16):
                pass
        except OSError:
            pass
