#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config.h"
#include "engine/plan.h"
#include "engine/process.h"
#include "engine/values.h"

namespace lodge {

struct Engine;
class GuestKind;
class Host;

// Guest is one guest as its configuration file says.
struct Guest {
    int id = 0;
    const GuestKind* kind = nullptr;
    std::string name;  // the config's name or hostname, else "VM 101" as that format does
    Config config;
    std::string unreadable;  // why its file cannot be read at all; "" when it can
};

enum class GuestState { stopped, running, paused, suspended, starting, unknown };
std::string_view guest_state_word(GuestState state);

// Sighting is what is seen of a guest now, cheaply: no QMP, no waiting.
struct Sighting {
    GuestState state = GuestState::stopped;
    pid_t pid = 0;
    int64_t uptime = 0;              // seconds
    int64_t memory_resident = 0;     // bytes on the host
    int64_t memory_limit = 0;        // bytes the guest is given
    double cpu_seconds = 0;          // used since its start
    bool emulated = false;           // no KVM
    std::vector<std::string> notes;  // "pending changes", "lock: backup", "left by job 7", …
};

// Following is how guests of a kind are looked at again and again (engine/state/) without asking
// them each time: by a process that lives as long as the guest, and by what its program said last.
class Following {
  public:
    virtual ~Following() = default;
    // The guest's process; nullopt when it does not run.
    virtual std::optional<ProcessId> process(const Host& host, int id) const = 0;
    // Said is what the guest's program said last of how it is.
    struct Said {
        bool asked = false;  // it had the time to answer
        std::string status;  // in its own word; "" when it did not
        int job = 0;         // the job that is at work on the guest, 0 for none
    };
    // GuestKind::look() for what is known of the guest, without the process's figures.
    virtual Sighting sighting(Engine& engine, const Guest& guest,
                              const std::optional<ProcessId>& process, const Said& said) const = 0;
    // Where a running guest is asked: the sockets of its QMP monitor and of its guest agent, "" for
    // none.
    virtual std::string monitor(const Host&, const Guest&) const { return {}; }
    virtual std::string agent(const Host&, const Guest&) const { return {}; }
    // The hardware addresses of its network cards.
    virtual std::vector<std::string> macs(const Guest&) const { return {}; }
};

// GuestKind is a kind of guest: what a virtual machine or a container can do. Each returns the plan
// that would do it; the default answer is an Error(Exit::refused) in words.
//
// The names in `words`, all optional unless said otherwise:
//   create           values: list of "key=value" as the configuration writes them; import: a disk
//                    image or OVA to begin with; storage; format; start: 1
//   shutdown         timeout: seconds; force: 1 stops it when the time is over
//   reboot           timeout: seconds
//   stop             timeout: seconds until it is killed; force: 1 kills it at once
//   suspend          to-disk: 1; storage: where the RAM goes
//   set              values: list of "key=value"; delete: list of keys; revert: list of keys whose
//                    pending change is dropped ("all" for all); next-start: 1 leaves it pending;
//                    digest: refuses when the file has another one
//   destroy          keep-disks: 1; force: 1 stops a running one first
//   clone            id: of the new one, else the lowest free; name; full: 1; storage; format;
//                    snapshot: the state to clone
//   snapshot         name (needed); ram: 1; description
//   rollback         name (needed); start: 1
//   delete_snapshot  name (needed); force: 1 drops the section even when a disk's part fails
//   console          serial: 0…3; lines: how many of the last ones are shown first
class GuestKind {
  public:
    virtual ~GuestKind() = default;
    virtual std::string_view name() const = 0;    // "vm", "ct"
    virtual std::string_view folder() const = 0;  // "qemu-server", "lxc"
    virtual const Schema& schema() const = 0;
    virtual Sighting look(Engine& engine, const Guest& guest) const = 0;
    // nullptr: look() each time.
    virtual const Following* following() const { return nullptr; }

    virtual Plan create(Engine& engine, int id, const Values& words) const;
    virtual Plan start(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan shutdown(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan reboot(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan stop(Engine& engine, const Guest& guest, const Values& words) const;  // at once
    virtual Plan reset(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan suspend(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan resume(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan set(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan destroy(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan clone(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan make_template(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan snapshot(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan rollback(Engine& engine, const Guest& guest, const Values& words) const;
    virtual Plan delete_snapshot(Engine& engine, const Guest& guest, const Values& words) const;
    // Attaches the terminal to the guest's console until the person leaves; the exit status.
    virtual int console(Engine& engine, const Guest& guest, const Values& words) const;
    // The command line or configuration that a start would use, copyable.
    virtual std::string show_command(Engine& engine, const Guest& guest) const;
    // What of the configuration a start could not honour, in words.
    virtual std::vector<std::string> warnings(Engine& engine, const Guest& guest) const;
};

// All guests of all kinds, by id. A file that cannot be read at all is listed with a problem.
std::vector<Guest> list_guests(Engine& engine);
// By id ("101") or by name; throws Error(Exit::not_found), or Exit::usage when a name is not
// unique.
Guest find_guest(Engine& engine, std::string_view id_or_name);
// Reads one guest of a kind; a file that cannot be read gives a Guest with `unreadable` set.
Guest read_guest_leniently(Engine& engine, const GuestKind& kind, int id);
// Reads the guest again.
Guest load_guest(Engine& engine, int id);
// "101 (web)": how every message names a guest.
std::string guest_words(const Guest& guest);
// Throws Error(Exit::refused) when the config's `protection` or `lock` forbids `verb`.
void refuse_if_held(const Guest& guest, std::string_view verb, bool destroys = false);

// <run>/guest/<id>: sockets, pid file; made by the start, gone after a reboot.
std::string guest_run_folder(const Host& host, int id);
// <state>/log/<id>: the guest's program's words and its serial console's scrollback.
std::string guest_log_folder(const Host& host, int id);

}  // namespace lodge
