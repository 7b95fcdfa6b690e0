// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>

const struct vm_operations_struct probe = { .find_normal_page = NULL };
