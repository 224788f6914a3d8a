/* password.h: base's own door between crypto.c and password.c. */
#ifndef ZAPORA_BASE_PASSWORD_H
#define ZAPORA_BASE_PASSWORD_H

/* Makes sure that the hash an unknown user is measured against costs what a real one costs. */
void password_start(void);

#endif
