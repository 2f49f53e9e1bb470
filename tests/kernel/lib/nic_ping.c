// SPDX-License-Identifier: GPL-2.0-or-later
/* ARP and ICMP echo by hand, for cards that no network stack drives. */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

#include "nic.h"
#include "test.h"

#define NETWORK 0x0a090000 /* 10.9.0.0 */
#define ECHO_BYTES 64
#define REPLY_LIMIT_MS 1000
#define ATTEMPTS 5
#define FRAME_MAX_BYTES 1514

struct arp_frame {
	struct ether_header ether;
	struct ether_arp arp;
} __attribute__((packed));

struct echo_frame {
	struct ether_header ether;
	struct iphdr ip;
	struct icmphdr icmp;
	uint8_t data[ECHO_BYTES];
} __attribute__((packed));

static uint32_t address_of(uint8_t host)
{
	return htonl(NETWORK | host);
}

static uint16_t checksum(const void *bytes, unsigned int length)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (unsigned int i = 0; i + 1 < length; i += 2)
		sum += at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static void make_arp(struct arp_frame *frame, const struct nic *nic, uint16_t operation,
		     uint8_t host, const uint8_t *to_mac, uint8_t to_host)
{
	uint32_t from = address_of(host), to = address_of(to_host);

	*frame = (struct arp_frame){
		.ether.ether_type = htons(ETHERTYPE_ARP),
		.arp.ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETHERTYPE_IP),
				.ar_hln = 6, .ar_pln = 4, .ar_op = htons(operation) },
	};
	memcpy(frame->ether.ether_shost, nic->mac, 6);
	memcpy(frame->ether.ether_dhost, to_mac, 6);
	memcpy(frame->arp.arp_sha, nic->mac, 6);
	memcpy(frame->arp.arp_spa, &from, 4);
	memcpy(frame->arp.arp_tpa, &to, 4);
}

static void make_echo(struct echo_frame *frame, const struct nic *nic, uint8_t host,
		      const uint8_t *to_mac, uint8_t to_host, uint16_t sequence)
{
	*frame = (struct echo_frame){
		.ether.ether_type = htons(ETHERTYPE_IP),
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_ICMP,
			.tot_len = htons(sizeof(*frame) - sizeof(frame->ether)),
			.saddr = address_of(host), .daddr = address_of(to_host) },
		.icmp = { .type = ICMP_ECHO, .un.echo = { .id = htons(host),
							  .sequence = htons(sequence) } },
	};
	memcpy(frame->ether.ether_shost, nic->mac, 6);
	memcpy(frame->ether.ether_dhost, to_mac, 6);
	for (unsigned int i = 0; i < ECHO_BYTES; i++)
		frame->data[i] = sequence + i;
	frame->ip.check = checksum(&frame->ip, sizeof(frame->ip));
	frame->icmp.checksum = checksum(&frame->icmp, sizeof(frame->icmp) + ECHO_BYTES);
}

/* Answers a request for @host's address or an echo request to it; other frames are dropped. */
static void answer(struct nic *nic, uint8_t host, const uint8_t *bytes, int length)
{
	struct arp_frame request, reply;
	struct echo_frame echo, reply_echo;
	uint32_t mine = address_of(host);

	memcpy(&request, bytes, sizeof(request));
	memcpy(&echo, bytes, sizeof(echo));
	if (length >= (int)sizeof(request) && request.ether.ether_type == htons(ETHERTYPE_ARP) &&
	    request.arp.ea_hdr.ar_op == htons(ARPOP_REQUEST) &&
	    !memcmp(request.arp.arp_tpa, &mine, 4)) {
		make_arp(&reply, nic, ARPOP_REPLY, host, request.arp.arp_sha,
			 request.arp.arp_spa[3]);
		memcpy(reply.arp.arp_tha, request.arp.arp_sha, 6);
		nic_send(nic, &reply, sizeof(reply));
	}
	if (length >= (int)sizeof(echo) && echo.ether.ether_type == htons(ETHERTYPE_IP) &&
	    echo.ip.daddr == mine && echo.ip.protocol == IPPROTO_ICMP &&
	    echo.icmp.type == ICMP_ECHO) {
		make_echo(&reply_echo, nic, host, echo.ether.ether_shost,
			  ntohl(echo.ip.saddr) & 0xff, ntohs(echo.icmp.un.echo.sequence));
		reply_echo.icmp.type = ICMP_ECHOREPLY;
		reply_echo.icmp.checksum = 0;
		reply_echo.icmp.checksum = checksum(&reply_echo.icmp,
						    sizeof(reply_echo.icmp) + ECHO_BYTES);
		nic_send(nic, &reply_echo, sizeof(reply_echo));
	}
}

/* Waits for the next frame at @nic; meanwhile @peer, when there is one, gives its answers. */
static int next_frame(struct nic *nic, uint8_t *ret_bytes, uint8_t peer_host, struct nic *peer)
{
	uint8_t bytes[FRAME_MAX_BYTES] = { 0 };
	int length;

	if (peer) {
		length = nic_receive(peer, bytes, sizeof(bytes), REPLY_LIMIT_MS);
		if (length)
			answer(peer, peer_host, bytes, length);
	}
	memset(ret_bytes, 0, FRAME_MAX_BYTES);
	return nic_receive(nic, ret_bytes, FRAME_MAX_BYTES, REPLY_LIMIT_MS);
}

static bool resolve(struct nic *nic, uint8_t host, uint8_t peer_host, struct nic *peer,
		    uint8_t *ret_mac)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint32_t wanted = address_of(peer_host);
	uint8_t bytes[FRAME_MAX_BYTES];
	struct arp_frame frame;
	int length;

	make_arp(&frame, nic, ARPOP_REQUEST, host, everybody, peer_host);
	nic_send(nic, &frame, sizeof(frame));
	while ((length = next_frame(nic, bytes, peer_host, peer))) {
		memcpy(&frame, bytes, sizeof(frame));
		if (frame.ether.ether_type == htons(ETHERTYPE_ARP) &&
		    frame.arp.ea_hdr.ar_op == htons(ARPOP_REPLY) &&
		    !memcmp(frame.arp.arp_spa, &wanted, 4)) {
			memcpy(ret_mac, frame.arp.arp_sha, 6);
			return true;
		}
		answer(nic, host, bytes, length);
	}
	return false;
}

bool nic_echo(struct nic *nic, uint8_t host, const uint8_t *mac, uint8_t peer_host,
	      struct nic *peer, uint16_t sequence)
{
	struct echo_frame request, reply;
	uint8_t bytes[FRAME_MAX_BYTES];
	int length;

	make_echo(&request, nic, host, mac, peer_host, sequence);
	nic_send(nic, &request, sizeof(request));
	while ((length = next_frame(nic, bytes, peer_host, peer))) {
		memcpy(&reply, bytes, sizeof(reply));
		if (reply.ether.ether_type == htons(ETHERTYPE_IP) &&
		    reply.ip.saddr == address_of(peer_host) &&
		    reply.icmp.type == ICMP_ECHOREPLY &&
		    reply.icmp.un.echo.sequence == htons(sequence))
			return !memcmp(reply.data, request.data, ECHO_BYTES);
		/* A peer with a network stack asks now and then whether we are still there. */
		answer(nic, host, bytes, length);
	}
	return false;
}

void nic_resolve(struct nic *nic, uint8_t host, uint8_t peer_host, struct nic *peer,
		 uint8_t *ret_mac)
{
	unsigned int attempts = 0;

	while (attempts++ < ATTEMPTS && !resolve(nic, host, peer_host, peer, ret_mac))
		;
	CHECK(attempts <= ATTEMPTS, "%s: nobody answers for 10.9.0.%u", nic->vfio->bdf, peer_host);
}

void nic_check_ping(struct nic *nic, uint8_t host, uint8_t peer_host, struct nic *peer,
		    unsigned int count)
{
	unsigned int attempts, replies = 0;
	uint8_t mac[6];

	nic_resolve(nic, host, peer_host, peer, mac);
	for (attempts = 0; replies < count && attempts < count + ATTEMPTS; attempts++)
		replies += nic_echo(nic, host, mac, peer_host, peer, attempts);
	CHECK_EQUAL(replies, count, "the number of echo replies");
}
