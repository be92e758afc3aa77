/* The kinds of CONVERT parts, behind engine_convert. */
#ifndef CONVERT_H
#define CONVERT_H

#include <libavformat/avformat.h>

#include "engine/engine.h"
#include "engine/spec.h"

ES_CHECK enum es_code video_part_run(const struct engine_input *input, const struct part_spec *spec,
                                     const struct engine_host *host, struct es_arena *arena,
                                     const char **ret_result, struct es_err *reterr);
ES_CHECK enum es_code audio_part_run(const struct engine_input *input, const struct part_spec *spec,
                                     const struct engine_host *host, struct es_arena *arena,
                                     const char **ret_result, struct es_err *reterr);
ES_CHECK enum es_code copy_part_run(const struct engine_input *input, const struct part_spec *spec,
                                    const struct engine_host *host, struct es_arena *arena,
                                    const char **ret_result, struct es_err *reterr);
ES_CHECK enum es_code subtitle_part_run(const struct engine_input *input,
                                        const struct part_spec *spec,
                                        const struct engine_host *host, struct es_arena *arena,
                                        const char **ret_result, struct es_err *reterr);

ES_CHECK enum es_code copy_mp3_run(const struct engine_input *input, const struct part_spec *spec,
                                   const struct engine_host *host, struct es_arena *arena,
                                   const char **ret_result, struct es_err *reterr);
ES_CHECK enum es_code copy_mp4_run(const struct engine_input *input, const struct part_spec *spec,
                                   const struct engine_host *host, struct es_arena *arena,
                                   const char **ret_result, struct es_err *reterr);

/* Puts the cover art of the source into an object of its own, for the join. */
ES_CHECK enum es_code picture_write_object(const AVFormatContext *format,
                                           const struct part_spec *spec,
                                           const struct engine_host *host, const char **ret_name,
                                           struct es_err *reterr);

#endif
