/* playlist_prefix_names: a playlist's names are lines that are no comment, and URI="..." attributes
 * of its tags (RFC 8216, 4.1 and 4.2). */
#include <string.h>

#include "service/playback.h"

/* With a scheme ("https://...") or from the root ("/..."). */
static bool is_absolute(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] == ':')
            return i > 0;
        if (name[i] == '/' || name[i] == '?' || name[i] == '#')
            break;
    }
    return length > 0 && name[0] == '/';
}

static void append_name(struct es_buf *buf, const char *prefix, const char *name, size_t length)
{
    if (!is_absolute(name, length))
        es_buf_append_text(buf, prefix);
    es_buf_append(buf, name, length);
}

/* A tag's line: each URI="name" in it, and only where an attribute begins. */
static void append_tag(struct es_buf *buf, const char *prefix, const char *line, size_t length)
{
    static const char attribute[] = "URI=\"";
    const char *end = line + length, *at = line;
    while (at < end) {
        const char *found = memmem(at, (size_t)(end - at), attribute, sizeof(attribute) - 1);
        if (!found)
            break;
        const char *name = found + sizeof(attribute) - 1;
        const char *quote = memchr(name, '"', (size_t)(end - name));
        if (!quote)
            break;
        es_buf_append(buf, at, (size_t)(name - at));
        bool is_attribute = found > line && (found[-1] == ':' || found[-1] == ',');
        append_name(buf, is_attribute ? prefix : "", name, (size_t)(quote - name));
        at = quote;
    }
    es_buf_append(buf, at, (size_t)(end - at));
}

void playlist_prefix_names(const char *text, const char *prefix, struct es_buf *buf)
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\r\n");
        if (length == 0)
            ;
        else if (line[0] == '#')
            append_tag(buf, prefix, line, length);
        else
            append_name(buf, prefix, line, length);
        size_t ending = strspn(line + length, "\r\n");
        es_buf_append(buf, line + length, ending);
        line += length + ending;
    }
}
