/* probe: what files hold, found out in the sandbox as uploads are. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"
#include "app/facts_text.h"
#include "app/local_source.h"
#include "base/es_auto.h"
#include "base/es_log.h"
#include "model/media_json.h"
#include "worker/prober.h"

#define NAME_WIDTH 9 /* of the column that says what a line is about */

static void print_line(const char *name, const char *text)
{
    printf("  %-*s  %s\n", NAME_WIDTH, name, text);
}

static void print_facts(const char *path, const struct media_facts *facts, int64_t size_bytes,
                        struct es_arena *arena)
{
    printf("%s\n", text_of_unsafe(path, arena));
    print_line("file", text_of_file(facts, size_bytes, arena));
    for (size_t i = 0; i < facts->stream_count; i++)
        print_line(stream_kind_name(facts->streams[i].kind),
                   text_of_stream(&facts->streams[i], arena));
    for (size_t i = 0; i < facts->tag_count; i++)
        print_line(text_of_unsafe(facts->tags[i].name, arena),
                   text_of_unsafe(facts->tags[i].value, arena));
    for (size_t i = 0; i < facts->chapter_count; i++)
        print_line("chapter",
                   es_printf(arena, "%s %s", text_of_time(facts->chapters[i].start_seconds, arena),
                             text_of_unsafe(facts->chapters[i].title, arena)));
}

/* The facts as the API's media object has them, one line a file. */
static enum es_code print_json(const char *path, const struct media_facts *facts,
                               int64_t size_bytes, struct es_arena *arena, struct es_err *reterr)
{
    es_auto_buf text = { 0 };
    media_facts_write(facts, &text);
    json_auto object = NULL;
    enum es_code code = json_read(text.bytes, text.size, &object, reterr);
    if (code)
        return code;
    const char *filename = NULL;
    if (media_filename_clean(path, arena, &filename, NULL))
        filename = NULL; /* it is no UTF-8, which JSON cannot tell */
    json_put_text(object, "original_filename", filename);
    json_put(object, "original_size_bytes", json_integer(size_bytes));
    if (!(facts->duration_seconds > 0))
        json_put(object, "duration_seconds", json_null());
    printf("%s\n", json_text(object, arena));
    return ES_OK;
}

static enum es_code probe(struct media_prober *prober, const char *path, bool is_json,
                          struct es_err *reterr)
{
    es_auto_arena arena = { 0 };
    es_auto(blob_reader) reader = NULL;
    struct media_facts facts;
    enum es_code code = local_source_reader(path, &reader, reterr);
    if (!code)
        code = prober->ops->probe(prober, reader, path, &arena, &facts, reterr);
    if (code)
        return code;
    int64_t size_bytes = reader->info.size_bytes;
    if (is_json)
        return print_json(path, &facts, size_bytes, &arena, reterr);
    print_facts(path, &facts, size_bytes, &arena);
    return ES_OK;
}

/* Every file has its turn, whatever became of those before it. */
static int probe_all(char **paths, bool is_json)
{
    es_auto(sandbox) sandbox = NULL;
    struct es_err err = { 0 };
    if (command_open_sandbox(NULL, 0, &sandbox, &err)) {
        command_complain("%s", err.detail);
        return EXIT_FAILURE;
    }
    es_log_configure(ES_LOG_ERROR, ES_LOG_FORMAT_TEXT);
    struct media_prober *prober = prober_open(sandbox);
    int status = EXIT_SUCCESS;
    for (char **path = paths; *path; path++) {
        if (path > paths && !is_json && status == EXIT_SUCCESS)
            putchar('\n');
        err = (struct es_err){ 0 };
        if (probe(prober, *path, is_json, &err)) {
            command_complain_of(*path, &err);
            status = EXIT_FAILURE;
        }
    }
    prober_close(prober);
    return command_flush(status);
}

static int run(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    bool is_json = false;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (option) {
        case 'j':
            is_json = true;
            break;
        case 'h':
            command_print_help(command);
            return EXIT_SUCCESS;
        default:
            return command_usage_error(command);
        }
    }
    if (optind == argc)
        return command_usage_error(command);
    return probe_all(argv + optind, is_json);
}

const struct command command_probe = {
    .name = "probe",
    .arguments = "[--json] IN...",
    .summary = "tell what files hold: streams, lengths, tags",
    .help =
        "Each IN is read in the sandbox, as uploads are. Exits 1 where one cannot be read or is "
        "no\n"
        "media, and says which and why; the others are told all the same.\n\n"
        "  --json  one line of JSON a file, with the members of the API's media object\n"
        "  --help  this text\n",
    .run = run,
};
