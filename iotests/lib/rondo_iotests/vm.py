# SPDX-License-Identifier: GPL-2.0-or-later
"""One virtual machine process: rondo, rondo-sim or a stock QEMU.

    with VM(tmp_path, args=["-drive", f"file={disk},format=qcow2"]) as vm:
        vm.qmp("stop")
        vm.wait_event("STOP")

Waits have deadlines and end early when the process does: then VMDied carries its status, its stderr and the QMP
conversation. Leaving the block ends the process, and an abort nobody expected fails the test.
"""

import os
import select
import signal
import subprocess
import time
from pathlib import Path

from .paths import binary, stock_qemu
from .qmp import DEFAULT_TIMEOUT, QMPClient, QMPClosed


class VMDied(Exception):
    """The process ended while the test still needed it."""


class VM:
    def __init__(self, directory, name="vm", program="rondo", args=(), machine=None, qmp=True, serial=False,
                 env=None, defaults=True):
        """program: "rondo", "rondo-sim", "qemu" (the distribution's), another program of the build, or a path."""
        self.dir = Path(directory)
        self.name = name
        self.args = [str(a) for a in args]
        self.defaults = defaults
        self.machine = machine
        self.use_qmp = qmp
        self.serial_path = self.dir / f"{name}.serial" if serial else None
        self.qmp_path = self.dir / f"{name}.qmp"
        self.stderr_path = self.dir / f"{name}.stderr"
        self.stdout_path = self.dir / f"{name}.stdout"
        self.env = dict(os.environ, **(env or {}))
        self.program = str(stock_qemu() if program == "qemu" else program if "/" in str(program) else binary(program))
        self.log = []
        self.monitor = None
        self.process = None
        self._pidfd = None
        self.expect_abort = False

    # ---- life ----

    def command_line(self):
        cmd = [self.program]
        if self.machine:
            cmd += ["-machine", self.machine]
        if self.defaults:
            cmd += ["-nodefaults", "-display", "none"]
        if self.use_qmp:
            cmd += ["-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        if self.serial_path:
            cmd += ["-serial", f"file:{self.serial_path}"]
        return cmd + self.args

    def start(self, timeout=DEFAULT_TIMEOUT):
        """Start the process and, with QMP, wait until the monitor answers."""
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=self.env)
        self._pidfd = os.pidfd_open(self.process.pid)
        if self.use_qmp:
            self._connect(time.monotonic() + timeout)
        return self

    def _connect(self, deadline):
        while True:
            try:
                self.monitor = QMPClient.connect(self.qmp_path, log=self.log)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                pass
            except QMPClosed:
                self._died("closed the monitor before its greeting")
            # Nothing announces the socket, so look again shortly, or at once if the process ends.
            if self._ended_within(0.01):
                self._died("ended before its monitor listened")
            if time.monotonic() > deadline:
                self._died("did not open its monitor in time")

    def _ended_within(self, seconds):
        return bool(select.select([self._pidfd], [], [], max(seconds, 0))[0])

    def _died(self, what):
        status = self.process.poll()
        raise VMDied(f"{self.name} {what} (status {status})\n{self.report()}")

    def report(self, lines=40):
        """For failure messages: command line, and the last of stderr, QMP conversation and serial port."""
        stderr = self.stderr().splitlines()[-lines:]
        serial = ["serial:", self.serial()[-500:]] if self.serial_path else []
        return "\n".join(["command: " + " ".join(self.command_line()), "stderr:", *stderr, "QMP:", *self.log[-lines:],
                          *serial])

    def wait(self, timeout=DEFAULT_TIMEOUT):
        """Wait for the process to end by itself; returns its status (negative: signal)."""
        if not self._ended_within(timeout):
            raise TimeoutError(f"{self.name} still runs after {timeout} s\n{self.report()}")
        return self.process.wait()

    def wait_until(self, condition, what, timeout=DEFAULT_TIMEOUT):
        """Wait until condition() is true, which nothing announces; @what says it in words."""
        deadline = time.monotonic() + timeout
        ended = False
        while not condition():
            if ended:
                self._died(f"ended before {what}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: after {timeout} s not yet: {what}\n{self.report()}")
            ended = self._ended_within(0.02)

    def wait_abort(self, timeout=DEFAULT_TIMEOUT):
        """Wait for an abort that the test expects; returns stderr."""
        self.expect_abort = True
        status = self.wait(timeout)
        assert status == -signal.SIGABRT, f"{self.name} ended with {status}, not by abort\n{self.report()}"
        return self.stderr()

    def quit(self, timeout=DEFAULT_TIMEOUT):
        """Ask the process to end; returns its status."""
        try:
            self.monitor.execute("quit", timeout=timeout)
        except (QMPClosed, BrokenPipeError):
            pass        # it may be gone before the reply is out
        return self.wait(timeout)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self):
        """End the process whatever its state and check how it went."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            if not self._ended_within(5):
                self.process.kill()
        status = self.process.wait()
        os.close(self._pidfd)
        if self.monitor:
            self.monitor.close()
        report, self.process = self.report(), None
        if status in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL) and not self.expect_abort:
            raise VMDied(f"{self.name} crashed with signal {-status}\n{report}")

    def __enter__(self):
        return self.start()

    def __exit__(self, exc_type, exc, tb):
        try:
            self.close()
        except VMDied:
            # The crash explains whatever the test tripped over; without one, it is the failure.
            if exc_type is None or issubclass(exc_type, (QMPClosed, ConnectionError, TimeoutError)):
                raise

    # ---- monitors ----

    def qmp(self, command, arguments=None, timeout=DEFAULT_TIMEOUT, **kwargs):
        """Run a QMP command; see QMPClient.execute."""
        try:
            return self.monitor.execute(command, arguments, timeout, **kwargs)
        except (QMPClosed, ConnectionError):
            self._ended_within(5)
            self._died(f"went away during {command}")

    def qmp_error(self, command, arguments=None, timeout=DEFAULT_TIMEOUT):
        return self.monitor.execute_error(command, arguments, timeout)

    def wait_event(self, name, match=None, timeout=DEFAULT_TIMEOUT):
        try:
            return self.monitor.wait_event(name, match, timeout)
        except (QMPClosed, ConnectionError):
            self._ended_within(5)
            self._died(f"went away before the event {name}")

    def hmp(self, line, timeout=DEFAULT_TIMEOUT):
        return self.qmp("human-monitor-command", {"command-line": line}, timeout)

    def wait_job(self, job_id, timeout=DEFAULT_TIMEOUT, finalize=False):
        """Follow a job to its end, dismiss it; raises with its error if it failed. finalize: it waits for that."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.wait_event("JOB_STATUS_CHANGE", {"id": job_id}, deadline - time.monotonic())
            status = event["data"]["status"]
            if status == "pending" and finalize:
                self.qmp("job-finalize", {"id": job_id})
            if status == "concluded":
                job = next(j for j in self.qmp("query-jobs") if j["id"] == job_id)
                self.qmp("job-dismiss", {"id": job_id})
                if job.get("error"):
                    raise RuntimeError(f"job {job_id} failed: {job['error']}")
                return
            if status == "null":
                return

    # ---- output ----

    def stderr(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def stdout(self):
        return self.stdout_path.read_text(errors="replace") if self.stdout_path.exists() else ""

    def serial(self):
        return self.serial_path.read_text(errors="replace") if self.serial_path.exists() else ""

    def wait_serial(self, text, timeout=DEFAULT_TIMEOUT):
        """Wait until the guest has written text to its serial port; returns all it wrote."""
        self.wait_until(lambda: text in self.serial(), f"its guest wrote {text!r}", timeout)
        return self.serial()
