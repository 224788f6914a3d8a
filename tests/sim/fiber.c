/* fiber.c: owns the stacks and the switching between them; see fiber.h. */
#include "fiber.h"

#include "memory.h"
#include "process.h"
#include "sim.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#endif

#define STACK_BYTES ((size_t)1 << 20)

struct fiber {
    struct process *process; /* borrowed */
    const char *name;
    void (*run)(void *arg);
    void *arg;
    int64_t wake_at;
    bool is_resting, is_done;
    void *stack;             /* owned; kept for the next fiber */
    void *fake_stack;        /* the sanitizer's */
    ucontext_t context;
    struct fiber *next;      /* in the list of the unused */
};

static ucontext_t outside;
static void *outside_fake_stack;
static const void *outside_bottom;
static size_t outside_size;
static struct fiber *current, *unused;

static void begin(void)
{
    __sanitizer_finish_switch_fiber(NULL, &outside_bottom, &outside_size);
    struct fiber *fiber = current;
    fiber->run(fiber->arg);
    fiber->is_done = true;
    fiber->wake_at = SIM_NEVER;
    __sanitizer_start_switch_fiber(NULL, outside_bottom, outside_size);
    swapcontext(&fiber->context, &outside);
}

struct fiber *fiber_create(struct process *process, const char *name, void (*run)(void *arg), void *arg)
{
    SIM_MEMORY;
    struct fiber *fiber = unused;
    void *stack;
    if (fiber != NULL) {
        unused = fiber->next;
        stack = fiber->stack;
    } else {
        fiber = malloc(sizeof *fiber);
        stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ZP_ASSERT(fiber != NULL && stack != MAP_FAILED);
    }
    *fiber = (struct fiber){ .process = process, .name = name, .run = run, .arg = arg, .wake_at = sim.now_us,
                             .stack = stack };
    ASAN_UNPOISON_MEMORY_REGION(stack, STACK_BYTES); /* whoever had it before may have left in the middle */
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = stack;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    makecontext(&fiber->context, begin, 0);
    return fiber;
}

void fiber_destroy(struct fiber *fiber)
{
    if (fiber != NULL) {
        fiber->next = unused;
        unused = fiber;
    }
}

void fiber_resume(struct fiber *fiber)
{
    current = fiber;
    fiber->is_resting = false;
    fiber->wake_at = SIM_NEVER;
    memory_owner = process_number(fiber->process);
    __sanitizer_start_switch_fiber(&outside_fake_stack, fiber->stack, STACK_BYTES);
    swapcontext(&outside, &fiber->context);
    __sanitizer_finish_switch_fiber(outside_fake_stack, NULL, NULL);
    memory_owner = MEMORY_OF_SIM;
    current = NULL;
}

static void leave(struct fiber *fiber)
{
    int owner = memory_owner;
    __sanitizer_start_switch_fiber(&fiber->fake_stack, outside_bottom, outside_size);
    swapcontext(&fiber->context, &outside);
    __sanitizer_finish_switch_fiber(fiber->fake_stack, &outside_bottom, &outside_size);
    memory_owner = owner;
}

bool fiber_is_done(const struct fiber *fiber)
{
    return fiber->is_done;
}

int64_t fiber_wake_at(const struct fiber *fiber)
{
    return fiber->wake_at;
}

struct fiber *fiber_current(void)
{
    return current;
}

struct process *fiber_process(const struct fiber *fiber)
{
    return fiber->process;
}

const char *fiber_name(const struct fiber *fiber)
{
    return fiber->name;
}

void fiber_sleep_until(int64_t until_us)
{
    ZP_ASSERT(current != NULL);
    current->wake_at = until_us;
    leave(current);
}

void fiber_rest_until(int64_t until_us)
{
    ZP_ASSERT(current != NULL);
    current->is_resting = true;
    fiber_sleep_until(until_us);
}

void fiber_poke(struct fiber *fiber)
{
    if (fiber != NULL && fiber->is_resting && fiber->wake_at > sim.now_us) {
        fiber->wake_at = sim.now_us;
    }
}
