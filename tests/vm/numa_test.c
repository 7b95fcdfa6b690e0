// SPDX-License-Identifier: GPL-2.0
/*
 * EPC on two memory nodes with a CPU each: which CPU gets pages of which node, and that
 * both nodes give some back.
 */
#include <sched.h>
#include <sys/syscall.h>

#include "paging.h"
#include "kselftest_harness.h"

#define NODES	2
#define FEW	64	/* pages; far less than a node has */

struct node {
	unsigned long total, free, lru;
	long evicted;
};

/* Returns how many nodes there are. */
static int nodes_read(struct node nodes[NODES])
{
	FILE *file = fopen(DEBUGFS "nodes", "re");
	struct node node;
	int nid, n = 0;

	if (!file)
		return -errno;
	while (fscanf(file, " node %d total_pages %lu free_pages %lu lru_pages %lu evicted %ld",
		      &nid, &node.total, &node.free, &node.lru, &node.evicted) == 5) {
		if (nid < 0 || nid >= NODES || n == NODES)
			break;
		nodes[nid] = node;
		n++;
	}
	fclose(file);
	return n;
}

/* Returns the node of the CPU, or an error. */
static int pin(unsigned int cpu)
{
	unsigned int now, node;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	if (syscall(SYS_getcpu, &now, &node, NULL))
		return -errno;
	return now == cpu && node < NODES ? (int)node : -ERANGE;
}

FIXTURE(numa) {
	struct vt_epc start;
	struct node before[NODES], after[NODES];
	struct softsgx_enclave encl;
};

FIXTURE_SETUP(numa)
{
	ASSERT_EQ(0, paging_calm());
	ASSERT_EQ(0, vt_epc_read(&self->start));
	ASSERT_EQ(self->start.total, self->start.free);
	ASSERT_EQ(NODES, nodes_read(self->before));
}

FIXTURE_TEARDOWN(numa)
{
	EXPECT_EQ(0, vt_epc_settle(&self->start));
}

static long taken(const struct node *before, const struct node *after)
{
	return before->free - after->free;
}

TEST_F(numa, each_node_has_its_share)
{
	const struct node *n = self->before;

	EXPECT_EQ(self->start.total, n[0].total + n[1].total);
	EXPECT_EQ(self->start.free, n[0].free + n[1].free);
	/* The memory is halved, by and large. */
	EXPECT_LE(self->start.total * 2 / 5, n[0].total);
	EXPECT_LE(self->start.total * 2 / 5, n[1].total);
}

/* A CPU gets pages of its node, and none of the other one, as long as there are. */
TEST_F(numa, pages_are_of_the_own_node)
{
	unsigned int seen = 0;
	int cpu, node;

	for (cpu = 0; cpu < NODES; cpu++) {
		node = pin(cpu);
		ASSERT_LE(0, node);
		seen |= 1 << node;
		ASSERT_EQ(NODES, nodes_read(self->before));
		ASSERT_EQ(0, paging_load(&self->encl, FEW));
		ASSERT_EQ(NODES, nodes_read(self->after));
		softsgx_enclave_close(&self->encl);
		EXPECT_LT(FEW, taken(&self->before[node], &self->after[node]));
		EXPECT_EQ(0, taken(&self->before[!node], &self->after[!node]));
		ASSERT_EQ(0, vt_epc_settle(&self->start));
	}
	/* A CPU for each node: otherwise nothing has been tested. */
	EXPECT_EQ(3, seen);
}

TEST_F(numa, a_full_node_is_no_end)
{
	unsigned int nr;
	int cpu, node;

	for (cpu = 0; cpu < NODES; cpu++) {
		node = pin(cpu);
		ASSERT_LE(0, node);
		ASSERT_EQ(NODES, nodes_read(self->before));
		nr = self->before[node].total + FEW;
		ASSERT_EQ(0, paging_load(&self->encl, nr));
		ASSERT_EQ(NODES, nodes_read(self->after));
		EXPECT_EQ(-1, wrong_page(&self->encl, 0, nr));
		softsgx_enclave_close(&self->encl);
		EXPECT_EQ(0, self->after[node].free);
		EXPECT_LE(FEW, taken(&self->before[!node], &self->after[!node]));
		/* It is all there without an eviction. */
		EXPECT_EQ(self->before[0].evicted, self->after[0].evicted);
		EXPECT_EQ(self->before[1].evicted, self->after[1].evicted);
		ASSERT_EQ(0, vt_epc_settle(&self->start));
	}
}

/* From one CPU: what is evicted does not depend on who wants pages. */
TEST_F_TIMEOUT(numa, both_nodes_give_pages_back, 200)
{
	unsigned int nr = 4 * self->start.total;
	int node;

	ASSERT_LE(0, pin(0));
	ASSERT_EQ(0, paging_load(&self->encl, nr));
	stamp_all(&self->encl, nr, 1);
	EXPECT_EQ(-1, unstamped(&self->encl, nr, 1));
	ASSERT_EQ(NODES, nodes_read(self->after));
	softsgx_enclave_close(&self->encl);
	for (node = 0; node < NODES; node++)
		EXPECT_LE(self->start.total, self->after[node].evicted - self->before[node].evicted);
}

TEST_HARNESS_MAIN
