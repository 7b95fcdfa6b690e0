// SPDX-License-Identifier: GPL-2.0
/*
 * Shares of the EPC for one enclave and for one user (module parameters encl_limit
 * and user_limit): who is at a limit pages with himself, and others keep what they
 * have. Whoever asks for less than they may have sees no limit.
 */
#include <fcntl.h>

#include "paging.h"
#include "kselftest_harness.h"

#define PARAMETERS	"/sys/module/softsgx/parameters/"
#define NR		64	/* pages of an enclave that is to be left alone */
#define USER		1000
#define NR_STAMPS	40
#define PERCENT		25
#define LEAST		13	/* pages that an enclave needs to get on */
#define NR_ENCLS	8

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
	EXPECT_EQ(0, set_limit("user_encls", "1024"));
	softsgx_enclave_close(&self->quiet);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* All that it has in the EPC: SECS and VA pages as well */
static long taken(int fd)
{
	struct info info = info_now(fd);

	/* The SECS is there as long as a child is, and hardly longer. */
	return info.resident + info.va_pages + !!info.resident;
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
	unsigned int least = (100 * LEAST + self->start.total - 1) / self->start.total, i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			EXPECT_GT(0, set_limit(names[i], bad[j])) {
				TH_LOG("%s=%s", names[i], bad[j]);
			}
		}
		EXPECT_EQ(-EINVAL, set_percent(names[i], least - 1));
		EXPECT_EQ(0, set_percent(names[i], least));
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

/* The share of a user grows with the number of enclaves, so that all of them get on. */
TEST_F_TIMEOUT(quota, user_with_many, 90)
{
	struct softsgx_enclave encl;
	struct worker workers[3];
	unsigned int i;
	int sum = 0, n;

	ASSERT_EQ(0, set_percent("user_limit", 6));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		ASSERT_EQ(0, worker_start_do(&workers[i], &encl, step_be_user));
		ASSERT_EQ(0, worker_do(&workers[i], step_load));
	}
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_EQ(0, worker_do(&workers[i], step_check));
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		n = worker_do(&workers[i], step_taken);
		EXPECT_LT(0, n);
		sum += n;
	}
	EXPECT_GE(3 * LEAST, sum);
	EXPECT_LT(2 * LEAST, sum);
	is_untouched(_metadata, &self->quiet);
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_EQ(0, worker_end(&workers[i]));
}

/* ------------------------------------------------------------------ many enclaves */

static int fds[2 * NR_ENCLS];

/* Returns how many there are when there cannot be one more. */
static int step_open_all(struct softsgx_enclave *encl)
{
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(fds); n++) {
		fds[n] = open(ENCL_DEV, O_RDWR);
		if (fds[n] < 0)
			return errno == EMFILE ? (int)n : -errno;
	}
	return n;
}

static int step_open_again(struct softsgx_enclave *encl)
{
	close(fds[0]);
	fds[0] = open(ENCL_DEV, O_RDWR);
	return fds[0] < 0 ? -errno : 0;
}

/* One that has just been closed does not count any more. */
TEST_F(quota, enclaves)
{
	struct softsgx_enclave none;
	struct worker worker;
	unsigned int i;
	int fd;

	EXPECT_EQ(-EINVAL, set_limit("user_encls", "x"));
	ASSERT_EQ(0, set_percent("user_encls", NR_ENCLS));
	ASSERT_EQ(0, worker_start_do(&worker, &none, step_be_user));
	ASSERT_EQ(NR_ENCLS, worker_do(&worker, step_open_all));
	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, worker_do(&worker, step_open_again));

	/* Nor do those of another user, or a privileged one */
	for (i = 0; i < 2 * NR_ENCLS; i++) {
		fd = open(ENCL_DEV, O_RDWR);
		EXPECT_LE(0, fd);
		close(fd);
	}
	EXPECT_EQ(0, worker_end(&worker));
}

/* ------------------------------------------------------------- pages that stay */

static uid_t pinner = USER;

static int step_be_pinner(struct softsgx_enclave *encl)
{
	return setresgid(pinner, pinner, pinner) || setresuid(pinner, pinner, pinner) ? -errno : 0;
}

/* Enclaves before INIT until there is no room for more */
static int step_pin_all(struct softsgx_enclave *encl)
{
	struct softsgx_enclave more;
	struct softsgx_image image;
	unsigned int n = 0;
	int ret;

	ret = vt_image(&image, 0);
	while (!ret) {
		ret = vt_create(&more, &image);
		n += !ret;
	}
	softsgx_image_free(&image);
	return ret == -ENOMEM ? (int)n : ret;
}

/* However many users pin what they can, the next one still finds room, and root. */
TEST_F_TIMEOUT(quota, pinned, 120)
{
	struct softsgx_enclave encl;
	struct worker workers[8], next;
	unsigned int i;
	int n, sum = 0;

	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		pinner = USER + i;
		ASSERT_EQ(0, worker_start_do(&workers[i], &encl, step_be_pinner));
	}
	for (i = 0; i < 4; i++) {
		n = worker_do(&workers[i], step_pin_all);
		EXPECT_LT(0, n);
		sum += n;
	}
	/* Half of the EPC, with two pages for each */
	EXPECT_GE(self->start.total / 4, sum);

	pinner = USER + ARRAY_SIZE(workers);
	ASSERT_EQ(0, worker_start_do(&next, &encl, step_be_pinner));
	ASSERT_EQ(0, worker_do(&next, step_load));
	ASSERT_EQ(0, worker_do(&next, step_check));

	for (; i < ARRAY_SIZE(workers); i++)
		EXPECT_LE(0, worker_do(&workers[i], step_pin_all));
	ASSERT_EQ(0, paging_load(&encl, NR));
	stamp_all(&encl, NR, 2);
	EXPECT_EQ(-1, unstamped(&encl, NR, 2));
	EXPECT_EQ(0, worker_do(&next, step_check));
	softsgx_enclave_close(&encl);
	EXPECT_EQ(0, worker_end(&next));
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_EQ(0, worker_end(&workers[i]));
}

TEST_HARNESS_MAIN
