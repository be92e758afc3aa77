/* job_options <-> JSON, by one table of members. */
#include "model/job_json.h"

#include <limits.h>
#include <string.h>

static json_t *ladder_json(const struct job_options *options)
{
    if (options->is_ladder_auto)
        return json_string("auto");
    json_t *heights = json_array();
    for (int i = 0; i < options->ladder_count; i++)
        json_array_append_new(heights, json_integer(options->ladder[i]));
    return heights;
}

json_t *job_options_json(const struct job_options *options)
{
    json_t *object = json_object();
    if (options->bitrate_kbps)
        json_put(object, "bitrate", json_integer(options->bitrate_kbps));
    if (options->crf)
        json_put(object, "quality", json_integer(options->crf));
    if (options->height)
        json_put(object, "height", json_integer(options->height));
    if (job_options_have_ladder(options))
        json_put(object, "ladder", ladder_json(options));
    if (options->copy == JOB_COPY_NEVER)
        json_put_text(object, "copy", "never");
    if (options->normalize_lufs != 0)
        json_put(object, "normalize", json_real(options->normalize_lufs));
    if (options->start_seconds > 0)
        json_put(object, "start", json_real(options->start_seconds));
    if (options->end_seconds > 0)
        json_put(object, "end", json_real(options->end_seconds));
    return object;
}

static enum es_code read_integer(const json_t *value, const char *name, int *ret_value,
                                 struct es_err *reterr)
{
    if (!json_is_integer(value) || json_integer_value(value) < INT_MIN ||
        json_integer_value(value) > INT_MAX)
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "'%s' must be a whole number",
                            name);
    *ret_value = (int)json_integer_value(value);
    return ES_OK;
}

static enum es_code read_seconds(const json_t *value, const char *name, double *ret_value,
                                 struct es_err *reterr)
{
    if (!json_is_number(value))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "'%s' must be seconds", name);
    *ret_value = json_number_value(value);
    return ES_OK;
}

static enum es_code read_copy(const json_t *value, enum job_copy *ret_copy, struct es_err *reterr)
{
    const char *text = json_string_value(value);
    if (text && strcmp(text, "auto") == 0)
        *ret_copy = JOB_COPY_AUTO;
    else if (text && strcmp(text, "never") == 0)
        *ret_copy = JOB_COPY_NEVER;
    else
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "'copy' must be auto or never");
    return ES_OK;
}

/* true for the usual loudness, or a loudness. */
static enum es_code read_normalize(const json_t *value, double *ret_lufs, struct es_err *reterr)
{
    if (json_is_boolean(value))
        *ret_lufs = json_is_true(value) ? JOB_NORMALIZE_LUFS_DEFAULT : 0;
    else if (json_is_number(value) && json_number_value(value) != 0)
        *ret_lufs = json_number_value(value);
    else
        return es_fail_word(reterr, ES_INVALID, "option_invalid",
                            "'normalize' must be true, false or LUFS");
    return ES_OK;
}

static enum es_code read_ladder(const json_t *value, struct job_options *options,
                                struct es_err *reterr)
{
    const char *text = json_string_value(value);
    size_t count = json_array_size(value);
    options->is_ladder_auto = text && strcmp(text, "auto") == 0;
    if (options->is_ladder_auto)
        return ES_OK;
    if (count < 1 || count > JOB_LADDER_MAX)
        return es_fail_word(reterr, ES_INVALID, "option_invalid",
                            "'ladder' must be auto, or a list of 1 to %d heights", JOB_LADDER_MAX);
    for (size_t i = 0; i < count; i++) {
        int height = 0;
        enum es_code code = read_integer(json_array_get(value, i), "ladder", &height, reterr);
        if (code)
            return code;
        job_options_add_rung(options, height);
    }
    return ES_OK;
}

static enum es_code read_member(const char *name, const json_t *value, struct job_options *options,
                                struct es_err *reterr)
{
    if (strcmp(name, "bitrate") == 0)
        return read_integer(value, name, &options->bitrate_kbps, reterr);
    if (strcmp(name, "quality") == 0)
        return read_integer(value, name, &options->crf, reterr);
    if (strcmp(name, "height") == 0)
        return read_integer(value, name, &options->height, reterr);
    if (strcmp(name, "ladder") == 0)
        return read_ladder(value, options, reterr);
    if (strcmp(name, "copy") == 0)
        return read_copy(value, &options->copy, reterr);
    if (strcmp(name, "normalize") == 0)
        return read_normalize(value, &options->normalize_lufs, reterr);
    if (strcmp(name, "start") == 0)
        return read_seconds(value, name, &options->start_seconds, reterr);
    if (strcmp(name, "end") == 0)
        return read_seconds(value, name, &options->end_seconds, reterr);
    return es_fail_word(reterr, ES_INVALID, "option_invalid", "there is no option '%.64s'", name);
}

enum es_code job_options_from_json(const json_t *object, struct job_options *ret_options,
                                   struct es_err *reterr)
{
    struct job_options options = { 0 };
    if (!json_is_object(object))
        return es_fail_word(reterr, ES_INVALID, "option_invalid", "the options must be an object");
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        enum es_code code =
            json_is_null(value) ? ES_OK : read_member(name, value, &options, reterr);
        if (code)
            return code;
    }
    *ret_options = options;
    return ES_OK;
}

void job_options_write(const struct job_options *options, struct es_buf *buf)
{
    json_auto object = job_options_json(options);
    json_write(object, buf);
}

enum es_code job_options_read(const char *text, struct job_options *ret_options,
                              struct es_err *reterr)
{
    json_auto object = NULL;
    enum es_code code = json_read(text, strlen(text), &object, reterr);
    return code ? code : job_options_from_json(object, ret_options, reterr);
}
