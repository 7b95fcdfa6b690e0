// SPDX-License-Identifier: GPL-2.0
#include <linux/ftrace.h>

#ifndef ftrace_regs_set_instruction_pointer
#error "still ftrace_instruction_pointer_set()"
#endif
