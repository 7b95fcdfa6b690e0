// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver tells about enclaves during their life, to whom, and which
 * commands it refuses.
 */
#include <sys/prctl.h>

#include "introspect.h"
#include "kselftest_harness.h"

#define NOBODY		65534

FIXTURE(info) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	struct info info;
};

FIXTURE_SETUP(info)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->encl.fd = -1;
}

FIXTURE_TEARDOWN(info)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

/* Ids of enclaves that are no more; a number is never used again. */
TEST_F_TIMEOUT(info, no_such_enclave, 60)
{
	struct softsgx_enclave other;
	u64 id;

	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, own_info(self->encl.fd, &self->info));
	id = self->info.id;
	EXPECT_LT(0, id);
	EXPECT_EQ(0, walk("age", id, 0));
	EXPECT_EQ(0, walk("zap", id, 0));
	EXPECT_EQ(-ENOENT, walk("age", id + 1, 0));
	EXPECT_EQ(-ENOENT, walk("age", id + 1000000, 0));
	EXPECT_EQ(-ENOENT, walk("zap", ~0ULL, 0));
	EXPECT_EQ(-ENOENT, walk("zap", 0, 0));

	ASSERT_EQ(0, softsgx_enclave_open(&other));
	softsgx_enclave_close(&self->encl);
	ASSERT_EQ(0, own_info(other.fd, &self->info));
	EXPECT_LT(id, self->info.id);
	softsgx_enclave_close(&other);
	ASSERT_EQ(0, vt_epc_settle(&self->start));
	EXPECT_EQ(-ENOENT, walk("age", id, 0));
	EXPECT_EQ(-ENOENT, walk("zap", id, 0));
	EXPECT_EQ(-ENOENT, table_line(id, &self->info));
}

static int walk_write(const void *text, size_t len)
{
	return write_file(DEBUGFS "walk", text, len);
}

TEST_F_TIMEOUT(info, bad_commands, 60)
{
	static const struct {
		const char *text;
		int ret;
	} cmds[] = {
		{ "", -EINVAL },
		{ " ", -EINVAL },
		{ "\n", -EINVAL },
		{ "age", -EINVAL },
		{ "age ", -EINVAL },
		{ "age\n", -EINVAL },
		{ "age x", -EINVAL },
		{ "age -1", -EINVAL },
		{ "age 1x", -EINVAL },
		{ "age 1 2", -EINVAL },
		{ "age  1", -EINVAL },
		{ "age 1 ", -EINVAL },
		{ " age 1", -EINVAL },
		{ "1", -EINVAL },
		{ "1 age", -EINVAL },
		{ "Age 1", -EINVAL },
		{ "ag 1", -EINVAL },
		{ "agezap 1", -EINVAL },
		{ "zap", -EINVAL },
		{ "age 18446744073709551616", -ERANGE },
		{ "age 99999999999999999999", -ERANGE },
		/* 31 bytes fit, 32 do not; there is no enclave 0. */
		{ "age 000000000000000000000000000", -ENOENT },
		{ "age 0000000000000000000000000000", -EINVAL },
		{ "age 1 and some more text that does not fit", -EINVAL },
	};
	static char big[65536];
	struct walk before, after;
	unsigned int i;
	char cmd[32];

	ASSERT_EQ(0, softsgx_enclave_open(&self->encl));
	ASSERT_EQ(0, own_info(self->encl.fd, &self->info));
	ASSERT_EQ(0, walk("zap", self->info.id, 0));
	walk_read(&before);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EQ(cmds[i].ret, walk_write(cmds[i].text, strlen(cmds[i].text))) {
			TH_LOG("\"%s\"", cmds[i].text);
		}
	}
	memset(big, 'a', sizeof(big));
	EXPECT_EQ(-EINVAL, walk_write(big, sizeof(big)));
	EXPECT_EQ(-EFAULT, walk_write(vt_anon(PAGE, PROT_NONE), 8));
	/* A zero byte ends the text. */
	EXPECT_EQ(-EINVAL, walk_write("age\0 1", 6));
	/* The right verb is not enough, and the wrong one is told from a wrong number. */
	snprintf(cmd, sizeof(cmd), "look %llu", self->info.id);
	EXPECT_EQ(-EINVAL, walk_write(cmd, strlen(cmd)));
	walk_read(&after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));

	/* Other ways to write a number, and what echo(1) adds */
	snprintf(cmd, sizeof(cmd), "age 0x%llx\n", self->info.id);
	EXPECT_EQ(0, walk_write(cmd, strlen(cmd)));
}

static int unprivileged(void)
{
	static const char * const files[] = { "enclaves", "walk" };
	struct softsgx_enclave encl;
	struct info info;
	unsigned int i;

	MUST(!setgid(NOBODY) && !setuid(NOBODY));
	MUST(!prctl(PR_SET_DUMPABLE, 1));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		char path[64];

		snprintf(path, sizeof(path), DEBUGFS "%s", files[i]);
		MUST(open(path, O_RDONLY) == -1 && errno == EACCES);
		MUST(open(path, O_WRONLY) == -1 && errno == EACCES);
	}
	/* His own enclave is his to look at, that of others is not. */
	MUST(!softsgx_enclave_open(&encl));
	MUST(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, encl.fd, 0) != MAP_FAILED);
	MUST(!own_info(encl.fd, &info));
	MUST(info.id > 0);
	MUST(info.vmas == 1 && info.processes == 1 && process_vmas(&info, getpid()) == 1);
	MUST(info_of(getppid(), 0, &info) < 0);
	return 0;
}

TEST_F_TIMEOUT(info, unprivileged, 60)
{
	pid_t pid = fork();

	if (!pid)
		_exit(unprivileged());
	EXPECT_EQ(0, vt_wait(pid));
}

TEST_F_TIMEOUT(info, no_enclaves, 60)
{
	char text[512] = {};
	int fd = open(DEBUGFS "enclaves", O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_EQ(0, strcmp(HEAD, text)) {
		TH_LOG("%s", text);
	}
	close(fd);
}

static void expect_info(struct __test_metadata *_metadata, struct _test_data_info *self,
			const char *state, long pages, long references, long vmas)
{
	struct info *info = &self->info;

	ASSERT_EQ(0, own_info(self->encl.fd, info));
	EXPECT_STREQ(state, info->state);
	EXPECT_EQ(self->encl.base, info->base);
	EXPECT_EQ(self->encl.base ? self->encl.size : 0, info->size);
	EXPECT_EQ(pages, info->pages);
	EXPECT_EQ(references, info->references);
	EXPECT_EQ(vmas, info->vmas);
	EXPECT_EQ(vmas ? 1 : 0, info->processes);
	EXPECT_EQ(references - 1 - info->processes, info->stale);
	EXPECT_EQ(0, info->busy);
	EXPECT_EQ(references > 1 ? vmas : -ENOENT, process_vmas(info, getpid()));
	EXPECT_TRUE(table_agrees(info));
}

TEST_F_TIMEOUT(info, states, 60)
{
	struct softsgx_enclave *encl = &self->encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;
	struct sgx_secs secs;
	unsigned int i;
	u8 *first;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_sign(&image, &sig));
	ASSERT_EQ(0, softsgx_enclave_open(encl));
	expect_info(_metadata, self, "new", 0, 1, 0);

	/* A mapping does not wait for the enclave, and stays an entry when it goes. */
	first = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, encl->fd, 0);
	ASSERT_NE(MAP_FAILED, first);
	expect_info(_metadata, self, "new", 0, 2, 1);
	ASSERT_EQ(0, munmap(first, PAGE));
	expect_info(_metadata, self, "new", 0, 2, 0);

	ASSERT_EQ(0, vt_reserve(encl, image.size));
	softsgx_image_secs(&image, encl->base, &secs);
	ASSERT_EQ(0, softsgx_enclave_create(encl, &secs));
	expect_info(_metadata, self, "created", 0, 2, 0);
	for (i = 0; i < image.nr_segs; i++) {
		ASSERT_EQ(0, softsgx_enclave_add(encl, &image.segs[i]));
		expect_info(_metadata, self, "created", i + 1, 2, 0);
	}
	/* It is there already. */
	EXPECT_GT(0, vt_ioc_add(encl->fd, image.segs[0].src, 0, PAGE, SGX_SECINFO_TCS, 0, NULL));
	expect_info(_metadata, self, "created", image.nr_segs, 2, 0);
	/* Refused, then accepted */
	sig.modulus[0] ^= 1;
	EXPECT_NE(0, vt_ioc_init(encl->fd, &sig));
	expect_info(_metadata, self, "created", image.nr_segs, 2, 0);
	sig.modulus[0] ^= 1;
	ASSERT_EQ(0, vt_ioc_init(encl->fd, &sig));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, 0);

	ASSERT_EQ(0, vt_map_all(encl));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, ALL_VMAS);
	ASSERT_EQ(0, mprotect(vt_addr(encl, PG_RW), PAGE, PROT_READ));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, ALL_VMAS);
	ASSERT_EQ(0, munmap(vt_addr(encl, PG_TCS), PAGE));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, ALL_VMAS - 1);
	ASSERT_EQ(0, munmap(vt_addr(encl, 0), VT_SIZE));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, 0);
	ASSERT_EQ(0, vt_map(encl, PG_HOLE, 1, PROT_NONE));
	expect_info(_metadata, self, "initialized", image.nr_segs, 2, 1);
	softsgx_image_free(&image);
}

TEST_F_TIMEOUT(info, several_enclaves, 60)
{
	struct softsgx_enclave encls[8];
	struct info infos[8];
	unsigned int i;
	void *mapping;

	for (i = 0; i < ARRAY_SIZE(encls); i++) {
		ASSERT_EQ(0, softsgx_enclave_open(&encls[i]));
		ASSERT_EQ(0, own_info(encls[i].fd, &infos[i]));
		EXPECT_TRUE(!i || infos[i].id == infos[i - 1].id + 1);
	}
	mapping = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, encls[3].fd, 0);
	ASSERT_NE(MAP_FAILED, mapping);
	ASSERT_EQ(0, own_info(encls[3].fd, &infos[3]));
	softsgx_enclave_close(&encls[1]);
	softsgx_enclave_close(&encls[3]);	/* a VMA keeps it */
	for (i = 0; i < ARRAY_SIZE(encls); i++) {
		if (i != 1 && i != 3)
			EXPECT_TRUE(table_agrees(&infos[i]));
	}
	EXPECT_EQ(0, table_line(infos[3].id, &self->info));
	EXPECT_EQ(1, self->info.vmas);
	EXPECT_EQ(1, self->info.processes);
	EXPECT_EQ(0, walk("age", infos[3].id, 0));
	for (i = 0; i < ARRAY_SIZE(encls); i++)
		softsgx_enclave_close(&encls[i]);
	ASSERT_EQ(0, munmap(mapping, PAGE));
}

TEST_HARNESS_MAIN
