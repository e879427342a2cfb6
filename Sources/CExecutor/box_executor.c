#include "box_executor.h"

#define SWIFT __attribute__((swiftcall))

typedef SWIFT void (*original_enqueue)(void *job);

/* Of the runtime. A job that runs on no actor's own executor has the generic one, which is all zeroes. */
extern SWIFT void (*swift_task_enqueueGlobal_hook)(void *job, original_enqueue original);
extern SWIFT void swift_job_run(void *job, uintptr_t identity, uintptr_t implementation);

static box_enqueue installed;
static const void *installed_context;

static SWIFT void hook(void *job, original_enqueue original) {
    (void)original;
    installed(installed_context, (uintptr_t)job);
}

void box_executor_install(box_enqueue enqueue, const void *context) {
    installed = enqueue;
    installed_context = context;
    swift_task_enqueueGlobal_hook = hook;
}

void box_executor_run(uintptr_t job) { swift_job_run((void *)job, 0, 0); }

static _Thread_local bool is_marked;

bool box_thread_is_marked(void) { return is_marked; }
void box_thread_mark(bool marked) { is_marked = marked; }
