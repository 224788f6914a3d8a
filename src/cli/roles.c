/* The two long-running roles: settings in, exit code out. */
#include "commands.h"
#include "zapora/gateway.h"
#include "zapora/worker.h"

static bool setup_log(const char *level_name, const char *role)
{
    enum log_level level;
    if (!log_level_parse(level_name, &level)) {
        fprintf(stderr, "zapora: log_level is \"%s\"; it may be debug, info, warn or error\n", level_name);
        return false;
    }
    log_setup(level, role);
    return true;
}

int cli_gateway(int argc, char **argv)
{
    static struct gateway_settings settings;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora gateway", GATEWAY_SETTINGS, GATEWAY_SETTING_COUNT, argc, argv, &settings, words, 0, &code)) {
        return code;
    }
    bus_partitions_set(settings.partitions);
    return setup_log(settings.log_level, "gateway") ? gateway_run(&settings) : 2;
}

int cli_worker(int argc, char **argv)
{
    static struct worker_settings settings;
    char *words[1];
    int code = 0;
    if (!cli_load("zapora worker", WORKER_SETTINGS, WORKER_SETTING_COUNT, argc, argv, &settings, words, 0, &code)) {
        return code;
    }
    bus_partitions_set(settings.partitions);
    return setup_log(settings.log_level, "worker") ? worker_run(&settings) : 2;
}
