/* The table of commands, and what they share. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/facts_text.h"
#include "app/settings.h"
#include "app/version.h"
#include "base/es_log.h"
#include "engine/engine.h"
#include "model/problem.h"
#include "worker/task_child.h"

static const struct command *const commands[] = {
    &command_serve, &command_gateway, &command_worker, &command_convert,
    &command_probe, &command_config,  &command_user,
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static void print_overview(FILE *stream)
{
    fputs("espotifai hosts your own media: it takes audio and video in, converts it to MP3, MP4 "
          "and HLS,\n"
          "streams it, and shares it between people.\n\n"
          "usage: espotifai COMMAND [ARGUMENTS]\n\n",
          stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("  version   print the version and those of the media libraries\n\n"
          "`espotifai COMMAND --help` says more about each.\n",
          stream);
}

void command_print_help(const struct command *command)
{
    printf("usage: espotifai %s %s\n\n%c%s.\n%s%s", command->name, command->arguments,
           command->summary[0] - 'a' + 'A', command->summary + 1, *command->help ? "\n" : "",
           command->help);
}

void command_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("espotifai: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void command_complain_of(const char *path, const struct es_err *err)
{
    es_auto_arena arena = { 0 };
    const char *name = text_of_unsafe(path, &arena);
    if (err->word)
        command_complain("%s: %s", name, problem_of(err->code, err->word)->texts[LANGUAGE_ENGLISH]);
    else
        command_complain("%s", text_of_unsafe(err->detail, &arena));
}

int command_flush(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    command_complain("cannot write to standard output");
    return EXIT_FAILURE;
}

bool command_read_options(const struct command *command, int argc, char **argv,
                          const char **ret_env_file, int *ret_status)
{
    static const struct option options[] = {
        { "env-file", required_argument, NULL, 'e' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 'e':
            *ret_env_file = optarg;
            break;
        case 'h':
            command_print_help(command);
            *ret_status = EXIT_SUCCESS;
            return false;
        default:
            *ret_status = command_usage_error(command);
            return false;
        }
    }
    return true;
}

int command_usage_error(const struct command *command)
{
    fprintf(stderr, "usage: espotifai %s %s\n`espotifai %s --help` says more.\n", command->name,
            command->arguments, command->name);
    return EXIT_USAGE;
}

enum es_code command_open_sandbox(const char *env_file, size_t spare_count,
                                  struct sandbox **ret_sandbox, struct es_err *reterr)
{
    bool is_on;
    enum es_code code = settings_peek_sandbox(env_file, &is_on, reterr);
    if (code)
        return code;
    struct sandbox_settings settings = { .preload = task_child_preload,
                                         .warm_up = task_child_warm_up,
                                         .spare_count = spare_count,
                                         .child_main = task_child_main,
                                         .confine = is_on };
    es_auto(sandbox) sandbox = NULL;
    code = sandbox_open(&settings, &sandbox, reterr);
    if (code)
        return es_wrap(reterr, code, "the sandbox does not start");
    if (!is_on) {
        es_log(ES_LOG_WARNING, "sandbox is off", es_log_str("by", "SANDBOX=off"));
        *ret_sandbox = es_take(sandbox);
        return ES_OK;
    }
    struct sandbox_walls walls;
    code = sandbox_self_test(sandbox, &walls, reterr);
    if (code)
        return es_wrap(reterr, code, "the sandbox cannot be tried");
    char text[SANDBOX_WALLS_TEXT_SIZE];
    sandbox_walls_format(&walls, text);
    if (!sandbox_walls_hold(&walls))
        return es_fail(reterr, ES_UNAVAILABLE,
                       "the sandbox does not hold on this kernel (%s); SANDBOX=off runs without it",
                       text);
    es_log(ES_LOG_DEBUG, "sandbox holds", es_log_str("walls", text));
    *ret_sandbox = es_take(sandbox);
    return ES_OK;
}

static int print_version(void)
{
    printf("espotifai %s\n%s\n", version(), engine_version());
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0)
        return print_version();
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_overview(stdout);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i]->run(commands[i], argc - 1, argv + 1);
    if (*name)
        command_complain("there is no command '%s'", name);
    print_overview(stderr);
    return EXIT_USAGE;
}
