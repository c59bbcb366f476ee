/*
 * Stages at the same time, each in a process of its own: a process that clones containers has no threads.
 *
 * The building process walks through its stages one after the other, as far as the cache goes. Where real work begins
 * and another stage could be built meanwhile, it forks (worker_detach): the child goes on with the stage from that very
 * step, and the parent unwinds out of it and looks at the next stage. So a build that finds all in the cache, and one
 * with a single row of steps, are one process; and nothing that was found out about a step is found out twice.
 *
 * The parent alone prints and alone knows all stages. A worker sends it the events of its steps and, in the end, the
 * state of its stage (stage_wire.h); never by way of the cache, which a prune or --no-cache may have emptied. A worker
 * that is about to do a step claims the step's key: one that is being done is waited for, and one that this build has
 * done is taken from the cache even with --no-cache, so that two stages that begin alike are built once.
 *
 * As many workers as there are processors for us (sched_getaffinity); with one processor nothing is forked, and stages
 * are built in their order. When one stage fails, or a signal comes, the others are told to end, by SIGTERM or that
 * signal, and waited for: each takes down its own container. They die with their parent (PR_SET_PDEATHSIG).
 *
 * A stage is begun as soon as its base is there. A step that takes from a stage which is not built yet makes its own
 * stage go to a worker, which asks the parent for the state of that other stage and waits.
 *
 * SQLite is closed around the fork, since no connection may be carried over one.
 */
#pragma once

#include "build/executor.h"

struct workers;

struct workers *workers_new(void);
void workers_free(struct workers *workers);

/* A stage may be walked into: it could be detached. */
bool workers_have_room(const struct workers *workers);
/*
 * Called where a stage's real work begins, or (must) where it has to wait; report_step is the step that runs, or 0.
 * Returns 0: go on here, whichever process this is; 1: a worker has the stage from here (state->is_away), unwind
 * without a word; -1.
 */
int worker_detach(struct executor *executor, size_t stage_index, size_t report_step, bool must, struct error *err);
/* Stages go to workers, here and now. */
bool worker_can_detach(const struct executor *executor);
/* In a worker: the state of another stage, once its parent has it. 0: this is no worker; 1: executor->states has it. */
int worker_need(struct executor *executor, size_t stage_index, struct error *err);
/* 1: somebody did it in this build, or may have a moment ago: look into the cache again; 0: it is ours to do. */
int worker_claim(struct executor *executor, const struct digest *key, struct error *err);
/* The cache has it from now on. */
void worker_made(struct executor *executor, const struct digest *key);
bool worker_has_made(const struct executor *executor, const struct digest *key);

/* In the worker of this stage: tells how it ended, and ends. In any other process: returns. */
void worker_finish(struct executor *executor, size_t stage_index, int result, const struct error *error);

/* Waits until a worker has something to say, and takes it over. -1: a stage has failed, or a signal has come. */
int workers_wait(struct executor *executor, struct error *err);
/* A stage that is away comes back; for whoever cannot go on without it. */
int workers_wait_for(struct executor *executor, size_t stage_index, struct error *err);
/* The stage is built: whoever waits for it is told. */
void workers_tell(struct executor *executor, size_t stage_index);
/* Ends all that is left. */
void workers_stop(struct executor *executor);
