/* A clip of a fraction of a second, made once in memory, that a process looks at before it has a
 * task: code, tables and memory are then where the task wants them. */
#ifndef WARM_UP_H
#define WARM_UP_H

/* Makes the clip; without it engine_warm_up does nothing. */
void warm_up_make(void);

#endif
