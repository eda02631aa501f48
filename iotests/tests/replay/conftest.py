# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the replay tools share: the front ends' library, and traces made on the spot."""

import json
import subprocess
import sys

import pytest
import rondo_iotests as rt

sys.path.insert(0, str(rt.SOURCE / "replay" / "lib"))


class Sim:
    """The simulator on a trace that the test wrote."""

    def __init__(self, folder):
        self.folder = folder

    def trace(self, *lines, name="t"):
        path = self.folder / f"{name}.trace"
        path.write_text("\n".join(["rondo-trace 1", f"scenario {name}", *lines]) + "\n")
        return path

    def run(self, *args, program="rondo-sim", prefix=(), check=None):
        cmd = [*prefix, str(rt.binary(program)), *map(str, args), "--"]
        run = subprocess.run(cmd, cwd=self.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                             timeout=300)
        if check is not None:
            assert run.returncode == check, f"status {run.returncode}\n{run.stdout}{run.stderr}"
        return run

    def replay(self, trace, **kwargs):
        result = self.folder / "result.json"
        run = self.run("--replay", trace, "--result", result, "--quiet", **kwargs)
        assert result.exists(), run.stderr
        return json.loads(result.read_text())

    def explore(self, trace, *args):
        run = self.run("--explore", trace, *args)
        assert run.returncode in (0, 1), run.stderr
        items = [json.loads(line) for line in run.stdout.splitlines()]
        return items[-1], [i for i in items if "failure" in i]


@pytest.fixture
def sim(tmp_path):
    return Sim(tmp_path)


@pytest.fixture
def replay_tool(tmp_path):
    """Run replay/<name> on the build under test; returns the CompletedProcess."""
    def run(name, *args, timeout=600):
        return subprocess.run([str(rt.SOURCE / "replay" / name), *map(str, args)], cwd=tmp_path, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=timeout)
    return run
