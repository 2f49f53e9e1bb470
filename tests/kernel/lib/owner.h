/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PF on vfvirt_pf, its VFs on vfvirt_test, and what the family "vfvirt" says of the owner. */
#ifndef VFVIRT_TESTS_OWNER_H
#define VFVIRT_TESTS_OWNER_H

#include "genl.h"
#include "member.h"

#define OWNER_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_pf vfvirt_test"

/* What GET_OWNERS says of one owner; -1 where it says nothing. */
struct owner {
	long long state, reason, opcodes, depth, queues, in_flight, driver_features;
};

/**
 * owner_open() - bind the first card's PF to vfvirt_pf, make VFs on vfvirt_test, clear faults.
 * @ret_pf: its address, BDF_SIZE bytes.
 * @vfs: how many.
 * Ends the test on failure.
 */
void owner_open(char *ret_pf, unsigned int vfs);

/**
 * owner_close() - clear faults, remove the VFs and give the PF back to virtio-pci.
 * @pf: of owner_open().
 */
void owner_close(const char *pf);

/**
 * owner_look() - what the kernel says of an owner; ends the test when it lists none there.
 * @pf: address of the PF.
 * Return: the facts.
 */
struct owner owner_look(const char *pf);

/**
 * owner_wait_state() - wait until an owner is in a state.
 * @pf: address of the PF.
 * @state: enum vfvirt_owner_state.
 * @limit_ms: how long at most; then the test ends.
 * Return: milliseconds that it took.
 */
unsigned int owner_wait_state(const char *pf, int state, unsigned int limit_ms);

/**
 * owner_check_works() - a VF's registers can be read; ends the test when not.
 * @pf: address of the PF.
 * @vf_index: from 0.
 */
void owner_check_works(const char *pf, unsigned int vf_index);

/**
 * owner_timed_read() - one read of the device status of a VF, and how long it took.
 * @pf: address of the PF.
 * @vf_index: from 0.
 * @ret_ms: milliseconds.
 * Return: result of the call.
 */
int owner_timed_read(const char *pf, unsigned int vf_index, unsigned int *ret_ms);

#endif
