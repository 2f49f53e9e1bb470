/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces in namespaces of their own, and pings between them. */
#ifndef VFVIRT_TESTS_NET_H
#define VFVIRT_TESTS_NET_H

#include "pci.h"

/* One interface, alone in a network namespace, with an address. */
struct net_end {
	char bdf[BDF_SIZE];
	char name[NETDEV_SIZE];
	char address[16];
	int ns_fd; /* keeps the namespace alive; closed when the test ends */
};

/**
 * net_end_open() - move a function's interface to a new namespace, give it an address, up.
 * @end: filled in.
 * @bdf: a PCI function with a network driver; its interface is waited for.
 * @address: IPv4 in text; the network is /24.
 *
 * Ends the test on failure. The interface returns to the first namespace when the test's
 * process ends.
 */
void net_end_open(struct net_end *end, const char *bdf, const char *address);

/**
 * net_end_close() - give the interface back to the first namespace now.
 * @end: of net_end_open().
 */
void net_end_close(struct net_end *end);

/**
 * net_ping() - send echo requests from one end to an address, one after the other.
 * @from: sending end.
 * @address: IPv4 in text.
 * @count: replies wanted.
 * @payload_bytes: bytes after the ICMP header, at most 1472; the reply's are compared.
 * @limit_ms: for all of it.
 *
 * Lost requests are repeated within the limit (address resolution loses the first).
 *
 * Return: number of right replies, @count at most.
 */
unsigned int net_ping(const struct net_end *from, const char *address, unsigned int count,
		      unsigned int payload_bytes, unsigned int limit_ms);

/**
 * net_check_ping() - ping both ways, small and full frames; ends the test when one fails.
 * @a: one end.
 * @b: the other.
 */
void net_check_ping(const struct net_end *a, const struct net_end *b);

/**
 * net_stream() - send as much as possible over one TCP connection for a while.
 * @from: sending end.
 * @to: receiving end.
 * @duration_ms: how long.
 *
 * Return: bytes that arrived a second; ends the test when there is no connection.
 */
double net_stream(const struct net_end *from, const struct net_end *to, unsigned int duration_ms);

/**
 * net_loopback_up() - switch the loopback interface of this namespace on.
 *
 * Return: 0 or negative errno.
 */
int net_loopback_up(void);

#endif
