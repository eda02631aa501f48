# SPDX-License-Identifier: GPL-2.0-or-later
"""The front ends of the replay tools: what replay/replay, explore, explain, record and peer share."""
