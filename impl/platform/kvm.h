/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's virtualisation: /dev/kvm and what its calls return. The one user is cpu/kvm*.c; the numbers and structures
 * are those of <linux/kvm.h>. Source: Linux, Documentation/virt/kvm/api.rst.
 */
#ifndef PLATFORM_KVM_H
#define PLATFORM_KVM_H

#include <glib.h>
#include <stddef.h>

/** os_kvm_open: a descriptor of /dev/kvm, or -errno. Close with os_kvm_close(). */
int os_kvm_open(void) G_GNUC_WARN_UNUSED_RESULT;
void os_kvm_close(int fd);

/** os_kvm_call: ioctl(2) with a number or a pointer; its result, or -errno. KVM_RUN blocks; there -EINTR is a kick. */
int os_kvm_call(int fd, unsigned long request, unsigned long arg);
int os_kvm_call_ptr(int fd, unsigned long request, void *arg);

/** os_kvm_map_run: the page that a vCPU and its user share, @len bytes; NULL when memory is short. */
void *os_kvm_map_run(int fd, size_t len) G_GNUC_WARN_UNUSED_RESULT;
void os_kvm_unmap_run(void *run, size_t len);

#endif
