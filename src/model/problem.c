/* The table of problems, by word. */
#include "model/problem.h"

#include <assert.h>
#include <string.h>

static const struct problem problems[] = {
    /* What any request can meet. */
    { "invalid", 400, { "La petición no es válida.", "The request is not valid." } },
    { "malformed_request", 400, { "La petición está mal formada.", "The request is malformed." } },
    { "malformed_json", 400, { "El cuerpo no es JSON válido.", "The body is not valid JSON." } },
    { "multipart_malformed",
      400,
      { "El formulario multipart está mal formado.", "The multipart form is malformed." } },
    { "multipart_too_large",
      413,
      { "El formulario tiene demasiadas partes o cabeceras demasiado largas.",
        "The form has too many parts, or headers that are too long." } },
    { "not_utf8", 400, { "El texto no está en UTF-8.", "The text is not in UTF-8." } },
    { "cursor_invalid",
      400,
      { "El cursor no es de esta lista; vuelve a pedir la primera página.",
        "The cursor does not belong to this list; ask for its first page again." } },
    { "unauthenticated", 401, { "Inicia sesión para continuar.", "Sign in to go on." } },
    { "wrong_credentials",
      401,
      { "Usuario o contraseña incorrectos.", "The username or the password is wrong." } },
    { "token_invalid",
      401,
      { "La sesión no es válida o ha caducado; inicia sesión de nuevo.",
        "The session is not valid or has expired; sign in again." } },
    { "forbidden", 403, { "No tienes permiso para esto.", "You are not allowed to do this." } },
    { "cross_site",
      403,
      { "La petición viene de otro sitio web y se ha rechazado.",
        "The request comes from another web site and was refused." } },
    { "link_invalid",
      403,
      { "El enlace no es válido, ha caducado o fue retirado.",
        "The link is not valid, has expired or was taken back." } },
    { "not_found", 404, { "No existe.", "There is no such thing." } },
    { "method_not_allowed",
      405,
      { "Este recurso no admite ese método.", "This resource does not take that method." } },
    { "request_timeout",
      408,
      { "La petición tardó demasiado en llegar.", "The request took too long to arrive." } },
    { "conflict",
      409,
      { "Choca con el estado actual; vuelve a cargar e inténtalo.",
        "It conflicts with the present state; reload and try again." } },
    { "length_required", 411, { "Falta Content-Length.", "Content-Length is missing." } },
    { "body_too_large",
      413,
      { "El cuerpo de la petición es demasiado grande.",
        "The body of the request is too large." } },
    { "target_too_long", 414, { "La dirección es demasiado larga.", "The address is too long." } },
    { "unsupported_media_type",
      415,
      { "El tipo de contenido no se admite aquí.", "This content type is not taken here." } },
    { "range_not_satisfiable",
      416,
      { "El rango pedido está fuera del archivo.", "The range lies outside the file." } },
    { "expectation_failed",
      417,
      { "La expectativa de la petición no se puede cumplir.",
        "The request's expectation cannot be met." } },
    { "field_invalid",
      422,
      { "Hay datos que faltan o no son válidos.", "Some fields are missing or not valid." } },
    { "field_missing", 422, { "Falta este campo.", "This field is missing." } },
    { "field_type", 422, { "Este campo es de otro tipo.", "This field is of another type." } },
    { "field_length",
      422,
      { "Este campo es demasiado corto o demasiado largo.",
        "This field is too short or too long." } },
    { "field_range",
      422,
      { "Este valor está fuera de los límites.", "This value is out of range." } },
    { "field_choice",
      422,
      { "Este valor no es uno de los posibles.", "This value is not one of the possible ones." } },
    { "limit",
      429,
      { "Demasiadas peticiones; espera un momento.", "Too many requests; wait a moment." } },
    { "header_too_large",
      431,
      { "La cabecera de la petición es demasiado grande.", "The request's header is too large." } },
    { "internal",
      500,
      { "Algo falló en el servidor; el registro dice por qué.",
        "Something failed in the server; its log says why." } },
    { "unavailable",
      503,
      { "El servicio no está disponible ahora; inténtalo en unos segundos.",
        "The service is not available now; try again in some seconds." } },
    { "busy",
      503,
      { "El servidor está ocupado; inténtalo en unos segundos.",
        "The server is busy; try again in some seconds." } },
    { "version_not_supported",
      505,
      { "Esta versión de HTTP no se admite.", "This version of HTTP is not supported." } },
    { "cancelled", 409, { "Se canceló.", "It was cancelled." } },

    /* Accounts. */
    { "username_taken", 400, { "Ese nombre de usuario ya existe.", "That username is taken." } },
    { "username_invalid",
      422,
      { "El nombre de usuario debe tener de 3 a 64 caracteres, sin espacios en los extremos.",
        "A username has 3 to 64 characters and no blank at either end." } },
    { "password_invalid",
      422,
      { "La contraseña debe tener de 8 a 1024 bytes.", "A password has 8 to 1024 bytes." } },
    { "user_not_found", 404, { "No existe ese usuario.", "There is no such user." } },
    { "user_has_media",
      409,
      { "La cuenta todavía tiene archivos.", "The account still has media." } },
    { "too_many_logins",
      429,
      { "Demasiados inicios de sesión a la vez; espera un momento.",
        "Too many sign-ins at once; wait a moment." } },
    { "google_not_configured",
      503,
      { "El acceso con Google no está configurado en este servidor.",
        "Signing in with Google is not set up on this server." } },

    /* Media and uploads. */
    { "media_not_found", 404, { "No existe ese archivo.", "There is no such media." } },
    { "media_exists", 409, { "Ese archivo ya existe.", "That media exists already." } },
    { "filename_invalid",
      422,
      { "El nombre del archivo no es válido.", "The file name is not valid." } },
    { "file_missing",
      422,
      { "Falta el archivo: envíalo en el campo «file».",
        "The file is missing: send it in the field 'file'." } },
    { "upload_too_large",
      413,
      { "El archivo es demasiado grande para este servidor.",
        "The file is too large for this server." } },
    { "upload_incomplete",
      400,
      { "La subida se cortó antes de terminar.", "The upload ended before it was complete." } },
    { "storage_full",
      507,
      { "No queda espacio en el servidor.", "The server has no space left." } },
    { "unsupported_format",
      400,
      { "El contenido no es audio ni vídeo que se pueda leer.",
        "The content is no audio or video that can be read." } },
    { "media_empty", 400, { "El archivo está vacío.", "The file is empty." } },
    { "media_damaged",
      400,
      { "El archivo está dañado y no se puede leer.", "The file is damaged and cannot be read." } },

    { "depiction_none",
      404,
      { "Este archivo no tiene nada que mostrar así.",
        "This media has nothing to show of that kind." } },
    { "depiction_failed",
      404,
      { "No se pudo hacer la imagen: el archivo está dañado o exige demasiado.",
        "The picture could not be made: the media is damaged or demands too much." } },
    { "depiction_pending",
      503,
      { "La imagen se está preparando; vuelve a pedirla en unos segundos.",
        "The picture is being made; ask again in some seconds." } },

    /* Jobs. */
    { "job_not_found", 404, { "No existe esa conversión.", "There is no such job." } },
    { "job_exists", 409, { "Esa conversión ya existe.", "That job exists already." } },
    { "job_state",
      409,
      { "La conversión ya no está en un estado que lo permita.",
        "The job is not in a state that allows this." } },
    { "job_not_finished",
      400,
      { "La conversión todavía no ha terminado.", "The job is not finished yet." } },
    { "not_converted_yet",
      503,
      { "Esta parte todavía se está convirtiendo; inténtalo en un segundo.",
        "This part is still being converted; try again in a second." } },
    { "job_foreign",
      400,
      { "Esa conversión no es de este archivo.", "That job does not belong to this media." } },
    { "no_finished_job",
      404,
      { "Este archivo no tiene ninguna conversión terminada.",
        "This media has no finished job." } },
    { "too_many_jobs",
      429,
      { "Tienes demasiadas conversiones en marcha; espera a que terminen algunas.",
        "You have too many jobs under way; wait for some to finish." } },
    { "target_invalid",
      422,
      { "El destino debe ser mp3, mp4 o hls.", "The target must be mp3, mp4 or hls." } },
    { "option_invalid",
      422,
      { "Una opción de conversión está fuera de sus límites.",
        "An option of the conversion is out of range." } },
    { "lease_lost",
      409,
      { "Otro proceso se hizo cargo de esta parte.", "Another worker has taken this part over." } },

    /* Why a job failed. */
    { "no_audio_stream",
      422,
      { "El archivo no tiene audio, así que no se puede convertir a MP3.",
        "The file has no audio, so it cannot be converted to MP3." } },
    { "no_playable_stream",
      422,
      { "El archivo no tiene audio ni vídeo que se pueda convertir.",
        "The file has no audio or video that can be converted." } },
    { "decoder_crashed",
      422,
      { "El archivo hizo fallar el decodificador dos veces; seguramente está dañado.",
        "The file made the decoder fail twice; it is probably damaged." } },
    { "part_stalled",
      422,
      { "La conversión dejó de avanzar durante un minuto y se detuvo.",
        "The conversion made no progress for a minute and was ended." } },
    { "resource_limit",
      422,
      { "La conversión necesita más memoria o tiempo de los permitidos.",
        "The conversion needs more memory or time than is allowed." } },
    { "attempts_exhausted",
      422,
      { "La conversión falló varias veces por causas pasajeras; inténtalo más tarde.",
        "The conversion failed several times for passing reasons; try again later." } },
    { "source_missing",
      422,
      { "El archivo original ya no está en el almacén.",
        "The original file is no longer in the store." } },

    /* Sharing and playing. */
    { "share_with_oneself",
      400,
      { "No puedes compartir contigo mismo.", "You cannot share with yourself." } },
    { "share_not_found", 404, { "No estaba compartido.", "It was not shared." } },
    { "blob_not_found",
      404,
      { "El contenido no está en el almacén.", "The content is not in the store." } },
};

size_t problem_count(void)
{
    return sizeof(problems) / sizeof(*problems);
}

const struct problem *problem_at(size_t index)
{
    return &problems[index];
}

const struct problem *problem_find(const char *word)
{
    for (size_t i = 0; i < problem_count(); i++)
        if (strcmp(problems[i].word, word) == 0)
            return &problems[i];
    return NULL;
}

static const char *word_of_code(enum es_code code)
{
    switch (code) {
    case ES_NOT_FOUND:
        return "not_found";
    case ES_CONFLICT:
        return "conflict";
    case ES_INVALID:
        return "invalid";
    case ES_UNAUTHENTICATED:
        return "unauthenticated";
    case ES_FORBIDDEN:
        return "forbidden";
    case ES_LIMIT:
        return "limit";
    case ES_UNAVAILABLE:
        return "unavailable";
    case ES_CANCELLED:
        return "cancelled";
    case ES_MEDIA:
        return "unsupported_format";
    case ES_OK:
    case ES_IO:
    case ES_NO_MEMORY:
    case ES_CODE_COUNT:
        break;
    }
    return "internal";
}

const struct problem *problem_of(enum es_code code, const char *word)
{
    const struct problem *problem = word ? problem_find(word) : problem_find(word_of_code(code));
    assert(problem);
    return problem;
}
