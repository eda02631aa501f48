# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages, downloaded and unpacked in the cache folder; nothing is installed."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

KERNELS = {"cloud": "linux-image-cloud-amd64", "generic": "linux-image-amd64"}


class Missing(Exception):
    """Something that only the network or an administrator can provide is not there; the text says what."""


def cache_dir():
    path = os.environ.get("RONDO_SYSTEMS")
    if not path:
        path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rondo"
    return Path(path)


def run(*cmd, **kwargs):
    """Run a tool of the host; Missing with its last words if it fails."""
    try:
        r = subprocess.run([str(c) for c in cmd], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, errors="replace", **kwargs)
    except FileNotFoundError as e:
        raise Missing(f"{cmd[0]} is not installed") from e
    if r.returncode != 0:
        last = "\n".join(r.stdout.splitlines()[-15:])
        raise Missing(f"status {r.returncode} from: {' '.join(map(str, cmd))}\n{last}")
    return r.stdout


@contextlib.contextmanager
def one_at_a_time(path):
    """Processes that use the same @path take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.parent / f".{path.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def made_once(path):
    """For `with made_once(p) as work:` work is None if @path is there; else a folder that becomes it at the end.

    Two processes that want the same thing take turns; one that fails leaves nothing behind.
    """
    with one_at_a_time(path):
        if path.exists():
            yield None
            return
        work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield work
            work.chmod(0o755)
            work.rename(path)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _candidate(name):
    found = re.search(r"Candidate: (\S+)", run("apt-cache", "policy", name))
    return None if not found or found[1] == "(none)" else found[1]


def package_version(name):
    """The version that apt would install; the package lists are fetched if they are not there."""
    version = _candidate(name)
    if version is None:
        with one_at_a_time(cache_dir() / "apt-get-update"):
            version = _candidate(name)      # another process may have fetched them meanwhile
            if version is None:
                run(*([] if os.geteuid() == 0 else ["sudo", "-n"]), "apt-get", "update", "-qq")
                version = _candidate(name)
    if version is None:
        raise Missing(f"apt knows no package {name}")
    return version


def unpacked(name):
    """The folder with the files of Debian package @name."""
    version = package_version(name)
    path = cache_dir() / f"{name}_{version.replace(':', '.')}"
    with made_once(path) as work:
        if work:
            run("apt-get", "download", "-qq", f"{name}={version}", cwd=work)
            deb = next(work.glob("*.deb"))
            run("dpkg-deb", "-x", deb, work)
            deb.unlink()
    return path


@dataclass(frozen=True)
class Kernel:
    """A kernel of Debian: its version, image and folder of modules."""

    version: str
    image: Path
    modules: Path


def kernel(flavour="cloud"):
    """Debian's current kernel, "cloud" or "generic"."""
    package = KERNELS[flavour]
    package_version(package)
    real = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", package))[1]
    root = unpacked(real)
    version = real.removeprefix("linux-image-")
    return Kernel(version, root / "boot" / f"vmlinuz-{version}", root / "lib" / "modules" / version)
