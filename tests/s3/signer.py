# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4 by Python's own means: shares no line with the plugin's."""
import hashlib
import hmac
import urllib.parse


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-._~")


def authorization(row):
    """Of a request: method, path (encoded), query and headers (decoded pairs), payload, time, access, secret, region."""
    def digest(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()
    headers = sorted((name.lower(), " ".join(value.split())) for name, value in row["headers"])
    query = "&".join(f"{name}={value}" for name, value in sorted((quote(name), quote(value)) for name, value in row["query"]))
    names = ";".join(name for name, _ in headers)
    canonical = "\n".join([row["method"], row["path"], query, *(f"{name}:{value}" for name, value in headers), "", names,
                           row["payload"]])
    scope = f"{row['time'][:8]}/{row['region']}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{row['time']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + row["secret"]).encode()
    for step in scope.split("/"):
        key = digest(key, step)
    return f"AWS4-HMAC-SHA256 Credential={row['access']}/{scope}, SignedHeaders={names}, Signature={digest(key, text).hex()}"
