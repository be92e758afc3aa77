/* The child's side of a task: receives it, has the engine do it, and speaks with the parent
 * meanwhile. Runs inside the sandbox. */
#ifndef TASK_CHILD_H
#define TASK_CHILD_H

#include "sandbox/channel.h"

/* sandbox_settings.preload, .warm_up and .child_main. */
void task_child_preload(void);
void task_child_warm_up(void);
int task_child_main(struct channel *channel);

#endif
