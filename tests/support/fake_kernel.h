#pragma once

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/modules.h"
#include "power/aspm.h"
#include "power/kernel.h"
#include "power/power.h"
#include "power/record.h"
#include "tests/support/cases.h"
#include "tests/support/scratch.h"

namespace lodge {

inline const Actions& actions_with_power() {
    static const Actions actions([] {
        auto tables = engine_actions();
        tables.push_back(power_actions());
        return tables;
    }());
    return actions;
}

// FakeKernel is a recorded machine (tests/machines/<name>) whose files react to what is written as
// Linux 6.1 does: values that it does not take, the ASPM policy that is ANDed with each link's
// attributes, drivers that hold something. Files are in a folder of the test's own.
class FakeKernel {
  public:
    explicit FakeKernel(const std::string& machine)
        : host_(places(folder_.path())),
          engine_(host_, actions_with_power(), guest_kinds()),
          stand_in_(host_, [this](const std::string& path, std::string_view value) {
              return write(path, std::string(value));
          }) {
        const auto entries =
            parse_record(cases::read(std::filesystem::path(TESTS_FOLDER) / "machines" / machine));
        unpack_record(entries, root());
        note_links(entries);
    }

    const Host& host() const { return host_; }
    Engine& engine() { return engine_; }
    std::string root() const { return folder_.path() + "/root"; }
    std::string get(const std::string& path) const {
        return kernel::chosen(kernel::text(host_, path));
    }
    // As someone else would, behind Lodge.
    void set(const std::string& path, const std::string& value) const {
        host_.write(host_.system(path), value + "\n");
    }
    // The next writes to this file are refused so; 0: no more.
    void refuse(const std::string& path, int number) { refused_[path] = number; }
    // What a driver turns off by itself, as r8169 does at its start: it reads 0 until someone
    // writes 1.
    void driver_disables(const std::string& address, const std::string& attribute) {
        links_.at(address).disabled.insert(attribute);
        apply();
    }
    size_t writes() const { return writes_; }

  private:
    struct Link {
        std::set<std::string> capable, firmware, disabled;
    };

    static Host::Places places(const std::string& top) {
        Host::Places places = ScratchEngine::places(top);
        places.sysroot = top + "/root";
        places.uid = 0;
        return places;
    }

    void note_links(const std::vector<RecordEntry>& entries) {
        for (const RecordEntry& entry : entries) {
            const auto at = entry.path.find("/link/");
            if (at == std::string::npos) continue;
            const std::string above = entry.path.substr(0, at);
            Link& link = links_[above.substr(above.rfind('/') + 1)];
            const std::string attribute = entry.path.substr(at + 6);
            link.capable.insert(attribute);
            if (entry.content == "1") link.firmware.insert(attribute);
        }
    }

    static bool is_substate(const std::string& attribute) {
        return attribute.find("_1_") != std::string::npos ||
               attribute.find("_2_") != std::string::npos;
    }

    // K: aspm.c, policy_to_aspm_state(), pcie_config_aspm_link().
    void apply() {
        const std::string policy = get(std::string(aspm::policy_file));
        for (const auto& [address, link] : links_) {
            std::set<std::string> on;
            for (const std::string& attribute : link.capable) {
                const bool allowed = policy == "powersupersave" ||
                                     (policy == "powersave" && !is_substate(attribute)) ||
                                     (policy == "default" && link.firmware.count(attribute) != 0);
                if (allowed && link.disabled.count(attribute) == 0) on.insert(attribute);
            }
            for (const std::string& attribute : link.capable) {
                const bool needs_l1 = is_substate(attribute) && on.count("l1_aspm") == 0;
                set(aspm::attribute_file(address, attribute),
                    on.count(attribute) != 0 && !needs_l1 ? "1" : "0");
            }
        }
    }

    int write_policy(const std::string& value) {
        static constexpr const char* policies[] = {"default", "performance", "powersave",
                                                   "powersupersave"};
        if (std::find(std::begin(policies), std::end(policies), value) == std::end(policies))
            return EINVAL;
        std::string text;
        for (const std::string one : policies)
            text += (text.empty() ? "" : " ") + (one == value ? "[" + one + "]" : one);
        set(std::string(aspm::policy_file), text);
        apply();
        return 0;
    }

    // K: aspm.c, aspm_attr_store_common().
    int write_link(const std::string& path, const std::string& value) {
        const auto at = path.find("/link/");
        const std::string above = path.substr(0, at);
        Link& link = links_.at(above.substr(above.rfind('/') + 1));
        const std::string attribute = path.substr(at + 6);
        if (value == "1") {
            link.disabled.erase(attribute);
            if (is_substate(attribute)) link.disabled.erase("l1_aspm");
        } else if (value == "0") {
            link.disabled.insert(attribute);
        } else {
            return EINVAL;
        }
        apply();
        return 0;
    }

    // K: cpufreq.c, intel_pstate.c
    int write_policy_file(const std::string& path, const std::string& value) {
        const std::string folder = path.substr(0, path.rfind('/'));
        const std::string name = path.substr(path.rfind('/') + 1);
        const std::string epp = folder + "/energy_performance_preference";
        if (name == "scaling_governor") {
            if (!is_among(value, folder + "/scaling_available_governors")) return EINVAL;
            if (value == "performance" && kernel::exists(host_, epp)) set(epp, "performance");
            if (value == "powersave" && get(path) == "performance" && kernel::exists(host_, epp))
                set(epp, "balance_performance");
        } else if (name == "energy_performance_preference") {
            if (get(folder + "/scaling_governor") == "performance") return EBUSY;
            if (!is_among(value, folder + "/energy_performance_available_preferences"))
                return EINVAL;
        }
        set(path, value);
        return 0;
    }

    bool is_among(const std::string& value, const std::string& file) const {
        const auto words = kernel::choices(kernel::text(host_, file));
        return std::find(words.begin(), words.end(), value) != words.end();
    }

    int write(const std::string& path, const std::string& value) {
        ++writes_;
        if (const auto refused = refused_.find(path); refused != refused_.end())
            if (refused->second != 0) return refused->second;
        if (!kernel::exists(host_, path)) return ENOENT;
        if (path == aspm::policy_file) return write_policy(value);
        if (path.find("/link/") != std::string::npos) return write_link(path, value);
        if (path.find("/cpufreq/policy") != std::string::npos)
            return write_policy_file(path, value);
        if (path.ends_with("/power/control") && value != "auto" && value != "on") return EINVAL;
        if (path.ends_with("/online") && value != "0" && value != "1") return EINVAL;
        set(path, value);
        return 0;
    }

    ScratchFolder folder_;
    Host host_;
    Engine engine_;
    kernel::StandIn stand_in_;
    std::map<std::string, Link> links_;
    std::map<std::string, int> refused_;
    size_t writes_ = 0;
};

}  // namespace lodge
