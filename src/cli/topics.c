/* zapora topics plan|apply: the topics as their files say. */
#include "commands.h"
#include "zapora/bus.h"

#include <string.h>

struct topics_settings { const char *kafka, *topics_dir; int64_t partitions, replication; };

#define ROW(field) .name = #field, .offset = offsetof(struct topics_settings, field)

static const struct setting rows[] = {
    /* sorted by name */
    { ROW(kafka), .kind = SETTING_STR, .fallback = "127.0.0.1:9092", .min = 1, .max = 2000,
      .help = "Kafka brokers, host:port[,host:port…]." },
    { ROW(partitions), .kind = SETTING_INT, .fallback = "0", .min = 0, .max = BUS_PARTITIONS_MAX,
      .help = "Partitions of each topic; 0: as the files say." },
    { ROW(replication), .kind = SETTING_INT, .fallback = "0", .min = 0, .max = 9,
      .help = "Copies of each partition; 0: as the files say; 1 for a stack with one broker." },
    { ROW(topics_dir), .kind = SETTING_STR, .fallback = ZAPORA_DATA_DIR "/topics", .min = 1, .max = 4000,
      .help = "Folder of the topics' .yaml files." },
};

int cli_topics(int argc, char **argv)
{
    struct topics_settings settings;
    char *words[2] = { 0 };
    int code = 0;
    if (!cli_load("zapora topics plan|apply", rows, ZP_COUNT(rows), argc, argv, &settings, words, 1, &code)) {
        return code;
    }
    bool apply = words[0] != NULL && strcmp(words[0], "apply") == 0;
    if (!apply && (words[0] == NULL || strcmp(words[0], "plan") != 0)) {
        cli_fail("topics: plan or apply?");
        return 2;
    }
    static struct bus_topic topics[BUS_TOPICS_MAX];
    size_t count = 0, changes = 0;
    char why[BUS_WHY_SIZE] = "";
    enum zp_err err = bus_topics_read(settings.topics_dir, topics, &count, why);
    for (size_t i = 0; i < count && settings.partitions > 0; i++) {
        topics[i].partitions = settings.partitions;
    }
    if (err == ZP_OK) {
        err = bus_topics_apply(settings.kafka, topics, count, settings.replication, apply, stdout, &changes, why);
    }
    if (err != ZP_OK) {
        return cli_fail("topics: %s", why);
    }
    printf("%zu topics, %zu changes%s\n", count, changes, apply ? " made" : " to make");
    return 0;
}
