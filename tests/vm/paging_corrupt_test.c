// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of evicted pages is not the one that was written: no such page is ever
 * taken for the enclave's. The enclave is lost, and nobody else notices.
 */
#include "paging.h"
#include "kselftest_harness.h"

#define OTHER_SEED	9

FIXTURE(corrupt) {
	struct scene s;
	struct softsgx_enclave other;
};

FIXTURE_SETUP(corrupt)
{
	ASSERT_EQ(0, scene_start(&self->s)) {
		TH_LOG("%s", softsgx_last_error());
	}
	ASSERT_EQ(0, paging_load(&self->other, NR_SCENE));
	stamp_all(&self->other, NR_SCENE, OTHER_SEED);
}

FIXTURE_TEARDOWN(corrupt)
{
	EXPECT_FALSE(is_dead(self->other.fd));
	EXPECT_EQ(-1, unstamped(&self->other, NR_SCENE, OTHER_SEED));
	softsgx_enclave_close(&self->other);
	EXPECT_EQ(0, scene_end(&self->s));
}

/* @page2 < 0: none. A page number that is NR_SCENE stands for the SECS. */
static int corrupt(const struct softsgx_enclave *encl, const char *verb, int page, int page2)
{
	char line[96];

	snprintf(line, sizeof(line), "%s %llu 0x%llx", verb, id_of(encl->fd),
		 page == NR_SCENE ? 0 : (u64)(uintptr_t)vt_addr(encl, page));
	if (page2 >= 0)
		sprintf(line + strlen(line), " 0x%llx", (u64)(uintptr_t)vt_addr(encl, page2));
	return write_file(DEBUGFS "corrupt", line, strlen(line));
}

/* All that is left to do is to let go of it. */
static void is_lost(struct __test_metadata *_metadata, struct _test_data_corrupt *self)
{
	struct softsgx_enclave *encl = &self->s.encl;
	u64 count;
	int i;

	EXPECT_TRUE(is_dead(encl->fd));
	for (i = 0; i < NR_SCENE; i++) {
		EXPECT_EQ(SIGBUS, vt_read(vt_addr(encl, i)));
		EXPECT_EQ(SIGBUS, vt_write(vt_addr(encl, i)));
	}
	EXPECT_EQ(-EIO, vt_ioc_add(encl->fd, vt_anon(PAGE, PROT_READ), 0, PAGE, REG(PROT_READ), 0,
				   &count));
	EXPECT_EQ(0, await_resident(encl->fd, NR_SCENE));
}

#define is_lost() is_lost(_metadata, self)

/* ---------------------------------------------------------------------- the file */

TEST_F_TIMEOUT(corrupt, bad_commands, 60)
{
	static const char * const bad[] = {
		"data", "data 1", "data x 0", "data 1 y", "nothing 1 0", "data 1 0 0",
		"swap 1 0 0 0", "data  1 0", "data 1 0x1000000000000000000",
	};
	char line[128];
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_GT(0, write_file(DEBUGFS "corrupt", bad[i], strlen(bad[i]))) {
			TH_LOG("\"%s\"", bad[i]);
		}
	}
	memset(line, ' ', sizeof(line));
	EXPECT_EQ(-EINVAL, write_file(DEBUGFS "corrupt", line, sizeof(line)));
	snprintf(line, sizeof(line), "data %llu 0", self->s.id + 100);
	EXPECT_EQ(-ENOENT, write_file(DEBUGFS "corrupt", line, strlen(line)));

	/* In the EPC, or nowhere */
	EXPECT_EQ(-EBUSY, corrupt(&self->s.encl, "data", 0, -1));
	EXPECT_EQ(-EBUSY, corrupt(&self->s.encl, "pcmd", NR_SCENE, -1));
	EXPECT_EQ(-ENOENT, corrupt(&self->s.encl, "data", NR_SCENE + 1, -1));
	EXPECT_EQ(-ENOENT, corrupt(&self->s.encl, "truncate", -1, -1));
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	EXPECT_EQ(-EINVAL, corrupt(&self->s.encl, "swap", 0, -1));
	EXPECT_EQ(-EINVAL, corrupt(&self->s.encl, "data", 0, 1));
	EXPECT_EQ(-ENOENT, corrupt(&self->s.encl, "swap", 0, NR_SCENE + 1));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
}

/* --------------------------------------------------------------------- one page */

static void changed(struct __test_metadata *_metadata, struct _test_data_corrupt *self,
		    const char *verb, int page)
{
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, verb, page, -1));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, page)));
	is_lost();
}

TEST_F_TIMEOUT(corrupt, contents, 60)
{
	changed(_metadata, self, "data", 3);
}

TEST_F_TIMEOUT(corrupt, pcmd, 60)
{
	changed(_metadata, self, "pcmd", 3);
}

TEST_F_TIMEOUT(corrupt, truncated, 60)
{
	changed(_metadata, self, "truncate", 3);
}

/* Changed and changed back: nothing has happened. */
TEST_F_TIMEOUT(corrupt, repaired, 60)
{
	static const char * const verbs[] = { "data", "pcmd" };
	int i;

	ASSERT_EQ(0, press_out(self->s.encl.fd));
	for (i = 0; i < ARRAY_SIZE(verbs); i++) {
		ASSERT_EQ(0, corrupt(&self->s.encl, verbs[i], 3, -1));
		ASSERT_EQ(0, corrupt(&self->s.encl, verbs[i], 3, -1));
	}
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
	EXPECT_FALSE(is_dead(self->s.encl.fd));
}

/* --------------------------------------------------------------------- two pages */

TEST_F_TIMEOUT(corrupt, swapped, 60)
{
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "swap", 2, 5));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, 2)));
	is_lost();
}

TEST_F_TIMEOUT(corrupt, swapped_back, 60)
{
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "swap", 2, 5));
	ASSERT_EQ(0, corrupt(&self->s.encl, "swap", 5, 2));
	EXPECT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
}

/* What has been there before, at the same address, with its own PCMD */
TEST_F_TIMEOUT(corrupt, stale, 60)
{
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "save", 2, -1));
	stamp_all(&self->s.encl, NR_SCENE, 2);
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "restore", 2, -1));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, 2)));
	is_lost();
}

/* Not even if it is the same that has been there */
TEST_F_TIMEOUT(corrupt, stale_but_same, 60)
{
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "save", 2, -1));
	ASSERT_EQ(-1, unstamped(&self->s.encl, NR_SCENE, 1));
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "restore", 2, -1));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, 2)));
	is_lost();
}

/* The same page of another enclave */
TEST_F_TIMEOUT(corrupt, of_another_enclave, 60)
{
	ASSERT_EQ(0, press_out(self->other.fd));
	ASSERT_EQ(0, corrupt(&self->other, "save", 2, -1));
	ASSERT_EQ(0, press_out(self->s.encl.fd));
	ASSERT_EQ(0, corrupt(&self->s.encl, "restore", 2, -1));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, 2)));
	is_lost();
}

/* ------------------------------------------------------------------ the SECS, others */

static void secs_changed(struct __test_metadata *_metadata, struct _test_data_corrupt *self,
			 const char *verb)
{
	u64 start = vt_ms();
	int ret;

	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	do {
		usleep(1000);
		ret = corrupt(&self->s.encl, verb, NR_SCENE, -1);
	} while (ret == -EBUSY && vt_ms() - start < PRESS_MS);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, scene_calm(&self->s));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&self->s.encl, 0)));
	is_lost();
}

TEST_F_TIMEOUT(corrupt, secs_data, 60)
{
	secs_changed(_metadata, self, "data");
}

TEST_F_TIMEOUT(corrupt, secs_pcmd, 60)
{
	secs_changed(_metadata, self, "pcmd");
}

/* Several processes, all the time: all of them see the end, and nothing else. */
static int step_until_lost(struct softsgx_enclave *encl)
{
	u64 start = vt_ms();
	unsigned int i;
	int sig;

	for (i = 0; vt_ms() - start < LONG_MS; i = (i + 1) % NR_SCENE) {
		sig = vt_read(vt_addr(encl, i));
		if (sig)
			return sig == SIGBUS ? 0 : sig;
	}
	return 1;
}

TEST_F_TIMEOUT(corrupt, crowd, 90)
{
	struct worker workers[3];
	u64 start = vt_ms();
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_start_do(&workers[i], &self->s.encl, step_stamped));
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		ASSERT_EQ(0, worker_tell(&workers[i], step_until_lost));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	do {
		ret = corrupt(&self->s.encl, "data", 3, -1);
	} while (ret == -EBUSY && vt_ms() - start < PRESS_MS);
	ASSERT_EQ(0, ret);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		EXPECT_EQ(0, worker_answer(&workers[i]));
		EXPECT_EQ(0, worker_end(&workers[i]));
	}
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	/* Nobody wants its pages back, so all of them go. */
	EXPECT_EQ(0, await_resident(self->s.encl.fd, 0));
	is_lost();
}

TEST_HARNESS_MAIN
