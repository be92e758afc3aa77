/* Languages. The table holds what people mostly speak in films; others keep the code they have. */
#include "engine/language.h"

#include <string.h>

#include "base/es_text.h"

#define TITLE_BYTES_MAX 64
#define CODE_BYTES_MAX  16
#define CODE_LETTERS    3

static const struct language {
    const char *code;  /* ISO 639-1 */
    const char *codes; /* ISO 639-2, bibliographic and terminological */
    const char *name;
} languages[] = {
    { "ar", "ara", "العربية" },      { "bg", "bul", "Български" },
    { "bn", "ben", "বাংলা" },        { "ca", "cat", "Català" },
    { "cs", "cze ces", "Čeština" },  { "da", "dan", "Dansk" },
    { "de", "ger deu", "Deutsch" },  { "el", "gre ell", "Ελληνικά" },
    { "en", "eng", "English" },      { "es", "spa", "Español" },
    { "et", "est", "Eesti" },        { "eu", "baq eus", "Euskara" },
    { "fa", "per fas", "فارسی" },    { "fi", "fin", "Suomi" },
    { "fr", "fre fra", "Français" }, { "gl", "glg", "Galego" },
    { "he", "heb", "עברית" },        { "hi", "hin", "हिन्दी" },
    { "hr", "hrv", "Hrvatski" },     { "hu", "hun", "Magyar" },
    { "id", "ind", "Indonesia" },    { "is", "ice isl", "Íslenska" },
    { "it", "ita", "Italiano" },     { "ja", "jpn", "日本語" },
    { "ko", "kor", "한국어" },       { "lt", "lit", "Lietuvių" },
    { "lv", "lav", "Latviešu" },     { "ms", "may msa", "Melayu" },
    { "nb", "nob", "Norsk bokmål" }, { "nl", "dut nld", "Nederlands" },
    { "no", "nor", "Norsk" },        { "pl", "pol", "Polski" },
    { "pt", "por", "Português" },    { "ro", "rum ron", "Română" },
    { "ru", "rus", "Русский" },      { "sk", "slo slk", "Slovenčina" },
    { "sl", "slv", "Slovenščina" },  { "sr", "srp", "Српски" },
    { "sv", "swe", "Svenska" },      { "ta", "tam", "தமிழ்" },
    { "th", "tha", "ไทย" },          { "tr", "tur", "Türkçe" },
    { "uk", "ukr", "Українська" },   { "vi", "vie", "Tiếng Việt" },
    { "zh", "chi zho", "中文" },
};

static const char *code_of(const AVStream *stream)
{
    const AVDictionaryEntry *entry = av_dict_get(stream->metadata, "language", NULL, 0);
    if (!entry || !*entry->value || strlen(entry->value) > CODE_BYTES_MAX ||
        strcmp(entry->value, "und") == 0)
        return NULL;
    for (const char *c = entry->value; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '-'))
            return NULL;
    return entry->value;
}

/* By the part of the code before any region. */
static const struct language *find_language(const char *code)
{
    size_t length = strcspn(code, "-");
    for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++) {
        if (strlen(languages[i].code) == length && strncmp(languages[i].code, code, length) == 0)
            return &languages[i];
        for (const char *other = languages[i].codes; length == 3 && *other;
             other += 3 + strspn(other + 3, " "))
            if (strncmp(other, code, 3) == 0)
                return &languages[i];
    }
    return NULL;
}

const char *language_tag(const AVStream *stream, struct es_arena *arena)
{
    const char *code = code_of(stream);
    const struct language *language = code ? find_language(code) : NULL;
    if (!language)
        return code ? es_strdup(arena, code) : NULL;
    return es_printf(arena, "%s%s", language->code, code + strcspn(code, "-"));
}

const char *language_code(const char *tag, struct es_arena *arena)
{
    const struct language *language = tag ? find_language(tag) : NULL;
    if (language) /* the last one is the terminological one */
        return es_strdup(arena, language->codes + strlen(language->codes) - CODE_LETTERS);
    return tag && strlen(tag) == CODE_LETTERS ? es_strdup(arena, tag) : NULL;
}

static bool is_taken(const char *label, const struct hls_track *tracks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tracks[i].label && strcmp(tracks[i].label, label) == 0)
            return true;
    return false;
}

const char *language_label(const AVStream *stream, const char *fallback,
                           const struct hls_track *tracks, size_t count, struct es_arena *arena)
{
    const AVDictionaryEntry *title = av_dict_get(stream->metadata, "title", NULL, 0);
    const char *code = code_of(stream);
    const struct language *language = code ? find_language(code) : NULL;
    const char *label = language ? language->name : code;
    if (title && *title->value && strlen(title->value) <= TITLE_BYTES_MAX &&
        !strchr(title->value, '"') && !es_text_has_control(title->value) &&
        es_utf8_is_valid(title->value, strlen(title->value)))
        label = title->value;
    if (!label)
        label = es_printf(arena, "%s %zu", fallback, count + 1);
    const char *unique = label;
    for (int number = 2; is_taken(unique, tracks, count); number++)
        unique = es_printf(arena, "%s %d", label, number);
    return es_strdup(arena, unique);
}
