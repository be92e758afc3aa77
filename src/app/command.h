/* The commands of the program: a row each, a file each. A command prints its own errors and returns
 * the exit status: 0, 1 for a failure, 2 for words that it does not understand. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

#include "base/es_error.h"
#include "sandbox/sandbox.h"

#define EXIT_USAGE 2

struct command {
    const char *name;
    const char *arguments; /* for the usage line: "IN OUT" */
    const char *summary;   /* one line */
    const char *help;      /* the rest of `--help`, or "" */
    int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_serve, command_gateway, command_worker, command_convert,
    command_probe, command_config, command_user;

/* `espotifai COMMAND --help`. */
void command_print_help(const struct command *command);

/* "espotifai: ..." on standard error. */
void command_complain(const char *format, ...) ES_PRINTF(1, 2);

/* What went wrong: of the file `path` and in a person's words where the error has a word, else as
 * the error's own detail, which names what it is about. */
void command_complain_of(const char *path, const struct es_err *err);

/* `status`, or a failure, said, where standard output could not take all of what was printed. */
int command_flush(int status);

/* Reads --env-file and --help, which every command has. False: the command is over, with
 * *ret_status. What follows the options begins at getopt's optind. */
bool command_read_options(const struct command *command, int argc, char **argv,
                          const char **ret_env_file, int *ret_status);

/* The last argument that getopt did not know, said; returns EXIT_USAGE. */
int command_usage_error(const struct command *command);

/* Opens the sandbox as the setting SANDBOX says, with so many spare children, and proves its walls;
 * says on the log what holds. Before threads and secrets. ES_UNAVAILABLE where a wall does not hold
 * and SANDBOX is not off. */
ES_CHECK enum es_code command_open_sandbox(const char *env_file, size_t spare_count,
                                           struct sandbox **ret_sandbox, struct es_err *reterr);

#endif
