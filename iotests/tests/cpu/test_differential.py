# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: our processor computes what the host's does, instruction by instruction.

Method: rondo-cpu-fuzz runs random sequences on both and prints the seed of one that differs. The seeds here are fixed,
so that a failure is a change of ours; run the program by hand for new ones.
"""

import pytest

from rondo_iotests import have_binary, tool

SKIPPED = 77    # not an x86-64 host
SEED, COUNT = 20260101, 5000


def fuzz(requires, *args):
    requires.program("rondo-cpu-fuzz")
    r = tool(have_binary("rondo-cpu-fuzz"), *args, check=False, timeout=120)
    if r.returncode == SKIPPED:
        pytest.skip(r.stdout.strip())
    return r


@pytest.mark.parametrize("bits", ["64", "32"])
@pytest.mark.parametrize("what", ["int", "x87", "mmx", "sse"])
def test_same_as_the_host(what, bits, requires):
    r = fuzz(requires, "--only", what, "--bits", bits, "--seed", str(SEED), "--count", str(COUNT))
    assert r.returncode == 0, r.stdout
    assert f"{COUNT} cases, 0 differences" in r.stdout


def test_same_when_it_runs_often(requires):
    """Blocks that are found again, and translated ones where there is a translator."""
    r = fuzz(requires, "--seed", str(SEED), "--count", "100", "--repeat", "100")
    assert r.returncode == 0, r.stdout


def test_help_names_every_option(requires):
    r = fuzz(requires, "--help")
    for option in ("--seed", "--count", "--seconds", "--only", "--bits", "--failures", "--repeat"):
        assert option in r.stdout


def test_wrong_option(requires):
    r = fuzz(requires, "--frobnicate", "1")
    assert r.returncode == 2
    assert "--frobnicate" in r.stderr
