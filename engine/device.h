#pragma once

#include <string_view>

namespace lodge {

struct Engine;
struct Guest;
struct MachineFacts;
struct Plan;
class Config;

// DeviceKind is a kind of device of this machine that a guest can be given ("hostpci", "usb").
// The engine knows none itself: main joins those of passthrough (Engine::devices).
class DeviceKind {
  public:
    virtual ~DeviceKind() = default;
    // The key of the configuration without its number: "hostpci".
    virtual std::string_view key() const = 0;
    // Adds what the command line has to know of the configuration's devices. What cannot be passed
    // stands in the facts with the reason; nothing is thrown for it.
    virtual void add_facts(Engine& engine, const Guest& guest, MachineFacts& facts) const = 0;
    // Adds the steps that come before QEMU starts, each with its undo. `guest` has the
    // configuration that the start uses. Throws Error when a device cannot be had, with who has it
    // or what stands in the way.
    virtual void plan_start(Engine& engine, const Guest& guest, Plan& plan) const = 0;
    // Adds the steps that come once QEMU runs.
    virtual void plan_started(Engine&, const Guest&, Plan&) const {}
    // Adds the steps that give back what the guest has, after its end. Content when it has nothing.
    virtual void plan_end(Engine& engine, const Guest& guest, Plan& plan) const = 0;
};

}  // namespace lodge
