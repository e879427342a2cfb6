/*
 * The start of a fully static program, before its main: it does not ask the processor what it is.
 *
 * glibc's own start executes CPUID 60 to 70 times, to choose among its string functions and to size its caches'
 * thresholds. On a virtual machine each one is an exit to the hypervisor, of 1 to 10 us: more than half of the time
 * from fork to exit of a program that does nothing. Programs that live for a millisecond gain nothing by what it
 * learns.
 */
#ifndef BOX_START_H
#define BOX_START_H

/* 1 when this start is in use, 0 when it is glibc's own: for another processor, or a glibc that was not looked at. */
extern const int box_start_is_short;

#endif
