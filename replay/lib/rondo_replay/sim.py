# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the simulator: scratch folders, images, replays, recordings, explorers."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from .bugs import SOURCE, Problem


def build_dir():
    return Path(os.environ.get("RONDO_BUILD", SOURCE / "build"))


def set_up(*targets, options=("-Dmutants=true",)):
    """Packages and build, by the project's own script. Silent and quick when there is nothing to do."""
    if os.environ.get("RONDO_BUILD"):
        return      # somebody else's build folder: use what is there
    run = subprocess.run([SOURCE / "iotests/lib/setup.sh", *options, *targets])
    if run.returncode != 0:
        raise Problem("set-up failed; the message above says where")


def program(name):
    for folder in (".", "impl/tools", "replay", "bugs", "iotests/guests"):
        path = build_dir() / folder / name
        if path.exists():
            return path
    raise Problem(f"{build_dir()} has no '{name}'; build with: iotests/lib/setup.sh -Dmutants=true")


class Env:
    """What a scenario's prepare() may use. Everything happens in the scratch folder `dir`."""

    def __init__(self, folder):
        self.dir = folder

    def run(self, name, *args, timeout=60):
        result = subprocess.run([str(program(name)), *map(str, args)], cwd=self.dir, text=True, capture_output=True,
                                stdin=subprocess.DEVNULL, timeout=timeout)
        if result.returncode != 0:
            raise Problem(f"{name} {' '.join(map(str, args))}: status {result.returncode}\n{result.stderr}")
        return result

    def img(self, *args):
        return self.run("rondo-img", *args)

    def guest(self, name):
        """Copy a guest program into the scratch folder; returns its file name there."""
        shutil.copy(program(name), self.dir / name)
        return name

    def firmware(self, path, digest, package):
        """Copy a firmware image of the distribution, as it was when the trace was made; returns its file name here."""
        path = Path(path)
        if not path.exists():
            raise Problem(f"{path} does not exist; run: apt-get install {package}")
        data = path.read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise Problem(f"{path} is not the file that the trace was made with: its SHA-256 is {found}, and should be "
                          f"{digest}; install {package}, or write the new hash into scenario.py and make the trace "
                          "again with: replay/explore BUG --save")
        (self.dir / path.name).write_bytes(data)
        return path.name

    def rondo(self, args, client, timeout=30):
        """Run a machine on real threads to make something (a migration stream, say). client(vm) plays QMP and quits."""
        self.machine([str(program("rondo"))], args, client, timeout)

    def machine(self, prefix, args, client, timeout=30):
        """The same with another program, e.g. [peer, "-accel", "tcg"]."""
        with machine(prefix, args, self.dir, timeout) as vm:
            client(vm)

    def file(self, name, size, fill=b"\0"):
        (self.dir / name).write_bytes(fill * size)
        return name


@contextmanager
def scratch(scenario, prepare=None):
    """A folder with everything the scenario's machine needs, gone afterwards. `prepare`: instead of the scenario's."""
    base = os.environ.get("TMPDIR", "/tmp")
    with tempfile.TemporaryDirectory(prefix="rondo-", dir=base) as folder:
        prepare = prepare or getattr(scenario, "prepare", None)
        if prepare:
            prepare(Env(Path(folder)))
        yield Path(folder)


class Client:
    """The client of a running machine: QMP with events. Given to a scenario's client().

    It notes what each command waited for: that, and not what else the machine happened to say, is the condition under
    which a recorded script sends it.
    """

    def __init__(self, process, qmp, folder, stderr):
        self.process, self._qmp, self.dir, self._stderr = process, qmp, folder, stderr
        self.events = qmp.events
        self.conditions = []        # of each command after qmp_capabilities: ["event:STOP:1", ...]
        self._waited = []
        self._ports = []

    def _arguments(self, arguments):
        self.conditions.append(self._waited)
        self._waited = []
        return {k.replace("_", "-"): v for k, v in arguments.items()}

    def qmp(self, command, **arguments):
        """Run a command; returns what it returns. `job_id=` becomes `job-id`."""
        return self._qmp.execute(command, self._arguments(arguments))

    def qmp_start(self, command, **arguments):
        """Send a command whose answer may never come. For the last commands of a scenario that ends badly."""
        self._qmp.send(command, self._arguments(arguments))

    def wait_event(self, name, timeout=30, **match):
        event = self._qmp.wait_event(name, match or None, timeout)
        heard = [json.loads(line[3:]) for line in self._qmp.log if line.startswith("<- ")]
        same = [e for e in heard if e.get("event") == name]
        self._waited.append(f"event:{name}:{same.index(event) + 1}")
        return event

    def wait_output(self, path, channel, text, timeout=600):
        """Connect to the socket of a character device and wait until the guest has written @text. @channel: its name in
        a trace, the label and the number of the connection."""
        port = socket.socket(socket.AF_UNIX)
        self._ports.append(port)
        port.settimeout(timeout)
        port.connect(os.path.relpath(Path(self.dir) / path))
        said = b""
        while text not in said:
            more = port.recv(1)
            if not more:
                raise Problem(f"{path} was closed before the guest said {text!r}; it said {said!r}")
            said += more
        self._waited.append(f"bytes:{channel}:{len(said)}")

    def close_ports(self):
        for port in self._ports:
            port.close()

    def wait_exit(self, timeout=30):
        return self.process.wait(timeout)

    def stderr(self):
        return Path(self._stderr).read_text(errors="replace")


@contextmanager
def machine(prefix, args, folder, timeout=30):
    """Start a machine whose arguments contain -qmp unix:qmp.sock,...; connects to it."""
    from rondo_iotests.qmp import QMPClient
    stderr = Path(folder) / "machine.stderr"
    with open(stderr, "wb") as err:
        process = subprocess.Popen([*prefix, *args], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=err)
    try:
        deadline = time.monotonic() + timeout
        here = os.getcwd()
        while True:
            try:
                os.chdir(folder)        # the path of a socket is limited; a relative one always fits
                qmp = QMPClient.connect("qmp.sock", timeout)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Problem("the machine did not open its monitor:\n"
                                  f"{stderr.read_text(errors='replace')}") from None
                time.sleep(0.01)        # nothing announces the socket
            finally:
                os.chdir(here)
        client = Client(process, qmp, folder, stderr)
        try:
            yield client
        finally:
            client.close_ports()
        process.wait(timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def replay(binary, trace, folder, *, log=None, stacks=True, timeout=1200, prefix=()):
    """Follow a trace. Returns the report with "wall-ms" and "exit"."""
    result = Path(folder) / "result.json"
    result.unlink(missing_ok=True)
    cmd = [*prefix, str(program(binary)), "--replay", str(trace), "--result", str(result), "--quiet"]
    cmd += ["--log", str(log)] if log else []
    cmd += [] if stacks else ["--no-stacks"]
    start = time.monotonic()
    try:
        run = subprocess.run([*cmd, "--"], cwd=folder, capture_output=True, text=True, errors="replace",
                             stdin=subprocess.DEVNULL, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Problem(f"{binary} did not end within {timeout} s on {trace}") from None
    ms = (time.monotonic() - start) * 1000
    if not result.exists():
        raise Problem(f"{binary} left no result for {trace} (status {run.returncode}):\n{run.stderr[-4000:]}")
    report = json.loads(result.read_text())
    report.update({"wall-ms": ms, "exit": run.returncode, "stderr": run.stderr})
    return report


def normal(text):
    """Quotes differ between C libraries and reports; nothing else may."""
    return (text or "").replace("`", "'").replace("\u2018", "'").replace("\u2019", "'")


def has_stack(report, want):
    """Do the functions of `want` (thread first, "*" for any) occur in that order, outermost first?"""
    for thread in report.get("threads", []):
        if want[0] not in ("*", thread["name"]):
            continue
        names = iter(f["function"] for f in reversed(thread.get("stack", [])))
        if all(any(n == w for n in names) for w in want[1:]):
            return True
    return False


def shows_bug(bug, report):
    """None if the report is this bug's documented failure, else what is different."""
    if report["outcome"] != bug.outcome:
        return f"outcome is {report['outcome']} ({report['text']}), documented is {bug.outcome}"
    said = "\n".join([report["text"] or "", *report.get("waits", []), report.get("stderr", "")])
    if normal(bug.signature) not in normal(said):
        return f"the failure does not say \"{bug.signature}\" but \"{report['text']}\""
    for want in bug.stacks:
        if not has_stack(report, want):
            return f"no stack of {want[0]} with {' < '.join(want[1:])}"
    return None


def record(scenario, name, trace, folder, binary="rondo-sim"):
    """Play the scenario's client against the simulator once; the client's bytes go into `trace`."""
    if hasattr(scenario, "UNIT"):
        Path(trace).write_text(f"rondo-trace 1\nscenario {name}\nunit {scenario.UNIT}\n")
        return
    prefix = [str(program(binary)), "--record", str(trace), "--scenario", name, "--"]
    with machine(prefix, scenario.MACHINE, folder) as vm:
        scenario.client(vm)
    keep_waits(trace, vm.conditions)


def keep_waits(trace, conditions):
    """The recorder cannot know which of the lines it saw a client waited for; the client does."""
    lines, command = [], -1         # -1: qmp_capabilities, sent by the greeting
    for line in Path(trace).read_text().splitlines():
        words = line.split(" ", 3)
        if words[0] == "send" and words[1].startswith("qmp0#") and len(words) == 4:
            if 0 <= command < len(conditions):
                words[2] = "after=" + ",".join([f"reply:{command + 1}", *conditions[command]])
            command += 1
        lines.append(" ".join(words))
    Path(trace).write_text("\n".join(lines) + "\n")


def explore(binary, trace, folder, out, *, strategy="pct", seed=1, runs=0, seconds=0.0, depth=0, jobs=1,
            keep_going=False, progress=None, begin=""):
    """Search on `jobs` cores. Calls progress(totals) now and then. Returns (totals, [failure, ...])."""
    procs = []
    for job in range(jobs):
        cmd = [str(program(binary)), "--explore", str(trace), "--strategy", strategy, "--seed", str(seed),
               "--out", str(out),
               "--job", str(job), "--jobs", str(jobs), "--depth", str(depth)]
        cmd += ["--from", begin] if begin else []
        cmd += ["--runs", str(-(-runs // jobs))] if runs else []
        cmd += ["--seconds", str(seconds)] if seconds else []
        cmd += ["--keep-going"] if keep_going else []
        procs.append(subprocess.Popen([*cmd, "--"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True,
                                      stdin=subprocess.DEVNULL))
    try:
        return _collect(procs, progress, keep_going)
    finally:
        for p in procs:
            if p.poll() is None:
                p.kill()        # its runs end with it
            p.wait()


def _collect(procs, progress, keep_going):
    import selectors
    latest, failures = {}, []
    with selectors.DefaultSelector() as sel:
        for p in procs:
            sel.register(p.stdout, selectors.EVENT_READ, p)
        while sel.get_map():
            for key, _ in sel.select():
                line = key.fileobj.readline()
                if not line:
                    sel.unregister(key.fileobj)
                    continue
                item = json.loads(line)
                if "failure" in item:
                    failures.append(item)
                    if not keep_going:
                        for other in procs:
                            if other is not key.data:
                                other.terminate()
                else:
                    latest[key.data.pid] = item
                    if progress:
                        progress(total(latest))
    for p in procs:
        p.wait()
        if p.returncode not in (0, 1, -15):
            raise Problem(f"the explorer failed (status {p.returncode}):\n{p.stderr.read()[-4000:]}")
    return total(latest), failures


def total(latest):
    items = list(latest.values()) or [{}]
    t = {k: sum(i.get(k, 0) for i in items) for k in ("runs", "failures")}
    t.update({k: max(i.get(k, 0) for i in items) for k in ("seconds", "n", "k", "steps")})
    t["per-second"] = t["runs"] / t["seconds"] if t["seconds"] else 0.0
    return t


def pct_bound(n, k, depth):
    """Chance, at least, that one PCT run meets a bug of this depth (Burckhardt et al. 2010)."""
    return 1 / (max(n, 1) * max(k, 1) ** (depth - 1))


def note(text):
    """Progress for a person: on stderr, in place on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + text)
        sys.stderr.flush()
    elif text:
        sys.stderr.write(text + "\n")
