// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many users do random things to many VFs while the card misbehaves. Nothing is expected of the
 * values; every call must return, and the kernel must stay silent.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "file.h"
#include "handout.h"
#include "host.h"
#include "nic.h"
#include "test.h"

#define VFS 4 /* with users; one more has none */
#define THREADS_A_VF 2
#define HOST_ACTS 4
#define CALL_LIMIT_MS 20000
#define HOST_LIMIT_MS 60000 /* users that miss the first request hear the next one 10 s later */

/* One VF and its users. Opening and closing exclude the other calls, as a VMM's own lock does. */
struct victim {
	struct vfio vfio;
	pthread_rwlock_t lock;
	const char *bdf;
	int request; /* eventfd: the host wants the VF back */
};

static struct victim victims[VFS];
static unsigned int operations_left, slowest_ms;
static int rounds_left; /* of the host, at least */
static bool storm_over;

static void reopen(struct victim *victim)
{
	pthread_rwlock_wrlock(&victim->lock);
	vfio_close(&victim->vfio);
	if (!vfio_open(&victim->vfio, victim->bdf)) {
		uint16_t command = 7;

		vfio_request_event(&victim->vfio, victim->request);
		vfio_write(&victim->vfio, VFIO_CONFIG, 4, &command, 2);
	}
	pthread_rwlock_unlock(&victim->lock);
}

/* A user that was asked to leave does, and comes back when it can. */
static bool must_leave(const struct victim *victim)
{
	uint64_t count;

	return read(victim->request, &count, sizeof(count)) == sizeof(count);
}

static void toggle_msix(struct vfio *vfio, unsigned int seed)
{
	int fds[NIC_VECTORS] = { -1, -1, -1 };

	if (seed % 2) {
		vfio_msix(vfio, NULL, 0);
		return;
	}
	fds[0] = eventfd(0, EFD_CLOEXEC);
	vfio_msix(vfio, fds, NIC_VECTORS);
	close(fds[0]);
}

/* One call out of many; results do not matter. */
static void act(struct victim *victim, unsigned int *seed)
{
	unsigned int choice = rand_r(seed) % 1000, offset = rand_r(seed) % 80;
	uint64_t value = rand_r(seed);
	unsigned int length = 1 + rand_r(seed) % 8;
	struct vfio *vfio = &victim->vfio;

	if (choice < 10 || must_leave(victim))
		return reopen(victim);
	pthread_rwlock_rdlock(&victim->lock);
	if (vfio->device_fd < 0) {
		pthread_rwlock_unlock(&victim->lock);
		pause_ms(5); /* while there is no VF, operations should not run out */
		return reopen(victim);
	}
	if (choice < 20)
		vfio_reset(vfio);
	else if (choice < 60)
		toggle_msix(vfio, *seed);
	else if (choice < 100)
		vfio_areas(vfio);
	else if (choice < 200)
		vfio_read(vfio, VFIO_CONFIG, offset, &value, length);
	else if (choice < 250)
		vfio_write(vfio, VFIO_CONFIG, offset, &value, length);
	else if (choice < 650)
		vfio_read(vfio, VFIO_BAR0, offset, &value, length);
	else
		vfio_write(vfio, VFIO_BAR0, offset, &value, length);
	pthread_rwlock_unlock(&victim->lock);
}

static void *use(void *context)
{
	struct victim *victim = context;
	unsigned int seed = (uintptr_t)pthread_self() + now_ms();

	while ((int)__atomic_fetch_sub(&operations_left, 1, __ATOMIC_RELAXED) > 0 ||
	       __atomic_load_n(&rounds_left, __ATOMIC_RELAXED) > 0) {
		uint64_t begin_ms = now_ms();
		unsigned int took_ms;

		act(victim, &seed);
		took_ms = now_ms() - begin_ms;
		if (took_ms > __atomic_load_n(&slowest_ms, __ATOMIC_RELAXED))
			__atomic_store_n(&slowest_ms, took_ms, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void reset_pf(const struct handout *handout)
{
	char path[PCI_PATH_SIZE];

	CHECK_OK(file_write(pci_path(path, handout->pf, "reset"), "1"));
}

/* The card: one fault after the other, each for a moment. */
static void *misbehave(void *context)
{
	static const char *const faults[] = {
		"status,status=22,qualifier=3,opcode=3", "status,status=22,qualifier=3,opcode=4",
		"status,status=11,times=3", "random-result,opcode=3,times=20",
		"used-length,mode=short,bytes=2,times=20", "used-length,mode=zero,times=20",
		"used-length,mode=long,times=20", "delay,ms=50,hold=self,times=5",
		"delay,ms=20,hold=queue,times=5", "stall,hold=self,times=1", "duplicate,times=1",
		"status,status=22,qualifier=4,opcode=0", "status,status=12,opcode=1,times=2",
		"notify-info,bad=offset", "notify-info,bad=bar", "stall,hold=queue,times=1",
	};
	unsigned int seed = 1;

	(void)context;
	while (!__atomic_load_n(&storm_over, __ATOMIC_RELAXED)) {
		host_do("fault pf0 %s", faults[rand_r(&seed) % (sizeof(faults) / sizeof(*faults))]);
		pause_ms(20 + rand_r(&seed) % 200);
		host_do("fault-clear pf0 all");
		pause_ms(rand_r(&seed) % 50);
	}
	return NULL;
}

static void rebind(const char *bdf)
{
	CHECK_OK(pci_unbind(bdf));
	CHECK_OK(pci_bind(bdf, VF_OURS));
}

static void renumber(const struct handout *handout)
{
	CHECK_OK(pci_set_vfs(handout->pf, 0));
	CHECK_OK(pci_set_vfs(handout->pf, handout->count));
	for (unsigned int i = 0; i < handout->count; i++)
		CHECK_OK(pci_bind(handout->vfs[i], VF_OURS));
}

/* The host: resets the card, takes VFs from their users, one or all, and gives them back. */
static void *administer(void *context)
{
	const struct handout *handout = context;
	unsigned int seed = 2, rounds = 0;

	for (; !__atomic_load_n(&storm_over, __ATOMIC_RELAXED); rounds++) {
		uint64_t begin_ms = now_ms();

		switch (rounds % HOST_ACTS) {
		case 0:
			reset_pf(handout);
			break;
		case 1:
			renumber(handout);
			break;
		case 2:
			rebind(handout->vfs[rand_r(&seed) % VFS]);
			break;
		default:
			rebind(handout->vfs[VFS]);
		}
		CHECK(now_ms() - begin_ms < test_limit(HOST_LIMIT_MS), "the host was held up for %u ms",
		      (unsigned int)(now_ms() - begin_ms));
		__atomic_fetch_sub(&rounds_left, 1, __ATOMIC_RELAXED);
		pause_ms(rand_r(&seed) % 100);
	}
	test_log("the host did %u things", rounds);
	return NULL;
}

/* Starts the users. */
static void begin(struct handout *handout, unsigned int operations, pthread_t *ret_users)
{
	handout_open(handout, PF_OURS, VFS + 1);
	operations_left = operations;
	for (unsigned int i = 0; i < VFS; i++) {
		victims[i].bdf = handout->vfs[i];
		victims[i].vfio = (struct vfio){ .container_fd = -1, .group_fd = -1,
						 .device_fd = -1 };
		victims[i].request = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		pthread_rwlock_init(&victims[i].lock, NULL);
		reopen(&victims[i]);
	}
	for (unsigned int i = 0; i < VFS * THREADS_A_VF; i++)
		CHECK(!pthread_create(&ret_users[i], NULL, use, &victims[i % VFS]), "no thread");
}

/* Waits for the users, none of whose calls may have lasted longer than a limit. */
static void end(const pthread_t *users, unsigned int limit_ms)
{
	for (unsigned int i = 0; i < VFS * THREADS_A_VF; i++)
		pthread_join(users[i], NULL);
	__atomic_store_n(&storm_over, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < VFS; i++)
		vfio_close(&victims[i].vfio);
	test_log("slowest call: %u ms", slowest_ms);
	CHECK(slowest_ms < limit_ms, "a call took %u ms", slowest_ms);
}

/* A new user finds legacy registers that work. While the owner recovers, it finds none. */
static bool works(const char *bdf)
{
	struct vfio vfio;
	bool good;

	CHECK_OK(vfio_open(&vfio, bdf));
	good = vfio.areas[VFIO_BAR0].size_bytes;
	if (good) {
		vfio_command(&vfio, 7);
		good = vfio_get(&vfio, VFIO_BAR0, LEGACY_STATUS, 1) == 0;
	}
	vfio_close(&vfio);
	return good;
}

static void check_all_work(const struct handout *handout)
{
	for (unsigned int i = 0; i < VFS; i++)
		WAIT_FOR(CALL_LIMIT_MS, works(handout->vfs[i]), "a VF to work after the storm");
}

/* All at once; what excludes what is the product's business. */
static void storm(unsigned int operations)
{
	pthread_t users[VFS * THREADS_A_VF], card, host;
	struct handout handout;

	rounds_left = HOST_ACTS;
	begin(&handout, operations, users);
	CHECK(!pthread_create(&card, NULL, misbehave, NULL), "no thread");
	CHECK(!pthread_create(&host, NULL, administer, &handout), "no thread");
	end(users, test_limit(CALL_LIMIT_MS));
	pthread_join(card, NULL);
	pthread_join(host, NULL);
	host_do("reset");
	check_all_work(&handout);
	handout_close(&handout);
}

TEST(vfio_storm, .modules = HANDOUT_MODULES, .limit_s = 900, .on_demand = true)
{
	storm(test_number("storm_operations", 20000));
}

TEST(vfio_short_storm, .modules = HANDOUT_MODULES, .limit_s = 240)
{
	storm(600);
}

/* The PF is reset under its users' feet, again and again. */
TEST(vfio_storm_of_resets, .modules = HANDOUT_MODULES, .limit_s = 300,
     .on_demand = true)
{
	pthread_t users[VFS * THREADS_A_VF];
	struct handout handout;

	begin(&handout, 2000, users);
	while ((int)__atomic_load_n(&operations_left, __ATOMIC_RELAXED) > 0) {
		reset_pf(&handout);
		pause_ms(300);
	}
	end(users, test_limit(CALL_LIMIT_MS));
	check_all_work(&handout);
	handout_close(&handout);
}

/* The card goes away in the middle; the users' calls fail, but return, and all can be removed. */
TEST(vfio_storm_card_goes_away, .modules = HANDOUT_MODULES, .own_boot = true, .limit_s = 300,
     .on_demand = true)
{
	pthread_t users[VFS * THREADS_A_VF];
	struct handout handout;
	unsigned int limit_ms;

	begin(&handout, 4000, users);
	WAIT_FOR(100000, __atomic_load_n(&operations_left, __ATOMIC_RELAXED) < 3000,
		 "a quarter of the storm");
	limit_ms = host_take_away("pf0");
	end(users, limit_ms);
	WAIT_FOR(60000, !pci_present(handout.pf), "the PF to leave the bus");
}
