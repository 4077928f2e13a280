# SPDX-License-Identifier: Apache-2.0
"""Writes the hostile archives of one format into a directory, as seeds for its fuzz target.

    seeds.py zip|tar DIRECTORY
"""
import pathlib
import sys

import case
import cases_tar
import cases_zip

del cases_tar, cases_zip  # loaded, they are in case.ALL
LONGEST = 16384

if __name__ == "__main__":
    form, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    for number, one in enumerate(case.ALL[form]):
        data = one.bytes_for(case.Where("/outside"))
        if len(data) <= LONGEST:
            (directory / f"hostile-{number}").write_bytes(data)
