// SPDX-License-Identifier: GPL-2.0
/*
 * Which logical processors may still use translations from before an ETRACK.
 *
 * Time in an enclave is cut into epochs; ETRACK begins a new one. An LP belongs to
 * the epoch in which it came in, or in which it was last interrupted. A blocked page
 * may go, and a changed one be accepted, when nobody is left of the epoch in which
 * that was done, or of an earlier one. Two counters will do, since ETRACK refuses to
 * begin an epoch while there is somebody left of the one before last.
 *
 * On hardware this keeps memory safe: an LP that is inside may have the page in its
 * TLB. Here the driver has cleared the page table entries and flushed TLBs before
 * it comes to EWB, so nobody reaches the page whatever the counters say (and EWB
 * holds it exclusively, while ENCLU refuses blocked pages). The rule is kept for the
 * driver's sake: one that gets it wrong must not work here and fail on hardware.
 *
 * Epoch and counters are one word, so that entries, exits and ETRACK need no lock:
 *
 *	63      44 43           22 21            0
 *	[ epoch  ] [ of epoch-1  ] [ of this one ]
 *
 * A counter holds all tasks that Linux can have (2^22). The epoch never starts
 * again: the word survives the SECS, and moves on by two when the SECS goes. An
 * LP that was inside at that time (its task did not run, the whole enclave was
 * evicted) then belongs to none of the two epochs, and is not counted out of the
 * wrong enclave.
 */
#include "internal.h"

#define COUNT_BITS	22
#define COUNT_MASK	((1ULL << COUNT_BITS) - 1)
#define ONE_NOW		1ULL
#define ONE_BEFORE	(1ULL << COUNT_BITS)
#define ONE_EPOCH	(1ULL << (2 * COUNT_BITS))
#define EPOCH_MASK	((1U << (64 - 2 * COUNT_BITS)) - 1)

static u32 epoch_of(u64 word)
{
	return word / ONE_EPOCH;
}

static u64 nr_now(u64 word)
{
	return word & COUNT_MASK;
}

static u64 nr_before(u64 word)
{
	return word >> COUNT_BITS & COUNT_MASK;
}

/* Epochs between @epoch and the current one. They wrap. */
static u32 age(u64 word, u32 epoch)
{
	return (epoch_of(word) - epoch) & EPOCH_MASK;
}

/* @word without one LP of epoch @epoch; no change if that is long past. */
static u64 without(u64 word, u32 epoch)
{
	switch (age(word, epoch)) {
	case 0:
		return nr_now(word) ? word - ONE_NOW : word;
	case 1:
		return nr_before(word) ? word - ONE_BEFORE : word;
	default:
		return word;
	}
}

u32 sgxcore_track_epoch(const struct sgxcore_page *secs)
{
	return epoch_of(sgxcore_load(&secs->track));
}

/* LPs inside, whenever they came in */
u32 sgxcore_track_inside(const struct sgxcore_page *secs)
{
	u64 word = sgxcore_load(&secs->track);

	return nr_now(word) + nr_before(word);
}

/**
 * sgxcore_track_enter() - count an LP in
 * @secs: SECS that cannot go away now
 *
 * Return: the epoch to which it belongs.
 */
u32 sgxcore_track_enter(struct sgxcore_page *secs)
{
	return epoch_of(sgxcore_fetch_add(&secs->track, ONE_NOW));
}

/**
 * sgxcore_track_leave() - count an LP out
 * @secs: SECS, or what is now on its page
 * @epoch: to which the LP belongs
 */
void sgxcore_track_leave(struct sgxcore_page *secs, u32 epoch)
{
	u64 old = sgxcore_load(&secs->track);

	for (;;) {
		u64 seen = sgxcore_cmpxchg(&secs->track, old, without(old, epoch));

		if (seen == old)
			return;
		old = seen;
	}
}

/**
 * sgxcore_track_renew() - count an LP out and in again, at once
 * @secs: SECS, or what is now on its page
 * @epoch: to which the LP belongs
 *
 * Return: the epoch to which it belongs from now on.
 */
u32 sgxcore_track_renew(struct sgxcore_page *secs, u32 epoch)
{
	u64 old = sgxcore_load(&secs->track);

	while (age(old, epoch) == 1 && nr_before(old)) {
		u64 seen = sgxcore_cmpxchg(&secs->track, old, without(old, epoch) + ONE_NOW);

		if (seen == old)
			return epoch_of(old);
		old = seen;
	}
	return epoch;
}

/**
 * sgxcore_track_start() - begin a new epoch
 * @secs: SECS, its tracking locked
 *
 * Return: false if somebody is left of the last but one.
 */
bool sgxcore_track_start(struct sgxcore_page *secs)
{
	u64 old = sgxcore_load(&secs->track);

	while (!nr_before(old)) {
		u64 next = (epoch_of(old) + 1) * ONE_EPOCH + nr_now(old) * ONE_BEFORE;
		u64 seen = sgxcore_cmpxchg(&secs->track, old, next);

		if (seen == old)
			return true;
		old = seen;
	}
	return false;
}

/**
 * sgxcore_track_done() - has everybody left who was inside in an epoch?
 * @secs: SECS
 * @epoch: when a page was blocked, modified or restricted
 */
bool sgxcore_track_done(const struct sgxcore_page *secs, u32 epoch)
{
	u64 word = sgxcore_load(&secs->track);
	u32 epochs = age(word, epoch);

	return epochs > 1 || (epochs == 1 && !nr_before(word));
}

/**
 * sgxcore_track_past() - an epoch from which nobody is left
 * @secs: SECS
 */
u32 sgxcore_track_past(const struct sgxcore_page *secs)
{
	return (sgxcore_track_epoch(secs) - 2) & EPOCH_MASK;
}

/**
 * sgxcore_track_reset() - the SECS goes away
 * @secs: SECS, locked exclusively
 */
void sgxcore_track_reset(struct sgxcore_page *secs)
{
	u64 old = sgxcore_load(&secs->track);

	for (;;) {
		u64 seen = sgxcore_cmpxchg(&secs->track, old, (epoch_of(old) + 2) * ONE_EPOCH);

		if (seen == old)
			return;
		old = seen;
	}
}

bool sgxcore_lp_is_inside(const struct sgxcore_lp *lp, const struct sgxcore_page *secs)
{
	return lp->inside && lp->secs == secs && sgxcore_load(&secs->gen) == lp->secs_gen;
}

bool sgxcore_lp_is_awaited(const struct sgxcore_lp *lp)
{
	return lp->secs && sgxcore_lp_is_inside(lp, lp->secs) &&
	       age(sgxcore_load(&lp->secs->track), lp->epoch) == 1;
}

void sgxcore_lp_interrupted(struct sgxcore_lp *lp)
{
	if (lp->secs && sgxcore_lp_is_inside(lp, lp->secs))
		lp->epoch = sgxcore_track_renew(lp->secs, lp->epoch);
}
