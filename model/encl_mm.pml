/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One enclave, two mms: who calls what in driver.pml, in which order, and what
 * must hold. Every process ends after a bounded number of steps, so that an end
 * state in which somebody still waits is a deadlock.
 *
 * What a configuration covers (model/variants has the list; all are 0 by default):
 * FORK		mm 1 is a fork of mm 0 and added at its first fault; otherwise it
 *		has got the fd and calls mmap() itself
 * SOLO		there is no mm 1; with FORK, mm 0 is a child and its parent is gone
 * THREAD	mm 0 has a second thread, which faults too or unmaps under the fault
 * MMAPS	mmap() calls of an mm, 1 by default: retry after failure, second VMA
 * FAILS	registration and allocation may fail
 * FOREIGN	the notifier of mm 0 has an entry of another enclave
 * KEPT		somebody else may keep the fd for ever
 * WALKS	walks of the reclaimer, 1 by default
 */
#ifndef FORK
#define FORK	0
#endif
#ifndef THREAD
#define THREAD	0
#endif
#ifndef SOLO
#define SOLO	0
#endif
#ifndef MMAPS
#define MMAPS	1
#endif
#ifndef FAILS
#define FAILS	0
#endif
#ifndef FOREIGN
#define FOREIGN	0
#endif
#ifndef KEPT
#define KEPT	0
#endif
#ifndef WALKS
#define WALKS	1
#endif

#define IS_CHILD(m)	(FORK && (m == 1 || SOLO))

#include "kernel.pml"
#include "driver.pml"

bool walker_done;
bool fd_kept;
byte foreign_smm = NONE;

#include "users.pml"
#include "works.pml"

#ifdef NO_WAIT_ENCLS
#define NO_ENCLS	true
#else
#define NO_ENCLS	(nr_encls == 0)
#endif

/* destroy_workqueue(): what is queued runs to its last instruction. */
#ifdef NO_DESTROY_WQ
#define WQ_IDLE		true
#else
#define WQ_IDLE		(free_queued[0] == free_done[0] && release_queued == release_done && \
			 free_queued[1] == free_done[1])
#endif

#ifdef NO_WAIT_SMM
#define NO_SMM		true
#else
#define NO_SMM		(nr_smm == 0)
#endif

/* An mm at rest, and what must be left of it even while the file stays open */
#define SETTLED(m)	(mm_lives_on[m] || (mm_gone[m] && !e_alive[m] && mm_count[m] == 0))
#define ALL_SETTLED	(SETTLED(0) && (SETTLED(1) || (mm_count[1] == 0 && !e_made[1])))

/*
 * rmmod: begins when no file is open, which the module's count sees to. What it
 * waits for in turn stays as it is from then on, so the waits are one step.
 */
proctype unload()
{
	bool was0, was1;

	if
	:: fd_kept && file_ref == 1 && ALL_SETTLED -> goto done
	:: d_step {
		file_gone && NO_ENCLS && WQ_IDLE && NO_SMM ->
		core_synchronize(was0, was1)
	   }
	fi;
	d_step {
		/* free_module() waits for RCU, thus for callbacks with bottom halves off. */
		CORE_SYNCHRONIZED(was0, was1) && walker_done && !core_callback ->
		code = false;
		was0 = false;
		was1 = false
	}
	d_step {
		ALL_SETTLED && !core_callback ->
		assert(!encl_alive && encl_ref == 0 && nr_encls == 0 && nr_smm == 0);
		assert(!e_alive[0] && !e_alive[1] && mm_list == NONE);
		assert(!s_alive[0] && !s_alive[1] && !s_alive[2] && !s_alive[3]);
		assert(mm_count[0] == mm_lives_on[0] && mm_count[1] == mm_lives_on[1])
	}
done:
	skip
}

/* Who ends first comes first: SPIN forgets processes from the last one only. */
init {
	atomic {
		mm_users[0] = 1 + THREAD;
		mm_count[0] = 1;
#if SOLO && FORK
		vma[0] = true;
		fget();
#endif
#if !SOLO && !FORK
		mm_users[1] = 1;
		mm_count[1] = 1;
#endif
		run closer();
		run task(0);
#if !SOLO
		run task(1);
#endif
#if THREAD
		run thread(0);
#endif
#if FOREIGN
		run foreign_work();
#endif
		run walker();
		run fput_work();
		run exit_mm(0);
		run callback(0);
		run free_work(0);
#if !SOLO
		run exit_mm(1);
		run callback(1);
		run free_work(1);
#endif
		run release_work();
		run unload();
		run notifier_free()
	}
}
