#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan.h"

namespace lodge {

struct Engine;
class Host;

// A guest out of nothing: a Debian kernel, and a start-up file system made on the spot of busybox
// and a few scripts. Kernel and file system lie in <state>/demo, where the guests' `args` point.
//
// words: name; id; count: how many; no-start: 1
Plan demo_plan(Engine& engine, const Values& words);
// Takes away what demo_plan made: the guests, running or not, their volumes, logs, and the kernel
// unless another guest starts with it. words: id or name, else all.
Plan demo_remove_plan(Engine& engine, const Values& words);
// Ids of the guests that `lodge demo` made and that are still there, ascending.
std::vector<int> demo_guests(Engine& engine);

// DemoKernel is where a kernel and its modules come from.
struct DemoKernel {
    std::string version;  // "6.1.0-56-cloud-amd64"
    std::string image;    // /boot/vmlinuz-<version>
    std::string modules;  // /lib/modules/<version>
};
// Kernels of this machine that can be read and have modules, the best for a guest first: those made
// for virtual machines ("cloud"), then by version, newest first.
std::vector<DemoKernel> demo_kernels(const Host& host);

// GuestFile is a file of the demo guest's start-up file system.
struct GuestFile {
    std::string_view path;  // "etc/inittab"
    std::string_view content;
    bool program;
};
std::span<const GuestFile> demo_guest_files();  // demo_guest.cc

// demo-download package folder | demo-initramfs modules path | demo-unmark path config
std::span<const ActionKind> demo_actions();

}  // namespace lodge
