/* config: every setting with its value, where that comes from, and what it is for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/settings.h"
#include "base/es_auto.h"

static void print_row(const struct settings *settings, int index)
{
    const struct setting_row *row = &setting_rows[index];
    const char *text = settings->texts[index];
    bool is_hidden = row->is_secret && *text;
    printf("%s=%s\n", row->name, is_hidden ? "(secret)" : text);
    printf("    %s\n    ", row->help);
    if (row->type == SETTING_INTEGER)
        printf("%lld to %lld%s%s; ", (long long)row->min, (long long)row->max,
               *row->unit ? " " : "", row->unit);
    else if (row->type == SETTING_CHOICE)
        printf("%s; ", row->choices);
    if (row->alias)
        printf("also %s; ", row->alias);
    if (row->is_secret)
        printf("also from the file that %s_FILE names; ", row->name);
    printf("default '%s'; from: %s\n\n", row->otherwise, settings->origins[index]);
}

static int run(const struct command *command, int argc, char **argv)
{
    const char *env_file = NULL;
    int status;
    if (!command_read_options(command, argc, argv, &env_file, &status))
        return status;
    if (optind < argc)
        return command_usage_error(command);
    es_auto_arena arena = { 0 };
    struct settings settings;
    struct es_err err = { 0 };
    if (settings_load(env_file, &arena, &settings, &err)) {
        command_complain("%s", err.detail);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < SETTING_COUNT; i++)
        print_row(&settings, i);
    return EXIT_SUCCESS;
}

const struct command command_config = {
    .name = "config",
    .arguments = "[--env-file FILE]",
    .summary = "print every setting with its value, and check them",
    .help = "Secrets are not printed. Exits 1 where a setting is unknown or malformed, and says "
            "which.\n",
    .run = run,
};
