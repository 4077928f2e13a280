#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our signatures and those of another signer, over random requests.

usage: signatures.py TOOL [SEED]
"""
import hashlib
import json
import os
import random
import subprocess
import sys

import signer

REQUESTS = 10_000 if os.environ.get("HBCORE_FULL") == "1" else 3_000
ODD = "abcXYZ019-._~ !\"#$%&'()*+,/:;<=>?@[\\]^`{|}\u00e4\u20ac\U0001f600\u0301"
NAMES = ["x-amz-meta-a", "x-amz-meta-a-b", "x-amz-meta-ab", "Range", "if-match", "Content-MD5", "content-type", "X-Amz-Acl"]


def word(source, letters, most):
    return "".join(source.choice(letters) for _ in range(source.randrange(most)))


def request(source):
    return {"method": source.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]), "key": word(source, ODD, 40),
            "query": [[word(source, ODD, 8), word(source, ODD, 12)] for _ in range(source.randrange(7))],
            "headers": [["host", "h.example:8080"], ["x-amz-date", "20300102T030405Z"]] +
                       [[name, word(source, ODD, 20)] for name in source.sample(NAMES, source.randrange(len(NAMES)))],
            "payload": hashlib.sha256(source.randbytes(4)).hexdigest(), "time": "20300102T030405Z",
            "access": "A" + word(source, "ABC123:", 20), "secret": word(source, ODD, 40),
            "region": source.choice(["us-east-1", "eu-central-1", "auto"])}


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    source = random.Random(seed)
    rows = [request(source) for _ in range(REQUESTS)]
    done = subprocess.run([sys.argv[1]], input="".join(json.dumps(row) + "\n" for row in rows), capture_output=True, text=True,
                          check=True)
    ours = done.stdout.split("\n")[:-1]
    assert len(ours) == len(rows), (len(ours), seed)
    for row, said in zip(rows, ours):
        expected = signer.authorization({**row, "path": "/" + signer.quote(row["key"], "/")})
        assert said == expected, f"seed {seed}\n{row}\n{said}\n{expected}"


main()
