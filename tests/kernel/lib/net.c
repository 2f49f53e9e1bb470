// SPDX-License-Identifier: GPL-2.0-or-later
/* Network namespaces, interfaces (by ioctl and one netlink message), ICMP echo. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "test.h"

#define PAYLOAD_MAX_BYTES 1472
#define STREAM_PORT 5001
#define STREAM_CHUNK_BYTES 65536
#define STREAM_SILENCE_MS 10000 /* a stream that stands still for so long has ended */
#define REPLY_LIMIT_MS 500 /* then the request counts as lost and is repeated */

static int ns_current(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int ns_new(void)
{
	int here = ns_current(), fresh = -1, error = 0;

	if (here < 0)
		return -errno;
	if (unshare(CLONE_NEWNET) || (fresh = ns_current()) < 0 || setns(here, CLONE_NEWNET))
		error = -errno;
	close(here);
	return error ? error : fresh;
}

/* Enters a namespace; returns a descriptor of the one left, for ns_return(). */
static int ns_enter(int ns_fd)
{
	int here = ns_current();

	CHECK(here >= 0 && !setns(ns_fd, CLONE_NEWNET), "cannot enter a network namespace: %s",
	      strerror(errno));
	return here;
}

static void ns_return(int here)
{
	CHECK(!setns(here, CLONE_NEWNET), "cannot leave a network namespace: %s", strerror(errno));
	close(here);
}

static int move_interface(const char *name, int ns_fd)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attribute;
		int value;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_index = if_nametoindex(name) },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = IFLA_NET_NS_FD },
		.value = ns_fd,
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr answer;
		char echo[sizeof(request)];
	} reply;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error = 0;

	if (fd < 0)
		return -errno;
	if (send(fd, &request, sizeof(request), 0) < 0 || recv(fd, &reply, sizeof(reply), 0) < 0)
		error = -errno;
	else
		error = reply.answer.error;
	close(fd);
	return error;
}

/* Address (NULL: none) and up, in this namespace. */
static int configure(const char *name, const char *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
	struct ifreq request = { 0 };
	struct sockaddr_in *field = (struct sockaddr_in *)&request.ifr_addr;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	if (address) {
		field->sin_family = AF_INET;
		inet_pton(AF_INET, address, &field->sin_addr);
		if (ioctl(fd, SIOCSIFADDR, &request))
			error = -errno;
		field->sin_addr.s_addr = htonl(0xffffff00);
		if (!error && ioctl(fd, SIOCSIFNETMASK, &request))
			error = -errno;
	}
	if (!error && ioctl(fd, SIOCGIFFLAGS, &request))
		error = -errno;
	request.ifr_flags |= IFF_UP;
	if (!error && ioctl(fd, SIOCSIFFLAGS, &request))
		error = -errno;
	close(fd);
	return error;
}

int net_loopback_up(void)
{
	return configure("lo", NULL);
}

void net_end_open(struct net_end *end, const char *bdf, const char *address)
{
	int here;

	snprintf(end->bdf, sizeof(end->bdf), "%s", bdf);
	snprintf(end->address, sizeof(end->address), "%s", address);
	pci_wait_netdev(bdf, end->name);
	end->ns_fd = ns_new();
	CHECK(end->ns_fd >= 0, "no network namespace: %s", strerror(-end->ns_fd));
	CHECK_OK(move_interface(end->name, end->ns_fd));
	here = ns_enter(end->ns_fd);
	CHECK_OK(configure(end->name, address));
	ns_return(here);
}

void net_end_close(struct net_end *end)
{
	int first = ns_current(), here;

	CHECK(first >= 0, "no network namespace: %s", strerror(errno));
	here = ns_enter(end->ns_fd);
	CHECK_OK(move_interface(end->name, first));
	ns_return(here);
	close(first);
	close(end->ns_fd);
}

static uint16_t checksum(const void *bytes, size_t length_bytes)
{
	const uint8_t *byte = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < length_bytes; i++)
		sum += i & 1 ? byte[i] : byte[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

struct echo {
	struct icmphdr header;
	uint8_t payload[PAYLOAD_MAX_BYTES];
};

static void fill(struct echo *echo, uint16_t sequence, unsigned int payload_bytes)
{
	memset(&echo->header, 0, sizeof(echo->header));
	echo->header.type = ICMP_ECHO;
	echo->header.un.echo.id = htons(getpid());
	echo->header.un.echo.sequence = htons(sequence);
	for (unsigned int i = 0; i < payload_bytes; i++)
		echo->payload[i] = sequence + i;
	echo->header.checksum = checksum(echo, sizeof(echo->header) + payload_bytes);
}

/* Waits for the reply to @sent; true when it came and carries the same payload. */
static bool await_reply(int fd, const struct echo *sent, unsigned int payload_bytes,
			uint64_t end_ms)
{
	uint8_t packet[sizeof(struct iphdr) + sizeof(struct echo)];
	uint64_t now;

	while ((now = now_ms()) < end_ms) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		const struct echo *got = (void *)(packet + sizeof(struct iphdr));
		size_t wanted = sizeof(struct iphdr) + sizeof(got->header) + payload_bytes;
		ssize_t length;

		if (poll(&ready, 1, end_ms - now) <= 0)
			return false;
		length = recv(fd, packet, sizeof(packet), 0);
		if (length != (ssize_t)wanted ||
		    got->header.type != ICMP_ECHOREPLY ||
		    got->header.un.echo.id != sent->header.un.echo.id ||
		    got->header.un.echo.sequence != sent->header.un.echo.sequence)
			continue;
		return !memcmp(got->payload, sent->payload, payload_bytes);
	}
	return false;
}

unsigned int net_ping(const struct net_end *from, const char *address, unsigned int count,
		      unsigned int payload_bytes, unsigned int limit_ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint64_t end_ms = now_ms() + limit_ms;
	unsigned int replies = 0;
	uint16_t sequence = 0;
	int here = ns_enter(from->ns_fd);
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	struct echo echo;

	CHECK(fd >= 0, "no ICMP socket: %s", strerror(errno));
	ns_return(here);
	inet_pton(AF_INET, address, &to.sin_addr);
	while (replies < count && now_ms() < end_ms) {
		uint64_t reply_end_ms = now_ms() + REPLY_LIMIT_MS;

		fill(&echo, ++sequence, payload_bytes);
		if (sendto(fd, &echo, sizeof(echo.header) + payload_bytes, 0, (void *)&to,
			   sizeof(to)) < 0) {
			pause_ms(5);
			continue;
		}
		if (await_reply(fd, &echo, payload_bytes,
				reply_end_ms < end_ms ? reply_end_ms : end_ms))
			replies++;
	}
	close(fd);
	return replies;
}

static void check_one_way(const struct net_end *from, const struct net_end *to)
{
	static const unsigned int sizes_bytes[] = { 56, PAYLOAD_MAX_BYTES };

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int replies = net_ping(from, to->address, 5, sizes_bytes[i], 10000);

		CHECK(replies == 5, "%s -> %s: %u of 5 pings of %u bytes came back in 10 s",
		      from->bdf, to->bdf, replies, sizes_bytes[i]);
	}
}

void net_check_ping(const struct net_end *a, const struct net_end *b)
{
	check_one_way(a, b);
	check_one_way(b, a);
}

/* A TCP socket in the namespace of an end. */
static int tcp_socket(const struct net_end *end)
{
	int here = ns_enter(end->ns_fd);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0, "no TCP socket: %s", strerror(errno));
	ns_return(here);
	return fd;
}

static void send_for_ever(const struct net_end *from, const struct sockaddr_in *to)
{
	static const char chunk[STREAM_CHUNK_BYTES];
	int fd = tcp_socket(from);

	if (connect(fd, (const void *)to, sizeof(*to)))
		_exit(1);
	while (write(fd, chunk, sizeof(chunk)) > 0)
		;
	_exit(0);
}

/* Bytes received until @end_ms; ends the test when nothing comes. */
static uint64_t receive_until(int fd, uint64_t end_ms)
{
	static char chunk[STREAM_CHUNK_BYTES];
	uint64_t sum_bytes = 0;

	while (now_ms() < end_ms) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t length = poll(&ready, 1, STREAM_SILENCE_MS) > 0 ?
				 read(fd, chunk, sizeof(chunk)) : 0;

		CHECK(length > 0, "the stream stands still after %llu bytes",
		      (unsigned long long)sum_bytes);
		sum_bytes += length;
	}
	return sum_bytes;
}

double net_stream(const struct net_end *from, const struct net_end *to, unsigned int duration_ms)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(STREAM_PORT) };
	int listener = tcp_socket(to), on = 1, fd;
	struct pollfd ready = { .fd = listener, .events = POLLIN };
	uint64_t begin_ms, bytes;
	pid_t sender;

	inet_pton(AF_INET, to->address, &address.sin_addr);
	CHECK(!setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	      !bind(listener, (const void *)&address, sizeof(address)) && !listen(listener, 1),
	      "cannot listen at %s: %s", to->address, strerror(errno));
	sender = fork();
	if (!sender)
		send_for_ever(from, &address);
	CHECK(poll(&ready, 1, STREAM_SILENCE_MS) > 0, "no connection to %s", to->address);
	fd = accept(listener, NULL, NULL);
	CHECK(fd >= 0, "cannot accept: %s", strerror(errno));
	/* The beginning, while the window opens, does not count. */
	receive_until(fd, now_ms() + duration_ms / 4);
	begin_ms = now_ms();
	bytes = receive_until(fd, begin_ms + duration_ms);
	duration_ms = now_ms() - begin_ms;
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	close(fd);
	close(listener);
	return bytes * 1000.0 / duration_ms;
}
