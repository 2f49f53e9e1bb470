# SPDX-License-Identifier: GPL-2.0-or-later
"""What every tier of tests shares: the cache, the builds in it, the VMs and the report."""
