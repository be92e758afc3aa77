/* Text for comparing without regard to capitals: what the stores keep for searching and sorting, so
 * that every store finds the same. Locale-free; thread-safe. */
#ifndef TEXT_FOLD_H
#define TEXT_FOLD_H

#include "base/es_buf.h"

/* Appends `text` with every capital of the Latin (with its extensions A, B and Additional), Greek
 * and Cyrillic alphabets made small, one letter for one letter (Unicode's simple case folding of
 * those blocks), and control characters as blanks. Bytes that are no UTF-8 stay as they are. */
void text_fold(const char *text, struct es_buf *buf);

#endif
