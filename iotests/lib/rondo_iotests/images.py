# SPDX-License-Identifier: GPL-2.0-or-later
"""Images and their tools: Debian's qemu-img as the peer, rondo-img and rondo-io as the subject."""

import json
import shutil
import subprocess

from .paths import binary

TOOL_TIMEOUT = 120


class ToolError(Exception):
    def __init__(self, cmd, result):
        self.status, self.stdout, self.stderr = result.returncode, result.stdout, result.stderr
        super().__init__(f"status {result.returncode} from: {' '.join(cmd)}\n{result.stdout}{result.stderr}")


def tool(program, *args, check=True, stdin=None, timeout=TOOL_TIMEOUT):
    """Run a program; returns the CompletedProcess. check: a status other than 0 raises ToolError."""
    cmd = [str(program), *map(str, args)]
    result = subprocess.run(cmd, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout)
    if check and result.returncode != 0:
        raise ToolError(cmd, result)
    return result


def qemu_img(*args, **kwargs):
    return tool(shutil.which("qemu-img") or "qemu-img", *args, **kwargs)


def qemu_io(*args, **kwargs):
    return tool(shutil.which("qemu-io") or "qemu-io", *args, **kwargs)


def rondo_img(*args, **kwargs):
    return tool(binary("rondo-img"), *args, **kwargs)


def rondo_io(*args, **kwargs):
    return tool(binary("rondo-io"), *args, **kwargs)


def create(path, size, fmt="qcow2", by=qemu_img, options=None):
    """Create an image; `by` is qemu_img or rondo_img. Returns the path."""
    extra = ["-o", options] if options else []
    by("create", "-q", "-f", fmt, *extra, path, size)
    return path


def check_image(path, fmt="qcow2", by=qemu_img):
    """Fail unless the image is consistent; returns the report."""
    result = by("check", "--output=json", "-f", fmt, path, check=False)
    report = json.loads(result.stdout) if result.stdout.strip() else {}
    bad = {k: report[k] for k in ("corruptions", "leaks", "check-errors") if report.get(k)}
    assert result.returncode == 0 and not bad, f"{path}: status {result.returncode}, {bad}\n{result.stderr}"
    return report


def compare(a, b, fmt_a="qcow2", fmt_b="qcow2"):
    """Fail unless a guest would read the same from both (in the peer's opinion)."""
    result = qemu_img("compare", "-f", fmt_a, "-F", fmt_b, a, b, check=False)
    assert result.returncode == 0, f"{a} and {b} differ: {result.stdout}{result.stderr}"
