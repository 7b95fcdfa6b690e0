// SPDX-License-Identifier: GPL-2.0
/*
 * When an ENCLU is #GP, the kernel log says why: which leaf, of which enclave, where, and
 * what was wrong. Each of these is a start-up that has gone wrong somewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "encl_util.h"
#include "kselftest_harness.h"

/* The log is not written to faster than this. */
#define LIMIT_MS	30000
#define PAUSE_MS	200

FIXTURE(explain)
{
	struct encl encl;
	struct sgx_enclave_run run;
	struct encl_call call;
	int log;
};

FIXTURE_SETUP(explain)
{
	const struct encl_spec spec = { .options.miscselect = SGX_MISC_EXINFO,
					.options.nssa = 2 };

	encl_load(&self->encl, &spec);
	encl_catch_faults(0);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->log);
	lseek(self->log, 0, SEEK_END);
}

FIXTURE_TEARDOWN(explain)
{
	close(self->log);
	encl_unload(&self->encl);
}

/* A line of ours: "ENCLU[LEAF] at 0xIP, enclave EID: #GP: WHY". @eid: is there to be one? */
static bool is_line(const char *line, const char *leaf, bool eid, const char *why)
{
	const char *p = strstr(line, "softsgx_cpu: ");
	unsigned long long ip, id;
	char name[32];

	p = p ? strstr(p, "ENCLU[") : NULL;
	return p && sscanf(p, "ENCLU[%31[^]]] at 0x%llx, enclave %llu: #GP: ", name, &ip, &id) == 3 &&
	       !strcmp(name, leaf) && ip && !id == !eid && strstr(p, why);
}

static bool log_has(int log, const char *leaf, bool eid, const char *why)
{
	char line[1024];
	ssize_t n;

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return false;
		line[n] = 0;
		if (is_line(line, leaf, eid, why))
			return true;
	}
}

/* Do it until it has been explained. */
#define EXPECT_EXPLAINED(call, leaf, eid, why) do { \
	bool seen_ = false; \
	int ms_; \
	\
	for (ms_ = 0; !seen_ && ms_ < LIMIT_MS; ms_ += PAUSE_MS) { \
		ASSERT_EQ(V_GP, call); \
		seen_ = log_has(self->log, leaf, eid, why); \
		if (!seen_) \
			sleep_ms(PAUSE_MS); \
	} \
	EXPECT_TRUE(seen_) { \
		TH_LOG("%s: %s", leaf, why); \
	} \
} while (0)

/* The exception that an entry ends with; 0: none */
static unsigned int enter(struct _test_data_explain *self, unsigned int function, u64 tcs)
{
	struct encl encl = self->encl;

	encl.tcs[0] = tcs;
	if (!encl_enter(&encl, 0, function, ENCL_NOP, NULL, &self->run))
		return 0;
	return self->run.exception_vector;
}

/* One leaf inside, with operands; the exception is taken back. */
static unsigned int leaf(struct _test_data_explain *self, u64 ax, u64 bx, u64 cx, u64 dx)
{
	struct encl_call *call = &self->call;

	*call = (struct encl_call){ };
	call->regs.gpr[ENCL_RAX] = ax;
	call->regs.gpr[ENCL_RBX] = bx;
	call->regs.gpr[ENCL_RCX] = cx;
	call->regs.gpr[ENCL_RDX] = dx;
	if (!encl_run(&self->encl, 0, ENCL_ENCLU, call, &self->run))
		return 0;
	encl_do(&self->encl, 0, ENCL_SSA_SKIP, ENCL_LAST_FRAME, 0, 0);
	ax = self->run.exception_vector;
	if (encl_resume(&self->encl, 0, call, &self->run))
		die("the enclave cannot be resumed");
	return ax;
}

TEST_F_TIMEOUT(explain, entries, 240)
{
	u64 tcs = self->encl.tcs[0];
	struct encl_visitor v;

	EXPECT_EXPLAINED(enter(self, SGX_EENTER, tcs + 8), "EENTER", false, "RBX is not");
	EXPECT_EXPLAINED(enter(self, SGX_ERESUME, tcs), "ERESUME", true, "TCS.CSSA is 0");
	encl_visit(&v, &self->encl, 0);
	EXPECT_EXPLAINED(enter(self, SGX_EENTER, tcs), "EENTER", true, "the TCS is in use");
	encl_visit_end(&v);
	EXPECT_EQ(0, enter(self, SGX_EENTER, tcs));
}

TEST_F_TIMEOUT(explain, no_frame_left, 240)
{
	int i;

	for (i = 0; i < 2; i++) {
		self->call = (struct encl_call){ .a[0] = ENCL_UD2 };
		ASSERT_EQ(-1, encl_run(&self->encl, 0, ENCL_FAULT, &self->call, &self->run));
		ASSERT_EQ(V_UD, self->run.exception_vector);
	}
	EXPECT_EXPLAINED(enter(self, SGX_EENTER, self->encl.tcs[0]), "EENTER", true,
			 "TCS.CSSA has reached NSSA");
}

TEST_F_TIMEOUT(explain, leaves_inside, 240)
{
	u64 area = self->encl.info.scratch;

	encl_do(&self->encl, 0, ENCL_SET, area, 0, 2 * SGX_PAGE_SIZE);
	EXPECT_EXPLAINED(leaf(self, SGX_EREPORT, area + 8, area + 1024, area + 2048), "EREPORT", true,
			 "an operand is not aligned");
	EXPECT_EXPLAINED(leaf(self, SGX_EGETKEY, area, (uintptr_t)&self->call & -16, 0), "EGETKEY",
			 true, "an operand is not aligned, or not in the enclave");
	encl_do(&self->encl, 0, ENCL_SET, area, 0xff, 512);
	EXPECT_EXPLAINED(leaf(self, SGX_EREPORT, area, area + 1024, area + 2048), "EREPORT", true,
			 "TARGETINFO has reserved bits");
	EXPECT_EXPLAINED(leaf(self, SGX_EGETKEY, area, area + 1024, 0), "EGETKEY", true,
			 "KEYREQUEST has reserved bits");
	EXPECT_EXPLAINED(leaf(self, SGX_EENTER, area, area, 0), "EENTER", true, "no such leaf");
	EXPECT_EXPLAINED(leaf(self, 0x1234, area, area, 0), "unknown leaf", true, "no such leaf");
}

ENCL_EPC_IS_BACK

TEST_HARNESS_MAIN
