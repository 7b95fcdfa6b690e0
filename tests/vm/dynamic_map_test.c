// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves that change, with several processes and mappings of all kinds; and which pages
 * come about without being asked for, or do not.
 */
#include "dynamic.h"
#include "kselftest_harness.h"

FIXTURE(dynamic_map) {
	struct dyn d;
};

FIXTURE_SETUP(dynamic_map)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(dynamic_map)
{
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

static long pages(struct _test_data_dynamic_map *self)
{
	return info_now(self->d.encl.e.fd).pages;
}

/* -------------------------------------------------------------------- mappings */

static int is_written(const struct dyn *d)
{
	return dyn_read(d, 0) == 5 && !dyn_write(d, 0, 6) && !dyn_add(d, 1, 1) &&
	       !dyn_write(d, 1, 7) ? 0 : 1;
}

/* Two processes see one enclave, whoever adds a page and whoever changes it. */
TEST_F(dynamic_map, processes)
{
	pid_t pid;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_write(&self->d, 0, 5));
	pid = fork();
	if (!pid)
		_exit(is_written(&self->d));
	EXPECT_EQ(0, vt_wait(pid));
	EXPECT_EQ(6, dyn_read(&self->d, 0));
	EXPECT_EQ(7, dyn_read(&self->d, 1));
}

static struct dyn *worker_dyn;

static int step_write(struct softsgx_enclave *encl)
{
	return dyn_write(worker_dyn, 0, 9);
}

static int step_read(struct softsgx_enclave *encl)
{
	return dyn_read(worker_dyn, 0);
}

/* A process that has had a page for long loses it when another one says so. */
TEST_F(dynamic_map, changed_elsewhere)
{
	struct worker worker;

	worker_dyn = &self->d;
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, worker_start_do(&worker, &self->d.encl.e, step_write));
	EXPECT_ALL(1, dyn_restrict(&self->d, 0, 1, SGX_SECINFO_R));
	EXPECT_EQ(NO_WRITE, (u32)worker_do(&worker, step_write));
	EXPECT_EQ(9, worker_do(&worker, step_read));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_CUT(PROT_READ), 0));
	EXPECT_EQ(0, dyn_extend(&self->d, PROT_RW, 0));
	EXPECT_EQ(0, worker_do(&worker, step_write));
	EXPECT_ALL(1, dyn_modify(&self->d, 0, 1, SGX_PT_TRIM));
	EXPECT_EQ(NO_READ, (u32)worker_do(&worker, step_read));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_TRIM, 0));
	EXPECT_ALL(1, dyn_remove(&self->d, 0, 1));
	EXPECT_EQ(NO_READ, (u32)worker_do(&worker, step_read));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(0, worker_do(&worker, step_read));
	EXPECT_EQ(0, worker_end(&worker));
}

/* mprotect() as everywhere; VMAs merge again, with pages in them and without. */
TEST_F(dynamic_map, mprotect)
{
	void *room = (void *)dyn_at(&self->d, 0);
	u64 end = dyn_at(&self->d, NR_ROOM);

	ASSERT_EQ(1, maps_vmas(dyn_at(&self->d, 0), end));
	ASSERT_EQ(0, dyn_add(&self->d, 0, 4));
	EXPECT_EQ(0, dyn_write(&self->d, 1, 1));
	ASSERT_EQ(0, mprotect(room + PAGE, PAGE, PROT_READ));
	EXPECT_EQ(PF(7), dyn_write(&self->d, 1, 2));
	EXPECT_EQ(3, maps_vmas(dyn_at(&self->d, 0), end));
	/* New pages may have any rights: only the enclave decides. */
	ASSERT_EQ(0, mprotect(room + PAGE, PAGE, PROT_RWX));
	EXPECT_EQ(1, maps_vmas(dyn_at(&self->d, 0), end));
	EXPECT_EQ(0, dyn_write(&self->d, 1, 2));
	ASSERT_EQ(0, mprotect(room + 2 * PAGE, 20 * PAGE, PROT_NONE));
	EXPECT_EQ(SIGBUS_READ, dyn_read(&self->d, 2) & ~SGX_PFEC_P);
	EXPECT_EQ(SIGBUS_READ, dyn_accept(&self->d, IS_NEW, 9));
	ASSERT_EQ(0, mprotect(room + 2 * PAGE, 20 * PAGE, PROT_RWX));
	EXPECT_EQ(1, maps_vmas(dyn_at(&self->d, 0), end));
	EXPECT_EQ(0, dyn_read(&self->d, 2));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 9));
}

/* ----------------------------------------------------------------------- hints */

TEST_F(dynamic_map, willneed)
{
	long before = pages(self), i;

	EXPECT_EQ(0, dyn_add(&self->d, 3, 1));
	EXPECT_EQ(0, madvise((void *)dyn_at(&self->d, 0), 100 * PAGE, MADV_WILLNEED));
	EXPECT_EQ(before + 100, pages(self));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 99));
	EXPECT_EQ(SGX_PAGE_ATTRIBUTES_MISMATCH, dyn_accept(&self->d, IS_NEW, 3));
	for (i = 0; i < 100; i++) {
		if (i != 3)
			EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, i));
	}
	EXPECT_EQ(before + 100, pages(self));
	EXPECT_EQ(0, madvise((void *)dyn_at(&self->d, 0), 100 * PAGE, MADV_WILLNEED));
	EXPECT_EQ(before + 100, pages(self));
}

TEST_F(dynamic_map, augment_now)
{
	long before = pages(self);

	ASSERT_EQ(0, dyn_add(&self->d, 3, 1));
	EXPECT_ALL(200, dyn_augment(&self->d, 0, 200, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(before + 200, pages(self));
	EXPECT_ALL(200, dyn_augment(&self->d, 0, 200, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(before + 200, pages(self));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 199, 1));
	EXPECT_EQ(0, dyn_add(&self->d, 4, 196));
	EXPECT_EQ(before + 200, pages(self));
}

/* Guard pages */
TEST_F(dynamic_map, augment_manual)
{
	long before = pages(self);
	int round;

	EXPECT_ALL(3, dyn_augment(&self->d, 10, 3, SOFTSGX_AUGMENT_MANUAL));
	for (round = 0; round < 2; round++) {
		EXPECT_EQ(SIGBUS_READ, dyn_read(&self->d, 10));
		EXPECT_EQ(SIGBUS_WRITE, dyn_write(&self->d, 12, 1));
		EXPECT_EQ(SIGBUS_READ, dyn_accept(&self->d, IS_NEW, 11));
	}
	EXPECT_EQ(before, pages(self));
	EXPECT_EQ(0, dyn_add(&self->d, 9, 1));
	EXPECT_EQ(0, dyn_add(&self->d, 13, 1));
	/* Nor as neighbours */
	ASSERT_EQ(0, dyn_batch(BATCH_MAX));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 8));
	EXPECT_EQ(SIGBUS_READ, dyn_read(&self->d, 10));
	ASSERT_EQ(0, dyn_batch(1));
	/* On request they come all the same. */
	EXPECT_ALL(1, dyn_augment(&self->d, 11, 1, SOFTSGX_AUGMENT_NOW));
	EXPECT_EQ(0, dyn_add(&self->d, 11, 1));
	EXPECT_EQ(0, dyn_trim_remove(&self->d, 11, 1));
	EXPECT_EQ(SIGBUS_WRITE, dyn_write(&self->d, 11, 1));
	EXPECT_EQ(0, madvise((void *)dyn_at(&self->d, 10), PAGE, MADV_WILLNEED));
	EXPECT_EQ(0, dyn_add(&self->d, 10, 1));

	EXPECT_ALL(1, dyn_augment(&self->d, 11, 1, SOFTSGX_AUGMENT_AUTO));
	EXPECT_EQ(0, dyn_add(&self->d, 11, 1));
	EXPECT_EQ(SIGBUS_READ, dyn_read(&self->d, 12));
}

/* Also for a child, and before INIT */
TEST_F(dynamic_map, augment_manual_early)
{
	struct softsgx_enclave encl;
	struct softsgx_image image;
	struct sgx_sigstruct sig;

	ASSERT_EQ(0, vt_image(&image, 0));
	ASSERT_EQ(0, vt_sign(&image, &sig));
	ASSERT_EQ(0, vt_load(&encl, &image));
	EXPECT_ALL(1, dyn_ioc_augment(encl.fd, PG_HOLE * PAGE, PAGE, SOFTSGX_AUGMENT_MANUAL));
	ASSERT_EQ(0, softsgx_enclave_init(&encl, &sig));
	ASSERT_EQ(0, vt_map(&encl, PG_HOLE, 2, PROT_RWX));
	EXPECT_EQ(SIGBUS, vt_read(vt_addr(&encl, PG_HOLE)));
	EXPECT_EQ(SIGSEGV, vt_read(vt_addr(&encl, PG_HOLE + 1)));
	softsgx_image_free(&image);
	softsgx_enclave_close(&encl);
}

TEST_HARNESS_MAIN
