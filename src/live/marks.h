/* marks: heads and ticks as Redis keeps them: one short line each, for people and scripts to read. */
#ifndef ZAPORA_LIVE_MARKS_H
#define ZAPORA_LIVE_MARKS_H

#include "zapora/live.h"

#define HEAD_TEXT_SIZE 160
#define TICK_TEXT_SIZE 72

/* "<seq> <hash> <board hash> <open count> <at>"; returns the length. */
size_t live_head_print(const struct live_head *head, char text[HEAD_TEXT_SIZE]);
/* "<seq> <hash> ", what such a line begins with: the part that a swap compares. */
size_t live_head_print_start(int64_t seq, const uint8_t hash[HASH_SIZE], char text[HEAD_TEXT_SIZE]);
bool live_head_parse(const char *text, size_t len, struct live_head *ret_head);

/* "<next> <end> <asked at>". */
size_t live_tick_print(const struct live_tick *tick, char text[TICK_TEXT_SIZE]);
bool live_tick_parse(int32_t partition, const char *text, size_t len, struct live_tick *ret_tick);

/* The same history up to there. */
bool live_head_same(const struct live_head *a, const struct live_head *b);

#endif
