/* The ffmpeg and ffprobe programs as makers of inputs and as judges, and a scratch folder for both.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/es_auto.h"
#include "base/es_buf.h"
#include "base/es_error.h"
#include "host_folder.h"
#include "model/job.h"

/* A folder of the test program's own, removed with all it holds: cmocka's group set-up and
 * tear-down. */
int scratch_open(void **state);
int scratch_close(void **state);
/* "SCRATCH/name"; lives until the program ends. */
const char *scratch_path(const char *format, ...) ES_PRINTF(1, 2);

/* Runs a shell command in the scratch folder; its output, heap. Fails the test where it fails. */
char *oracle_run(const char *format, ...) ES_PRINTF(1, 2);
/* The same for its exit alone, and for a number that it prints. */
void oracle_do(const char *format, ...) ES_PRINTF(1, 2);
double oracle_number(const char *format, ...) ES_PRINTF(1, 2);

/* Copies a film of the scratch folder into another, told to be shown turned anticlockwise by so
 * many degrees. */
void oracle_turn(const char *from, int degrees, const char *to);

/* What a full decode of a stream ("v:0", "a:0") counts: frames of video, seconds from the beginning
 * at which the last one ends. Fails the test where the decoder says anything. */
long oracle_frames(const char *path);
double oracle_end_seconds(const char *path, const char *stream);
/* Nothing in it but what decodes in silence. */
void oracle_decodes(const char *path);
/* Mean and least SSIM of all frames against a reference; the numbers of frames must be equal. */
double oracle_ssim(const char *path, const char *reference, double *ret_least);
/* The first real medium of that name in tests/media/files, or NULL (said loudly). */
const char *oracle_real_media(const char *name);

/* A whole job over a file: its folder of objects. Fails the test where it fails. */
const char *convert(const char *input_path, enum job_target target,
                    const struct job_options *options, struct job_run *ret_run);
/* How it fails instead. */
struct es_err convert_failing(const char *input_path, enum job_target target);

/* Whether two files hold the same bytes, from these offsets on. */
bool files_are_equal(const char *a, long a_offset, const char *b, long b_offset);
/* The bytes of a file of at most 256 MiB; the test fails where it cannot be read. */
struct es_buf file_bytes(const char *path);
/* Bytes of ID3v2 tags at the beginning. */
long id3_bytes(const char *path);

#endif
