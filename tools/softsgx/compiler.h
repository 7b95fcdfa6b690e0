/* SPDX-License-Identifier: GPL-2.0 */
/* Names the kernel has for what C compilers can. */
#ifndef SOFTSGX_COMPILER_H
#define SOFTSGX_COMPILER_H

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

#endif
