# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that runs a Linux of systems/: the VM, its serial console and a shell on it.

    with LinuxVM(tmp_path, args=["-smp", 2]) as vm:
        vm.boot()
        assert vm.console.run("nproc") == "2"
"""

from ..vm import VM
from .console import BOOT_TIMEOUT, Console
from .disk import PASSWORD
from .initramfs import DISK_MODULES, NET_MODULES, READY, make_initramfs
from .packages import kernel


class LinuxVM(VM):
    """A VM whose first serial port is a Console. @direct: started from Debian's kernel and the small initramfs, which
    loads @modules besides those of disks and networks."""

    def __init__(self, directory, flavour="cloud", direct=True, memory="512", append="", args=(), files=None,
                 modules=(), **kwargs):
        super().__init__(directory, **kwargs)
        self.console = None
        self.args = ["-m", memory, "-serial", f"unix:{self.console_path}", *self.args, *map(str, args)]
        if direct:
            k = kernel(flavour)
            initrd = make_initramfs(k, DISK_MODULES + NET_MODULES + tuple(modules), files)
            self.args += ["-kernel", str(k.image), "-initrd", str(initrd), "-append",
                          f"console=ttyS0 panic=-1 {append}".strip()]

    @property
    def console_path(self):
        return self.dir / f"{self.name}.console"

    def start(self, timeout=BOOT_TIMEOUT):
        self.console = Console(self.console_path)
        return super().start(timeout)

    def _connect(self, deadline):
        self.console.accept()
        super()._connect(deadline)

    def boot(self, timeout=BOOT_TIMEOUT):
        """Wait for the initramfs's shell; it keeps kernel messages off the console from then on."""
        self.console.wait(READY, timeout)
        self.console.wait("rondo# ", timeout)
        return self

    def log_in(self, timeout=BOOT_TIMEOUT):
        """Log in to the Debian disk."""
        c = self.console
        c.wait("login: ", timeout)
        c.type("root\n")
        c.wait("assword: ", timeout)
        c.type(f"{PASSWORD}\n")
        c.wait(r"root@\S+# ", timeout)
        # In two parts, so that the prompt is not found in the echo of the command that sets it.
        c.type("stty -echo; dmesg -n 1; bind 'set enable-bracketed-paste off'; PS1='rondo''# '\n")
        c.wait("rondo# ", timeout)
        c.run("true")
        return self

    def report(self, lines=40):
        text = super().report(lines)
        return f"{text}\nconsole:\n{self.console.tail(lines)}" if self.console else text

    def close(self):
        try:
            super().close()
        finally:
            if self.console:
                self.console.close()
