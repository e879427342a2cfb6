/*
 * The start of a fully static program, before its main; nothing to be called. Where it knows the C library, it does not
 * ask the processor what it is, and anywhere it tells Swift's runtime of argv, which that would look for in
 * /proc/self/maps.
 *
 * glibc's own start executes CPUID 60 to 70 times, to choose among its string functions and to size its caches'
 * thresholds. On a virtual machine each one is an exit to the hypervisor, of 1 to 10 us: more than half of the time
 * from fork to exit of a program that does nothing. Programs that live for a millisecond gain nothing by what it
 * learns.
 */
