/* What a user brought in: the record, and the facts that probing found in its bytes. Strings and
 * arrays live in the arena of whoever made them; structs are copied freely. */
#ifndef MEDIA_H
#define MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_arena.h"
#include "base/es_error.h"
#include "base/es_id.h"

#define MEDIA_FILENAME_BYTES_MAX 255
#define MEDIA_STREAMS_MAX        64
#define MEDIA_TAGS_MAX           64
#define MEDIA_TAG_BYTES_MAX      4096
#define MEDIA_CHAPTERS_MAX       500
#define MEDIA_CHAPTER_BYTES_MAX  256 /* of a title */
#define MEDIA_BUCKET             "espotifai-media"

enum stream_kind {
    STREAM_UNSET = 0,
    STREAM_VIDEO,
    STREAM_AUDIO,
    STREAM_SUBTITLE,
    STREAM_PICTURE, /* an attached picture: cover art */
};

struct stream_facts {
    enum stream_kind kind;
    const char *codec;    /* libav's name: "h264", "aac", "flac" */
    const char *language; /* ISO 639, or NULL */
    int width, height;    /* pixels as shown, after rotation; 0 for audio */
    double frame_rate;    /* frames a second, mean; 0 unknown */
    int channels;
    int sample_rate;  /* Hz */
    int64_t bit_rate; /* bits a second; 0 unknown */
};

struct media_tag {
    const char *name; /* lower case: title, artist, album, date, genre, track, comment ... */
    const char *value;
};

struct media_chapter {
    double start_seconds, end_seconds; /* on the timeline, start < end */
    const char *title;                 /* "" for none */
};

/* As EBU R 128 has it, of all the sound. */
struct media_loudness {
    bool is_known;
    double integrated_lufs;
    double range_lu;
    double true_peak_dbtp;
};

struct media_facts {
    const char *format;       /* libav's demuxer name */
    const char *content_type; /* by content: "audio/mpeg", "video/mp4" ...; never NULL */
    double duration_seconds;  /* 0 unknown */
    const struct stream_facts *streams;
    size_t stream_count;
    const struct media_tag *tags;
    size_t tag_count;
    const struct media_chapter *chapters; /* by their starts */
    size_t chapter_count;
    struct media_loudness loudness; /* found out after the upload */
};

enum media_status {
    MEDIA_STATUS_UNSET = 0,
    MEDIA_UPLOADING,  /* its bytes are still coming: no SHA-256 yet, facts as its head claims */
    MEDIA_UPLOADED,   /* no conversion has been asked for */
    MEDIA_PROCESSING, /* one is waiting or running */
    MEDIA_READY,      /* at least one is done, none runs */
    MEDIA_ERROR,      /* none is done, the last one failed */
};

enum playback_policy {
    PLAYBACK_UNSET = 0,
    PLAYBACK_PUBLIC, /* who knows media_id and job_id may play */
    PLAYBACK_SIGNED, /* the owner, a recipient, or a signed link */
};

struct media {
    char id[ES_ID_SIZE];
    char user_id[ES_ID_SIZE];
    const char *original_filename;
    const char *source_object; /* uploads/{user_id}/{media_id}/original{.ext} */
    const char *content_type;
    const char *original_extension; /* ".mp3", or "" */
    int64_t original_size_bytes;
    const char *sha256; /* lower-case hexadecimal; NULL while it is UPLOADING */
    int64_t created_at_ms;
    enum media_status status;
    enum playback_policy playback;
    int64_t link_epoch; /* signed links carry it; adding one revokes every link given out before */
    struct media_facts facts;
};

const char *media_status_name(enum media_status status);       /* "uploaded" ... */
enum media_status media_status_from_name(const char *name);    /* UNSET for none */
const char *playback_policy_name(enum playback_policy policy); /* "public", "signed" */
enum playback_policy playback_policy_from_name(const char *name);
const char *stream_kind_name(enum stream_kind kind); /* "video", "audio", "subtitle", "picture" */
enum stream_kind stream_kind_from_name(const char *name);

/* Whether there is any stream of that kind. */
bool media_has_stream(const struct media_facts *facts, enum stream_kind kind);

/* A deep copy of chapters into `arena`. */
const struct media_chapter *media_chapters_copy(const struct media_chapter *chapters, size_t count,
                                                struct es_arena *arena);

/* The name as we keep it: the last part of any path in `filename` ('/' and '\\'), control
 * characters dropped, cut to MEDIA_FILENAME_BYTES_MAX at a character's edge, the extension kept.
 * Never NULL or empty: what leaves nothing becomes "unnamed". Invalid UTF-8: ES_INVALID
 * filename_invalid. */
ES_CHECK enum es_code media_filename_clean(const char *filename, struct es_arena *arena,
                                           const char **ret_filename, struct es_err *reterr);

/* ".ext" in lower case: the last dot and 1..10 letters or digits after it; else "". */
const char *media_filename_extension(const char *filename, struct es_arena *arena);

/* A deep copy into `arena`. */
struct media_facts media_facts_copy(const struct media_facts *facts, struct es_arena *arena);
struct media *media_copy(const struct media *media, struct es_arena *arena);

#endif
