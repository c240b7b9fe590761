#include "engine/vm/change.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/schema.h"
#include "engine/units.h"
#include "engine/vm/change_actions.h"
#include "engine/vm/change_parts.h"
#include "engine/vm/vm.h"

// `lodge set`: what of a wish happens now, and what at the next start.

namespace lodge {
namespace {

// Keys that only Lodge reads: they hold from the moment that they are written.
bool is_ours_alone(std::string_view key) {
    static constexpr std::string_view keys[] = {
        "autostart",     "description", "hookscript",    "hotplug",    "migrate_downtime",
        "migrate_speed", "name",        "onboot",        "protection", "shares",
        "startup",       "tags",        "vmstatestorage"};
    return std::find(std::begin(keys), std::end(keys), key) != std::end(keys) ||
           key.starts_with("unused");
}

// Changer makes the plan of a change.
class Changer {
  public:
    Changer(Engine& engine, const Guest& guest, const Values& words)
        : engine_(engine),
          guest_(guest),
          so_far_(guest),
          words_(words),
          running_(vm_process(engine.host, guest.id).has_value()) {
        plan_.title = "change " + guest_words(guest);
        plan_.guests = {guest.id};
        before_.digest = words.text("digest", guest.config.digest());
    }

    Plan plan() {
        for (const std::string& list : words_.list("revert"))
            for (const std::string& key : split(list, ','))
                revert(std::string(trim(key)));
        for (const Wish& wish : read_wishes(engine_, guest_, words_, plan_))
            take(wish);
        if (!before_.empty())
            add_config_step(plan_, "write the configuration", guest_.id, "qemu-server", before_,
                            guest_.config);
        plan_.append(std::move(live_));
        plan_.afterwards = afterwards();
        return std::move(plan_);
    }

  private:
    void take(const Wish& wish) {
        const bool waits = guest_.config.pending.has(wish.key) || waits_to_go(wish.key);
        if (wish.value == wish.old) {
            // Back to what is: nothing waits any more.
            if (waits) before_.settle.push_back(wish.key);
            (waits ? now_ : same_).push_back(wish.key);
            return;
        }
        if (!running_ || is_ours_alone(wish.key)) return write(wish, waits);
        if (words_.flag("next-start")) return wait(wish, "");
        Plan live;
        const std::string why_not = plan_live_change(engine_, so_far_, wish, live);
        if (!why_not.empty()) return wait(wish, why_not);
        live_.append(std::move(live));
        so_far_ = with_wish(so_far_, wish);
        // What is plugged out is written when the guest has let go of it.
        if (wish.is_gone() && is_plugged(wish.key)) {
            leaving_.push_back(wish.key);
            if (waits) before_.settle.push_back(wish.key);
            return;
        }
        write(wish, waits);
    }

    static bool is_plugged(std::string_view key) {
        return is_disk_key(key) || key.starts_with("net") || key.starts_with("usb");
    }

    bool waits_to_go(const std::string& key) const {
        const auto deletes = guest_.config.pending_deletes();
        return std::find(deletes.begin(), deletes.end(), key) != deletes.end();
    }

    void write(const Wish& wish, bool waits) {
        if (wish.value)
            before_.set.push_back(wish.key + "=" + *wish.value);
        else
            before_.erase.push_back(wish.key);
        if (waits) before_.settle.push_back(wish.key);
        keep_old_volume(wish);
        now_.push_back(wish.key);
    }

    void wait(const Wish& wish, const std::string& why) {
        if (wish.value)
            before_.pending.push_back(wish.key + "=" + *wish.value);
        else if (wish.old)
            before_.pending_erase.push_back(wish.key);
        else
            before_.settle.push_back(wish.key);  // it was only waiting to come
        later_.push_back(why.empty() ? wish.key : fmt::format("{} ({})", wish.key, why));
    }

    // A disk's volume that nothing names any more becomes an unused<N>.
    void keep_old_volume(const Wish& wish) {
        if (!wish.old || !is_disk_key(wish.key) || is_cdrom_value(wish.key, *wish.old)) return;
        const std::string volume = volume_of(*wish.old);
        if (wish.value && volume_of(*wish.value) == volume) return;
        keep(volume);
    }

    void keep(const std::string& volume) {
        Config probe = guest_.config;
        apply_edit(probe, before_);
        const std::string key = keep_as_unused(probe, volume);
        if (!key.empty()) before_.set.push_back(key + "=" + volume);
    }

    void revert(const std::string& key) {
        const auto deletes = guest_.config.pending_deletes();
        std::vector<std::string> keys;
        for (const auto& [one, value] : guest_.config.pending.entries())
            if (one != "delete" && (key == "all" || key == one)) keys.push_back(one);
        if (guest_.config.pending.get("description") && (key == "all" || key == "description"))
            keys.emplace_back("description");
        for (const std::string& one : deletes)
            if (key == "all" || key == one) keys.push_back(one);
        if (keys.empty())
            fail(Exit::not_found, "nothing of {} waits for the next start{}", guest_words(guest_),
                 key == "all" ? "" : " under the key " + in_quotes(key));
        for (const std::string& one : keys) {
            before_.settle.push_back(one);
            reverted_.push_back(one);
            const auto value = guest_.config.pending.get(one);
            if (value && is_disk_key(one) && !is_cdrom_value(one, *value)) keep(volume_of(*value));
        }
    }

    std::string afterwards() const {
        std::vector<std::string> words;
        const auto add = [&](const std::vector<std::string>& keys, std::string_view what) {
            if (!keys.empty()) words.push_back(fmt::format("{}: {}", what, join(keys, ", ")));
        };
        add(now_, running_ ? "changed now" : "changed");
        add(leaving_, "taken out as soon as the guest lets go");
        add(later_, "at the next start");
        add(reverted_, "no longer waiting");
        add(same_, "so already");
        return guest_words(guest_) + ": " + join(words, "; ");
    }

    Engine& engine_;
    const Guest& guest_;
    Guest so_far_;  // with the wishes that were taken, for those that share a setting
    const Values& words_;
    const bool running_;
    Plan plan_, live_;
    Edit before_;
    std::vector<std::string> now_, later_, leaving_, reverted_, same_;
};

}  // namespace

Plan VmKind::set(Engine& engine, const Guest& guest, const Values& words) const {
    refuse_if_held(guest, "change");
    return Changer(engine, guest, words).plan();
}

namespace {

constexpr ActionKind actions[] = {
    // guest folder [set…] [delete…] [pending…] [pending-delete…] [settle…] [digest]
    {"config-set", run_config_set, shell_config_set},
    // guest
    {"config-apply-pending", run_apply_pending, shell_apply_pending},
    // guest command [arguments] [lenient]
    {"qmp", run_qmp, shell_run_qmp},
    // guest cpus units
    {"vm-cpu-share", run_vm_cpu_share, shell_vm_cpu_share},
    // guest count
    {"vm-add-cpus", run_vm_add_cpus, shell_vm_add_cpus},
    // guest net rule add
    {"vm-forward", run_vm_forward, shell_vm_forward},
    // guest key commands… [hand-over…] [names…] [owned…] [before-run…]
    {"vm-attach", run_vm_attach, shell_vm_attach},
    {"vm-media", run_vm_media, shell_vm_media},
    // guest key [volume] [limit] [write]
    {"vm-detach", run_vm_detach, shell_vm_detach},
};

}  // namespace

std::span<const ActionKind> vm_change_actions() {
    return actions;
}

}  // namespace lodge
