# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the set-up script calls apt only for what is missing, says what it does, and fails with a sentence.

Method: stand-ins for dpkg-query, apt-get, id, meson and ninja come first in PATH and write down how they were called.
"""

import os
import re
import subprocess

import pytest

from rondo_iotests import SOURCE

SETUP = SOURCE / "iotests" / "lib" / "setup.sh"


@pytest.fixture
def world(tmp_path):
    """world(missing=[...], root=True): prepares the stand-ins; returns run(args...) -> (result, calls)."""
    bin_dir, calls = tmp_path / "bin", tmp_path / "calls"
    bin_dir.mkdir()
    packages = re.search(r"^packages=\((.*?)\)", SETUP.read_text(), re.S | re.M).group(1).split()

    def program(name, body):
        path = bin_dir / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def prepare(missing=(), root=True, apt_status=0, sudo=False):
        there = "".join(f"installed {p}\\n" for p in packages if p not in missing)
        program("dpkg-query", f"printf '{there}'")
        program("apt-get", f'echo "apt-get $*" >>{calls}; echo "E: apt talks"; exit {apt_status}')
        program("id", f"echo {0 if root else 1000}")
        program("meson", f'echo "meson $*" >>{calls}; mkdir -p "$2"; touch "$2/build.ninja"')
        program("ninja", f'echo "ninja $*" >>{calls}')
        if sudo:
            program("sudo", f'echo "sudo $*" >>{calls}; exec "$@"')
        else:
            program("sudo", "exit 127")
            (bin_dir / "sudo").unlink()

        def run(*args):
            calls.write_text("")
            # Only what the script itself needs; a real sudo must not be found.
            for tool in ("bash", "sed", "grep", "mktemp", "cat", "rm", "mkdir", "touch", "flock", "awk", "env",
                         "dirname"):
                link = bin_dir / tool
                if not link.exists():
                    link.symlink_to(f"/usr/bin/{tool}")
            result = subprocess.run([str(SETUP), *args], capture_output=True, text=True,
                                    env={**os.environ, "RONDO_CLANG": "0", "PATH": str(bin_dir)})
            return result, calls.read_text().splitlines()
        return run
    return prepare


def test_nothing_missing_means_no_apt(world, tmp_path):
    run = world()
    result, calls = run("--packages-only")
    assert (result.returncode, result.stderr, calls) == (0, "", [])


def test_installs_exactly_what_is_missing(world):
    run = world(missing=["meson", "libdw-dev"])
    result, calls = run("--packages-only")
    assert result.returncode == 0
    assert calls == ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends meson libdw-dev"]
    assert "missing packages: meson libdw-dev" in result.stderr


def test_without_root_uses_sudo(world):
    run = world(missing=["meson"], root=False, sudo=True)
    result, calls = run("--packages-only")
    assert result.returncode == 0
    assert "sudo apt-get update -qq" in calls


def test_without_root_and_sudo_says_what_to_do(world):
    run = world(missing=["meson"], root=False)
    result, calls = run("--packages-only")
    assert result.returncode == 1 and calls == []
    assert result.stderr.splitlines()[-1] == "setup: need root to install them; run: apt-get install meson"


def test_apt_failure_shows_its_words(world):
    run = world(missing=["meson"], apt_status=100)
    result, _ = run("--packages-only")
    assert result.returncode == 1
    assert "E: apt talks" in result.stderr and "apt-get update failed" in result.stderr


def test_configures_once_then_follows_changed_options(world, tmp_path):
    run = world()
    build = str(tmp_path / "b")
    _, calls = run("--dir", build, "-Dmutants=true")
    assert calls[0] == f"meson setup {build} {SOURCE} -Dmutants=true"
    _, calls = run("--dir", build, "-Dmutants=true")
    assert not [c for c in calls if c.startswith("meson")]
    _, calls = run("--dir", build, "-Dmutants=false", "some-target")
    assert calls[0] == f"meson configure {build} -Dmutants=false"
    assert calls[-1] == f"ninja -C {build} some-target"
