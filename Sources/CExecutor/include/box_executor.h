/*
 * The place where Swift's concurrency runtime lets somebody else run its jobs: swift_task_enqueueGlobal_hook
 * (include/swift/Runtime/Concurrency.h of the runtime), which has its calling convention and cannot be reached from
 * Swift. The one user is `Workers` in the target Reactor.
 */
#ifndef BOX_EXECUTOR_H
#define BOX_EXECUTOR_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*box_enqueue)(const void *context, uintptr_t job);

/* From here on each job that no actor has an executor of its own for comes to `enqueue`; once in a process, before a
 * second thread is there. */
void box_executor_install(box_enqueue enqueue, const void *context);

/* Runs a job that came to `enqueue`. */
void box_executor_run(uintptr_t job);

/* A mark of the calling thread, false in the beginning. */
bool box_thread_is_marked(void);
void box_thread_mark(bool marked);

#endif
