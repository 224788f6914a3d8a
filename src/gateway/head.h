/* head.h: is the head of a request, as it came over the wire, one that every server reads the same way? */
#ifndef ZAPORA_GATEWAY_HEAD_H
#define ZAPORA_GATEWAY_HEAD_H

#include "text.h"

/* Looks at the bytes of a request up to its empty line; what follows is not looked at. NULL when all is plain, else a
 * sentence that says what is not. */
const char *head_judge(struct text bytes);

#endif
