# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the programs are. RONDO_BUILD names the build folder; iotests/check sets it."""

import os
import shutil
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
_FOLDERS = (".", "replay", "bugs", "iotests/guests")


def build_dir():
    return Path(os.environ.get("RONDO_BUILD", SOURCE / "build"))


def have_binary(name):
    """Path of a program of ours, or None if this build has no such program."""
    for folder in _FOLDERS:
        path = build_dir() / folder / name
        if path.is_file() and (os.access(path, os.X_OK) or path.suffix == ".bin"):
            return path
    return None


def binary(name):
    """Path of a program of ours; an error that says what to do if there is none."""
    path = have_binary(name)
    if path is None:
        raise FileNotFoundError(f"no program '{name}' in {build_dir()}; build first (iotests/check does)")
    return path


def stock_qemu():
    """Path of the distribution's qemu-system-x86_64, or None. RONDO_PEER names another one."""
    return os.environ.get("RONDO_PEER") or shutil.which("qemu-system-x86_64")
