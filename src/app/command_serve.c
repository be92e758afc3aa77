/* serve, gateway and worker: the same node in three roles. */
#include <stdlib.h>
#include <unistd.h>

#include "app/command.h"
#include "app/node.h"
#include "app/settings.h"
#include "base/es_log.h"

/* A job begins with its plan, and a film's then with two parts, picture and sound. */
#define SPARE_CHILDREN 3

#define SETTINGS_HELP                                                                              \
    "  --env-file FILE  read settings from NAME=value lines; the environment goes before\n"        \
    "  --help           this text\n\n"                                                             \
    "Settings come from the environment; `espotifai config` lists them all.\n"

static enum es_code run_node(const char *env_file, struct node_roles roles, struct es_err *reterr)
{
    es_auto(sandbox) sandbox = NULL;
    enum es_code code = command_open_sandbox(env_file, SPARE_CHILDREN, &sandbox, reterr);
    if (code)
        return code;
    es_auto_arena arena = { 0 };
    struct settings settings;
    code = settings_load(env_file, &arena, &settings, reterr);
    if (code)
        return code;
    es_log_configure((enum es_log_level)(settings.integers[SETTING_LOG_LEVEL] + ES_LOG_DEBUG),
                     (enum es_log_format)settings.integers[SETTING_LOG_FORMAT]);
    return node_run(&settings, roles, sandbox, reterr);
}

static int run(const struct command *command, int argc, char **argv, struct node_roles roles)
{
    const char *env_file = NULL;
    int status;
    if (!command_read_options(command, argc, argv, &env_file, &status))
        return status;
    if (optind < argc) {
        command_complain("'%s' is one word too many", argv[optind]);
        return command_usage_error(command);
    }
    struct es_err err = { 0 };
    if (run_node(env_file, roles, &err)) {
        command_complain("%s", err.detail);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int run_serve(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, (struct node_roles){ .is_gateway = true, .is_worker = true });
}

static int run_gateway(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, (struct node_roles){ .is_gateway = true });
}

static int run_worker(const struct command *command, int argc, char **argv)
{
    return run(command, argc, argv, (struct node_roles){ .is_worker = true });
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "[--env-file FILE]",
    .summary = "run the whole system: web page, API and worker",
    .help = "One line on standard output says where it can be reached. Ctrl-C ends it in order: "
            "requests\n"
            "finish, and parts of jobs that run are handed back and go on at the next "
            "start.\n\n" SETTINGS_HELP,
    .run = run_serve,
};

const struct command command_gateway = {
    .name = "gateway",
    .arguments = "[--env-file FILE]",
    .summary = "run the web page and the API only",
    .help = "Jobs wait until a worker over the same backends takes them.\n\n" SETTINGS_HELP,
    .run = run_gateway,
};

const struct command command_worker = {
    .name = "worker",
    .arguments = "[--env-file FILE]",
    .summary = "run a worker only",
    .help =
        "Converts what gateways over the same backends have accepted. Each worker needs its own\n"
        "WORKER_ID, and on one machine its own METRICS_PORT.\n\n" SETTINGS_HELP,
    .run = run_worker,
};
