// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves that grow, change and shrink after INIT, where everything goes well, and the
 * exceptions that belong to that.
 */
#include "dynamic.h"
#include "kselftest_harness.h"

FIXTURE(dynamic) {
	struct dyn d;
};

FIXTURE_SETUP(dynamic)
{
	ASSERT_EQ(0, dyn_load(&self->d)) {
		TH_LOG("%s", softsgx_last_error());
	}
}

FIXTURE_TEARDOWN(dynamic)
{
	EXPECT_FALSE(is_dead(self->d.encl.e.fd));
	EXPECT_EQ(0, dyn_unload(&self->d));
}

static long pages(struct _test_data_dynamic *self)
{
	return info_now(self->d.encl.e.fd).pages;
}

/* ----------------------------------------------------------------- new pages */

/* A write finds a hole; the page is accepted on another TCS; the write goes on. */
TEST_F(dynamic, touch_accept_elsewhere)
{
	long before = pages(self);
	struct dyn_op op;

	EXPECT_EQ(NO_WRITE, dyn_begin(&self->d, &op, 0, ENCL_ACCESS_WRITE, 0,
				      dyn_at(&self->d, 3) + 8, 77));
	EXPECT_EQ(dyn_at(&self->d, 3), op.run.exception_addr);
	EXPECT_EQ(before + 1, pages(self));
	/* Again, as long as nobody accepts it */
	EXPECT_EQ(NO_WRITE, dyn_resume(&self->d, &op));
	EXPECT_EQ(0, dyn_do(&self->d, 1, ENCL_ACCEPT, IS_NEW, dyn_at(&self->d, 3), 0));
	EXPECT_EQ(0, dyn_resume(&self->d, &op));
	EXPECT_EQ(77, encl_do(&self->d.encl, 0, ENCL_READ, dyn_at(&self->d, 3) + 8, 0, 0));
	EXPECT_EQ(0, dyn_read(&self->d, 3));
	EXPECT_EQ(before + 1, pages(self));
}

/* The same on the same TCS, at the next level, as runtimes do it */
TEST_F(dynamic, touch_accept_deeper)
{
	struct dyn_op op, accept;

	EXPECT_EQ(NO_READ, dyn_begin(&self->d, &op, 0, ENCL_ACCESS_READ, 0, dyn_at(&self->d, 0),
				     0));
	EXPECT_EQ(0, dyn_begin(&self->d, &accept, 0, ENCL_ACCEPT, IS_NEW, dyn_at(&self->d, 0),
			       0));
	op.call.ret = ~0UL;
	EXPECT_EQ(0, dyn_resume(&self->d, &op));
}

TEST_F(dynamic, exec_hole)
{
	EXPECT_EQ(NO_EXEC, dyn_exec(&self->d, 0));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(NO_EXEC, dyn_exec(&self->d, 0));
}

/* Without an exception */
TEST_F(dynamic, accept_hole)
{
	long before = pages(self);

	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 5));
	EXPECT_EQ(before + 1, pages(self));
	EXPECT_TRUE(dyn_is_zero(&self->d, 5));
	EXPECT_EQ(0, dyn_write(&self->d, 5, 1234));
	EXPECT_EQ(1234, dyn_read(&self->d, 5));
	EXPECT_EQ(SGX_PAGE_ATTRIBUTES_MISMATCH, dyn_accept(&self->d, IS_NEW, 5));
}

/* Many holes, one call each; then one write each */
TEST_F(dynamic, accept_range)
{
	unsigned int i;

	EXPECT_EQ(0, dyn_add(&self->d, 0, 300));
	for (i = 0; i < 300; i += 7)
		EXPECT_EQ(0, dyn_write(&self->d, i, i + 1));
	for (i = 0; i < 300; i++)
		EXPECT_EQ(i % 7 ? 0 : i + 1, dyn_read(&self->d, i));
}

/* A fault may add neighbours as well. They are new pages, and no more than allowed. */
TEST_F(dynamic, neighbours)
{
	long before = pages(self);

	ASSERT_EQ(0, dyn_batch(BATCH_MAX));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 100, 1));
	EXPECT_LE(before + 1, pages(self));
	EXPECT_GE(before + BATCH_MAX, pages(self));
	EXPECT_EQ(200, dyn_accept_range(&self->d, IS_NEW, 100, 200));
	EXPECT_LE(before + 200, pages(self));
	EXPECT_GE(before + 200 + BATCH_MAX, pages(self));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 99));
	/* Not beyond the mapping */
	ASSERT_EQ(0, munmap((void *)dyn_at(&self->d, 402), (NR_ROOM - 402) * PAGE));
	before = pages(self);
	EXPECT_EQ(0, dyn_add(&self->d, 400, 2));
	EXPECT_EQ(before + 2, pages(self));
	EXPECT_EQ(-EINVAL, write_file(PARAMETERS "augment_batch", "0", 1));
	EXPECT_EQ(-EINVAL, write_file(PARAMETERS "augment_batch", "65", 2));
}

/* Outside ELRANGE there is nothing to add. */
TEST_F(dynamic, outside)
{
	struct encl *encl = &self->d.encl;
	u64 below = encl->e.base - PAGE, behind = encl->e.base + encl->e.size;
	long before = pages(self);

	EXPECT_EQ(BAD(V_GP, 0), dyn_do(&self->d, 0, ENCL_ACCEPT, IS_NEW, below, 0));
	EXPECT_EQ(BAD(V_GP, 0), dyn_do(&self->d, 0, ENCL_ACCEPT, IS_NEW, behind, 0));
	EXPECT_EQ(BAD(V_GP, 0),
		  dyn_do(&self->d, 0, ENCL_ACCEPT, IS_NEW, dyn_at(&self->d, 0) + 8, 0));
	EXPECT_EQ(before, pages(self));
	/* Holes without a mapping, or one without rights */
	ASSERT_EQ(0, munmap((void *)dyn_at(&self->d, 0), PAGE));
	EXPECT_EQ(SIGBUS_READ, dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(SIGBUS_WRITE, dyn_write(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_map(&self->d, 0, 1, PROT_NONE));
	EXPECT_EQ(SIGBUS_READ, dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(before, pages(self));
	ASSERT_EQ(0, dyn_map(&self->d, 0, 1, PROT_READ));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 0));
	EXPECT_EQ(0, dyn_read(&self->d, 0));
	EXPECT_EQ(PF(7), dyn_write(&self->d, 0, 1));
}

/* The host, too, can touch a hole; it gets nothing out of it, nor does a system call. */
TEST_F(dynamic, host)
{
	u8 *hole = (u8 *)dyn_at(&self->d, 0);
	long before = pages(self);
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	EXPECT_EQ(-1, write(fds[1], hole, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(before, pages(self));
	EXPECT_NE(0, vt_read(hole));
	EXPECT_EQ(before + 1, pages(self));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, 0));
	close(fds[0]);
	close(fds[1]);
}

/* --------------------------------------------------------------- EACCEPTCOPY */

TEST_F(dynamic, accept_copy)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_write(&self->d, 0, ENCL_CODE));
	/* Into a hole, and into a page that is there already */
	EXPECT_EQ(0, dyn_copy(&self->d, PROT_RX, 1, 0));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 2));
	EXPECT_EQ(0, dyn_copy(&self->d, PROT_READ, 2, 0));

	EXPECT_EQ(ENCL_CODE, dyn_read(&self->d, 1));
	EXPECT_EQ(0, dyn_exec(&self->d, 1));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 1, 1));
	EXPECT_EQ(ENCL_CODE, dyn_read(&self->d, 2));
	EXPECT_EQ(NO_EXEC, dyn_exec(&self->d, 2));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 2, 1));
	EXPECT_EQ(SGX_PAGE_ATTRIBUTES_MISMATCH, dyn_copy(&self->d, PROT_RX, 1, 0));
	EXPECT_EQ(BAD(V_GP, 0), dyn_copy(&self->d, PROT_WRITE, 3, 0));
	/* #PF for a write: the mapping has to allow it. */
	ASSERT_EQ(0, dyn_map(&self->d, 4, 1, PROT_READ));
	EXPECT_EQ(PF(7), dyn_copy(&self->d, PROT_READ, 4, 0));
}

/* -------------------------------------------------------------- fewer rights */

TEST_F(dynamic, restrict_extend)
{
	struct dyn_op op;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_write(&self->d, 0, 1));
	EXPECT_ALL(1, dyn_restrict(&self->d, 0, 1, SGX_SECINFO_R));
	EXPECT_EQ(1, dyn_read(&self->d, 0));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 0, 2));
	EXPECT_EQ(SGX_PAGE_ATTRIBUTES_MISMATCH, dyn_accept(&self->d, IS_CUT(PROT_RW), 0));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_CUT(PROT_READ), 0));
	EXPECT_EQ(NO_WRITE, dyn_begin(&self->d, &op, 0, ENCL_ACCESS_WRITE, 0,
				      dyn_at(&self->d, 0), 3));
	EXPECT_EQ(0, dyn_do(&self->d, 1, ENCL_EXTEND, SGX_SECINFO_REG | PROT_RW,
			    dyn_at(&self->d, 0), 0));
	EXPECT_EQ(0, dyn_resume(&self->d, &op));
	EXPECT_EQ(3, dyn_read(&self->d, 0));
}

/* To nothing at all, and back */
TEST_F(dynamic, restrict_to_nothing)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_write(&self->d, 0, ENCL_CODE));
	EXPECT_ALL(1, dyn_restrict(&self->d, 0, 1, 0));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 0));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_CUT(0), 0));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 0));
	EXPECT_EQ(BAD(V_GP, 0), dyn_extend(&self->d, PROT_WRITE, 0));
	EXPECT_EQ(0, dyn_extend(&self->d, PROT_RX, 0));
	EXPECT_EQ(0, dyn_exec(&self->d, 0));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 0, 1));
}

/* More than a page has is no change, but one that can be accepted. */
TEST_F(dynamic, restrict_to_more)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 2));
	EXPECT_ALL(2, dyn_restrict(&self->d, 0, 2, PROT_RWX));
	EXPECT_EQ(2, dyn_accept_range(&self->d, IS_CUT(PROT_RW), 0, 2));
	EXPECT_EQ(0, dyn_write(&self->d, 1, 1));
}

/* Pages of the image, all of them in one call: more than one batch */
TEST_F(dynamic, restrict_many)
{
	unsigned int i, nr = 3 * BATCH_MAX + 1;

	ASSERT_EQ(0, dyn_add(&self->d, 0, nr));
	for (i = 0; i < nr; i += 13)
		ASSERT_EQ(0, dyn_write(&self->d, i, i));
	EXPECT_ALL(nr, dyn_restrict(&self->d, 0, nr, SGX_SECINFO_R));
	EXPECT_EQ(nr, dyn_accept_range(&self->d, IS_CUT(PROT_READ), 0, nr));
	for (i = 0; i < nr; i += 13) {
		EXPECT_EQ(NO_WRITE, dyn_write(&self->d, i, 1));
		EXPECT_EQ(i, dyn_read(&self->d, i));
	}
}

/* Data that becomes code: the PTE has no X, and nobody but the enclave knows better. */
TEST_F(dynamic, data_to_code)
{
	struct dyn_op op;

	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	ASSERT_EQ(0, dyn_write(&self->d, 0, ENCL_CODE));
	EXPECT_EQ(NO_EXEC, dyn_begin(&self->d, &op, 0, ENCL_ACCESS_EXEC, 0, dyn_at(&self->d, 0),
				     0));
	EXPECT_EQ(0, dyn_do(&self->d, 1, ENCL_EXTEND, SGX_SECINFO_REG | PROT_RX,
			    dyn_at(&self->d, 0), 0));
	EXPECT_EQ(0, dyn_resume(&self->d, &op));
	EXPECT_EQ(0, dyn_exec(&self->d, 0));
	EXPECT_EQ(0, dyn_write(&self->d, 0, ENCL_CODE));

	/* And back */
	EXPECT_ALL(1, dyn_restrict(&self->d, 0, 1, PROT_RW));
	EXPECT_EQ(NO_EXEC, dyn_exec(&self->d, 0));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_CUT(PROT_RW), 0));
	EXPECT_EQ(NO_EXEC, dyn_exec(&self->d, 0));
	EXPECT_EQ(ENCL_CODE, dyn_read(&self->d, 0));
}

/* Rights of pages of the image can be taken and given back, too. */
TEST_F(dynamic, image_pages)
{
	struct encl *encl = &self->d.encl;
	u64 addr = encl->info.scratch, offset = addr - encl->e.base;

	EXPECT_ALL(1, dyn_ioc_restrict(encl->e.fd, offset, PAGE, SGX_SECINFO_R));
	EXPECT_EQ(0, dyn_do(&self->d, 0, ENCL_ACCEPT, IS_CUT(PROT_READ), addr, 0));
	EXPECT_EQ(NO_WRITE, dyn_do(&self->d, 0, ENCL_ACCESS_WRITE, 0, addr, 1));
	EXPECT_EQ(0, dyn_do(&self->d, 0, ENCL_EXTEND, SGX_SECINFO_REG | PROT_RW, addr, 0));
	EXPECT_EQ(0, dyn_do(&self->d, 0, ENCL_ACCESS_WRITE, 0, addr, 1));
	EXPECT_ALL(1, dyn_ioc_modify(encl->e.fd, offset, PAGE, SGX_PT_TRIM));
	EXPECT_EQ(0, dyn_do(&self->d, 0, ENCL_ACCEPT, IS_TRIM, addr, 0));
	EXPECT_ALL(1, dyn_ioc_remove(encl->e.fd, offset, PAGE));
	/* What comes in its place has all rights it may want. */
	EXPECT_EQ(0, dyn_do(&self->d, 0, ENCL_ACCEPT, IS_NEW, addr, 0));
	EXPECT_EQ(0, dyn_do(&self->d, 0, ENCL_ACCESS_WRITE, 0, addr, 1));
}

/* ---------------------------------------------------------------------- TCSs */

TEST_F(dynamic, tcs)
{
	struct encl *encl = &self->d.encl;
	unsigned int tcs = 10 + TCS_STACK;

	encl->tcs[3] = 0;
	ASSERT_EQ(0, dyn_add_thread(&self->d, 10, 3));
	encl_do(encl, 3, ENCL_PUT, 4711, 2, 0);
	EXPECT_EQ(4711, encl_do(encl, 0, ENCL_GET, 0, 2, 0));
	/* An exception and its repair on it */
	EXPECT_EQ(NO_WRITE, dyn_do(&self->d, 3, ENCL_ACCESS_WRITE, 0, dyn_at(&self->d, 0), 1));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, tcs));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, tcs, 1));

	EXPECT_ALL(1, dyn_modify(&self->d, tcs, 1, SGX_PT_TRIM));
	EXPECT_EQ(NO_READ, dyn_do(&self->d, 3, ENCL_NOP, 0, encl->tcs[3], 0));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_TRIM, tcs));
	EXPECT_ALL(1, dyn_remove(&self->d, tcs, 1));
	/* A page that is new is anything but a TCS. */
	EXPECT_EQ(0, dyn_accept(&self->d, IS_NEW, tcs));
	EXPECT_TRUE(dyn_is_zero(&self->d, tcs));
	EXPECT_EQ(NO_READ, dyn_do(&self->d, 3, ENCL_NOP, 0, encl->tcs[3], 0));
	/* And can be one again. */
	dyn_fill_tcs(&self->d, tcs);
	EXPECT_ALL(1, dyn_modify(&self->d, tcs, 1, SGX_PT_TCS));
	EXPECT_EQ(NO_READ, dyn_do(&self->d, 3, ENCL_NOP, 0, encl->tcs[3], 0));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_TCS, tcs));
	encl_do(encl, 3, ENCL_LOOP, 1, 0, 0);
}

/* A mapping that allows to execute is of no use for a TCS. */
TEST_F(dynamic, tcs_mapped_rwx)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	dyn_fill_tcs(&self->d, 0);
	EXPECT_ALL(1, dyn_modify(&self->d, 0, 1, SGX_PT_TCS));
	EXPECT_EQ(SIGBUS_READ, dyn_accept(&self->d, IS_TCS, 0));
	EXPECT_EQ(SIGBUS_READ, dyn_read(&self->d, 0));
	EXPECT_EQ(SIGBUS_WRITE, dyn_write(&self->d, 0, 1));
	EXPECT_EQ(-1, mprotect((void *)dyn_at(&self->d, 0), PAGE, PROT_RX));
	EXPECT_EQ(0, mprotect((void *)dyn_at(&self->d, 0), PAGE, PROT_RW));
	EXPECT_EQ(0, dyn_accept(&self->d, IS_TCS, 0));
	EXPECT_EQ(-1, mprotect((void *)dyn_at(&self->d, 0), PAGE, PROT_RWX));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-EACCES, dyn_map(&self->d, 0, 1, PROT_RWX));
}

/* What the enclave has not prepared well becomes no TCS. */
TEST_F(dynamic, tcs_without_contents)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	EXPECT_ALL(1, dyn_modify(&self->d, 0, 1, SGX_PT_TCS));
	ASSERT_EQ(0, dyn_map(&self->d, 0, 1, PROT_RW));
	EXPECT_EQ(BAD(V_GP, 0), dyn_accept(&self->d, IS_TCS, 0));
	EXPECT_ANSWER(-EFAULT, SGX_PAGE_NOT_MODIFIABLE, 0, dyn_modify(&self->d, 0, 1, SGX_PT_TRIM));
}

/* ------------------------------------------------------------------- removal */

TEST_F(dynamic, remove)
{
	long before = pages(self);
	struct vt_epc epc;

	ASSERT_EQ(0, vt_epc_read(&epc));
	ASSERT_EQ(0, dyn_add(&self->d, 7, 3));
	ASSERT_EQ(0, dyn_write(&self->d, 8, ~0));
	EXPECT_ALL(3, dyn_modify(&self->d, 7, 3, SGX_PT_TRIM));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 8));
	EXPECT_EQ(NO_WRITE, dyn_write(&self->d, 8, 0));
	EXPECT_EQ(3, dyn_accept_range(&self->d, IS_TRIM, 7, 3));
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 8));
	EXPECT_EQ(before + 3, pages(self));
	EXPECT_ALL(3, dyn_remove(&self->d, 7, 3));
	EXPECT_EQ(before, pages(self));
	EXPECT_EQ(0, vt_epc_settle(&epc));
	/* Nothing is left of what was there. */
	EXPECT_EQ(NO_READ, dyn_read(&self->d, 8));
	EXPECT_EQ(before + 1, pages(self));
	EXPECT_EQ(0, dyn_add(&self->d, 7, 3));
	EXPECT_TRUE(dyn_is_zero(&self->d, 8));
}

/* A page that nobody has touched since it was accepted */
TEST_F(dynamic, remove_untouched)
{
	ASSERT_EQ(0, dyn_add(&self->d, 0, 1));
	EXPECT_EQ(0, dyn_trim_remove(&self->d, 0, 1));
}

/* More than one batch; and again, so nothing is used up */
TEST_F(dynamic, remove_many)
{
	unsigned int i, nr = 3 * BATCH_MAX + 5;
	struct vt_epc epc;

	ASSERT_EQ(0, vt_epc_read(&epc));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dyn_add(&self->d, 0, nr));
		ASSERT_EQ(0, dyn_write(&self->d, nr - 1, 1));
		ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, nr));
		ASSERT_EQ(0, vt_epc_settle(&epc));
	}
}

/* VA pages come back with the pages, wherever the border is. */
TEST_F(dynamic, va_pages)
{
	int fd = self->d.encl.e.fd, i;
	struct info before, now;

	before = info_now(fd);
	ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM));
	now = info_now(fd);
	EXPECT_EQ(before.pages + NR_ROOM, now.pages);
	EXPECT_EQ(before.va_pages + 1, now.va_pages);
	ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, NR_ROOM));
	EXPECT_EQ(before.va_pages, info_now(fd).va_pages);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, dyn_add(&self->d, 0, NR_ROOM - before.pages + i % 3));
		ASSERT_EQ(0, dyn_trim_remove(&self->d, 0, NR_ROOM - before.pages + i % 3));
		ASSERT_GE(before.va_pages + 1, info_now(fd).va_pages);
	}
}

TEST_HARNESS_MAIN
