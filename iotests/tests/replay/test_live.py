# SPDX-License-Identifier: GPL-2.0-or-later
"""rondo-sim by hand: a real client talks to the simulated machine, whatever the guest does meanwhile."""

import rondo_iotests as rt


def test_client_is_heard_while_the_guest_spins(vm):
    """The guest never leaves the processor, so nobody else has a reason to run until the client's bytes are taken."""
    machine = vm(program="rondo-sim", args=["-machine", "pc", "-m", "2", "-serial", "null", "-bios",
                                            rt.binary("counter.bin")])
    for _ in range(3):
        assert machine.qmp("query-status")["running"] is True
    machine.qmp("stop")
    machine.wait_event("STOP")
    machine.quit()
