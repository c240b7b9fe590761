#include "passthrough/mediated.h"

#include <algorithm>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/guest_user.h"
#include "engine/units.h"
#include "passthrough/binding.h"

namespace lodge {
namespace {

const std::string kDevices = "/sys/bus/mdev/devices/";

void run_make(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& number = on.text("number");
    const std::string folder = host.system(kDevices + number);
    if (!host.exists(folder))
        write_kernel_within(
            host,
            host.system(on.text("folder") + "/mdev_supported_types/" + on.text("type") + "/create"),
            number, "cannot make a " + on.text("type"), on.integer("limit", 30));
    const std::string group = real_path(host, kDevices + number + "/iommu_group");
    if (group.empty())
        fail(Exit::failed, "the kernel made no IOMMU group for {}: is vfio_mdev loaded?", number);
    if (host.is_root())
        give_to(guest_user(host), host.system("/dev/vfio" + group.substr(group.rfind('/'))));
}

void run_remove(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string folder = host.system(kDevices + on.text("number"));
    if (host.exists(folder))
        write_kernel_within(host, folder + "/remove", "1", "cannot take a mediated device away",
                            on.integer("limit", 30));
}

std::string make_shell(const Values& on) {
    return fmt::format("echo {} > {}/mdev_supported_types/{}/create", on.text("number"),
                       on.text("folder"), on.text("type"));
}

std::string remove_shell(const Values& on) {
    return fmt::format("echo 1 > {}{}/remove", kDevices, on.text("number"));
}

constexpr ActionKind kinds[] = {
    {"mdev-make", run_make, make_shell},
    {"mdev-remove", run_remove, remove_shell},
};

}  // namespace

std::string mediated_number(int guest, std::string_view key) {
    const int index = static_cast<int>(parse_integer(key.substr(7)).value_or(0));
    return fmt::format("{:08d}-0000-0000-0000-{:012d}", index, guest);
}

std::string mediated_folder(int guest, std::string_view key) {
    return kDevices + mediated_number(guest, key);
}

void plan_mediated(const PciFunction& function, const PciWish& wish, int guest, Plan& plan) {
    const auto type = std::find_if(function.mdevs.begin(), function.mdevs.end(),
                                   [&](const MdevType& one) { return one.id == wish.mediated; });
    if (type == function.mdevs.end())
        fail(Exit::not_found, "{}: {} offers no mediated device {}", wish.key, function.address,
             printable(wish.mediated));
    if (type->available < 1)
        fail(Exit::refused, "{}: {} has no {} left", wish.key, function.address, type->id);
    const std::string number = mediated_number(guest, wish.key);
    plan.step(fmt::format("make a {} of {}", type->id, function.address),
              {"mdev-make", {{"folder", function.folder}, {"type", type->id}, {"number", number}}},
              Action{"mdev-remove", {{"number", number}}});
}

void plan_mediated_end(const Host& host, const Guest& guest, Plan& plan) {
    for (const PciWish& wish : pci_wishes(host, guest.config)) {
        if (wish.mediated.empty()) continue;
        const std::string number = mediated_number(guest.id, wish.key);
        if (host.exists(host.system(kDevices + number)))
            plan.step("take its mediated device away", {"mdev-remove", {{"number", number}}});
    }
}

std::span<const ActionKind> mediated_actions() {
    return kinds;
}

}  // namespace lodge
