# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden output: what users see, kept in files that are reviewed like code.

The expected text of a test lives in golden/<name>.out beside the test file. `iotests/check --update-golden` accepts
the present output. What varies from run to run is replaced before comparing, never ignored.
"""

import difflib
import os
import re


def filter_text(text, **replacements):
    """Replace paths and the like: filter_text(t, TEST_DIR=tmp_path). Times, pids and build paths go by themselves."""
    for name, value in sorted(replacements.items(), key=lambda kv: -len(str(kv[1]))):
        text = text.replace(str(value), name)
    text = re.sub(r"\b\d+(\.\d+)? ms\b", "N ms", text)
    text = re.sub(r"\bpid \d+\b", "pid PID", text)
    return text


def check_golden(directory, name, text, update=None):
    """Compare with <directory>/golden/<name>.out; with update (or RONDO_UPDATE_GOLDEN) write it instead."""
    path = directory / "golden" / f"{name}.out"
    text = text if text.endswith("\n") or not text else text + "\n"
    if update if update is not None else os.environ.get("RONDO_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return
    assert path.exists(), f"{path} is missing; look at the output, then: iotests/check --update-golden\n{text}"
    expected = path.read_text()
    if expected != text:
        diff = difflib.unified_diff(expected.splitlines(True), text.splitlines(True), str(path), "this run")
        raise AssertionError("output differs from the golden file (accept with iotests/check --update-golden):\n"
                             + "".join(diff))
