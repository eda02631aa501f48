# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the runner selects, counts and reports as its help says.

Method: the runner on the present build with --no-build, on a few quick tests.
"""

import os
import subprocess
import xml.etree.ElementTree as ET

from rondo_iotests import SOURCE

BUILD = os.environ.get("RONDO_BUILD", "")


def check(*args):
    return subprocess.run(["/usr/bin/python3", str(SOURCE / "iotests/lib/runner.py"), "--no-build", "--jobs", "1",
                           f"--build-dir={BUILD or SOURCE / 'build'}", *args], capture_output=True, text=True,
                          timeout=1200)


def test_help_is_golden(golden):
    env = dict(os.environ, COLUMNS="100")
    r = subprocess.run([str(SOURCE / "iotests/check"), "--help"], capture_output=True, text=True, env=env)
    assert r.returncode == 0
    golden("check-help", r.stdout)


def test_unit_test_by_name_and_junit(tmp_path):
    junit = tmp_path / "new" / "x.xml"
    r = check("--junit", str(junit), "test-switch")
    assert r.returncode == 0, r.stdout + r.stderr
    assert r.stdout.splitlines()[-1].startswith("8 passed, 0 failed, 0 skipped in ")
    assert len(list(ET.parse(junit).getroot().iter("testcase"))) == 8


def test_pytest_file_with_k():
    r = check("tests/harness/test_harness.py", "-k", "matches")
    assert r.returncode == 0, r.stdout + r.stderr
    assert r.stdout.splitlines()[-1].startswith("1 passed, 0 failed")


def test_failure_is_counted_and_named(tmp_path):
    bad = tmp_path / "test_bad.py"
    bad.write_text("def test_wrong():\n    assert 1 == 2\n\n\ndef test_right():\n    pass\n")
    r = check(str(bad))
    assert r.returncode == 1
    assert r.stdout.splitlines()[-1].startswith("1 passed, 1 failed, 0 skipped")
    assert any(line.startswith("FAILED") and "test_wrong" in line for line in r.stdout.splitlines())


def test_unknown_name():
    r = check("no-such-test")
    assert r.returncode == 2
    assert r.stderr == "check: no unit test, folder or file is called 'no-such-test'; see iotests/check --list\n"


def test_nothing_selected_is_not_success():
    r = check("test-switch", "-k", "matches-nothing-at-all")
    assert r.returncode == 1
    assert "no test matched" in r.stderr
