/* process: what the kernel knows of this process: memory, CPU time, descriptors, when it began.
 *
 * Called by metrics_print alone. Invariant: a fact that cannot be read is left out, never printed as 0. */
#include "metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MILLION ((int64_t)1000000)

/* The start of a file of /proc as text. */
static bool read_text(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t len = fread(ret_text, 1, size - 1, file);
    (void)fclose(file);
    ret_text[len] = '\0';
    return len > 0;
}

static bool resident_bytes(int64_t *ret_millionths)
{
    char text[256];
    int64_t pages;
    if (!read_text("/proc/self/statm", text, sizeof(text)) || sscanf(text, "%*s %" SCNd64, &pages) != 1) {
        return false;
    }
    *ret_millionths = pages * sysconf(_SC_PAGESIZE) * MILLION;
    return true;
}

static bool cpu_seconds(int64_t *ret_millionths)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return false;
    }
    *ret_millionths = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * MILLION +
                      usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    return true;
}

static bool open_descriptors(int64_t *ret_millionths)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return false;
    }
    int64_t count = -1; /* the directory's own */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    *ret_millionths = count * MILLION;
    return true;
}

/* Ticks since boot, the 22nd word; the second one is the program's name in brackets, with any characters in it. */
static bool start_ticks(int64_t *ret_ticks)
{
    char text[1024];
    if (!read_text("/proc/self/stat", text, sizeof(text))) {
        return false;
    }
    const char *word = strrchr(text, ')');
    for (int i = 2; word != NULL && i < 22; i++) {
        word = strchr(word + 1, ' ');
    }
    return word != NULL && sscanf(word, "%" SCNd64, ret_ticks) == 1;
}

static bool boot_seconds(int64_t *ret_seconds)
{
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL) {
        return false;
    }
    char line[256]; /* lines of interrupts are longer and come in pieces, none of which begins with btime */
    bool found = false;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = sscanf(line, "btime %" SCNd64, ret_seconds) == 1;
    }
    (void)fclose(file);
    return found;
}

static bool start_seconds(int64_t *ret_millionths)
{
    int64_t ticks, boot;
    if (!start_ticks(&ticks) || !boot_seconds(&boot)) {
        return false;
    }
    *ret_millionths = boot * MILLION + ticks * (MILLION / sysconf(_SC_CLK_TCK));
    return true;
}

static const struct {
    const char *name;
    const char *help;
    enum metric_kind kind;
    bool (*read)(int64_t *ret_millionths);
} rows[PROCESS_FACTS_MAX] = {
    { "process_cpu_seconds_total", "User and system CPU time spent.", METRIC_COUNTER, cpu_seconds },
    { "process_open_fds", "Open file descriptors.", METRIC_GAUGE, open_descriptors },
    { "process_resident_memory_bytes", "Resident memory size.", METRIC_GAUGE, resident_bytes },
    { "process_start_time_seconds", "Start of the process since 1970 UTC.", METRIC_GAUGE, start_seconds },
};

size_t process_facts(struct process_fact ret_facts[PROCESS_FACTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        int64_t millionths;
        if (rows[i].read(&millionths)) {
            ret_facts[count++] = (struct process_fact){ rows[i].name, rows[i].help, rows[i].kind, millionths };
        }
    }
    return count;
}
