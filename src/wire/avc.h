/* H.264 as bytes: access units of Annex B (ITU-T H.264), as broadcasts and AVI have them, and the
 * configuration record and counted units of MP4 (ISO/IEC 14496-15, 5.3). Pure; reads nothing
 * outside what it is given, whatever the bytes are. */
#ifndef AVC_H
#define AVC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/es_buf.h"

enum avc_unit_type {
    AVC_SLICE = 1,
    AVC_IDR = 5,
    AVC_SEQUENCE_HEADER = 7,
    AVC_PICTURE_HEADER = 8,
    AVC_DELIMITER = 9,
    AVC_SEQUENCE_END = 10,
    AVC_STREAM_END = 11,
    AVC_FILLER = 12,
};

struct avc_unit {
    const uint8_t *bytes; /* from its type on; at least one */
    size_t size;
};

/* The next unit of an Annex B stream from *at on, which moves behind it. False at the end. */
bool avc_next_unit(const uint8_t *bytes, size_t size, size_t *at, struct avc_unit *ret_unit);
/* The same where each unit stands behind its length in `length_size` bytes. */
bool avc_next_counted(const uint8_t *bytes, size_t size, int length_size, size_t *at,
                      struct avc_unit *ret_unit);
enum avc_unit_type avc_unit_type(const struct avc_unit *unit);

/* Whether the unit is a slice that refers to pictures on either side of its own (7.3.3). */
bool avc_is_bidirectional(const struct avc_unit *unit);

/* The configuration record of the sequence and picture headers in `bytes` (Annex B), for pictures
 * of 8 bits in 4:2:0; appended. False, and nothing appended, where there is not one of each. */
bool avc_record_append(const uint8_t *bytes, size_t size, struct es_buf *record);

/* An access unit of Annex B in MP4's form, lengths in four bytes; appended. Headers that the record
 * holds are left out, and so is what is of no use there: delimiters, ends, filling. False where a
 * header is another than the record's. */
bool avc_append_counted(const uint8_t *record, size_t record_size, const uint8_t *bytes,
                        size_t size, struct es_buf *counted);

#endif
