/* one_lane: of the threads that a rebuild makes, one finds a partition to fold, as long as the log fills no other one.
 * It begins when the thread that made them all waits for them: else which point is the n-th would be chance. */
#include "torture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static _Atomic bool maker_waits;

/* Each slice of a fold begins with an owner. */
struct zp_id __real_id_fresh(void);
struct zp_id __wrap_id_fresh(void);
struct zp_id __wrap_id_fresh(void)
{
    bool is_lane = gettid() != getpid();
    torture_pause();
    while (is_lane && !atomic_load(&maker_waits)) {
        (void)poll(NULL, 0, 1);
    }
    torture_resume();
    return __real_id_fresh();
}

int __real_pthread_join(pthread_t thread, void **ret_value);
int __wrap_pthread_join(pthread_t thread, void **ret_value);
int __wrap_pthread_join(pthread_t thread, void **ret_value)
{
    atomic_store(&maker_waits, true);
    int err = __real_pthread_join(thread, ret_value);
    atomic_store(&maker_waits, false);
    return err;
}
