/* A reading of whole streams, for containers that vouch for little (broadcasts, FLV, AVI, raw AAC):
 * whether a copy can take every packet as it is, and where it can be cut. */
#ifndef COPY_SCAN_H
#define COPY_SCAN_H

#include "engine/demuxer.h"

struct copy_scan {
    int stream_index;         /* -1: none */
    AVCodecParameters *codec; /* owned: the stream's, with the header that MP4 wants */
    bool is_fit;              /* all packets have their times, one header, and nothing is missing */
    int64_t first_time;       /* of a picture's first key frame; INT64_MIN: none came */
    double longest_seconds;   /* of pictures: the longest way from one closed key frame on */
};

/* Fills in the two scans of which stream_index is set; to be released whatever is returned. What
 * the input's read answers. */
ES_CHECK enum es_code copy_scan_run(const struct engine_input *input,
                                    struct copy_scan scans[static 2], struct es_err *reterr);
void copy_scan_release(struct copy_scan *scan);

#endif
