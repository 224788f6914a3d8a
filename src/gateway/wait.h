/* wait.h: Prefer: wait: holding an answer until the command's outcome is known. */
#ifndef ZAPORA_GATEWAY_WAIT_H
#define ZAPORA_GATEWAY_WAIT_H

#include "submit.h"

/* Begins to listen for the outcome; before the command is published. */
void wait_listen(struct submission *submission);
/* The log has the command: from now on the outcome is looked for, at most wait_s from the request's arrival. Answers
 * the call. */
void wait_begin(struct submission *submission);

#endif
