# SPDX-License-Identifier: Apache-2.0
"""Where the thousands of small imports happen."""
import os


def choose():
    """An import that succeeds flushes its file system: on a busy disk that takes longer than all
    else."""
    if os.access("/dev/shm", os.W_OK):
        os.environ.setdefault("TMPDIR", "/dev/shm")
