// SPDX-License-Identifier: GPL-2.0
/*
 * What EPC paging costs, against what its cryptography alone would cost in the same VM.
 * The modules are loaded, and softsgx_bench with them.
 *
 * usage: paging throughput	goes on alone: with one process, with 16, on two CPUs
 *	  paging cost		with probes: what of it is the driver's, for each page
 *	  paging profile N	with any probes: where time goes when N processes use it;
 *				0: one each of two enclaves on two CPUs
 */
#include <dirent.h>
#include <sched.h>

#include "mm.h"

#define PARAM		"/sys/module/softsgx_bench/parameters/"
#define ROUNDS		5
#define STEP		128	/* pages between two looks at the bound */
#define WINDOW		16	/* pages that a process touches before it is the next one's turn */
#define MAX_PROBES	24
#define RUN_NS		1500000000ULL
#define CPU_BOTH	-1

/* ---------------------------------------------------------------- the surroundings */

static void set_cpu(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu == CPU_BOTH) {
		CPU_SET(0, &set);
		CPU_SET(1, &set);
	} else {
		CPU_SET(cpu, &set);
	}
	if (sched_setaffinity(pid, sizeof(set), &set))
		die("sched_setaffinity");
}

/* The driver's threads, too */
static void set_cpu_of_reclaim(int cpu)
{
	DIR *proc = opendir("/proc");
	char path[300], comm[64];
	struct dirent *d;
	FILE *file;

	if (!proc)
		die("/proc");
	while ((d = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		file = atoi(d->d_name) ? fopen(path, "r") : NULL;
		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file) && !strncmp(comm, "softsgx/", 8))
			set_cpu(atoi(d->d_name), cpu);
		fclose(file);
	}
	closedir(proc);
}

/* A number of debugfs softsgx/epc */
static u64 counter(const char *key)
{
	FILE *file = fopen(DEBUGFS "epc", "r");
	char name[64];
	u64 value;

	if (!file)
		die(DEBUGFS "epc");
	while (fscanf(file, "%63s %llu", name, &value) == 2) {
		if (strcmp(name, key))
			continue;
		fclose(file);
		return value;
	}
	die(key);
}

static double bound_once(void)
{
	FILE *file = fopen(PARAM "bound", "r");
	double ns;

	if (!file || fscanf(file, "%lf", &ns) != 1)
		die("bound");
	fclose(file);
	return ns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double middle(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static void line(const char *what, unsigned int n, double value, const char *unit,
		 double ratio, const char *goal)
{
	printf("%-58s %3u %9.1f %-8s", what, n, value, unit);
	if (ratio)
		printf(" %5.2f", ratio);
	if (goal)
		printf("%*s", ratio ? 8 : 14, goal);
	printf("\n");
	fflush(stdout);
}

/* --------------------------------------------------------------------- an enclave */

static unsigned int nr_pages;

static void touch(const struct use *use, unsigned int first, unsigned int n)
{
	unsigned int i;

	for (i = first; i < first + n; i++)
		*(volatile u8 *)(use->addr + i * PAGE) = i;
}

static void member_maps(void *data)
{
	struct use *use = data;

	map(use->fd, use->addr, nr_pages);
	touch(use, 0, nr_pages);
}

/* Twice as large as the EPC */
static void make(struct softsgx_enclave *encl, struct use *use)
{
	struct vt_epc epc;

	if (vt_epc_read(&epc))
		die("EPC");
	nr_pages = 2 * epc.total;
	load(encl, nr_pages * PAGE);
	use->fd = encl->fd;
	use->addr = vt_addr(encl, 0);
}

static void unmake(struct softsgx_enclave *encl)
{
	struct vt_epc start;

	if (vt_epc_read(&start))
		die("EPC");
	softsgx_enclave_close(encl);
	start.free = start.total;
	start.enclaves = 0;
	if (vt_epc_settle(&start))
		die("EPC");
}

/* ---------------------------------------------------------------- one CPU, one bound */

/* ns that this task has waited for the CPU */
static u64 waited(void)
{
	FILE *file = fopen("/proc/self/schedstat", "r");
	u64 ns;

	if (!file || fscanf(file, "%*u %llu", &ns) != 1)
		die("schedstat");
	fclose(file);
	return ns;
}

/*
 * ns for each page that has come back, which another one has made room for. In turn
 * with the bound, so that whoever else wants the CPUs of the host slows both down. What
 * the driver's threads do meanwhile is for the pages, too.
 */
static double walk(const struct use *use, double *bound)
{
	u64 loaded = counter("eldu"), start, ns = 0;
	unsigned int at, n = 0;

	*bound = 0;
	for (at = 0; at + STEP <= nr_pages; at += STEP) {
		start = waited();
		*bound += bound_once();
		n++;
		ns += waited() - start;
		start = now();
		touch(use, at, STEP);
		ns += now() - start;
	}
	*bound /= n;
	return (double)ns / (counter("eldu") - loaded);
}

static void bench_walks_of(unsigned int processes, const char *goal)
{
	double ns[ROUNDS], bound[ROUNDS], ratio[ROUNDS];
	struct softsgx_enclave encl;
	struct use use = {};
	struct crowd crowd;
	unsigned int i;

	make(&encl, &use);
	crowd_start(&crowd, processes - 1, encl.fd, member_maps, &use);
	member_maps(&use);
	for (i = 0; i < ROUNDS; i++) {
		ns[i] = walk(&use, &bound[i]);
		ratio[i] = bound[i] / ns[i];
	}
	crowd_end(&crowd);
	unmake(&encl);
	line("bound: GCM twice, and the copies", processes, 1e9 / middle(bound), "pages/s", 0,
	     NULL);
	line("evict + reload, processes that map the enclave", processes, 1e9 / middle(ns),
	     "pages/s", middle(ratio), goal);
}

/* --------------------------------------------------------------------- on two CPUs */

struct share {
	bool go;
	u64 done[2];
};

static u64 work(const struct use *use, u64 end)
{
	volatile u64 n = 0;
	unsigned int i;

	while (now() < end) {
		if (!use) {
			for (i = 0; i < 100000; i++)
				n++;
			continue;
		}
		touch(use, n % nr_pages, 1);
		n++;
	}
	return n;
}

static void run_share(struct share *share, unsigned int me, bool busy, int hold)
{
	struct softsgx_enclave encl;
	struct use use = {};

	set_cpu(0, me);
	if (!busy) {
		make(&encl, &use);
		member_maps(&use);
	}
	vt_tell(hold);
	while (!__atomic_load_n(&share->go, __ATOMIC_ACQUIRE))
		usleep(1000);
	share->done[me] = work(busy ? NULL : &use, now() + RUN_NS);
	_exit(0);
}

/* What @n processes get done, each on a CPU of its own, with an enclave or just busy */
static double get_done(unsigned int n, bool busy)
{
	struct share *share = mmap(NULL, PAGE, PROT_RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct vt_epc start;
	pid_t pids[2];
	unsigned int i;
	double done = 0;
	int ready[2];

	if (share == MAP_FAILED || pipe(ready) || vt_epc_read(&start))
		die("share");
	for (i = 0; i < n; i++) {
		pids[i] = fork();
		if (!pids[i])
			run_share(share, i, busy, ready[1]);
	}
	for (i = 0; i < n; i++)
		vt_await(ready[0]);
	__atomic_store_n(&share->go, true, __ATOMIC_RELEASE);
	for (i = 0; i < n; i++) {
		vt_wait(pids[i]);
		done += share->done[i];
	}
	close(ready[0]);
	close(ready[1]);
	munmap(share, PAGE);
	if (vt_epc_settle(&start))
		die("EPC");
	return done * 1e9 / RUN_NS;
}

static void bench_cpus(void)
{
	double one[ROUNDS], two[ROUNDS], ratio[ROUNDS], busy[ROUNDS], share[ROUNDS];
	unsigned int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("(two CPUs: there is one)\n");
		return;
	}
	for (i = 0; i < ROUNDS; i++) {
		set_cpu_of_reclaim(0);
		busy[i] = get_done(1, true);
		one[i] = get_done(1, false);
		set_cpu_of_reclaim(CPU_BOTH);
		two[i] = get_done(2, false);
		busy[i] = get_done(2, true) / busy[i];
		ratio[i] = two[i] / one[i];
		share[i] = ratio[i] / busy[i];
	}
	line("loops that do nothing, CPUs", 2, 0, "", middle(busy), NULL);
	line("an enclave on one CPU", 1, middle(one), "pages/s", 0, NULL);
	line("enclaves on CPUs of their own", 2, middle(two), "pages/s", middle(ratio), "1.80");
	line("  as a share of what the loops gain", 2, 0, "", middle(share), "0.90");
}

/* --------------------------------------------------------- the driver's part of it */

static struct {
	char name[64];
	long long calls;
	long long ns;
} times[MAX_PROBES];

static void times_restart(void)
{
	int fd = open(PARAM "times", O_WRONLY);

	if (fd < 0 || write(fd, "0", 1) != 1)
		die("times");
	close(fd);
}

static unsigned int times_read(void)
{
	FILE *file = fopen(PARAM "times", "r");
	unsigned int n = 0;

	if (!file)
		die("times");
	while (n < MAX_PROBES && fscanf(file, "%63s %lld %lld", times[n].name, &times[n].calls,
					&times[n].ns) == 3)
		n++;
	fclose(file);
	return n;
}

/* Of what times_read() has read */
static double time_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < MAX_PROBES; i++) {
		if (!strcmp(times[i].name, name))
			return times[i].ns;
	}
	die(name);
}

/* A ring of processes: each touches the same few pages, then the next one does. */
struct ring {
	struct use *use;
	unsigned int n;
	int pipes[MAX_CROWD][2];
	pid_t pids[MAX_CROWD];
};

static void ring_member(struct ring *ring, unsigned int me)
{
	unsigned int at = 0;

	map(ring->use->fd, ring->use->addr, nr_pages);
	while (!vt_await(ring->pipes[me - 1][0])) {
		if (at == nr_pages)
			at = 0;
		touch(ring->use, at, WINDOW);
		at += WINDOW;
		vt_tell(ring->pipes[me][1]);
	}
	_exit(0);
}

/* The last pipe leads back to us. A member is to see the end of its own pipe only. */
static void ring_start(struct ring *ring, struct use *use, unsigned int n)
{
	unsigned int i;

	ring->use = use;
	ring->n = n;
	for (i = 0; i < n; i++) {
		if (pipe(ring->pipes[i]))
			die("pipe");
	}
	for (i = 1; i < n; i++) {
		ring->pids[i] = fork();
		if (ring->pids[i] < 0)
			die("fork");
		if (!ring->pids[i])
			ring_member(ring, i);
	}
}

static void ring_walk(struct ring *ring)
{
	unsigned int at;

	for (at = 0; at < nr_pages; at += WINDOW) {
		touch(ring->use, at, WINDOW);
		vt_tell(ring->pipes[0][1]);
		if (vt_await(ring->pipes[ring->n - 1][0]))
			die("a process");
	}
}

static void ring_end(struct ring *ring)
{
	unsigned int i;

	for (i = 1; i < ring->n; i++) {
		kill(ring->pids[i], SIGKILL);
		vt_wait(ring->pids[i]);
	}
	for (i = 0; i < ring->n; i++) {
		close(ring->pipes[i][0]);
		close(ring->pipes[i][1]);
	}
}

/* Returns the pages that have been evicted. Others on the host disturb EWB as well. */
static double measure_ring(struct ring *ring)
{
	u64 evicted = counter("ewb");

	times_restart();
	ring_walk(ring);
	times_read();
	return counter("ewb") - evicted;
}

static void bench_driver(unsigned int processes, double *first)
{
	double own[ROUNDS], age[ROUNDS], share[ROUNDS], all, pages;
	struct softsgx_enclave encl;
	struct use use = {};
	struct ring ring;
	unsigned int i;

	make(&encl, &use);
	map(use.fd, use.addr, nr_pages);
	ring_start(&ring, &use, processes);
	ring_walk(&ring);
	for (i = 0; i < ROUNDS; i++) {
		pages = measure_ring(&ring);
		all = time_of("sgxdrv_lru_isolate") + time_of("sgxdrv_encl_age") +
		      time_of("sgxdrv_evict");
		all -= time_of("sgxcpu_ewb");
		own[i] = all / pages / 1e3;
		share[i] = all / time_of("sgxcpu_ewb");
		age[i] = time_of("sgxdrv_encl_age") / pages / 1e3;
	}
	ring_end(&ring);
	unmake(&encl);
	all = middle(share);
	if (!*first)
		*first = all;
	line("driver without EWB per page, processes that use it", processes, middle(own), "us",
	     0, NULL);
	line("  of it ageing", processes, middle(age), "us", 0, NULL);
	line("  as a share of EWB", processes, 100 * all, "%", all / *first, "flat");
}

static void print_profile(double pages, double ns)
{
	unsigned int i, n = times_read();

	printf("%.0f pages, %.1f us each; for each page:\n", pages, ns / pages / 1e3);
	for (i = 0; i < n; i++)
		printf("  %-32s %7.3f calls %9.2f us\n", times[i].name, times[i].calls / pages,
		       times[i].ns / pages / 1e3);
}

static void profile(unsigned int processes)
{
	struct softsgx_enclave encl;
	struct use use = {};
	struct ring ring;
	double pages;
	u64 start;

	make(&encl, &use);
	map(use.fd, use.addr, nr_pages);
	ring_start(&ring, &use, processes);
	ring_walk(&ring);
	start = now();
	pages = measure_ring(&ring);
	print_profile(pages, now() - start);
	ring_end(&ring);
	unmake(&encl);
}

/* An enclave on each CPU; that they are loaded is part of it. */
static void profile_cpus(void)
{
	u64 evicted = counter("ewb");

	set_cpu_of_reclaim(CPU_BOTH);
	times_restart();
	printf("%.0f pages/s; ", get_done(2, false));
	print_profile(counter("ewb") - evicted, 0);
}

int main(int argc, char **argv)
{
	static const unsigned int crowds[] = { 1, 4, 16, MAX_CROWD };
	const char *what = argc > 1 ? argv[1] : "";
	double first = 0;
	unsigned int i;

	set_cpu(0, 0);
	set_cpu_of_reclaim(0);
	if (!strcmp(what, "throughput")) {
		bench_walks_of(1, "0.80");
		bench_walks_of(16, "0.70");
		bench_cpus();
	} else if (!strcmp(what, "cost")) {
		for (i = 0; i < ARRAY_SIZE(crowds); i++)
			bench_driver(crowds[i], &first);
	} else if (!strcmp(what, "profile")) {
		i = argc > 2 ? atoi(argv[2]) : 1;
		if (i)
			profile(i);
		else
			profile_cpus();
	}
	return 0;
}
