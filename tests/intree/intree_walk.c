// SPDX-License-Identifier: GPL-2.0
/*
 * The page walk for operands of ENCLU, handed on.
 */
#include <softsgx/cpu.h>

#include "intree.h"

void intree_found(void *walk, void *epc)
{
	sgxcpu_walk_found(walk, epc);
}

static int walk_operand(struct sgxcpu_walk *walk, unsigned long la, bool write)
{
	return intree_walk(walk, la, write);
}

static const struct sgxcpu_walker walker = {
	.owner	= THIS_MODULE,
	.walk	= walk_operand,
	.fetch	= intree_fetch,
};

int __init intree_walk_init(void)
{
	return sgxcpu_set_walker(&walker);
}

void intree_walk_exit(void)
{
	sgxcpu_clear_walker(&walker);
}
