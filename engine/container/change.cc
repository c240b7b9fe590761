#include "engine/vm/change.h"

#include <algorithm>

#include "engine/container/container.h"
#include "engine/container/life.h"
#include "engine/container/volume.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/units.h"
#include "engine/vm/change_parts.h"

// `lodge set` of a container: limits change while it runs, the rest at its next start.

namespace lodge {
namespace {

// Keys that only Lodge reads: they hold from the moment that they are written.
bool is_ours_alone(std::string_view key) {
    static constexpr std::string_view keys[] = {
        "cmode", "description", "hookscript", "onboot", "protection", "startup", "tags", "unused"};
    return std::any_of(std::begin(keys), std::end(keys),
                       [&](std::string_view one) { return key.starts_with(one); });
}

bool is_limit(std::string_view key) {
    static constexpr std::string_view keys[] = {"memory",   "swap",     "cores", "cpulimit",
                                                "cpuunits", "ioweight", "pids"};
    return std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
}

// Changer makes the plan of a change.
class Changer {
  public:
    Changer(Engine& engine, const Guest& guest, const Values& words)
        : engine_(engine),
          guest_(guest),
          after_(guest),
          words_(words),
          running_(ct_process(engine.host, guest.id).has_value()) {
        plan_.title = "change " + guest_words(guest);
        plan_.guests = {guest.id};
        edit_.digest = words.text("digest", guest.config.digest());
    }

    Plan plan() {
        for (const std::string& list : words_.list("revert"))
            for (const std::string& key : split(list, ','))
                revert(std::string(trim(key)));
        for (const Wish& wish : read_wishes(engine_, guest_, with_new_volumes(), plan_))
            take(wish);
        keep_old_volumes();
        if (!edit_.empty())
            add_config_step(plan_, "write the configuration", guest_.id, "lxc", edit_,
                            guest_.config);
        if (limits_) plan_limits();
        plan_.afterwards = afterwards();
        return std::move(plan_);
    }

  private:
    Values with_new_volumes() {
        Values words = words_;
        if (!words.has("values")) return words;
        std::vector<std::string> values;
        for (const std::string& one : words.list("values")) {
            const size_t equals = one.find('=');
            const std::string key = one.substr(0, equals);
            values.push_back(equals == std::string::npos || key == "rootfs" || !is_mount_key(key)
                                 ? one
                                 : key + "=" +
                                       plan_new_mount(engine_, guest_.id,
                                                      id_map_of(engine_.host, guest_.config), key,
                                                      one.substr(equals + 1), plan_));
        }
        words.set({"values", values});
        return words;
    }

    void take(const Wish& wish) {
        const bool waits = guest_.config.pending.has(wish.key) || waits_to_go(wish.key);
        if (wish.key == "rootfs" && !wish.value)
            fail(Exit::refused, "cannot take the root file system out of {}", guest_words(guest_));
        if (wish.value == wish.old) {
            if (waits) edit_.settle.push_back(wish.key);
            (waits ? now_ : same_).push_back(wish.key);
            return;
        }
        const bool at_once = !running_ || is_ours_alone(wish.key) || is_limit(wish.key);
        if (!at_once || (running_ && words_.flag("next-start") && !is_ours_alone(wish.key)))
            return wait(wish);
        if (wish.value) {
            edit_.set.push_back(wish.key + "=" + *wish.value);
            after_.config.current.set(wish.key, *wish.value);
        } else {
            edit_.erase.push_back(wish.key);
            after_.config.current.erase(wish.key);
        }
        if (wish.old && is_mount_key(wish.key)) old_.push_back(volume_of(*wish.old));
        if (waits) edit_.settle.push_back(wish.key);
        limits_ = limits_ || (running_ && is_limit(wish.key));
        now_.push_back(wish.key);
    }

    bool waits_to_go(const std::string& key) const {
        const auto deletes = guest_.config.pending_deletes();
        return std::find(deletes.begin(), deletes.end(), key) != deletes.end();
    }

    void wait(const Wish& wish) {
        if (wish.value)
            edit_.pending.push_back(wish.key + "=" + *wish.value);
        else if (wish.old)
            edit_.pending_erase.push_back(wish.key);
        else
            edit_.settle.push_back(wish.key);
        later_.push_back(wish.key);
    }

    // A volume that nothing names any more becomes an unused<N>.
    void keep_old_volumes() {
        Config probe = guest_.config;
        apply_edit(probe, edit_);
        for (const std::string& volume : old_)
            if (const std::string key = keep_as_unused(probe, volume); !key.empty())
                edit_.set.push_back(key + "=" + volume);
    }

    void plan_limits() {
        const LxcFacts facts = ct_facts(engine_, after_);
        std::vector<std::string> warnings, ignored;
        const auto after = ct_limits(after_.config, guest_.id, facts, warnings);
        const auto before = ct_limits(guest_.config, guest_.id, facts, ignored);
        std::vector<GroupLimit> now, back;
        for (const GroupLimit& limit : after)
            if (std::find(before.begin(), before.end(), limit) == before.end())
                now.push_back(limit);
        for (const GroupLimit& limit : before)
            if (std::find(after.begin(), after.end(), limit) == after.end()) back.push_back(limit);
        // A limit that is gone is lifted.
        for (const GroupLimit& limit : back)
            if (std::none_of(after.begin(), after.end(),
                             [&](const GroupLimit& one) { return one.file == limit.file; }))
                now.push_back({limit.controller, limit.file, no_limit(limit, facts)});
        for (const std::string& words : warnings)
            plan_.warn(words);
        if (now.empty()) return;
        plan_.step("change its limits while it runs", ct_limits_action(guest_.id, now),
                   ct_limits_action(guest_.id, back));
    }

    static std::string no_limit(const GroupLimit& limit, const LxcFacts& facts) {
        if (limit.file == "cpu.cfs_quota_us") return "-1";
        if (limit.file == "cpu.cfs_period_us") return limit.value;
        if (limit.file == "cpu.max") return "max 100000";
        if (limit.file == "cpu.shares") return "1024";
        if (limit.file == "cpu.weight" || limit.file.ends_with(".weight")) return "100";
        if (limit.file == "cpuset.cpus") {
            std::vector<std::string> all;
            for (const int processor : facts.processors)
                all.push_back(std::to_string(processor));
            return join(all, ",");
        }
        return "max";
    }

    void revert(const std::string& key) {
        std::vector<std::string> keys;
        for (const auto& [one, value] : guest_.config.pending.entries())
            if (one != "delete" && (key == "all" || key == one)) keys.push_back(one);
        for (const std::string& one : guest_.config.pending_deletes())
            if (key == "all" || key == one) keys.push_back(one);
        if (keys.empty())
            fail(Exit::not_found, "nothing of {} waits for the next start{}", guest_words(guest_),
                 key == "all" ? "" : " under the key " + in_quotes(key));
        edit_.settle.insert(edit_.settle.end(), keys.begin(), keys.end());
        reverted_.insert(reverted_.end(), keys.begin(), keys.end());
    }

    std::string afterwards() const {
        std::vector<std::string> words;
        const auto add = [&](const std::vector<std::string>& keys, std::string_view what) {
            if (!keys.empty()) words.push_back(fmt::format("{}: {}", what, join(keys, ", ")));
        };
        add(now_, running_ ? "changed now" : "changed");
        add(later_, "at the next start");
        add(reverted_, "no longer waiting");
        add(same_, "so already");
        return guest_words(guest_) + ": " + join(words, "; ");
    }

    Engine& engine_;
    const Guest& guest_;
    Guest after_;
    const Values& words_;
    const bool running_;
    bool limits_ = false;
    Plan plan_;
    Edit edit_;
    std::vector<std::string> now_, later_, reverted_, same_, old_;
};

}  // namespace

Plan CtKind::set(Engine& engine, const Guest& guest, const Values& words) const {
    refuse_if_held(guest, "change");
    return Changer(engine, guest, words).plan();
}

}  // namespace lodge
