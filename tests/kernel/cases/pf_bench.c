// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the PF's driver costs, as ratios within one boot: absolute times mean little in a VM. Each
 * pair of measurements alternates, so that a host that gets busy spoils both sides.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "file.h"
#include "host.h"
#include "measure.h"
#include "net.h"
#include "owner.h"
#include "test.h"

#define NS_PER_MS 1000000ull
#define PAIRS 5
#define WINDOW_MS 400
#define PARALLEL_VFS 32
#define CALM_VFS 4
#define TURNS 7 /* of each driver of the PF */
#define PINGS 500
#define STREAM_MS 1200

/* The median ratio of pairs: both sides of one saw the same load. */
static double median_ratio(const double *ours, const double *others)
{
	double ratios[PAIRS];

	for (unsigned int n = 0; n < PAIRS; n++)
		ratios[n] = ours[n] / others[n];
	return measure_median(ratios, PAIRS);
}

/*
 * How a doorbell write reaches the device decides what a command costs, so it is told. The card
 * has no ioeventfd: the write itself runs the queue, and the answer is there when it ends.
 */
static void print_doorbell_mode(void)
{
	char answer[96];
	int error = host_ask(answer, sizeof(answer), "get pf0 ioeventfd");

	CHECK_EQUAL(error, -EREMOTEIO, "asking for an ioeventfd");
	test_log("bench qemu_doorbells_synchronous 1 bool");
}

/* Reads of one VF, alone, from now on. */
static struct member_reads read_for(const char *pf, unsigned int vf_index, unsigned int window_ms)
{
	uint64_t begin_ns = measure_ns() + 20 * NS_PER_MS;
	struct member_reads reads;

	reads = member_read_during(pf, vf_index, begin_ns, begin_ns + window_ms * NS_PER_MS);
	CHECK(reads.done > 10, "only %u reads in %u ms", reads.done, window_ms);
	CHECK_EQUAL(reads.failed, 0, "reads that failed");
	return reads;
}

/* One of several VFs that read at the same time. */
struct reader {
	pthread_t thread;
	const char *pf;
	unsigned int vf_index;
	uint64_t begin_ns;
	uint64_t end_ns;
	struct member_reads reads;
};

static void *run_reader(void *context)
{
	struct reader *reader = context;

	reader->reads = member_read_during(reader->pf, reader->vf_index, reader->begin_ns,
					   reader->end_ns);
	return NULL;
}

/*
 * Reads of several VFs, all in the same window, each in a thread of its own. Processes would
 * measure the emulated MMU, which forgets everything at each change of address space.
 */
static void read_together(const char *pf, unsigned int first, unsigned int count,
			  unsigned int window_ms, struct member_reads *ret_reads)
{
	uint64_t begin_ns = measure_ns() + (50 + 10 * count) * NS_PER_MS;
	struct reader readers[PARALLEL_VFS];

	for (unsigned int n = 0; n < count; n++) {
		readers[n] = (struct reader) {
			.pf = pf,
			.vf_index = first + n,
			.begin_ns = begin_ns,
			.end_ns = begin_ns + window_ms * NS_PER_MS,
		};
		CHECK(!pthread_create(&readers[n].thread, NULL, run_reader, &readers[n]),
		      "cannot start a thread");
	}
	for (unsigned int n = 0; n < count; n++) {
		pthread_join(readers[n].thread, NULL);
		ret_reads[n] = readers[n].reads;
	}
}

/* The median of a read through a provider, the PF bound to its driver and back. */
static double provider_read_ns(const char *pf, const char *driver)
{
	struct member_reads reads;

	CHECK_OK(pci_bind(pf, driver));
	member_bind(pf, 1);
	reads = read_for(pf, 0, WINDOW_MS);
	CHECK_OK(pci_set_vfs(pf, 0));
	return reads.median_ns;
}

TEST(pf_bench_read_against_intree, .modules = OWNER_MODULES, .kernels = "6.12 7.3",
     .limit_s = 120, .on_demand = true)
{
	double ours[PAIRS], theirs[PAIRS], ratio;
	char pf[BDF_SIZE];

	print_doorbell_mode();
	pci_pf(0, pf);
	for (unsigned int n = 0; n < PAIRS; n++) {
		theirs[n] = provider_read_ns(pf, "virtio-pci");
		ours[n] = provider_read_ns(pf, "vfvirt_pf");
	}
	ratio = median_ratio(ours, theirs);
	test_log("bench common_read_vfvirt %.1f us", measure_median(ours, PAIRS) / 1000);
	test_log("bench common_read_intree %.1f us", measure_median(theirs, PAIRS) / 1000);
	test_log("bench common_read_vfvirt_to_intree %.2f ratio", ratio);
	CHECK(ratio <= 0.8, "a read takes %.2f of the in-tree provider's time", ratio);
}

/* The median of a bare command on the same queue. */
static double bare_read_ns(const char *pf)
{
	unsigned long long begin_ns = measure_ns() + 20 * NS_PER_MS;
	int fd = open("/sys/kernel/debug/vfvirt_bare", O_RDWR | O_CLOEXEC), error;
	unsigned int done, failed, median_ns;
	char words[96], answer[64] = "";

	CHECK(fd >= 0, "no vfvirt_bare: %s", strerror(errno));
	snprintf(words, sizeof(words), "%s %llu %llu", pf, begin_ns,
		 begin_ns + WINDOW_MS * NS_PER_MS);
	CHECK(write(fd, words, strlen(words)) > 0 && pread(fd, answer, sizeof(answer) - 1, 0) > 0,
	      "vfvirt_bare: %s", strerror(errno));
	close(fd);
	CHECK(sscanf(answer, "%d %u %u %u", &error, &done, &failed, &median_ns) == 4,
	      "cannot understand \"%s\"", answer);
	CHECK_OK(error);
	CHECK(done > 10 && !failed, "%u bare reads worked, %u failed", done, failed);
	return median_ns;
}

TEST(pf_bench_read_against_bare_loop, .modules = OWNER_MODULES " vfvirt_bare", .limit_s = 120,
     .on_demand = true)
{
	double ours[PAIRS], bare[PAIRS], ratio;
	char pf[BDF_SIZE];

	print_doorbell_mode();
	owner_open(pf, 1);
	owner_check_works(pf, 0);
	for (unsigned int n = 0; n < PAIRS; n++) {
		bare[n] = bare_read_ns(pf);
		ours[n] = read_for(pf, 0, WINDOW_MS).median_ns;
	}
	CHECK_EQUAL(owner_look(pf).state, VFVIRT_OWNER_READY, "the state after bare commands");
	owner_close(pf);
	ratio = median_ratio(ours, bare);
	test_log("bench bare_read %.1f us", measure_median(bare, PAIRS) / 1000);
	test_log("bench common_read_to_bare_loop %.2f ratio", ratio);
	CHECK(ratio <= 1.3, "a read takes %.2f of a bare command's time", ratio);
}

#define TRACING "/sys/kernel/tracing/"

/* Switches the tracing of this process's allocations, by every event that the kernel has. */
static void trace_allocations(bool on)
{
	static const char *const events[] = {
		"kmalloc", "kmalloc_node", "kmem_cache_alloc", "kmem_cache_alloc_node",
	};
	unsigned int found = 0;
	char path[96];

	if (on)
		CHECK_OK(file_write(TRACING "trace", "\n"));
	for (size_t n = 0; n < sizeof(events) / sizeof(events[0]); n++) {
		snprintf(path, sizeof(path), TRACING "events/kmem/%s/enable", events[n]);
		if (!file_exists(path))
			continue;
		found++;
		CHECK_OK(file_write(path, "%d", on));
	}
	CHECK(found >= 2, "this kernel traces no allocations");
}

/* Allocations of a process while it reads for a while. */
static unsigned int count_allocations(const char *pf, struct member_reads *ret_reads)
{
	static char head[1024];
	const char *written;
	unsigned int seen;

	CHECK_OK(file_write(TRACING "events/kmem/filter", "common_pid == %d", getpid()));
	trace_allocations(true);
	*ret_reads = read_for(pf, 0, WINDOW_MS);
	trace_allocations(false);
	CHECK_OK(file_read(TRACING "trace", head, sizeof(head)));
	written = strstr(head, "entries-written: ");
	CHECK(written && sscanf(written, "entries-written: %*u/%u", &seen) == 1,
	      "cannot understand the trace: %.60s", head);
	return seen;
}

/* One doorbell write a command, and no memory. */
TEST(pf_bench_doorbells_and_memory, .modules = OWNER_MODULES, .limit_s = 60, .on_demand = true)
{
	struct member_reads reads;
	unsigned int allocations;
	long answered, kicks;
	char pf[BDF_SIZE];

	owner_open(pf, 1);
	read_for(pf, 0, WINDOW_MS);
	answered = host_count("pf0", 1, "commands.3.ok");
	kicks = host_count("pf0", 0, "kicks.64");
	allocations = count_allocations(pf, &reads);
	answered = host_count("pf0", 1, "commands.3.ok") - answered;
	kicks = host_count("pf0", 0, "kicks.64") - kicks;
	test_log("bench doorbells_per_command %.3f ratio", (double)kicks / answered);
	test_log("bench allocations_per_command %.3f ratio", (double)allocations / answered);
	CHECK(answered >= 1000, "only %ld commands", answered);
	CHECK_EQUAL(kicks, answered, "doorbell writes of so many commands");
	/* The window's own samples, opening files: a few, which show that the count works. */
	CHECK(allocations > 0 && allocations < answered / 10, "%u allocations in %ld commands",
	      allocations, answered);
	owner_close(pf);
}

static double sum_of_reads(const struct member_reads *reads, unsigned int count)
{
	double sum = 0;

	for (unsigned int n = 0; n < count; n++) {
		CHECK(reads[n].done && !reads[n].failed, "VF %u: %u reads worked, %u failed", n,
		      reads[n].done, reads[n].failed);
		sum += reads[n].done;
	}
	return sum;
}

TEST(pf_bench_parallel_vfs, .modules = OWNER_MODULES, .configs = "vfs64", .limit_s = 120,
     .on_demand = true)
{
	struct member_reads reads[PARALLEL_VFS];
	double alone[PAIRS], together[PAIRS], ratio;
	long interrupts, answered;
	char pf[BDF_SIZE];

	owner_open(pf, PARALLEL_VFS);
	owner_check_works(pf, 0);
	host_do("fault pf0 delay,ms=1,hold=self,opcode=3");
	for (unsigned int n = 0; n < PAIRS; n++) {
		alone[n] = read_for(pf, 0, 2 * WINDOW_MS).done;
		interrupts = host_count("pf0", 0, "interrupts.64");
		answered = host_count("pf0", PARALLEL_VFS, "commands.3.ok");
		read_together(pf, 0, PARALLEL_VFS, 2 * WINDOW_MS, reads);
		together[n] = sum_of_reads(reads, PARALLEL_VFS);
		interrupts = host_count("pf0", 0, "interrupts.64") - interrupts;
		answered = host_count("pf0", PARALLEL_VFS, "commands.3.ok") - answered;
	}
	owner_close(pf);
	ratio = median_ratio(together, alone);
	test_log("bench delayed_reads_of_1_vf %.0f 1/s",
		 measure_median(alone, PAIRS) * 1000 / (2 * WINDOW_MS));
	test_log("bench delayed_reads_of_32_vfs %.0f 1/s",
		 measure_median(together, PAIRS) * 1000 / (2 * WINDOW_MS));
	test_log("bench delayed_interrupts_per_read %.2f ratio",
		 (double)interrupts / answered / PARALLEL_VFS);
	test_log("bench delayed_reads_32_vfs_to_1 %.1f ratio", ratio);
	CHECK(ratio >= 16, "32 VFs read %.1f times as much as one", ratio);
}

static double median_of_reads(const struct member_reads *reads, unsigned int count)
{
	double medians[PARALLEL_VFS];

	for (unsigned int n = 0; n < count; n++) {
		CHECK(reads[n].done && !reads[n].failed, "VF %u: %u reads worked, %u failed", n,
		      reads[n].done, reads[n].failed);
		medians[n] = reads[n].median_ns;
	}
	return measure_median(medians, count);
}

/* VF 0 hammers with commands that are never answered, as many as it may have. */
static void measure_beside_stalled(const char *pf, struct member_reads *ret_reads)
{
	pid_t stalled[4];

	host_do("fault pf0 stall,hold=self,member=1,opcode=3");
	for (unsigned int n = 0; n < 4; n++)
		stalled[n] = member_start(pf, 0, "common_read 18 1 8000");
	WAIT_FOR(5000, host_struck("pf0", "stall") >= 4, "the stalled commands to be under way");
	read_together(pf, 1, CALM_VFS, WINDOW_MS, ret_reads);
	host_do("fault-clear pf0 all");
	for (unsigned int n = 0; n < 4; n++)
		CHECK_OK(member_end(stalled[n]));
}

TEST(pf_bench_stalled_vf, .modules = OWNER_MODULES, .limit_s = 120, .on_demand = true)
{
	double calm[PAIRS], beside[PAIRS], ratio;
	struct member_reads reads[CALM_VFS];
	char pf[BDF_SIZE];

	owner_open(pf, 1 + CALM_VFS);
	owner_check_works(pf, 0);
	for (unsigned int n = 0; n < PAIRS; n++) {
		read_together(pf, 1, CALM_VFS, WINDOW_MS, reads);
		calm[n] = median_of_reads(reads, CALM_VFS);
		measure_beside_stalled(pf, reads);
		beside[n] = median_of_reads(reads, CALM_VFS);
	}
	owner_close(pf);
	ratio = median_ratio(beside, calm);
	test_log("bench read_calm %.1f us", measure_median(calm, PAIRS) / 1000);
	test_log("bench read_beside_stalled_vf %.1f us", measure_median(beside, PAIRS) / 1000);
	test_log("bench read_beside_stalled_vf_to_calm %.2f ratio", ratio);
	CHECK(ratio < 1.25, "a VF that stalls makes others' reads take %.2f of their time", ratio);
}

/*
 * What one driver of the PF does with packets between it and a VF. A ping is one packet each way,
 * on one CPU, so its doorbells and interrupts, counted by the card, are a property of the driver;
 * where they differ it asks for interrupts, or rings, when it need not.
 */
enum metric {
	STREAM_SPEED,	/* bytes a second */
	STREAM_WORK,	/* frames a second of CPU time: speed, but for what others take of the host */
	PING_KICKS,	/* doorbell writes a ping */
	PING_INTERRUPTS,
	METRICS,
};

static const struct {
	const char *name;
	double least, most; /* ratio to the in-tree driver */
} metrics[METRICS] = {
	[STREAM_SPEED] = { "stream", 0.85, INFINITY },
	[STREAM_WORK] = { "stream_per_cpu", 0.85, INFINITY },
	[PING_KICKS] = { "kicks", 0.98, 1.02 },
	[PING_INTERRUPTS] = { "interrupts", 0.98, 1.02 },
};

struct traffic {
	double of[METRICS];
};

static long count_queues(const char *what)
{
	char counter[32];
	long sum = 0;

	for (unsigned int queue = 0; queue < 4; queue++) {
		snprintf(counter, sizeof(counter), "%s.%u", what, queue);
		sum += host_count("pf0", 0, counter);
	}
	return sum;
}

/* On the first CPU only, so that packets stay on one pair of queues and two runs do the same. */
static void stay_on_one_cpu(bool stay)
{
	cpu_set_t cpus;

	memset(&cpus, stay ? 0 : 0xff, sizeof(cpus));
	CPU_SET(0, &cpus);
	CHECK(!sched_setaffinity(0, sizeof(cpus), &cpus), "cannot choose CPUs: %s",
	      strerror(errno));
}

static void measure_pings(const struct net_end *pf_end, const struct net_end *vf_end,
			  struct traffic *ret_traffic)
{
	long kicks = count_queues("kicks"), interrupts = count_queues("interrupts");

	CHECK_EQUAL(net_ping(pf_end, vf_end->address, PINGS, 56, 60000), PINGS, "replies");
	ret_traffic->of[PING_KICKS] = (double)(count_queues("kicks") - kicks) / PINGS;
	ret_traffic->of[PING_INTERRUPTS] =
		(double)(count_queues("interrupts") - interrupts) / PINGS;
}

/* Of the PF, both ways. */
static long count_frames(void)
{
	return host_count("pf0", 0, "frames_in") + host_count("pf0", 0, "frames_out");
}

static void measure_stream(const struct net_end *pf_end, const struct net_end *vf_end,
			   struct traffic *ret_traffic)
{
	long frames = count_frames(), cpu_us = host_number("cpu");

	ret_traffic->of[STREAM_SPEED] = net_stream(pf_end, vf_end, STREAM_MS);
	cpu_us = host_number("cpu") - cpu_us;
	frames = count_frames() - frames;
	CHECK(frames > 20 && cpu_us > 0, "%ld frames in %ld us", frames, cpu_us);
	ret_traffic->of[STREAM_WORK] = frames * 1e6 / cpu_us;
}

static struct traffic measure_traffic(const char *pf, const char *driver)
{
	struct net_end pf_end, vf_end;
	struct traffic traffic;
	char vf[BDF_SIZE];

	CHECK_OK(pci_bind(pf, driver));
	CHECK_OK(pci_set_vfs(pf, 1));
	pci_vf(pf, 0, vf);
	net_end_open(&pf_end, pf, "10.9.0.1");
	net_end_open(&vf_end, vf, "10.9.0.2");
	net_check_ping(&pf_end, &vf_end);
	stay_on_one_cpu(true);
	measure_pings(&pf_end, &vf_end, &traffic);
	measure_stream(&pf_end, &vf_end, &traffic);
	stay_on_one_cpu(false);
	net_end_close(&vf_end);
	net_end_close(&pf_end);
	CHECK_OK(pci_set_vfs(pf, 0));
	return traffic;
}

struct comparison {
	double ratio, noise;
};

/*
 * Each run of ours against the mean of the two of theirs around it, so that a host that gets slower
 * all the time, or is slow for once, makes no difference. How far one run of theirs is from the
 * next is the noise, by which the bound is wider.
 */
static struct comparison compare(enum metric metric, const struct traffic *ours,
				 const struct traffic *theirs)
{
	double ratios[TURNS], noises[TURNS];
	struct comparison result;

	for (unsigned int n = 0; n < TURNS; n++) {
		double before = theirs[n].of[metric], after = theirs[n + 1].of[metric];

		ratios[n] = 2 * ours[n].of[metric] / (before + after);
		noises[n] = fabs(after / before - 1);
	}
	result.ratio = measure_median(ratios, TURNS);
	result.noise = measure_median(noises, TURNS);
	test_log("bench pf_%s_to_virtio_pci %.3f ratio", metrics[metric].name, result.ratio);
	test_log("bench pf_%s_noise %.3f ratio", metrics[metric].name, result.noise);
	return result;
}

TEST(pf_bench_network, .modules = "virtio_pci virtio_net vfvirt_core vfvirt_pf", .limit_s = 400,
     .on_demand = true)
{
	struct traffic ours[TURNS], theirs[TURNS + 1];
	struct comparison found[METRICS];
	char pf[BDF_SIZE];

	pci_pf(0, pf);
	theirs[0] = measure_traffic(pf, "virtio-pci");
	for (unsigned int n = 0; n < TURNS; n++) {
		ours[n] = measure_traffic(pf, "vfvirt_pf");
		theirs[n + 1] = measure_traffic(pf, "virtio-pci");
	}
	test_log("bench pf_stream %.1f MB/s", ours[0].of[STREAM_SPEED] / 1e6);
	test_log("bench pf_kicks_per_ping %.3f 1/ping", ours[0].of[PING_KICKS]);
	test_log("bench pf_interrupts_per_ping %.3f 1/ping", ours[0].of[PING_INTERRUPTS]);
	for (enum metric metric = 0; metric < METRICS; metric++)
		found[metric] = compare(metric, ours, theirs);
	for (enum metric metric = 0; metric < METRICS; metric++)
		CHECK(found[metric].ratio >= metrics[metric].least - found[metric].noise &&
		      found[metric].ratio <= metrics[metric].most + found[metric].noise,
		      "%s: %.3f of virtio-pci's, whose noise is %.3f", metrics[metric].name,
		      found[metric].ratio, found[metric].noise);
}
