/* Posters, waveforms and storyboards: made beside the original, in the background after an upload
 * or when somebody asks, once each. What could not be made of the bytes is remembered beside them
 * too, and not tried again. */
#ifndef PICTURES_H
#define PICTURES_H

#include "model/depiction.h"
#include "service/playback.h"
#include "service/service.h"

struct picture_request {
    /* `job_id` and `link` as for playing; without either, for the owner and whoever has a share in
     * any job of the media. */
    struct playback_request by;
    enum depiction depiction;
    const char *file; /* one of the depiction's objects; NULL: the one of depiction_object */
};

/* One of the two. */
struct picture {
    struct blob_reader *reader; /* the caller's to close */
    const char *awaited_key;    /* it is being made, and is going to be this object */
};

/* ES_NOT_FOUND depiction_none where the media has nothing to show, depiction_failed where it could
 * not be made, not_found for a file that is none of its objects; ES_UNAVAILABLE depiction_pending
 * while it cannot be made yet; and who may not see it as playback_may_see says. */
ES_CHECK enum es_code pictures_open(struct service_context *context,
                                    const struct picture_request *request, struct es_arena *arena,
                                    struct picture *ret_picture, struct es_err *reterr);

/* Puts `folder` before the name of every sheet of a storyboard's WebVTT, and `query` ("" or
 * "?link=...") behind it. */
void storyboard_point(const char *text, const char *folder, const char *query, struct es_buf *buf);

/* ---- private to src/service ---- */

/* Has all that the media may have to show made in the background. Does not block. */
void pictures_wish(struct service_context *context, const struct media *media);

/* Gives up whatever is made or to be made of it: it is being deleted. What a maker writes after
 * that it removes itself. */
void pictures_forget(struct service_context *context, const char *media_id);

#endif
