#include "box_start.h"

#include <features.h>

/*
 * What stands between _start and main of a static program differs from one glibc to the next: only those whose
 * sources were read are listed here (csu/libc-start.c, sysdeps/x86/cacheinfo.h). Any other starts as it always did.
 * Were one of these wrong, the program would not link: every name is the C library's own, and this file defines all
 * that libc-start.o does.
 */
#if defined(__x86_64__) && !defined(__ILP32__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36
#define SHORT_START 1
#else
#define SHORT_START 0
#endif

/*
 * Of Swift's runtime (stdlib/public/stubs/CommandLine.cpp). An object of a library is linked for the sake of a symbol
 * that nothing else defines: with these two here that one is not, nor what it does before main. Weak, so that a runtime
 * that needs it for something else has its own.
 */
#define WEAK __attribute__((weak))

static char **arguments;
static int argument_count;

/* The C library calls what is in .init_array with the arguments of main. */
__attribute__((constructor)) static void remember_arguments(int count, char **values) {
    arguments = values;
    argument_count = count;
}

WEAK char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = argument_count;
    return arguments;
}

WEAK void _swift_stdlib_overrideUnsafeArgvArgc(char **values, int count) {
    arguments = values;
    argument_count = count;
}

#if SHORT_START
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef int (*main_function)(int, char **, char **);
typedef void (*init_function)(int, char **, char **);

/* Of the C library, none of them in a header. */
extern char **__environ;
extern void *__libc_stack_end;
extern int __libc_enable_secure;
extern uintptr_t *_dl_random HIDDEN;
extern int _dl_x86_cpu_features[] HIDDEN;
extern void _dl_aux_init(Elf64_auxv_t *) HIDDEN;
extern void __tunables_init(char **) HIDDEN;
extern void _dl_relocate_static_pie(void) HIDDEN;
extern void __libc_setup_tls(void);
extern void __libc_early_init(_Bool);
extern void __libc_init_first(int, char **, char **) HIDDEN;
extern void __libc_check_standard_fds(void) HIDDEN;
extern int __cxa_atexit(void (*)(void *), void *, void *);
/* Of the linker and of crti.o. */
extern const Elf64_Rela __rela_iplt_start[] __attribute__((weak)) HIDDEN;
extern const Elf64_Rela __rela_iplt_end[] __attribute__((weak)) HIDDEN;
extern init_function __preinit_array_start[] HIDDEN, __preinit_array_end[] HIDDEN;
extern init_function __init_array_start[] HIDDEN, __init_array_end[] HIDDEN;
extern void (*__fini_array_start[])(void) HIDDEN, (*__fini_array_end[])(void) HIDDEN;
extern void _init(void), _fini(void);

/* What memmove and memset go by: glibc's values for a processor that it knows nothing about. */
HIDDEN long __x86_data_cache_size = 32 << 10;
HIDDEN long __x86_data_cache_size_half = 16 << 10;
HIDDEN long __x86_shared_cache_size = 1 << 20;
HIDDEN long __x86_shared_cache_size_half = 512 << 10;
HIDDEN long __x86_shared_non_temporal_threshold = 768 << 10;
HIDDEN long __x86_rep_movsb_threshold = 2048;
HIDDEN long __x86_rep_stosb_threshold = 2048;
HIDDEN long __x86_rep_movsb_stop_threshold = 768 << 10;
HIDDEN int __x86_string_control = 0;

static void finish(void *unused) {
    (void)unused;
    for (long count = __fini_array_end - __fini_array_start; count > 0; count--) __fini_array_start[count - 1]();
    _fini();
}

/*
 * As `_start` calls it: `init` and `fini` are not used since glibc 2.34, `rtld_fini` comes from the kernel and is null.
 * The stack protector cannot guard this function: it sets up what that compares with.
 */
__attribute__((noreturn, no_stack_protector)) int __libc_start_main(
    main_function main, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void *),
    void *stack_end) {
    (void)init;
    (void)fini;
    char **environment = argv + argc + 1;
    __environ = environment;
    __libc_stack_end = stack_end;
    char **end = environment;
    while (*end != NULL) end++;
    _dl_aux_init((Elf64_auxv_t *)(end + 1));
    __tunables_init(environment);

    /* Here glibc looks at the processor. "Other" is what it calls one of a maker it does not know. */
    enum { OTHER = 4 };
    _dl_x86_cpu_features[0] = OTHER;

    _dl_relocate_static_pie();
    /* Each asks which of its variants to use, and gets the one for every x86-64. */
    for (const Elf64_Rela *entry = __rela_iplt_start; entry < __rela_iplt_end; entry++)
        *(uintptr_t *)entry->r_offset = ((uintptr_t(*)(void))entry->r_addend)();
    __libc_setup_tls();
    /* tcbhead_t: the stack protector's value, its first byte 0 so that no string runs over it, and setjmp's key. */
    __asm__ volatile("movq %0, %%fs:0x28" : : "r"(_dl_random[0] & ~(uintptr_t)0xff));
    __asm__ volatile("movq %0, %%fs:0x30" : : "r"(_dl_random[1]));
    if (rtld_fini != NULL) __cxa_atexit(rtld_fini, NULL, NULL);
    __libc_early_init(1);
    __libc_init_first(argc, argv, environment);
    __cxa_atexit(finish, NULL, NULL);
    if (__libc_enable_secure) __libc_check_standard_fds();
    for (init_function *each = __preinit_array_start; each < __preinit_array_end; each++)
        (*each)(argc, argv, environment);
    _init();
    for (init_function *each = __init_array_start; each < __init_array_end; each++) (*each)(argc, argv, environment);
    exit(main(argc, argv, environment));
}
#endif
