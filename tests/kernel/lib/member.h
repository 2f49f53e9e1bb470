/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VFs on the driver vfvirt_test, which makes the calls of the core's API, and PFs on vfvirt_fake. */
#ifndef VFVIRT_TESTS_MEMBER_H
#define VFVIRT_TESTS_MEMBER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pci.h"

/**
 * member_bind() - make VFs and bind them to vfvirt_test; ends the test when that fails.
 * @pf_bdf: a PF without VFs, bound to a driver that makes some.
 * @count: how many.
 */
void member_bind(const char *pf_bdf, unsigned int count);

/**
 * member_ask() - one call of the API for a VF.
 * @pf_bdf: its PF.
 * @vf_index: from 0.
 * @ret_data: what the call gave besides its result; may be NULL.
 * @size: of that buffer, in bytes.
 * @format: the call, as printf; vfvirt_test.c lists them.
 *
 * Return: the result of the call, often 0 or negative errno; ends the test when the driver did not
 * understand.
 */
long member_ask(const char *pf_bdf, unsigned int vf_index, char *ret_data, size_t size,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

/**
 * member_start() - one call of the API in a process of its own, which exits when it is done.
 * @pf_bdf: the PF.
 * @vf_index: from 0.
 * @words: the call.
 *
 * Return: the process; member_end() waits for it.
 */
pid_t member_start(const char *pf_bdf, unsigned int vf_index, const char *words);

/**
 * member_end() - the result of a call that member_start() began; ends the test after 30 s.
 * @process: of member_start().
 *
 * Return: its result, 0 or negative errno; -EINTR when it was killed.
 */
int member_end(pid_t process);

/* Reads of the device status of a VF during a window of time. */
struct member_reads {
	unsigned int done;
	unsigned int failed;
	unsigned int median_ns; /* of one that was done */
};

/**
 * member_read_during() - read the device status of a VF over and over, inside the kernel.
 * @pf_bdf: its PF.
 * @vf_index: from 0.
 * @begin_ns: what begins earlier does not count; a time of measure_ns().
 * @end_ns: nothing begins later.
 *
 * Return: what became of the reads; ends the test when the driver did not understand.
 */
struct member_reads member_read_during(const char *pf_bdf, unsigned int vf_index,
				       uint64_t begin_ns, uint64_t end_ns);

/**
 * fake_bind() - bind a PF to vfvirt_fake and declare it ready; ends the test when that fails.
 * @pf_bdf: the PF.
 */
void fake_bind(const char *pf_bdf);

/**
 * fake_order() - an order to vfvirt_fake.
 * @pf_bdf: a PF bound to it.
 * @format: the order, as printf; vfvirt_fake.c lists them.
 *
 * Return: 0 or negative errno of the order.
 */
int fake_order(const char *pf_bdf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * member_unload_core() - unload vfvirt_core after all modules that use it, whatever tests before
 * loaded; ends the test when that fails.
 */
void member_unload_core(void);

/* What vfvirt_fake saw. */
struct fake_seen {
	unsigned int executed;
	unsigned int running;
	unsigned int running_max;
	unsigned int exclusive_broken;
	int list_member;
	unsigned long long used_opcodes;
};

/**
 * fake_look() - what vfvirt_fake saw; ends the test when it cannot be read.
 * @pf_bdf: a PF bound to it.
 *
 * Return: the numbers.
 */
struct fake_seen fake_look(const char *pf_bdf);

#endif
