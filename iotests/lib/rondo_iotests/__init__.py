# SPDX-License-Identifier: GPL-2.0-or-later
"""What the iotests share: machines, monitors, images, golden output.

Speaks only command lines, QMP and image files, so everything here works on Rondo and on a stock QEMU alike.
"""

from .golden import check_golden, filter_text
from .images import ToolError, check_image, compare, create, qemu_img, qemu_io, rondo_img, rondo_io, tool
from .paths import SOURCE, binary, have_binary, stock_qemu
from .qmp import QMPClient, QMPError, QMPTimeout
from .vm import VM, VMDied

__all__ = ["VM", "VMDied", "QMPClient", "QMPError", "QMPTimeout", "SOURCE", "ToolError", "binary", "check_golden",
           "check_image", "compare", "create", "filter_text", "have_binary", "qemu_img", "qemu_io", "rondo_img",
           "rondo_io", "stock_qemu", "tool"]
