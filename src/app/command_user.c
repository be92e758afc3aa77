/* user add | passwd | rm: accounts, by whoever runs the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "app/command.h"
#include "app/node.h"
#include "app/wiring.h"
#include "base/es_auto.h"
#include "base/es_metrics.h"
#include "model/problem.h"
#include "service/accounts.h"

struct user_call {
    struct service_context *context;
    struct es_arena *arena;
    const char *username;
};

/* One line from standard input, without echo on a terminal. */
static enum es_code read_password(const char *prompt, struct es_arena *arena,
                                  const char **ret_password, struct es_err *reterr)
{
    struct termios before, quiet;
    bool is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        fputs(prompt, stderr);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    char line[PASSWORD_BYTES_MAX + 3];
    bool is_read = fgets(line, sizeof(line), stdin) != NULL;
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!is_read)
        return es_fail(reterr, ES_INVALID, "no password on standard input");
    line[strcspn(line, "\r\n")] = 0;
    *ret_password = es_strdup(arena, line);
    explicit_bzero(line, sizeof(line));
    return ES_OK;
}

static enum es_code add(const struct user_call *call, struct es_err *reterr)
{
    const char *password;
    enum es_code code = read_password("Password: ", call->arena, &password, reterr);
    if (code)
        return code;
    struct user *user;
    code = accounts_register(call->context, call->username, password, call->arena, &user, reterr);
    if (!code)
        printf("%s %s\n", user->id, user->username);
    return code;
}

static enum es_code change_password(const struct user_call *call, struct es_err *reterr)
{
    const char *password;
    enum es_code code = read_password("New password: ", call->arena, &password, reterr);
    return code ? code : accounts_set_password(call->context, call->username, password, reterr);
}

static enum es_code remove_user(const struct user_call *call, struct es_err *reterr)
{
    struct user *user;
    struct meta_store *meta = call->context->meta;
    enum es_code code =
        meta->ops->user_by_username(meta, call->username, call->arena, &user, reterr);
    return code ? code : accounts_delete(call->context, user->id, reterr);
}

static const struct {
    const char *verb;
    enum es_code (*act)(const struct user_call *call, struct es_err *reterr);
} verbs[] = {
    { "add", add },
    { "passwd", change_password },
    { "rm", remove_user },
};

static enum es_code act(size_t verb, const char *env_file, const char *username,
                        struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    struct settings settings;
    enum es_code code = settings_load(env_file, &arena, &settings, reterr);
    struct backends backends;
    if (!code)
        code = wiring_open(&settings, &backends,
                           reterr); /* makes the data folder, which keeps the key */
    if (code)
        return code;
    struct service_settings service;
    code = node_service_settings(&settings, (struct node_roles){ .is_gateway = true }, &arena,
                                 &service, reterr);
    if (code) {
        wiring_close(&backends);
        return code;
    }
    es_auto(es_metrics) metrics = es_metrics_open();
    struct service_ports ports = {
        .meta = backends.meta, .queue = backends.queue, .blobs = backends.blobs, .metrics = metrics
    };
    struct service_context *context = NULL;
    code = service_context_open(&ports, &service, &context, reterr);
    if (!code) {
        struct user_call call = { .context = context, .arena = &arena, .username = username };
        code = verbs[verb].act(&call, reterr);
        service_context_close(context);
    }
    wiring_close(&backends);
    return code;
}

static int run(const struct command *command, int argc, char **argv)
{
    const char *env_file = NULL;
    int status;
    if (!command_read_options(command, argc, argv, &env_file, &status))
        return status;
    if (argc - optind != 2)
        return command_usage_error(command);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        if (strcmp(verbs[i].verb, argv[optind]) != 0)
            continue;
        struct es_err err = { 0 };
        if (act(i, env_file, argv[optind + 1], &err)) {
            const struct problem *problem = problem_of(err.code, err.word);
            command_complain("%s", err.word ? problem->texts[LANGUAGE_ENGLISH] : err.detail);
            return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
    }
    command_complain("user has no verb '%s'", argv[optind]);
    return command_usage_error(command);
}

const struct command command_user = {
    .name = "user",
    .arguments = "add|passwd|rm NAME [--env-file FILE]",
    .summary = "add or remove an account, or set its password",
    .help = "  add NAME     a new account; its password is the first line of standard input\n"
            "  passwd NAME  another password, and the end of every session\n"
            "  rm NAME      the account and all that it owns: media, conversions, shares\n\n"
            "Works beside a running server.\n",
    .run = run,
};
