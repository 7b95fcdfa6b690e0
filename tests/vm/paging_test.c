// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves many times as large as the EPC: what has been written is there again,
 * whoever wrote it and whoever else wants EPC pages meanwhile.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "merge.h"
#include "kselftest_harness.h"

FIXTURE(paging) {
	struct vt_epc start;
	struct softsgx_enclave encl;
	unsigned int nr;
};

FIXTURE_SETUP(paging)
{
	ASSERT_EQ(0, vt_epc_read(&self->start));
	self->nr = 16 * self->start.total;
	ASSERT_EQ(0, load(&self->encl, 0, self->nr, self->nr * PAGE, 0)) {
		TH_LOG("%s", softsgx_last_error());
	}
	ASSERT_EQ(0, vt_map(&self->encl, 0, self->nr, PROT_RW));
}

FIXTURE_TEARDOWN(paging)
{
	softsgx_enclave_close(&self->encl);
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

TEST_F_TIMEOUT(paging, contents_stay, 300)
{
	u32 *word;
	unsigned int i;

	EXPECT_EQ(-1, wrong_page(&self->encl, 0, self->nr));
	for (i = 0; i < self->nr; i++) {
		word = (u32 *)vt_addr(&self->encl, i);
		word[i % 1024] = i;
	}
	for (i = 0; i < self->nr; i++) {
		word = (u32 *)vt_addr(&self->encl, i);
		ASSERT_EQ(i, word[i % 1024]);
	}
}

TEST_HARNESS_MAIN
