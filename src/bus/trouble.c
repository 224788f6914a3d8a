/* trouble: owns the last sentence about what went wrong in one client. Producer, consumer and reader each hold one
 * and use it on their own thread only. Invariant: both texts are always NUL-terminated. */
#include "trouble.h"

#include <stdarg.h>
#include <string.h>

void bus_trouble_note(struct bus_trouble *trouble, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(trouble->noted, sizeof(trouble->noted), fmt, args);
    va_end(args);
}

const char *bus_trouble_take(struct bus_trouble *trouble)
{
    if (trouble->noted[0] == '\0') {
        return NULL;
    }
    memcpy(trouble->taken, trouble->noted, sizeof(trouble->taken));
    trouble->noted[0] = '\0';
    return trouble->taken;
}
