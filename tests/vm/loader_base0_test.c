// SPDX-License-Identifier: GPL-2.0
/*
 * ELRANGE from address 0, so that a null pointer is an address of the enclave. The image
 * lies in a window far above, and only that is mapped: below vm.mmap_min_addr nobody
 * may map anything.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader.h"
#include "kselftest_harness.h"

#define WINDOW		0x200000000ULL	/* 8 GiB */
#define RANGE		0x1000000000ULL	/* 64 GiB; programs and stacks are above */
#define NOBODY		65534

static int enter(struct loader *l, unsigned int n, unsigned long op, struct encl_call *call)
{
	if (loader_vdso_enter(l, n, op, call, NULL))
		return -1;
	return call->status == ENCL_DONE ? 0 : -1;
}

static void no_handlers(void)
{
}

static int load(struct loader *l)
{
	l->base = 0;
	l->fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	if (l->fd < 0)
		return -errno;
	return loader_create(l) ?: loader_add(l, SGX_PAGE_SIZE) ?: loader_init(l) ?:
	       loader_map(l, false);
}

static const struct loader_style base0 = {
	.spec.options = { .nr_tcs = LOADER_TCS, .nssa = 2, .miscselect = SGX_MISC_EXINFO },
	.load = load,
	.enter = enter,
	.handlers = no_handlers,
	.faults = true,
};

/* With all rights over everything, before there is an enclave */
static int load_mapped(struct loader *l)
{
	const struct softsgx_segment *last = &l->encl.image.segs[l->encl.image.nr_segs - 1];

	l->base = 0;
	l->fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	if (l->fd < 0)
		return -errno;
	if (mmap((void *)WINDOW, last->offset + last->size - WINDOW,
		 PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, l->fd,
		 0) != (void *)WINDOW)
		return -errno;
	return loader_create(l) ?: loader_add(l, ~0ULL) ?: loader_init(l) ?: loader_map(l, true);
}

static const struct loader_style base0_mapped = {
	.spec.options = { .nr_tcs = LOADER_TCS, .nssa = 2, .miscselect = SGX_MISC_EXINFO },
	.load = load_mapped,
	.enter = enter,
	.handlers = no_handlers,
	.faults = true,
};

TEST(mapped_before_create)
{
	struct loader l;
	u64 ret = 0;

	loader_build(&l, &base0_mapped, WINDOW, RANGE);
	ASSERT_EQ(0, loader_load(&l));
	EXPECT_EQ(0, loader_do(&l, LOADER_TCS - 1, ENCL_ADD, 3, 0, 0, &ret));
	EXPECT_EQ(3, ret);
	close(l.fd);
}

FIXTURE(base0)
{
	struct loader l;
	struct encl_info info;
};

FIXTURE_SETUP(base0)
{
	loader_build(&self->l, &base0, WINDOW, RANGE);
	ASSERT_EQ(0, loader_load(&self->l));
	ASSERT_EQ(0, loader_do(&self->l, 0, ENCL_INFO, (uintptr_t)&self->info, 0, 0, NULL));
}

FIXTURE_TEARDOWN(base0)
{
	loader_unload(&self->l);
}

/* ----------------------------------------------------------------------- negative */

static void *map_at(const struct loader *l, u64 addr, int prot)
{
	return mmap((void *)addr, SGX_PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, l->fd, 0);
}

TEST_F(base0, outside_of_elrange)
{
	EXPECT_EQ(MAP_FAILED, map_at(&self->l, RANGE, PROT_READ));
	EXPECT_EQ(EACCES, errno);
	/* The last page is still inside; nothing is there. */
	EXPECT_EQ((void *)(RANGE - SGX_PAGE_SIZE),
		  map_at(&self->l, RANGE - SGX_PAGE_SIZE, PROT_READ));
	EXPECT_EQ(0, munmap((void *)(RANGE - SGX_PAGE_SIZE), SGX_PAGE_SIZE));
}

/* A base of 0 is one like any other: it must be a multiple of the size, and fit. */
TEST_F(base0, another_base)
{
	struct loader l;

	loader_build(&l, &base0, WINDOW, RANGE);
	l.fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, l.fd);
	l.base = SGX_PAGE_SIZE;
	EXPECT_EQ(-EIO, loader_create(&l));
	l.base = 0;
	l.encl.image.size = RANGE + SGX_PAGE_SIZE;
	EXPECT_EQ(-EINVAL, loader_create(&l));
	l.encl.image.size = RANGE;
	EXPECT_EQ(0, loader_create(&l));
	EXPECT_EQ(-EINVAL, loader_create(&l));
	close(l.fd);
}

/* The kernel keeps everybody but root away from there, whatever file it is. */
TEST_F(base0, nobody_maps_address_0)
{
	ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	EXPECT_EQ(MAP_FAILED, map_at(&self->l, 0, PROT_READ));
	EXPECT_EQ(EPERM, errno);
}

TEST_F(base0, entry_refused)
{
	struct encl_call call = { };

	self->l.tcs[1] = 0;
	EXPECT_EQ(-1, enter(&self->l, 1, ENCL_ADD, &call));
	self->l.tcs[1] = self->info.scratch;
	EXPECT_EQ(-1, enter(&self->l, 1, ENCL_ADD, &call));
	EXPECT_EQ(ENCL_PENDING, call.status);
}

/* ----------------------------------------------------------------------- addresses */

TEST_F(base0, where_it_is)
{
	u64 fs;
	struct encl_call call = { };

	EXPECT_EQ(WINDOW, self->info.base);
	EXPECT_EQ(self->l.tcs[0], self->info.tcs);
	/* FS and GS base are relative to the base, too. */
	EXPECT_EQ(0, enter(&self->l, 0, ENCL_BASES, &call));
	fs = call.ret;
	EXPECT_EQ(true, fs > WINDOW && fs < WINDOW + self->info.size);
	EXPECT_EQ(fs + SGX_PAGE_SIZE, call.a[0]);
}

/* What a null pointer does inside: #PF, and the frame says where. */
static int null_pointer(struct loader *l, u64 addr, struct encl_ssa *ssa,
			struct sgx_enclave_run *run)
{
	struct softsgx_args args = { .rdi = ENCL_ACCESS_READ };
	struct encl_call call = { .a = { 0, addr } };

	*run = (struct sgx_enclave_run){ .tcs = l->tcs[0] };
	args.rsi = (uintptr_t)&call;
	if (softsgx_enter(run, SGX_EENTER, &args))
		return -1;
	return loader_do(l, 0, ENCL_SSA_GET, ENCL_LAST_FRAME, (uintptr_t)ssa, 0, NULL);
}

TEST_F(base0, null_pointer)
{
	struct sgx_enclave_run run;
	struct encl_ssa ssa = { };

	ASSERT_EQ(0, null_pointer(&self->l, 0, &ssa, &run));
	EXPECT_EQ(SGX_ERESUME, run.function);
	EXPECT_EQ(V_PF, run.exception_vector);
	EXPECT_EQ(4, run.exception_error_code);
	EXPECT_EQ(0, run.exception_addr);
	EXPECT_EQ(EXITINFO(V_PF), ssa.exitinfo);
	EXPECT_EQ(0, ssa.maddr);
	EXPECT_EQ(4, ssa.errcd);
}

/* The offset in the page is nobody's business, on page 0 neither. */
TEST_F(base0, null_pointer_with_offset)
{
	struct sgx_enclave_run run;
	struct encl_ssa ssa = { };

	ASSERT_EQ(0, null_pointer(&self->l, 0x18, &ssa, &run));
	EXPECT_EQ(V_PF, run.exception_vector);
	EXPECT_EQ(0, run.exception_addr);
	EXPECT_EQ(0x18, ssa.maddr);
}

TEST_F(base0, exceptions)
{
	static const unsigned long faults[] = { ENCL_UD2, ENCL_DIV0, ENCL_HLT, ENCL_NONCANON,
						ENCL_SYSCALL, ENCL_INT3 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		EXPECT_EQ(0, loader_do(&self->l, 1, ENCL_FAULT, faults[i], 0, 0, NULL));
	EXPECT_EQ(0, LOAD(loader_errors));
}

/* Root may map page 0; it stays a hole, and a fault. */
TEST_F(base0, page_0_mapped)
{
	struct sgx_enclave_run run;
	struct encl_ssa ssa = { };

	ASSERT_EQ(NULL, map_at(&self->l, 0, PROT_READ));
	ASSERT_EQ(0, null_pointer(&self->l, 0, &ssa, &run));
	EXPECT_EQ(SGX_ERESUME, run.function);
	EXPECT_EQ(V_PF, run.exception_vector);
	EXPECT_EQ(0, munmap(NULL, SGX_PAGE_SIZE));
}

/* Pages find their place outside of the EPC by their offsets; the SECS is behind them all. */
TEST_F_TIMEOUT(base0, evicted, 120)
{
	const struct encl_spec spec = { .options.heap_pages = 2 * encl_epc_free() };
	struct loader_style style = base0;
	struct encl_info info;
	struct loader l;
	u64 wrong = 1;

	if (encl_epc_free() > 1024)
		SKIP(return, "for an EPC of 4M at most");
	loader_unload(&self->l);
	style.spec = spec;
	loader_build(&l, &style, WINDOW, RANGE);
	ASSERT_EQ(0, loader_load(&l));
	ASSERT_EQ(0, loader_do(&l, 0, ENCL_INFO, (uintptr_t)&info, 0, 0, NULL));
	EXPECT_EQ(0, loader_do(&l, 0, ENCL_FILL, info.heap, info.heap_size, 3, NULL));
	EXPECT_EQ(0, loader_do(&l, 1, ENCL_CHECK, info.heap, info.heap_size, 3, &wrong));
	EXPECT_EQ(0, wrong);
	loader_unload(&l);
}

LOADER_TESTS(base0)

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
