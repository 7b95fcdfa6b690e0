// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves many times as large as the EPC: what has been written is there again,
 * whoever wrote it and whoever else wants EPC pages meanwhile.
 */
#include <signal.h>
#include <stdlib.h>

#include "paging.h"
#include "kselftest_harness.h"

#define TIMES		16
#define NR_PROCS	4
#define NR_THREADS	2
#define NR_RANKS	(NR_PROCS * NR_THREADS)
#define ROUNDS		2

FIXTURE(paging) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	unsigned int nr;
};

FIXTURE_SETUP(paging)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(self->start.total, self->start.free);
	self->nr = TIMES * self->start.total;
	ASSERT_EQ(0, paging_load(&self->encl, self->nr)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(paging)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, paging_calm());
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* One after the other, as it suits reclaim least */
TEST_F_TIMEOUT(paging, contents_stay, 500)
{
	struct info info;

	EXPECT_EQ(-1, wrong_page(&self->encl, 0, self->nr));
	stamp_all(&self->encl, self->nr, 1);
	EXPECT_EQ(-1, unstamped(&self->encl, self->nr, 1));

	info = info_now(self->encl.fd);
	EXPECT_EQ(self->nr, info.pages);
	EXPECT_GT(self->start.total, info.resident);
	/* Three times round, and each page but those at the end has gone each time. */
	EXPECT_LE(3 * (self->nr - self->start.total), info.counts[EWB]);
	EXPECT_LE(3 * (self->nr - self->start.total), info.counts[ELDU]);
	EXPECT_STREQ("initialized", info.state);
}

/* Some pages far more often than others, as programs do it */
TEST_F_TIMEOUT(paging, favourites, 500)
{
	unsigned int i, n, seed = 1, hot = self->start.total / 4;
	u8 *generation = calloc(1, self->nr);

	for (n = 0; n < 4 * self->nr; n++) {
		i = rand_r(&seed) % (n % 8 ? hot : self->nr);
		ASSERT_TRUE(generation[i] ? stamped(&self->encl, i, generation[i]) :
					    vt_shows(vt_addr(&self->encl, i), i)) {
			TH_LOG("page %u, round %u", i, n);
		}
		generation[i] = generation[i] % 200 + 1;
		stamp(&self->encl, i, generation[i]);
	}
	free(generation);
}

/* ------------------------------------------------------ many users of one enclave */

struct rank {
	const struct softsgx_enclave *encl;
	unsigned int nr;
	unsigned int rank;
	pthread_t thread;
	long wrong;
};

/* Every rank has pages of its own, next to those of others. */
static void *rank_thread(void *data)
{
	struct rank *rank = data;
	unsigned int round, i;

	rank->wrong = -1;
	for (round = 1; round <= ROUNDS; round++) {
		for (i = rank->rank; i < rank->nr; i += NR_RANKS)
			stamp(rank->encl, i, round * NR_RANKS + rank->rank);
		for (i = rank->rank; i < rank->nr; i += NR_RANKS) {
			if (!stamped(rank->encl, i, round * NR_RANKS + rank->rank))
				rank->wrong = i;
		}
	}
	return NULL;
}

static int rank_process(const struct softsgx_enclave *encl, unsigned int nr, unsigned int first)
{
	struct rank ranks[NR_THREADS];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < NR_THREADS; i++) {
		ranks[i] = (struct rank){ .encl = encl, .nr = nr, .rank = first + i };
		MUST(!pthread_create(&ranks[i].thread, NULL, rank_thread, &ranks[i]));
	}
	for (i = 0; i < NR_THREADS; i++) {
		MUST(!pthread_join(ranks[i].thread, NULL));
		if (ranks[i].wrong >= 0) {
			fprintf(stderr, "# rank %u: page %ld\n", ranks[i].rank, ranks[i].wrong);
			ret = 1;
		}
	}
	return ret;
}

/* All processes see the same memory: what one has written another one finds. */
TEST_F_TIMEOUT(paging, processes_and_threads, 500)
{
	pid_t pids[NR_PROCS];
	unsigned int i;

	for (i = 0; i < NR_PROCS; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(rank_process(&self->encl, self->nr, i * NR_THREADS));
	}
	for (i = 0; i < NR_PROCS; i++)
		EXPECT_EQ(0, vt_wait(pids[i]));
	for (i = 0; i < self->nr; i++) {
		ASSERT_TRUE(stamped(&self->encl, i, ROUNDS * NR_RANKS + i % NR_RANKS)) {
			TH_LOG("page %u", i);
		}
	}
}

/* What the child has of it are not even PTEs at first. */
TEST_F_TIMEOUT(paging, fork_shares, 500)
{
	unsigned int half = self->nr / 2;
	pid_t pid;

	stamp_all(&self->encl, self->nr, 3);
	pid = fork();
	if (!pid) {
		MUST(unstamped(&self->encl, self->nr, 3) == -1);
		stamp_all(&self->encl, half, 4);
		_exit(0);
	}
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(-1, unstamped(&self->encl, half, 4));
	EXPECT_TRUE(stamped(&self->encl, half, 3));
	EXPECT_TRUE(stamped(&self->encl, self->nr - 1, 3));
}

/* A process that has never been inside gets the file, when all is evicted. */
TEST_F_TIMEOUT(paging, passed_on, 500)
{
	struct softsgx_enclave other;
	int sock[2];
	pid_t pid;

	stamp_all(&self->encl, 64, 5);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock));
	pid = fork();
	if (!pid) {
		MUST(!munmap((void *)self->encl.base, self->encl.size));
		close(self->encl.fd);
		MUST(!receive_enclave(sock[0], &other, 0));
		MUST(!vt_map(&other, 0, 64, PROT_RW));
		MUST(unstamped(&other, 64, 5) == -1);
		stamp_all(&other, 32, 6);
		_exit(0);
	}
	ASSERT_EQ(0, press_out(self->encl.fd));
	ASSERT_EQ(0, send_enclave(sock[1], &self->encl, 0));
	EXPECT_EQ(0, vt_wait(pid));
	ASSERT_EQ(0, press_out(self->encl.fd));
	EXPECT_EQ(-1, unstamped(&self->encl, 32, 6));
	EXPECT_TRUE(stamped(&self->encl, 32, 5));
	close(sock[0]);
	close(sock[1]);
}

/* ----------------------------------------------------- stopped, and other enclaves */

/* Its pages can go, and are there when it goes on. */
TEST_F_TIMEOUT(paging, stopped_process, 500)
{
	struct softsgx_enclave encl;
	pid_t pid;

	ASSERT_EQ(0, paging_load(&encl, 64));
	stamp_all(&encl, 64, 7);
	pid = fork();
	if (!pid) {
		for (;;)
			MUST(unstamped(&encl, 64, 7) == -1);
	}
	usleep(200000);
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	EXPECT_EQ(0, press_out(encl.fd));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	usleep(200000);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, vt_wait(pid));
	softsgx_enclave_close(&encl);
}

static int own_enclave(unsigned int nr, u64 seed)
{
	struct softsgx_enclave encl;
	unsigned int round;
	long page;

	MUST(!paging_load(&encl, nr));
	MUST(wrong_page(&encl, 0, nr) == -1);
	for (round = 0; round < ROUNDS; round++) {
		stamp_all(&encl, nr, seed + round);
		page = unstamped(&encl, nr, seed + round);
		if (page >= 0) {
			fprintf(stderr, "# enclave %llu: page %ld\n", seed, page);
			return 1;
		}
	}
	return 0;
}

/* Nobody ever sees the memory of somebody else. */
TEST_F_TIMEOUT(paging, many_enclaves, 500)
{
	pid_t pids[2 * NR_PROCS];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(own_enclave(2 * self->start.total, 100 * (i + 1)));
	}
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, vt_wait(pids[i]));
}

TEST_HARNESS_MAIN
