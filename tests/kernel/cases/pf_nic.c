// SPDX-License-Identifier: GPL-2.0-or-later
/* The PF on vfvirt_pf as a network card: as with virtio-pci, whatever interrupts and rings it has. */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "module.h"
#include "net.h"
#include "test.h"

#define PF_MODULES "virtio_pci virtio_net vfvirt_core vfvirt_pf"

TEST(pf_carries_pings, .configs = "default intx few-vectors packed", .modules = PF_MODULES)
{
	struct net_end pf_end, vf_end;
	char pf[BDF_SIZE], vf[BDF_SIZE];

	pci_pf(0, pf);
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	CHECK_OK(pci_set_vfs(pf, 1));
	pci_vf(pf, 0, vf);
	net_end_open(&pf_end, pf, "10.9.0.1");
	net_end_open(&vf_end, vf, "10.9.0.2");
	net_check_ping(&pf_end, &vf_end);
	net_end_close(&vf_end);
	net_end_close(&pf_end);
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}

static int ethtool(const char *name, void *command)
{
	struct ifreq request = { .ifr_data = command };
	int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	CHECK(socket_fd >= 0, "no socket: %s", strerror(errno));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	error = ioctl(socket_fd, SIOCETHTOOL, &request) ? -errno : 0;
	close(socket_fd);
	return error;
}

static void set_channels(const char *name, unsigned int count)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	CHECK_OK(ethtool(name, &channels));
	CHECK_EQUAL(channels.max_combined, 2, "queue pairs of the card");
	channels.cmd = ETHTOOL_SCHANNELS;
	channels.combined_count = count;
	CHECK_OK(ethtool(name, &channels));
	channels.cmd = ETHTOOL_GCHANNELS;
	CHECK_OK(ethtool(name, &channels));
	CHECK_EQUAL(channels.combined_count, count, "queue pairs in use");
}

/* Each queue is reset by itself for it (VIRTIO_F_RING_RESET). */
static void set_ring_sizes(const char *name, unsigned int entries)
{
	struct ethtool_ringparam rings = { .cmd = ETHTOOL_GRINGPARAM };

	CHECK_OK(ethtool(name, &rings));
	rings.cmd = ETHTOOL_SRINGPARAM;
	rings.rx_pending = entries;
	rings.tx_pending = entries;
	CHECK_OK(ethtool(name, &rings));
	rings.cmd = ETHTOOL_GRINGPARAM;
	CHECK_OK(ethtool(name, &rings));
	CHECK_EQUAL(rings.rx_pending, entries, "entries of the receive ring");
	CHECK_EQUAL(rings.tx_pending, entries, "entries of the send ring");
}

/* The control queue obeys, and traffic goes on through other numbers and sizes of queues. */
TEST(pf_queues_change_number_and_size, .configs = "default intx few-vectors packed",
     .modules = PF_MODULES, .limit_s = 60)
{
	struct net_end pf_end, vf_end;
	char pf[BDF_SIZE], vf[BDF_SIZE], name[NETDEV_SIZE];

	pci_pf(0, pf);
	CHECK_OK(pci_bind(pf, "vfvirt_pf"));
	CHECK_OK(pci_set_vfs(pf, 1));
	pci_vf(pf, 0, vf);
	net_end_open(&vf_end, vf, "10.9.0.2");
	pci_wait_netdev(pf, name);
	for (unsigned int n = 1; n <= 2; n++) {
		set_channels(name, n);
		set_ring_sizes(name, 64 << n);
	}
	set_channels(name, 1);
	set_ring_sizes(name, 64);
	net_end_open(&pf_end, pf, "10.9.0.1");
	net_check_ping(&pf_end, &vf_end);
	net_end_close(&vf_end);
	net_end_close(&pf_end);
	CHECK_OK(pci_set_vfs(pf, 0));
	CHECK_OK(pci_bind(pf, "virtio-pci"));
}
