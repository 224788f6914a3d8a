/* wraps_question: a hub without memory for what it is asked ends the process, as h2o does without memory for a request:
 * what a question allocates is no point. */
#include "wraps.h"

#include "question.h"

struct question *__real_live_question_create(struct live_hub *hub, void (*answer)(struct question *, enum zp_err));
FITS(live_question_create)
struct question *__wrap_live_question_create(struct live_hub *hub, void (*answer)(struct question *, enum zp_err));
struct question *__wrap_live_question_create(struct live_hub *hub, void (*answer)(struct question *, enum zp_err))
{
    torture_pause();
    struct question *question = __real_live_question_create(hub, answer);
    torture_resume();
    return question;
}
