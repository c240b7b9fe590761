#include <algorithm>
#include <set>

#include "engine/engine.h"
#include "engine/guest_user.h"
#include "engine/units.h"
#include "passthrough/console.h"
#include "passthrough/device_trial.h"
#include "passthrough/handed.h"

// The plans that hand devices over and take them back.

namespace lodge {
namespace {

constexpr std::string_view kVfio = "vfio-pci";

bool may_stay(const PciFunction& function) {
    return function.driver.empty() || function.driver == kVfio || function.driver == "pci-stub" ||
           function.driver == "pcieport";
}

void plan_bind(const PciFunction& function, int guest, Plan& plan) {
    const std::string had =
        function.driver.empty() ? "it has no driver" : "its driver was " + function.driver;
    plan.step(
        fmt::format("hand {} ({}) to vfio-pci; {}", function.address, function.class_name(), had),
        {"device-bind",
         {{"address", function.address},
          {"guest", guest},
          {"ids", function.ids()},
          {"slot", function.slot_path},
          {"group", function.group},
          {"driver", function.driver}}},
        Action{"device-return", {{"address", function.address}, {"guest", guest}}});
}

}  // namespace

std::vector<const PciFunction*> must_go(const Inventory& inventory, const PciFunction& function) {
    std::vector<const PciFunction*> going;
    for (const PciFunction* one : inventory.companions(function))
        if (one->address == function.address || !may_stay(*one)) going.push_back(one);
    return going;
}

void plan_hand_over(Engine& engine, const Inventory& inventory, int guest,
                    const std::vector<const PciFunction*>& functions, Plan& plan) {
    std::vector<const PciFunction*> going;
    std::set<int> groups;
    for (const PciFunction* function : functions) {
        groups.insert(function->group);
        for (const PciFunction* one : must_go(inventory, *function))
            if (std::find(going.begin(), going.end(), one) == going.end()) going.push_back(one);
    }
    const Host& host = engine.host;
    if (!host.exists(host.system("/sys/bus/pci/drivers/vfio-pci")))
        plan.step(
            "load the driver that hands devices over",
            {"run", {{"argv", std::vector<std::string>{"modprobe", "vfio-pci"}}, {"limit", 60}}});
    Values on{{"guest", guest}};
    for (const PciFunction* one : going)
        on.add("going", one->folder);
    plan.step("keep what this machine has of sensors and clocks", {"device-look", on},
              Action{"remove", {{"path", before_path(host, guest)}}});
    plan_console_release(engine, inventory, guest, going, plan);
    for (const PciFunction* one : going)
        plan_bind(*one, guest, plan);
    plan.step("see that no sensor and no clock went along", {"device-compare", on});
    for (const int group : groups) {
        Values open{{"group", group}, {"guest", guest}};
        if (host.is_root()) open.set({"user", guest_user_name});
        plan.step(fmt::format("let QEMU's user open group {}", group),
                  {"device-open", std::move(open)}, Action{"device-close", {{"group", group}}});
    }
}

void plan_give_back(Engine& engine, int guest, Plan& plan,
                    const std::vector<std::string>& addresses) {
    auto handed = handed_devices(engine.host);
    std::reverse(handed.begin(), handed.end());
    std::vector<std::string> going, words;
    for (const Handed& one : handed) {
        const bool wanted = addresses.empty() || std::find(addresses.begin(), addresses.end(),
                                                           one.address) != addresses.end();
        if (one.guest != guest || !wanted) continue;
        going.push_back(one.address);
        words.push_back(
            fmt::format("{} to {}", one.address, one.driver.empty() ? "this machine" : one.driver));
    }
    if (!going.empty())
        plan.step("give back " + join(words, ", "),
                  {"device-return", {{"address", going}, {"guest", guest}}});
    if (addresses.empty()) plan_console_return(engine.host, guest, plan);
    if (addresses.empty()) plan_device_trial_over(engine.host, guest, plan);
}

}  // namespace lodge
