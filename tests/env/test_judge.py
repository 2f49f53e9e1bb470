# SPDX-License-Identifier: GPL-2.0-or-later
"""The judge of kernel logs: what each kind of bug looks like in a log, and what is harmless."""

import subprocess

import kernel

from .case import expect, test

GUILTY = {
    "a warning": "WARNING: CPU: 1 PID: 93 at drivers/virtio/virtio_ring.c:3041 vring_interrupt",
    "its frame": "------------[ cut here ]------------",
    "a bug": "kernel BUG at mm/slub.c:448!",
    "a null pointer": "BUG: kernel NULL pointer dereference, address: 0000000000000010",
    "an oops": "Oops: 0002 [#1] PREEMPT SMP NOPTI",
    "a general protection fault": "general protection fault, probably for non-canonical address",
    "a page fault": "BUG: unable to handle page fault for address: ffffc90000a6d000",
    "KASAN": "BUG: KASAN: slab-use-after-free in vp_reset+0x40/0x90",
    "kmemleak without memory": "kmemleak: Memory pool empty, consider increasing CONFIG_DEBUG_",
    "UBSAN": "UBSAN: array-index-out-of-bounds in net/core/dev.c:1234:12",
    "an RCU stall": "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "an RCU stall seen from afar": "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "RCU used wrongly": "WARNING: suspicious RCU usage",
    "a hung task": "INFO: task sh:211 blocked for more than 20 seconds.",
    "a soft lockup": "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:93]",
    "a hard lockup": "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
    "a lock order": "WARNING: possible circular locking dependency detected",
    "a lock taken twice": "WARNING: possible recursive locking detected",
    "a lock in interrupts": "WARNING: inconsistent lock state",
    "an unknown lock": "INFO: trying to register non-static key.",
    "a sleeping call": "BUG: sleeping function called from invalid context at mm/slab.h:306",
    "a sleep under a lock": "BUG: scheduling while atomic: kworker/0:1/9/0x00000002",
    "a reference count": "refcount_t: underflow; use-after-free.",
    "a list": "list_del corruption. prev->next should be ffff888003a1c010",
    "an interrupt": "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
    "DMA that the IOMMU refused": "DMAR: [DMA Write NO_PASID] Request device [01:01.0] fault",
    "a panic": "Kernel panic - not syncing: Fatal exception",
}
HARMLESS = (
    "virtio_net virtio0 enp1s0: renamed from eth0",
    "pci 0000:01:01.0: [1af4:1041] type 00 class 0x020000 PCIe Endpoint",
    "DMAR: Intel(R) Virtualization Technology for Directed I/O",
    "vfvirt_core: loading out-of-tree module taints kernel.",
    "reboot: Power down",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 39182)",
    # Counted object by object after the last test, and a test may have had to leak.
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "Warning: unable to open an initial console.",
)


def judged(lines):
    """The lines that the judge finds guilty."""
    done = subprocess.run([kernel.init(), "--judge"], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=True, timeout=10)
    return done.stdout.splitlines()


@test("judge: every kind of bug is found, by its line alone")
def _(_folder):
    missed = [kind for kind, line in GUILTY.items() if judged([line]) != [line]]
    expect(not missed, f"not found: {', '.join(missed)}")


@test("judge: a time stamp does not hide a bug")
def _(_folder):
    line = GUILTY["a warning"]
    expect(judged([f"[   12.345678] {line}"]) == [line], "a stamped line is not found")


@test("judge: harmless lines are not guilty")
def _(_folder):
    found = judged(HARMLESS)
    expect(not found, f"guilty without guilt: {found}")
