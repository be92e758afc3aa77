/* The program's own version. */
#ifndef VERSION_H
#define VERSION_H

/* As meson.build has it: "0.1.0". */
const char *version(void);

#endif
