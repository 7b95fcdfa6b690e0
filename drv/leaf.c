// SPDX-License-Identifier: GPL-2.0
/*
 * What leaves need beside their operands: another try, and interrupts on other CPUs.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "encls.h"
#include "epc.h"
#include "paging.h"

/* For leaves that meet another one on the same page, or a cipher without memory */
#define SPINS		64
#define TRIES		128
#define TRACK_TRIES	16

/**
 * sgxdrv_leaf_again() - may a leaf be tried again?
 * @tries: how often it has been, 0 at first
 *
 * Context: process context, may sleep.
 */
bool sgxdrv_leaf_again(unsigned int *tries)
{
	if (++*tries > TRIES)
		return false;
	if (*tries <= SPINS)
		cond_resched();
	else
		usleep_range(500, 1000);
	return true;
}

static void interrupt(void *unused)
{
	sgxcpu_interrupted();
}

/* Out with all who are inside, as far as tracking goes */
static void interrupt_all(struct sgxdrv_encl *encl, struct cpumask *cpus)
{
	sgxcpu_inside_mask(encl->secs.epc->addr, cpus);
	on_each_cpu_mask(cpus, interrupt, NULL, true);
}

/**
 * sgxdrv_encl_etrack() - ETRACK, and an interrupt for whoever is inside
 * @encl: the enclave; its SECS stays in the EPC, because one of its pages does or the
 *	enclave lock is held
 * @cpus: scratch
 *
 * Afterwards nobody uses a translation any more that was taken away before.
 *
 * Context: process context, may sleep.
 * Return: 0, or the result of ETRACK if that goes on failing.
 */
int sgxdrv_encl_etrack(struct sgxdrv_encl *encl, struct cpumask *cpus)
{
	unsigned int tries = 0, rounds = 0;
	int ret;

	for (;;) {
		ret = sgxdrv_etrack(encl->secs.epc->addr);
		if (ret == SGX_PREV_TRK_INCMPL && rounds++ < TRACK_TRIES)
			interrupt_all(encl, cpus);
		else if (!sgxcpu_faulted(ret) || !sgxdrv_leaf_again(&tries))
			break;
	}
	if (!ret)
		interrupt_all(encl, cpus);
	return ret;
}
