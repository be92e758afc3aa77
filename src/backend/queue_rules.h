/* What every queue counts and checks in the same way: progress, position, and the parts that a plan
 * makes. Pure; thread-safe. */
#ifndef QUEUE_RULES_H
#define QUEUE_RULES_H

#include "base/es_auto.h"
#include "model/job.h"
#include "model/part.h"

/* What has become of a job in the queue. Stores keep the numbers: never change one. */
enum queue_outcome {
    QUEUE_UNSET = 0,
    QUEUE_OPEN = 1,
    QUEUE_DONE = 2,
    QUEUE_CANCELLED = 3,
    QUEUE_DEAD = 4,   /* a part used up its attempts; told of until forgotten */
    QUEUE_BURIED = 5, /* its worker gave it up */
};

/* The order of one user's parts that wait; of equal ones the lower index, then the older job comes
 * first. Stores keep the numbers. A part that was asked for stands before QUEUE_TURN_JOIN and
 * before whatever was asked for earlier. */
enum queue_turn_number {
    QUEUE_TURN_JOIN = -1,
    QUEUE_TURN_FIRST = 0,     /* plans and first parts */
    QUEUE_TURN_FOLLOWING = 1, /* behind one that was asked for */
    QUEUE_TURN_OTHER = 2,
};
int64_t queue_turn_number(enum part_kind kind, bool is_first);
/* For a part that is asked for, where `least` is the least of its user's that wait. */
int64_t queue_turn_asked(int64_t least);

/* Sums over a job's parts. Seconds are of CONVERT parts' weights. */
struct queue_sums {
    enum queue_outcome outcome;
    bool is_planned;
    double seconds_total, seconds_done;
    double speed;         /* of CONVERT parts under a lease that holds */
    double join_fraction; /* 0..1 of the join */
};

/* Fills progress, speed and eta_seconds. Progress never goes back as long as the sums do not, and
 * is 1 only for a job that is done. */
void queue_sums_tell(const struct queue_sums *sums, struct job_live *live);

/* A user with plans waiting, as far as turns go. */
struct queue_turn {
    int64_t leased; /* parts */
    int64_t before; /* parts that come before the user's plans: joins, and what was asked for */
    int64_t served; /* the number of the last time; 0 never */
    int64_t number; /* in the order of coming: decides between two who were never served */
    int64_t plans;  /* how many wait */
};

/* How many of `other`'s waiting plans would be given out before the one that has `place` plans of
 * `mine` before it. Each round gives one part to each user with the fewest, so that plan comes in
 * round leased + before + place, in which those who have just come to it go after those who began
 * with it. */
int64_t queue_plans_before(const struct queue_turn *mine, int64_t place,
                           const struct queue_turn *other);

/* Where a job's fences begin: the wall clock in microseconds, or the record's own. So they grow
 * even where the queue had forgotten the job, or has lost the last moments in a crash; nobody
 * leases a part more often than once a microsecond. */
int64_t queue_first_fence(const struct job *job);

/* What a PLAN's `finish` takes: CONVERT parts and one JOIN, indexes from 1 and each once, finite
 * weights, texts within their limits. ES_INVALID. */
ES_CHECK enum es_code queue_check_plan(const struct part *parts, size_t count,
                                       struct es_err *reterr);
/* ES_INVALID for a result or spec that is longer than PART_TEXT_BYTES_MAX; NULL is fine. */
ES_CHECK enum es_code queue_check_text(const char *text, struct es_err *reterr);

/* The two answers to whoever no longer holds a lease. */
enum es_code queue_lease_lost(const struct lease *lease, struct es_err *reterr);
enum es_code queue_job_ended(const struct lease *lease, struct es_err *reterr);

#endif
