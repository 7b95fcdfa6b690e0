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

/* ------------------------------------------------------------------- before INIT */

#define NR_BUILT	16	/* pages that are there, and as many that are not */

/**
 * struct building - an enclave that is lost while a command waits for user memory
 * @encl: it
 * @stall: what the command waits for
 * @thread: in the command
 * @ret: of the command
 */
struct building {
	struct softsgx_enclave encl;
	struct vt_stall stall;
	pthread_t thread;
	int ret;
};

static int build_half(struct softsgx_enclave *encl)
{
	struct softsgx_image image;
	struct sgx_secs secs;
	int ret;

	*encl = (struct softsgx_enclave){ .fd = -1 };
	softsgx_image_init(&image);
	ret = softsgx_image_add(&image, 0, 2 * NR_BUILT * PAGE, NULL, REG(PROT_RW), false);
	image.size = 2 * NR_BUILT * PAGE;
	if (!ret)
		ret = softsgx_enclave_open(encl);
	if (!ret)
		ret = vt_reserve(encl, image.size);
	softsgx_image_secs(&image, encl->base, &secs);
	softsgx_image_free(&image);
	return ret ? ret : softsgx_enclave_create(encl, &secs);
}

static int add_built(struct softsgx_enclave *encl)
{
	u8 *src = vt_anon(NR_BUILT * PAGE, PROT_RW);
	u64 count;
	int ret = vt_ioc_add(encl->fd, src, 0, NR_BUILT * PAGE, REG(PROT_RW), 0, &count);

	munmap(src, NR_BUILT * PAGE);
	return ret ? ret : vt_map(encl, 0, NR_BUILT, PROT_RW);
}

static void *add_one(void *data)
{
	struct building *b = data;
	u64 count;

	b->ret = vt_ioc_add(b->encl.fd, b->stall.mem, NR_BUILT * PAGE, PAGE, REG(PROT_RW), 0,
			    &count);
	return NULL;
}

static void *init(void *data)
{
	struct building *b = data;

	b->ret = vt_ioc_init(b->encl.fd, b->stall.mem);
	return NULL;
}

/* All that is left in the EPC is the SECS of an enclave that is lost. */
static int building_start(struct building *b, void *(*command)(void *))
{
	int ret = build_half(&b->encl);

	if (!ret)
		ret = add_built(&b->encl);
	if (!ret)
		ret = press_out(b->encl.fd);
	if (!ret)
		ret = vt_stall_init(&b->stall, PAGE);
	if (!ret)
		ret = -pthread_create(&b->thread, NULL, command, b);
	if (!ret)
		ret = vt_stall_wait(&b->stall, 0);
	if (!ret)
		ret = corrupt(&b->encl, "data", 3, -1);
	if (!ret && vt_read(vt_addr(&b->encl, 3)) != SIGBUS)
		ret = -EINVAL;
	return ret ? ret : await_resident(b->encl.fd, 0);
}

/* Returns what the command has returned. */
static int building_end(struct building *b)
{
	int ret = vt_stall_fill(&b->stall, 0, NULL);

	if (!ret)
		ret = pthread_join(b->thread, NULL);
	if (!ret)
		vt_stall_free(&b->stall);
	return ret ? 1000 : b->ret;
}

static void secs_gone(struct __test_metadata *_metadata, struct _test_data_corrupt *self,
		      void *(*command)(void *))
{
	struct building b = {};

	ASSERT_EQ(0, building_start(&b, command));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	EXPECT_EQ(0, press_goes_on(&self->s.press));
	EXPECT_EQ(-EIO, building_end(&b));
	EXPECT_EQ(0, scene_calm(&self->s));
	softsgx_enclave_close(&b.encl);
}

TEST_F_TIMEOUT(corrupt, add_without_secs, 60)
{
	secs_gone(_metadata, self, add_one);
}

TEST_F_TIMEOUT(corrupt, init_without_secs, 60)
{
	secs_gone(_metadata, self, init);
}

/* No page may become a child of a SECS that is about to go. */
TEST_F_TIMEOUT(corrupt, add_while_secs_leaves, 60)
{
	struct building b = {};

	ASSERT_EQ(0, building_start(&b, add_one));
	ASSERT_EQ(0, delay_only(id_of(b.encl.fd)));
	ASSERT_EQ(0, vt_delay("leaving", LONG_MS));
	ASSERT_EQ(0, press_start(&self->s.press, 2 * self->s.start.total));
	ASSERT_EQ(0, await_held("leaving"));
	EXPECT_EQ(-EIO, building_end(&b));
	EXPECT_TRUE(is_held("leaving"));
	EXPECT_EQ(0, paging_calm());
	EXPECT_EQ(0, scene_calm(&self->s));
	softsgx_enclave_close(&b.encl);
}

TEST_HARNESS_MAIN
