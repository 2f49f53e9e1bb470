/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and medians, for tests that measure and for waits that have a lower bound. */
#ifndef VFVIRT_TESTS_MEASURE_H
#define VFVIRT_TESTS_MEASURE_H

#include <stdint.h>

/**
 * measure_ns() - nanoseconds of the monotonic clock, which is also the kernel's ktime_get_ns().
 *
 * Return: the time.
 */
uint64_t measure_ns(void);

/**
 * measure_tick_ms() - milliseconds of the clock that only ticks move.
 *
 * A kernel limit counts in jiffies, which stand still while the host does not run the CPU, and
 * so does this clock: a wait that is shorter by it than its limit has ended too early. It may
 * show MEASURE_TICKS_MS less than the limit, since both clocks are cut to whole ticks.
 *
 * Return: the time, for differences.
 */
uint64_t measure_tick_ms(void);

#define MEASURE_TICKS_MS 12 /* three ticks of the slowest kernel, 250 Hz */

/**
 * measure_median() - the middle one of some numbers.
 * @values: at least one; sorted afterwards.
 * @count: how many.
 *
 * Return: the median, the upper one of two.
 */
double measure_median(double *values, unsigned int count);

#endif
