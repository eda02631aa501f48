# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole boot with two processors, an iothread and a disk load, recorded once and replayed: the same to the last step.

Both back ends follow the same trace.
"""

import sys

import pytest
import rondo_iotests as rt
from rondo_iotests.systems import Missing

sys.path.insert(0, str(rt.SOURCE / "replay" / "lib"))

from rondo_replay import boot  # noqa: E402
from rondo_replay.bugs import Problem  # noqa: E402

TRACE_BYTES_MAX = 64 * 1024     # inputs and deviations only, whatever the length of the run


def test_replayed_boot_is_the_recorded_one(tmp_path):
    trace = tmp_path / "boot.trace"
    try:
        with boot.scratch() as folder:
            report = boot.record(folder, trace)
            want = boot.recorded(trace)
            assert boot.differences(want, report) == []
            assert trace.stat().st_size < TRACE_BYTES_MAX
            for accel in ("tcg", "soft"):
                assert boot.differences(want, boot.replay(folder, trace, accel)) == []
            (folder / "initrd.gz").write_bytes(b"another one")
            with pytest.raises(Problem, match="recorded with another initrd.gz.*record the boot again"):
                boot.replay(folder, trace)
    except Missing as e:
        pytest.skip(str(e))
