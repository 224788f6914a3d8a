/* metrics.h: base's own door between metrics.c, which prints, and process.c, which asks the kernel. */
#ifndef ZAPORA_BASE_METRICS_H
#define ZAPORA_BASE_METRICS_H

#include "zapora/base.h"

#define PROCESS_FACTS_MAX 4

struct process_fact {
    const char *name;
    const char *help;
    enum metric_kind kind;
    int64_t millionths;
};

/* What the kernel knows of this process; what it does not tell is left out. Gives how many facts there are. */
size_t process_facts(struct process_fact ret_facts[PROCESS_FACTS_MAX]);

#endif
