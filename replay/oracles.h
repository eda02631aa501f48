/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who decides: following a trace, or searching. Every strategy's run is known by its deviations from the default
 * schedule, whatever found it, so that any failure replays and minimises the same way.
 */
#ifndef REPLAY_ORACLES_H
#define REPLAY_ORACLES_H

#include "replay/trace.h"

/* ---- Following a trace ---- */

typedef struct Follower Follower;

/** follower_new: @deviations of Deviation, borrowed; their fired/missed marks are reset and kept up to date. */
Follower *follower_new(GPtrArray *deviations);
void follower_free(Follower *f);
/** follower_oracle: pick, choose, slice filled in; the rest is the caller's. */
SimOracle follower_oracle(Follower *f);
/** follower_unmet: first deviation that never came up or could not be followed; NULL if all were met. */
const Deviation *follower_unmet(const Follower *f, unsigned *ret_index);

/* ---- Searching ---- */

typedef enum StrategyType { STRATEGY_DEFAULT, STRATEGY_RANDOM, STRATEGY_PCT, STRATEGY_POS } StrategyType;

/** strategy_from_name: "random", "pct", "pos". False if unknown. */
bool strategy_from_name(const char *name, StrategyType *ret);

typedef struct Strategy Strategy;
typedef void StrategyDeviated(void *opaque, DeviationType type, SchedThread *self, const char *to, uint64_t value);

/**
 * strategy_new: one run's worth of choices.
 * @seed: everything follows from it. @k: expected decisions in a run (PCT), >= 1. @depth: PCT's d, >= 1.
 * @deviated: told of each departure from the default schedule, before it happens.
 */
Strategy *strategy_new(StrategyType type, uint64_t seed, uint64_t k, unsigned depth, StrategyDeviated *deviated,
                       void *opaque);
void strategy_free(Strategy *s);
SimOracle strategy_oracle(Strategy *s);

#endif
