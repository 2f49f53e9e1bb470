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

/* What the storm was made of. All are counted with __atomic_fetch_add(). */
struct tally {
	unsigned int calls;     /* on an open VF: the operations */
	unsigned int changes;   /* of those: opens, closes and resets */
	unsigned int registers; /* of those: accesses to BAR0 that the driver took */
	unsigned int comebacks; /* opens after the host took the VF, or after it had no registers */
	unsigned int acts;      /* of the host */
	unsigned int faults;    /* of the card that struck */
};

/* One VF and its users. Opening and closing exclude the other calls, as a VMM's own lock does. */
struct victim {
	struct vfio vfio;
	pthread_rwlock_t lock;
	const char *bdf;
	int request; /* eventfd: the host wants the VF back */
};

static struct victim victims[VFS];
static struct tally tally;
static unsigned int operations, acts_least, slowest_ms;
static bool storm_over;

static void count(unsigned int *counter, unsigned int more)
{
	__atomic_fetch_add(counter, more, __ATOMIC_RELAXED);
}

/* Opens, closes and resets are at most 2 % of the operations, at any moment: counts one, or not. */
static bool may_change(unsigned int more)
{
	unsigned int changes = __atomic_add_fetch(&tally.changes, more, __ATOMIC_RELAXED);

	if (changes * 50 <= __atomic_load_n(&tally.calls, __ATOMIC_RELAXED))
		return true;
	__atomic_fetch_sub(&tally.changes, more, __ATOMIC_RELAXED);
	return false;
}

static void reopen(struct victim *victim)
{
	uint16_t command = 7;

	pthread_rwlock_wrlock(&victim->lock);
	vfio_close(&victim->vfio);
	if (!vfio_open(&victim->vfio, victim->bdf)) {
		vfio_request_event(&victim->vfio, victim->request);
		vfio_write(&victim->vfio, VFIO_CONFIG, 4, &command, 2);
	}
	pthread_rwlock_unlock(&victim->lock);
}

/* The VF was taken away, or has no registers because the card was silent when it was opened. */
static bool is_lost(const struct victim *victim)
{
	return victim->vfio.device_fd < 0 || !victim->vfio.areas[VFIO_BAR0].size_bytes;
}

/* One thread brings a lost VF back while the others wait; none of that is an operation. */
static void come_back(struct victim *victim)
{
	bool lost;

	pause_ms(20);
	pthread_rwlock_rdlock(&victim->lock);
	lost = is_lost(victim);
	pthread_rwlock_unlock(&victim->lock);
	if (!lost)
		return;
	count(&tally.comebacks, 1);
	reopen(victim);
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

/* One call out of many on an open VF; results do not matter. */
static void call(struct victim *victim, unsigned int choice, unsigned int *seed)
{
	unsigned int offset = rand_r(seed) % 80, length = 1 + rand_r(seed) % 8;
	struct vfio *vfio = &victim->vfio;
	uint64_t value = rand_r(seed);

	if (choice < 12 && may_change(1)) {
		vfio_reset(vfio);
	} else if (choice < 50) {
		toggle_msix(vfio, *seed);
	} else if (choice < 100) {
		vfio_areas(vfio);
	} else if (choice < 200) {
		vfio_read(vfio, VFIO_CONFIG, offset, &value, length);
	} else if (choice < 250) {
		vfio_write(vfio, VFIO_CONFIG, offset, &value, length);
	} else if (choice < 650) {
		count(&tally.registers, vfio_read(vfio, VFIO_BAR0, offset, &value, length) > 0);
	} else {
		count(&tally.registers, vfio_write(vfio, VFIO_BAR0, offset, &value, length) > 0);
	}
}

/* The next operation, which may be a close and an open; or nothing while there is no VF. */
static void act(struct victim *victim, unsigned int *seed)
{
	unsigned int choice = rand_r(seed) % 1000;
	bool lost;

	if (must_leave(victim)) {
		count(&tally.comebacks, 1);
		return reopen(victim);
	}
	if (choice < 2 && may_change(2)) {
		count(&tally.calls, 2);
		return reopen(victim);
	}
	pthread_rwlock_rdlock(&victim->lock);
	lost = is_lost(victim);
	if (!lost) {
		count(&tally.calls, 1);
		call(victim, choice, seed);
	}
	pthread_rwlock_unlock(&victim->lock);
	if (lost)
		come_back(victim);
}

static bool goes_on(void)
{
	return __atomic_load_n(&tally.calls, __ATOMIC_RELAXED) < operations ||
	       __atomic_load_n(&tally.acts, __ATOMIC_RELAXED) < acts_least;
}

static void *use(void *context)
{
	struct victim *victim = context;
	unsigned int seed = (uintptr_t)pthread_self() + now_ms();

	while (goes_on()) {
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
		const char *fault = faults[rand_r(&seed) % (sizeof(faults) / sizeof(*faults))];
		char kind[24];

		snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(fault, ","), fault);
		host_do("fault pf0 %s", fault);
		pause_ms(20 + rand_r(&seed) % 200);
		count(&tally.faults, host_struck("pf0", kind));
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
	unsigned int seed = 2;

	while (!__atomic_load_n(&storm_over, __ATOMIC_RELAXED)) {
		uint64_t begin_ms = now_ms();

		switch (tally.acts % HOST_ACTS) {
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
		count(&tally.acts, 1);
		pause_ms(rand_r(&seed) % 500);
	}
	return NULL;
}

/* Starts the users. */
static void begin(struct handout *handout, unsigned int calls, pthread_t *ret_users)
{
	handout_open(handout, PF_OURS, VFS + 1);
	operations = calls;
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

/* A storm in which nothing happens proves nothing. */
static void check_tally(void)
{
	test_log("%u calls, %u of them opens, closes and resets, %u accesses to registers taken; "
		 "%u comebacks; %u acts of the host, %u faults struck", tally.calls, tally.changes,
		 tally.registers, tally.comebacks, tally.acts, tally.faults);
	CHECK(tally.changes > 0 && tally.changes * 50 <= tally.calls,
	      "%u of %u operations were opens, closes and resets", tally.changes, tally.calls);
	CHECK(tally.registers >= tally.calls / 8, "%u of %u operations were accesses to registers",
	      tally.registers, tally.calls);
	CHECK(tally.faults > 0, "no fault of the card struck");
}

/* All at once; what excludes what is the product's business. */
static void storm(unsigned int calls)
{
	pthread_t users[VFS * THREADS_A_VF], card, host;
	struct handout handout;

	acts_least = HOST_ACTS;
	begin(&handout, calls, users);
	CHECK(!pthread_create(&card, NULL, misbehave, NULL), "no thread");
	CHECK(!pthread_create(&host, NULL, administer, &handout), "no thread");
	end(users, test_limit(CALL_LIMIT_MS));
	pthread_join(card, NULL);
	pthread_join(host, NULL);
	check_tally();
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
	storm(1000);
}

/* The PF is reset under its users' feet, again and again. */
TEST(vfio_storm_of_resets, .modules = HANDOUT_MODULES, .limit_s = 300,
     .on_demand = true)
{
	pthread_t users[VFS * THREADS_A_VF];
	struct handout handout;

	begin(&handout, 2000, users);
	while (goes_on()) {
		reset_pf(&handout);
		pause_ms(300);
	}
	end(users, test_limit(CALL_LIMIT_MS));
	check_all_work(&handout);
	handout_close(&handout);
}

/* The card misbehaves, then goes away; calls fail, but return, and all can be removed. */
TEST(vfio_storm_card_goes_away, .modules = HANDOUT_MODULES, .last = true, .limit_s = 300,
     .on_demand = true)
{
	pthread_t users[VFS * THREADS_A_VF], card;
	struct handout handout;
	unsigned int limit_ms;

	begin(&handout, UINT32_MAX, users);
	CHECK(!pthread_create(&card, NULL, misbehave, NULL), "no thread");
	WAIT_FOR(100000, __atomic_load_n(&tally.calls, __ATOMIC_RELAXED) > 2000,
		 "half of the storm");
	__atomic_store_n(&storm_over, true, __ATOMIC_RELAXED);
	pthread_join(card, NULL);
	CHECK(tally.faults > 0, "no fault of the card struck");
	limit_ms = host_take_away("pf0");
	pause_ms(5000);
	operations = 0;
	end(users, limit_ms);
	WAIT_FOR(60000, !pci_present(handout.pf), "the PF to leave the bus");
}
