/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel to the host: switches faults, reads counters, plugs and unplugs cards. */
#ifndef VFVIRT_TESTS_HOST_H
#define VFVIRT_TESTS_HOST_H

#include <stddef.h>

/**
 * host_open() - open the channel; once, before the first request of any process.
 *
 * Return: 0 or negative errno.
 */
int host_open(void);

/**
 * host_ask() - send one request and wait at most 10 s for its answer.
 * @ret_answer: text after "ok " or after "error ", terminated.
 * @size: of that buffer, in bytes.
 * @format: request, as printf; the verbs are listed in README.md.
 *
 * Return: 0, -EREMOTEIO when the host refused (reason in @ret_answer), -ETIMEDOUT, or
 * negative errno.
 */
int host_ask(char *ret_answer, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * host_do() - send one request that must succeed; ends the test when it does not.
 * @format: request, as printf.
 */
void host_do(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * host_number() - send one request whose answer is a number; ends the test when it is not.
 * @format: request, as printf.
 *
 * Return: the number.
 */
long host_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * host_replug() - wait until a card that is being unplugged has left its slot, and plug it again.
 * @card: "pf0".
 * @limit_ms: for the unplugging.
 *
 * A second passes in between, as QEMU presses the slot's button when it plugs, and the kernel takes
 * that for a second request when it finds the card before it has ended the unplugging.
 */
void host_replug(const char *card, unsigned int limit_ms);

/**
 * host_take_away() - a card goes away without a word, in a boot of the test's own.
 * @card: "pf0".
 *
 * The PCI core of 6.1 waits 65 s, unkillable, for a function that was being reset in that moment;
 * such a wait is no finding there.
 *
 * Return: how long a call may last from now on, in milliseconds.
 */
unsigned int host_take_away(const char *card);

/**
 * host_count() - read one counter of the card; ends the test when that fails.
 * @card: "pf0".
 * @member_id: 0 for the PF, else the VF.
 * @counter: dotted path below the port in the device model's counters, as "commands.0.ok".
 *
 * Return: its value; 0 when the card never counted there.
 */
long host_count(const char *card, unsigned int member_id, const char *counter);

/**
 * host_struck() - how often armed faults of a kind struck; ends the test when that fails.
 * @card: "pf0".
 * @kind: of the fault, as "stall".
 *
 * Return: the sum over all armed faults of the kind.
 */
long host_struck(const char *card, const char *kind);

#endif
