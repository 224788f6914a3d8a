/* Any bytes as a topic's file. What is believed is a topic that can be asked for. */
#include "fuzz.h"

#include "topics_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bus_topic topic = { .partitions = -7 };
    char why[BUS_WHY_SIZE] = "";
    FILE *in = fmemopen(NULL, size + 1, "w+");
    MUST(in != NULL && fwrite(data, 1, size, in) == size && fseek(in, 0, SEEK_SET) == 0);
    enum zp_err err = bus_topic_file_read(in, "orders.test.v1.yaml", &topic, why);
    (void)fclose(in);
    if (err == ZP_OK) {
        MUST(strcmp(topic.name, "orders.test.v1") == 0 && topic.setting_count <= BUS_TOPIC_SETTINGS_MAX);
        MUST(topic.partitions >= 1 && topic.partitions <= 10000 && topic.replicas >= 1 && topic.replicas <= 100);
    } else {
        MUST(err == ZP_INVALID && topic.partitions == -7);
        MUST(strncmp(why, "orders.test.v1.yaml:", 20) == 0);
    }
    return 0;
}
