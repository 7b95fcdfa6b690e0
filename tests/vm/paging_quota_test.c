// SPDX-License-Identifier: GPL-2.0
/*
 * Shares of the EPC for one enclave and for one user (module parameters encl_limit
 * and user_limit): who is at a limit pages with himself, and others keep what they
 * have. Whoever asks for less than they may have sees no limit.
 */
#include "paging.h"
#include "kselftest_harness.h"

#define PARAMETERS	"/sys/module/softsgx/parameters/"
#define NR		64	/* pages of an enclave that is to be left alone */
#define USER		1000
#define NR_STAMPS	40
#define PERCENT		25

FIXTURE(quota) {
	struct vt_epc start;
	struct softsgx_enclave quiet;
	long share;
};

static int set_limit(const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return write_file(path, value, strlen(value));
}

static int set_percent(const char *name, unsigned int percent)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", percent);
	return set_limit(name, text);
}

FIXTURE_SETUP(quota)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->share = self->start.total * PERCENT / 100;
	ASSERT_EQ(0, paging_load(&self->quiet, NR));
	stamp_all(&self->quiet, NR, 1);
	ASSERT_EQ(0, make_old(self->quiet.fd));
}

FIXTURE_TEARDOWN(quota)
{
	EXPECT_EQ(0, set_percent("encl_limit", 100));
	EXPECT_EQ(0, set_percent("user_limit", 100));
	softsgx_enclave_close(&self->quiet);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* All that it has in the EPC: SECS and VA pages as well */
static long taken(int fd)
{
	struct info info = info_now(fd);

	return info.resident + info.va_pages + 1;
}

/* None of its pages has been away, though they are the oldest. */
static void is_untouched(struct __test_metadata *_metadata, struct softsgx_enclave *encl)
{
	EXPECT_EQ(0, counted(encl->fd, EWB));
	EXPECT_EQ(NR, info_now(encl->fd).resident);
	EXPECT_EQ(-1, unstamped(encl, NR, 1));
}

/* ------------------------------------------------------------------------ values */

TEST_F(quota, values)
{
	static const char * const names[] = { "encl_limit", "user_limit" };
	static const char * const bad[] = { "0", "101", "-1", "x", "4294967297" };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		for (j = 0; j < ARRAY_SIZE(bad); j++)
			EXPECT_GT(0, set_limit(names[i], bad[j]));
		EXPECT_EQ(0, set_limit(names[i], "1"));
		EXPECT_EQ(0, set_limit(names[i], "100"));
	}
}

/* ------------------------------------------------------------------------ enclave */

/* Twice its share, in a share: the EPC is never short, and only its pages go. */
TEST_F_TIMEOUT(quota, enclave, 90)
{
	struct softsgx_enclave encl;
	unsigned int nr = 2 * self->share, round;

	ASSERT_EQ(0, set_percent("encl_limit", PERCENT));
	ASSERT_EQ(0, paging_load(&encl, nr));
	for (round = 1; round <= 3; round++) {
		stamp_all(&encl, nr, round);
		EXPECT_GE(self->share, taken(encl.fd));
		EXPECT_EQ(-1, unstamped(&encl, nr, round));
	}
	EXPECT_LE(self->share / 2, taken(encl.fd));
	EXPECT_LT(nr, counted(encl.fd, EWB));
	is_untouched(_metadata, &self->quiet);
	softsgx_enclave_close(&encl);
}

/* The limit changes while an enclave is out: it comes back so far, and then further. */
TEST_F_TIMEOUT(quota, changed, 90)
{
	struct softsgx_enclave encl;
	unsigned int nr = 2 * self->share;

	ASSERT_EQ(0, paging_load(&encl, nr));
	stamp_all(&encl, nr, 1);
	EXPECT_EQ(nr, info_now(encl.fd).resident);
	ASSERT_EQ(0, press_out(encl.fd));
	ASSERT_EQ(0, set_percent("encl_limit", PERCENT));
	EXPECT_EQ(-1, unstamped(&encl, nr, 1));
	EXPECT_EQ(-1, unstamped(&encl, nr, 1));
	EXPECT_GE(self->share, taken(encl.fd));
	ASSERT_EQ(0, set_percent("encl_limit", 100));
	EXPECT_EQ(-1, unstamped(&encl, nr, 1));
	EXPECT_EQ(nr, info_now(encl.fd).resident);
	softsgx_enclave_close(&encl);
}

/*
 * Several threads of it at the limit: each waits for what the others free. What a
 * thread frees another one takes, or the limit looks as if it was not reached.
 */
static void *stamper(void *data)
{
	struct softsgx_enclave *encl = data;
	unsigned int i, nr = encl->size / PAGE;

	for (i = 0; i < NR_STAMPS * nr; i++)
		__atomic_add_fetch((u64 *)vt_addr(encl, i % nr), 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST_F_TIMEOUT(quota, threads, 90)
{
	struct softsgx_enclave encl;
	unsigned int nr = range_for(2 * self->share) / PAGE, i;
	pthread_t threads[4];

	ASSERT_EQ(0, set_percent("encl_limit", PERCENT));
	ASSERT_EQ(0, paging_load(&encl, nr));
	ASSERT_EQ(nr, encl.size / PAGE);
	for (i = 0; i < nr; i++)
		*(u64 *)vt_addr(&encl, i) = i;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, stamper, &encl));
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	for (i = 0; i < nr; i++)
		EXPECT_EQ(i + NR_STAMPS * ARRAY_SIZE(threads), *(u64 *)vt_addr(&encl, i));
	EXPECT_GE(self->share, taken(encl.fd));
	is_untouched(_metadata, &self->quiet);
	softsgx_enclave_close(&encl);
}

/* --------------------------------------------------------------------------- user */

static int step_be_user(struct softsgx_enclave *encl)
{
	return setresgid(USER, USER, USER) || setresuid(USER, USER, USER) ? -errno : 0;
}

static int step_load(struct softsgx_enclave *encl)
{
	int ret = paging_load(encl, NR);

	if (!ret)
		stamp_all(encl, NR, 1);
	return ret;
}

static int step_check(struct softsgx_enclave *encl)
{
	return unstamped(encl, NR, 1) == -1 ? 0 : 1;
}

static int step_taken(struct softsgx_enclave *encl)
{
	return taken(encl->fd);
}

/*
 * What several enclaves of a user have is counted together. Another user, the test
 * itself, is not among them, and loads as much as there is.
 */
TEST_F_TIMEOUT(quota, user, 90)
{
	struct softsgx_enclave encl, other;
	struct worker workers[2];
	unsigned int i, round;
	int sum = 0, n;

	ASSERT_EQ(0, set_percent("user_limit", PERCENT));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		ASSERT_EQ(0, worker_start_do(&workers[i], &encl, step_be_user));
		ASSERT_EQ(0, worker_do(&workers[i], step_load));
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(workers); i++)
			EXPECT_EQ(0, worker_do(&workers[i], step_check));
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		n = worker_do(&workers[i], step_taken);
		EXPECT_LT(0, n);
		sum += n;
	}
	EXPECT_GE(self->share, sum);
	is_untouched(_metadata, &self->quiet);

	/* The share is that of each user: the quiet enclave uses up the test's. */
	ASSERT_EQ(0, set_percent("user_limit", 2 * PERCENT));
	ASSERT_EQ(0, paging_load(&other, NR - 8));
	is_untouched(_metadata, &self->quiet);
	softsgx_enclave_close(&other);
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_EQ(0, worker_end(&workers[i]));
}

TEST_HARNESS_MAIN
