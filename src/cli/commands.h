/* One function per subcommand; argv starts after the subcommand's name. Each returns the exit code: 0 done, 1 failed
 * with a sentence on stderr, 2 called wrongly. */
#ifndef ZAPORA_CLI_COMMANDS_H
#define ZAPORA_CLI_COMMANDS_H

#include "zapora/bus.h"

int cli_archive(int argc, char **argv);
int cli_dead_letters(int argc, char **argv);
int cli_gateway(int argc, char **argv);
int cli_menu(int argc, char **argv);
int cli_migrate(int argc, char **argv);
int cli_partitions(int argc, char **argv);
int cli_rebuild(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_topics(int argc, char **argv);
int cli_user(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_worker(int argc, char **argv);

/* config_load with what every subcommand does after it: *ret_code is the exit code when the caller has to stop.
 * True: go on. */
bool cli_load(const char *usage, const struct setting *rows, size_t count, int argc, char **argv, void *target,
              char **ret_words, size_t words_max, int *ret_code);
/* Asks how many partitions a topic has and tells bus, before the command reads all of them or publishes. False: it was
 * said on stderr why not; the command ends with 1. */
bool cli_learn_partitions(const char *kafka, const char *topic);
/* Prints "zapora: " and a sentence to stderr; returns 1. */
int cli_fail(const char *fmt, ...) ZP_PRINTF(1, 2);
/* A producer for the records of one subcommand, one at a time. cli_publish: ZP_OK once all in-sync replicas have it;
 * ZP_BUSY: perhaps they have. The other two do the same for many: queue each, then wait for all. */
enum zp_err cli_producer_create(const char *kafka, const char *client_id, struct bus_producer **ret_producer,
                                char why[BUS_WHY_SIZE]) ZP_MUST_CHECK;
enum zp_err cli_publish_later(struct bus_producer *producer, const char *topic,
                              const struct record *record) ZP_MUST_CHECK;
enum zp_err cli_publish_wait(struct bus_producer *producer) ZP_MUST_CHECK;
enum zp_err cli_publish(struct bus_producer *producer, const char *topic, const struct record *record) ZP_MUST_CHECK;
/* Reads a whole file of at most max_bytes ("-": standard input), NUL-terminated, owned by the caller. NULL with
 * errno set. */
char *cli_read_file(const char *path, size_t max_bytes, size_t *ret_len);

#endif
