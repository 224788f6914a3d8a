/* receipt: what became of a command, as Redis keeps it under receipt:<command id>. */
#ifndef ZAPORA_LIVE_RECEIPT_H
#define ZAPORA_LIVE_RECEIPT_H

#include "zapora/live.h"

#define RECEIPT_BYTES_MAX ((size_t)256 * 1024)

/* "<pending|settled> <fingerprint> <user> <order> <location> <submitted at> <error's name> <seq> <offset> <partition>"
 * and after one more space the reasons, when there are any. Appended to out. */
void live_receipt_print(const struct live_receipt *receipt, struct buffer *out);
/* reasons_json is borrowed from the text. */
bool live_receipt_parse(const char *text, size_t len, struct live_receipt *ret_receipt);

/* The receipt of a settled command; its reasons are printed to `reasons`, from which the receipt borrows them. */
struct live_receipt live_receipt_of_outcome(const struct outcome *outcome, struct buffer *reasons);
/* The receipt of a command that was just published. */
struct live_receipt live_receipt_of_submission(const struct live_submission *submission);

#endif
